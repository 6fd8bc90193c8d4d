"""Reading both systems, with no transaction open.

It takes about one call to Paymo for each hundred invoices, and one to Xero for each thousand. What
the lists leave out is read by id. "Not listed" never counts as "deleted" in Xero, and in Paymo only
if the key still opens the same company.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from services import money
from services.clients.paymo import Invoice, PaymoClient
from services.clients.rows import LeftOut
from services.clients.xero import XeroClient, XeroInvoice
from services.compare import DEAD
from services.errors import NotFound, Unavailable, Unreadable
from services.model.invoice import GONE_FROM_PAYMO
from services.reconcile.report import Month
from services.store import exports, reconciling
from services.store.engine import Database
from services.store.reconciling import Recorded
from services.store.tables import Connection, Export

_MOST_SINGLE_READS = 50
_MOST_GONE_AT_ONCE = 3  # as many as the sync follows without asking


@dataclass(frozen=True, slots=True)
class Statements:
    """Both sides of one month, and what is recorded of them."""

    known: Recorded
    paymo: dict[int, Invoice]
    xero: dict[str, XeroInvoice]
    asked: frozenset[int]  # Paymo's ids of the month itself
    others: int | None  # sales invoices of the month that never went through the app
    other_numbers: frozenset[str]  # folded
    odd: Mapping[str, LeftOut]  # what cannot be read, by its id


@dataclass(frozen=True, slots=True)
class StatementReader:
    """Reads both sides of one connection."""

    database: Database
    connection: Connection
    paymo: PaymoClient
    xero: XeroClient

    async def read(self, month: Month) -> Statements:
        """Read everything that a comparison of this month needs. Raises a refusal, never half."""
        paymo = {each.id: each for each in await self.paymo.statements(month.first, month.after)}
        odd = {each.key: each for each in self.paymo.left_out}
        asked = frozenset(paymo)
        xero = {each.invoice_id: each for each in await self._sales(month)}
        known = await self._known(month, asked, xero)
        exported = [each for each in known.exports.values() if is_exported(each)]
        own = {each.xero_invoice_id or "" for each in exported}
        await self._add_paymo(exported, paymo, odd)
        # Xero's list left out what is dated in another month by now, or linked.
        if missing := sorted(own - xero.keys()):
            found = await self.xero.invoices_by_id(missing)
            xero.update({each.invoice_id: each for each in found})
        # Of those that never went through the app nothing is said: the others are counted alone.
        odd |= {each.key: each for each in self.xero.left_out if each.key in own}
        if own and not own & (xero.keys() | odd.keys()):
            raise Unavailable(
                "Xero shows none of the exported invoices, so we can't compare. "
                "Perhaps somebody reset the organisation. Check in Xero, then compare again."
            )
        others = [
            each for each in xero.values() if each.invoice_id not in own and each.status not in DEAD
        ]
        return Statements(
            known=known,
            paymo=paymo,
            xero=xero,
            asked=asked,
            others=len(others) if month.first is not None else None,
            other_numbers=frozenset(money.folded(each.invoice_number) for each in others),
            odd=odd,
        )

    async def _sales(self, month: Month) -> Sequence[XeroInvoice]:
        if month.first is None or month.after is None:
            return await self.xero.own_invoices()
        return await self.xero.sales_dated(month.first, month.after)

    async def _known(
        self, month: Month, paymo_ids: Collection[int], xero_ids: Collection[str]
    ) -> Recorded:
        async with self.database.sessions() as session:
            if month.first is None:
                return await reconciling.load_all(session, self.connection, paymo_ids)
            return await reconciling.load(
                session, self.connection, paymo_ids=paymo_ids, xero_ids=xero_ids
            )

    async def _add_paymo(
        self, exported: Sequence[Export], paymo: dict[int, Invoice], odd: dict[str, LeftOut]
    ) -> None:
        """Read singly what Paymo's list left out: dated in another month by now, or deleted."""
        was_empty = not paymo
        missing = [
            each.paymo_invoice_id
            for each in exported
            if each.paymo_invoice_id not in paymo
            and str(each.paymo_invoice_id) not in odd
            and each.invoice_state not in GONE_FROM_PAYMO
        ]
        if len(missing) > _MOST_SINGLE_READS:
            raise Unavailable(
                f"Paymo's list left out {len(missing)} exported invoices, so we can't compare. "
                "Check that the API key's owner can still see all invoices, then compare again."
            )
        gone = [each for each in missing if not await self._found(each, paymo)]
        odd |= {each.key: each for each in self.paymo.left_out}
        if gone and (await self.paymo.company()).id != self.connection.paymo_company_id:
            raise Unavailable("Paymo's key now opens another company, so we can't compare.")
        if was_empty and len(gone) > _MOST_GONE_AT_ONCE:
            raise Unavailable(
                f"Paymo shows none of the {len(gone)} exported invoices, so we can't compare. "
                "Check that the API key's owner can still see them, then compare again."
            )

    async def _found(self, invoice_id: int, paymo: dict[int, Invoice]) -> bool:
        try:
            paymo[invoice_id] = await self.paymo.invoice(invoice_id)
        except NotFound:
            return False
        except Unreadable:
            return True  # it is there, and the client has noted what is the matter with it
        return True


def is_exported(export: Export) -> bool:
    """Say whether this export arrived in Xero."""
    return export.state in exports.DONE and bool(export.xero_invoice_id)
