"""How much of each credit stands on an invoice.

Xero lists a credit inside its invoice as a whole: its own total and its own day, whatever part of
it was applied. Where the applied part is not said, `AmountCredited` is what all of them come to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services import money
from services.clients.xero.wire import Allocation, Credit, XeroInvoice
from services.model.payment import PaymentKind

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class AppliedCredit:
    """One credit, and what of it settles this invoice."""

    id: str
    kind: PaymentKind
    number: str
    amount: Decimal
    applied_on: date | None  # never before the invoice's own day


@dataclass(frozen=True, slots=True)
class _Listed:
    """What the invoice says of one credit, which it may list more than once."""

    kind: PaymentKind
    invoice_id: str
    rows: list[Credit]

    @property
    def total(self) -> Decimal:
        """What the credit itself comes to."""
        return max(each.total for each in self.rows)

    @property
    def known(self) -> Decimal:
        """What is said to be applied to the invoice; 0 where nothing is said."""
        applied = sum((each.applied_amount for each in self.rows), _ZERO)
        return applied or sum((each.amount for each in self._allocations()), _ZERO)

    @property
    def day(self) -> date | None:
        """The last day on which a part was applied, or else the credit's own."""
        parts = [each.dated_on for each in self._allocations()]
        days = parts or [each.dated_on for each in self.rows]
        return max((day for day in days if day is not None), default=None)

    def _allocations(self) -> list[Allocation]:
        """Those to this invoice, each once, however often its credit is listed."""
        found = [each for row in self.rows for each in row.allocations_to(self.invoice_id)]
        named = {each.allocation_id: each for each in found if each.allocation_id}
        return [*named.values(), *(each for each in found if not each.allocation_id)]


def applied_credits(invoice: XeroInvoice) -> Sequence[AppliedCredit]:
    """Every credit on this invoice, each once, with the part that was applied to it."""
    found: dict[str, _Listed] = {}
    for kind, row in _rows(invoice):
        found.setdefault(row.id, _Listed(kind, invoice.invoice_id, [])).rows.append(row)
    amounts = _spread(invoice, list(found.values()))
    return [
        AppliedCredit(
            id=credit_id,
            kind=listed.kind,
            number=listed.rows[0].credit_note_number,
            amount=amount,
            applied_on=max(
                (day for day in (listed.day, invoice.issued_on) if day is not None), default=None
            ),
        )
        for (credit_id, listed), amount in zip(found.items(), amounts, strict=True)
        if amount > 0
    ]


def _rows(invoice: XeroInvoice) -> Iterator[tuple[PaymentKind, Credit]]:
    for kind, rows in (
        (PaymentKind.CREDIT_NOTE, invoice.credit_notes),
        (PaymentKind.OVERPAYMENT, invoice.overpayments),
        (PaymentKind.PREPAYMENT, invoice.prepayments),
    ):
        yield from ((kind, row) for row in rows)


def _spread(invoice: XeroInvoice, listed: Sequence[_Listed]) -> Sequence[Decimal]:
    """What each comes to, so that all come to what the invoice says is credited."""
    known = [each.known for each in listed]
    credited = invoice.amount_credited
    if not credited and not all(known):  # recorded answers leave it out here and there
        credited = invoice.total - invoice.amount_paid - invoice.amount_due
    rest = credited - sum(known, _ZERO)
    if rest == 0 or credited <= 0:
        return known
    decimals = max(money.decimals_of(invoice.currency_code), money.decimals_in(credited))
    unit = Decimal(1).scaleb(-decimals)
    if rest < 0:
        return money.largest_remainder(credited, known, unit)
    shares = _shares(listed)
    if not any(shares):
        return known
    more = money.largest_remainder(rest, shares, unit)
    return [part + extra for part, extra in zip(known, more, strict=True)]


def _shares(listed: Sequence[_Listed]) -> Sequence[Decimal]:
    """Return where the rest may lie: with those of which nothing is said, or in what is left."""
    unsaid = [_ZERO if each.known else each.total or Decimal(1) for each in listed]
    return unsaid if any(unsaid) else [max(each.total - each.known, _ZERO) for each in listed]
