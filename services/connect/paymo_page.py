"""Our page for Paymo's API key: tried first, kept when it works."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.clients.paymo import Company, PaymoClients
from services.connect import checklists, settling
from services.connect.links import PageLinks
from services.connect.refusals import LinkExpired, TriesSpent
from services.connect.settling import Finished
from services.errors import Forbidden, NotConnected, ServiceError, Throttled, Unavailable
from services.model import wording
from services.model.connection import ConnectionState
from services.model.wording import Command, Typed
from services.store import links
from services.store.engine import Database
from services.store.tables import Connection


@dataclass(frozen=True, slots=True)
class PaymoPage:
    """A browser waits here, and not Slack, so Paymo may be called; never in a transaction."""

    database: Database
    paymo: PaymoClients
    links: PageLinks
    now: Callable[[], datetime]

    async def submit_key(self, nonce: str, api_key: str, cookie: str) -> str:
        """Try the key, keep it, and return the company's name.

        A try is taken before Paymo is asked, so that many at once are not more than the few there
        are.
        """
        link, _ = await self.links.find(nonce, checklists.PAYMO, cookie)
        key = "".join(wording.one_line(api_key).split())
        if not key:
            raise ServiceError("Paste your Paymo API key into the field.")
        async with self.database.sessions.begin() as session:
            if not await links.take_try(session, link.id, cookie):
                raise LinkExpired
        try:
            return await self._keep(nonce, key, await self._company(key))
        except (Unavailable, Throttled):
            async with self.database.sessions.begin() as session:
                await links.give_try_back(session, link.id)
            raise
        except ServiceError:
            async with self.database.sessions.begin() as session:
                is_spent = await links.end_spent(session, link.id)
            if is_spent:
                await self.links.redraw(link, link.connection_id)
                raise TriesSpent from None
            raise

    async def _company(self, key: str) -> Company:
        """Return the company that the key opens. Raises `ServiceError` where it doesn't do."""
        paymo = self.paymo.client(key)
        try:
            company = await paymo.company()
        except NotConnected:
            raise ServiceError(
                "Paymo does not accept this key. Make a new one in Paymo at My Account → API "
                "Keys, and paste it whole."
            ) from None
        try:
            await paymo.try_invoices()
        except Forbidden as refusal:
            raise ServiceError(
                f"This key may not read invoices. {refusal} Use the key of somebody whose role in "
                "Paymo includes invoices, or have that role extended."
            ) from None
        return company

    async def _keep(self, nonce: str, key: str, company: Company) -> str:
        async with self.database.sessions.begin() as session:
            link, connection = await self.links.take(session, nonce, checklists.PAYMO)
            if link.user_id != connection.owner_id:
                raise LinkExpired  # somebody else owns the connection since
            _require_same_company(connection, company)
            connection.paymo_api_key = key
            connection.paymo_company_id, connection.paymo_company_name = company.id, company.name
            done = Finished("Paymo", link.user_id, self.now())
            connection = await settling.settle(session, connection, done)
        await self.links.go_on(link, connection)
        return company.name


def _require_same_company(connection: Connection, company: Company) -> None:
    """Refuse to change the company below clients and invoices that came from another one."""
    is_new = connection.state is ConnectionState.PENDING
    if is_new or connection.paymo_company_id in {None, company.id}:
        return
    raise ServiceError(
        f"This connection is with {connection.paymo_company_name}, and the key opens "
        f"{company.name}. Use a key of {connection.paymo_company_name}, or run "
        f"{Typed(Command.DISCONNECT)} first."
    )
