"""What clients owe, in sentences."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from handlers.blocks import counted, day, escape, one_line, shorten
from services import money
from services.explain.owed import Owed, OwedInvoice
from services.model.wording import listed

_AGES = ((60, "More than 60 days overdue"), (30, "31 to 60 days overdue"), (0, "Up to 30 days"))
_MOST = 8  # invoices that are named in one group
_LONGEST_NAME = 60


def overdue_text(found: Owed) -> str:
    """Say who owes how much, the longest first."""
    late = [each for each in found.open if each.days_late > 0]
    rest = [each for each in found.open if each.days_late <= 0]
    where = f"in {one_line(found.organisation)}"
    if not found.open:
        return f"✅ Nothing is open {where}: every approved invoice is paid."
    not_due = f"{counted(len(rest), 'invoice')} not due yet: {_sums(rest, found.country)}."
    if not late:
        return f"✅ *Nothing is overdue* {where}.\n{not_due}"
    lines = [f"⚠️ *{_sums(late, found.country)} overdue* {where}, {counted(len(late), 'invoice')}."]
    for name, group in _by_age(late):
        lines += [f"*{name}:* {_sums(group, found.country)}", *_lines(group, found.country)]
    return "\n".join([*lines, *([not_due] if rest else [])])


def client_text(found: Owed) -> str:
    """Say what one client owes, and what it has paid."""
    name, where = one_line(found.client), one_line(found.organisation)
    if not found.open and not found.paid:
        return f"*{name}* has no approved invoice in {where}."
    lines = [f"*{name}* owes nothing in {where}."]
    if found.open:
        lines = [
            f"*{name}* owes {_sums(found.open, found.country)} in {where}.",
            *_lines(found.open, found.country),
        ]
    if found.paid:
        paid = counted(len(found.paid), "invoice")
        lines += [f"*Paid:* {paid}", *_lines(found.paid, found.country)]
    return "\n".join(lines)


def _by_age(late: Sequence[OwedInvoice]) -> list[tuple[str, list[OwedInvoice]]]:
    groups: dict[str, list[OwedInvoice]] = {name: [] for _, name in _AGES}
    for each in late:
        groups[next(name for least, name in _AGES if each.days_late > least)].append(each)
    return [(name, group) for name, group in groups.items() if group]


def _lines(invoices: Sequence[OwedInvoice], country: str) -> list[str]:
    lines = [_line(each, country) for each in invoices[:_MOST]]
    more = len(invoices) - _MOST
    return [*lines, f"• {more} more"] if more > 0 else lines


def _line(invoice: OwedInvoice, country: str) -> str:
    is_open = invoice.left > 0
    amount = money.format_amount(
        invoice.left if is_open else invoice.total, invoice.currency, country
    )
    said = [f"• {_name(invoice.number)}", _name(invoice.client), escape(amount)]
    if invoice.due_on is not None and is_open:
        late = counted(invoice.days_late, "day")
        by = f", overdue by {late}" if invoice.days_late > 0 else ""
        said.append(f"due {day(invoice.due_on, country)}{by}")
    return " · ".join(said)


def _sums(invoices: Sequence[OwedInvoice], country: str) -> str:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for each in invoices:
        sums[each.currency] += each.left
    return listed(
        [escape(money.format_amount(total, name, country)) for name, total in sorted(sums.items())]
    )


def _name(text: str) -> str:
    return shorten(one_line(text), _LONGEST_NAME)
