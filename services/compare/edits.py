"""What was edited in Paymo since the export, as far as Xero would show it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import msgspec

from services import money
from services.clients.paymo import Client, Invoice, Item
from services.compare.snapshots import (
    Difference,
    Part,
    are_lines_read,
    as_sent,
    code_of,
    difference,
    in_paymo,
    sent_of,
)
from services.model.wording import Amount
from services.store.tables import Export

_ZERO = Decimal(0)
# What Xero is never sent, by Paymo's names: it is not kept, so that it cannot count.
_UNSEEN = frozenset(
    {"invoicepayments", "title", "tax_text", "tax2_text", "discount_text", "bill_to"}
    | {"company_info", "footer", "notes", "template_id", "delivery_date", "pay_online"}
)


def as_exported(invoice: Invoice) -> dict[str, Any]:
    """What is kept of the invoice as it went out, to compare it with later."""
    client = Client(id=invoice.client_id, name=invoice.client_name)
    kept = msgspec.structs.replace(invoice, client=client).as_json()
    return {
        name: value
        for name, value in kept.items()
        if name not in _UNSEEN and value not in (None, "")
    }


def edits_in_paymo(
    export: Export, former: Invoice | None, invoice: Invoice
) -> tuple[Difference, ...]:
    """What is not as it was exported; where that was not kept, by what the row says was sent."""
    was = in_paymo(export, former) if former is not None else as_sent(export)
    now = in_paymo(export, invoice)
    found = [
        *was.differs(now, Part.NUMBER),
        *_client(former or export, invoice),
        *was.differs(now, Part.CURRENCY, Part.DATE, Part.DUE_DATE),
        *(_lines(former, invoice) if former is not None else _sum_sent(export, invoice)),
        *replace(was, currency=now.currency).differs(now, Part.TAX, Part.TOTAL),
    ]
    if former is None:
        found = [each for each in found if each.was and each.now]
    if invoice.status == "void":
        found.append(difference(Part.STATUS, "status", "not void", "void"))
    return tuple(found)


def _client(was: Invoice | Export, invoice: Invoice) -> Iterator[Difference]:
    if was.client_id not in (None, invoice.client_id):
        yield difference(Part.CONTACT, "client", was.client_name, invoice.client_name)


def _lines(former: Invoice, invoice: Invoice) -> Iterator[Difference]:
    lines = list(_edited_lines(former, invoice))
    yield from lines
    sums = [("discount", former.discount_amount or _ZERO, invoice.discount_amount or _ZERO)]
    if not lines:
        sums.insert(0, ("sum of the lines", former.subtotal, invoice.subtotal))
    for name, was, now in sums:
        yield from _sum(name, was, now, invoice)


def _sum_sent(export: Export, invoice: Invoice) -> Iterator[Difference]:
    rows = sent_of(export).get("LineItems")
    if isinstance(rows, list):
        amounts = (Decimal(str(row["Quantity"])) * Decimal(str(row["UnitAmount"])) for row in rows)
        yield from _sum("sum of the lines", sum(amounts, _ZERO), invoice.subtotal, invoice)


def _sum(name: str, was: Decimal, now: Decimal, invoice: Invoice) -> Iterator[Difference]:
    if was != now:
        texts = (str(Amount(each, code_of(invoice.currency))) for each in (was, now))
        yield difference(Part.LINES, name, *texts)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line as far as Xero shows it, with its place from 1."""

    place: int
    id: int
    text: str
    quantity: Decimal
    price: Decimal
    is_taxed: bool

    @property
    def content(self) -> tuple[str, Decimal, Decimal, bool]:
        """What makes two lines the same line."""
        return self.text, self.quantity, self.price, self.is_taxed

    @property
    def whole(self) -> str:
        """The line in one text."""
        return f"{self.text} · {money.plain(self.quantity)} × {money.plain(self.price)}"


def _edited_lines(former: Invoice, invoice: Invoice) -> Iterator[Difference]:
    """Compare the lines, each with what it was before."""
    if not are_lines_read(former) or not are_lines_read(invoice):
        return
    before, after = _numbered(former), _numbered(invoice)
    pairs = _pairs(before, after)
    kept = {was.place for was in pairs.values()}
    for line in after:
        was = pairs.get(line.place)
        if was is None:
            yield difference(Part.LINES, f"line {line.place} added", "", line.whole)
        else:
            yield from _edited(was, line)
    for was in before:
        if was.place not in kept:
            yield difference(Part.LINES, f"line {was.place} removed", was.whole, "")
    if _are_numbered(former) and _are_numbered(invoice):
        yield from _moved([pairs[place].place for place in sorted(pairs)])


def _numbered(invoice: Invoice) -> list[_Line]:
    return [_line(place, each) for place, each in enumerate(invoice.in_order, start=1)]


def _line(place: int, item: Item) -> _Line:
    text = money.within_limit(money.line_text(item.item or "", item.description or ""))
    return _Line(place, item.id, text, item.quantity, item.price_unit, item.apply_tax)


def _are_numbered(invoice: Invoice) -> bool:
    return all(each.seq is not None for each in invoice.items)


def _pairs(before: Sequence[_Line], after: Sequence[_Line]) -> dict[int, _Line]:
    """What each line was, by its place now.

    Paymo's id says it. A line that was written anew has another one: then it is the one that says
    the same, else the next that is left, as long as any is.
    """
    found: dict[int, _Line] = {}
    known = {each.id: each for each in before}
    for line in after:
        if line.id in known:
            found[line.place] = known.pop(line.id)
    left = [each for each in before if each.id in known]
    for line in after:
        same = next((each for each in left if each.content == line.content), None)
        if line.place not in found and same is not None:
            found[line.place] = same
            left.remove(same)
    for line in after:
        if line.place not in found and left:
            found[line.place] = left.pop(0)
    return found


def _edited(was: _Line, line: _Line) -> Iterator[Difference]:
    taxed = {True: "yes", False: "no"}
    values = (
        ("text", was.text, line.text),
        ("quantity", money.plain(was.quantity), money.plain(line.quantity)),
        ("price", money.plain(was.price), money.plain(line.price)),
        ("taxed", taxed[was.is_taxed], taxed[line.is_taxed]),
    )
    for name, before, after in values:
        if before != after:
            yield difference(Part.LINES, f"line {line.place}, {name}", before, after)


def _moved(places: Sequence[int]) -> Iterator[Difference]:
    if list(places) != sorted(places):
        before, after = (", ".join(map(str, each)) for each in (sorted(places), places))
        yield difference(Part.LINES, "order of the lines", before, after)
