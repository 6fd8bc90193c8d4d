"""One export with the task that changes it in Xero, while that goes on."""

from dataclasses import dataclass
from typing import Any

from services.clients.xero import XeroClient, XeroInvoice
from services.errors import Lost
from services.export.kit import Kit
from services.export.refusals import Refused
from services.jobs.backoff import TASK
from services.model.export import RefusalCode
from services.model.people import ReplyTarget, Said
from services.store import leaving, tasks
from services.store.tables import Connection, Export, Task


@dataclass(frozen=True, slots=True)
class Underway:
    """What the steps of such a task work with."""

    kit: Kit
    connection: Connection
    export: Export
    task: Task

    @property
    def xero(self) -> XeroClient:
        """Calls to the organisation."""
        return self.kit.xero.client(self.connection.tenant_id, self.connection.grant_id)

    def require_over(self) -> None:
        """Raise `StillUnderWay` while something sent earlier may still take effect."""
        leaving.require_over(self.task, self.kit.now())

    async def leave(self, **data: Any) -> None:
        """Write down what is sent to Xero now. Raises `StillUnderWay`, `Refused` or `Lost`."""
        self.require_over()
        if TASK.is_over(self.task.tries - 1):
            raise Refused(
                "Xero failed every time for over an hour. Try again later.", RefusalCode.NO_ANSWER
            )
        await self.leave_anyway(**data)

    async def leave_anyway(self, **data: Any) -> None:
        """Write down what is sent, however often it was tried."""
        async with self.kit.database.sessions.begin() as session:
            if not await tasks.leave(session, self.task, self.kit.now(), **data):
                raise Lost("Somebody else goes on with it.")

    async def change(self, fields: dict[str, object], *, key: str) -> XeroInvoice:
        """Change the invoice in Xero; call `leave` before."""
        with leaving.answered(self.task):
            return await self.xero.update_invoice(
                self.export.xero_invoice_id or "", fields, key=key
            )

    async def say(self, text: str, *, is_well: bool = True) -> None:
        """Tell whoever asked, if anybody did."""
        if not text or self.task.reply_to is None:
            return
        said = Said(
            text,
            is_well=is_well,
            xero_url=self.kit.links.xero(self.connection.short_code, self.export.xero_invoice_id),
            paymo_url=self.kit.links.paymo(self.export.paymo_invoice_id),
        )
        await self.kit.screen.say(ReplyTarget(**self.task.reply_to), said)
