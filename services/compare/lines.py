"""What became of an invoice's lines in Paymo: edited, added, removed, or in another order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from services import money
from services.clients.paymo import Invoice, Item
from services.compare.shapes import Difference, Part, difference, plain


@dataclass(frozen=True, slots=True)
class _Line:
    """A line as far as Xero shows it, with its place from 1."""

    reply_to: int
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
        return f"{self.text} · {plain(self.quantity)} × {plain(self.price)}"


def are_read(invoice: Invoice) -> bool:
    """Say whether the lines came with the invoice: lists can leave them out without a word."""
    return bool(invoice.items) or invoice.subtotal == 0


def edited_lines(former: Invoice, invoice: Invoice) -> Iterator[Difference]:
    """Compare the lines, each with what it was before."""
    if not are_read(former) or not are_read(invoice):
        return
    before, after = _lines(former), _lines(invoice)
    pairs = _pairs(before, after)
    kept = {was.reply_to for was in pairs.values()}
    for line in after:
        was = pairs.get(line.reply_to)
        if was is None:
            yield difference(Part.LINES, f"line {line.reply_to} added", "", line.whole)
        else:
            yield from _edited(was, line)
    for was in before:
        if was.reply_to not in kept:
            yield difference(Part.LINES, f"line {was.reply_to} removed", was.whole, "")
    if _are_numbered(former) and _are_numbered(invoice):
        yield from _moved([pairs[reply_to].reply_to for reply_to in sorted(pairs)])


def _lines(invoice: Invoice) -> list[_Line]:
    return [_line(reply_to, each) for reply_to, each in enumerate(invoice.in_order, start=1)]


def _line(reply_to: int, item: Item) -> _Line:
    text = money.within_limit(money.line_text(item.item or "", item.description or ""))
    return _Line(reply_to, item.id, text, item.quantity, item.price_unit, item.apply_tax)


def _are_numbered(invoice: Invoice) -> bool:
    return all(each.seq is not None for each in invoice.items)


def _pairs(before: Sequence[_Line], after: Sequence[_Line]) -> dict[int, _Line]:
    """Return what each line was, by its place now.

    Paymo's id says it. A line that was written anew has another one: then it is the one that says
    the same, else the next that is left, as long as any is.
    """
    found: dict[int, _Line] = {}
    known = {each.id: each for each in before}
    for line in after:
        if line.id in known:
            found[line.reply_to] = known.pop(line.id)
    left = [each for each in before if each.id in known]
    for line in after:
        same = next((each for each in left if each.content == line.content), None)
        if line.reply_to not in found and same is not None:
            found[line.reply_to] = same
            left.remove(same)
    for line in after:
        if line.reply_to not in found and left:
            found[line.reply_to] = left.pop(0)
    return found


def _edited(was: _Line, line: _Line) -> Iterator[Difference]:
    taxed = {True: "yes", False: "no"}
    values = (
        ("text", was.text, line.text),
        ("quantity", plain(was.quantity), plain(line.quantity)),
        ("price", plain(was.price), plain(line.price)),
        ("taxed", taxed[was.is_taxed], taxed[line.is_taxed]),
    )
    for name, before, after in values:
        if before != after:
            yield difference(Part.LINES, f"line {line.reply_to}, {name}", before, after)


def _moved(places: Sequence[int]) -> Iterator[Difference]:
    if list(places) != sorted(places):
        before, after = (", ".join(map(str, each)) for each in (sorted(places), places))
        yield difference(Part.LINES, "order of the lines", before, after)
