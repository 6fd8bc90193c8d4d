"""One exported invoice on both sides, with what is recorded of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from services import money
from services.clients.paymo import Invoice
from services.clients.xero import XeroInvoice
from services.store.tables import Export, Payment

DEAD = frozenset({"VOIDED", "DELETED"})


@dataclass(frozen=True, slots=True)
class Pair:
    """An export, and what both systems state of its invoice now."""

    export: Export
    paymo: Invoice
    xero: XeroInvoice
    payments: Sequence[Payment] = ()
    client: str = ""
    contacts: frozenset[str] = frozenset()  # those that the client is matched with
    has_left: bool = False  # the contact that it was exported to is archived or merged

    @property
    def is_dead_in_xero(self) -> bool:
        """Say whether Xero does not ask for the money any more."""
        return self.xero.status in DEAD

    @property
    def settled(self) -> Decimal:
        """What was paid or credited in Xero."""
        return self.xero.amount_paid + self.xero.amount_credited

    def amount(self, amount: Decimal) -> str:
        """Write an amount of this invoice."""
        return money.format_amount(amount, self.paymo.currency)
