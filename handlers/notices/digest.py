"""What a month's digest says."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from handlers.blocks import day, one_line, shorten
from services import money

Facts = dict[str, Any]

_LONGEST = 3900
_LONGEST_NAME = 60
_MOST_NAMED = 8


def digest_text(facts: Facts) -> str:
    """Say how a month ended on both sides, and what still needs somebody."""
    at = datetime.fromisoformat(facts["at"])
    company, organisation = one_line(facts["company"]), one_line(facts["organisation"])
    lines = [
        f"🗓️ *{facts['label']}* · {company} in Paymo → {organisation} in Xero",
        _compared(facts, at),
        _counts(facts),
        *_overdue(facts["overdue"]),
        *_missing(facts),
    ]
    return shorten("\n".join(line for line in lines if line), _LONGEST)


def is_fine(facts: Facts) -> bool:
    """Say whether nothing needs anybody."""
    differ = facts["compared"] - facts["agreeing"] + facts["only_xero"] + facts["unread"]
    return not differ and not facts["not_exported"]["count"]


def _compared(facts: Facts, at: datetime) -> str:
    compared, agreeing = facts["compared"], facts["agreeing"]
    when = f"{at:%H:%M} UTC"
    if not compared and not facts["only_xero"] and not facts["unread"]:
        return f"Nothing was exported, as of {when}."
    alone = f" {facts['only_xero']} are only in Xero." if facts["only_xero"] else ""
    unread = f" Xero did not show {facts['unread']}." if facts["unread"] else ""
    if compared == agreeing:
        return f"✅ All {compared} agree at {when}.{alone}{unread}"
    return (
        f"⚠️ {agreeing} of {compared} agree at {when}, {compared - agreeing} differ.{alone}{unread}"
    )


def _counts(facts: Facts) -> str:
    named = [
        ("Exported", "exported"),
        ("paid", "settled"),
        ("open by Xero's balance", "open"),
        ("of these overdue", "overdue"),
        ("with credits", "credits"),
    ]
    said = [
        f"{word} {facts[name]['count']}{_sums(facts[name])}"
        for word, name in named
        if facts[name]["count"]
    ]
    return " · ".join(said)


def _sums(group: Facts) -> str:
    amounts = [money.format_amount(Decimal(each), name) for name, each in group["sums"].items()]
    return f" ({', '.join(amounts)})" if amounts else ""


def _overdue(group: Facts) -> list[str]:
    """Name who has not paid, so that people can chase together."""
    lines = [
        f"• {_name(each['number'])} · {_name(each['client'])} · "
        f"{money.format_amount(Decimal(each['amount']), each['currency'])} since "
        f"{day(date.fromisoformat(each['due_on']))}"
        for each in group["first"][:_MOST_NAMED]
    ]
    if not lines:
        return []
    return [f"*Overdue: {group['count']}*", *lines]


def _missing(facts: Facts) -> list[str]:
    group = facts["not_exported"]
    if not group["count"]:
        return []
    numbers = ", ".join(_name(each["number"]) for each in group["first"][:_MOST_NAMED])
    more = group["count"] - _MOST_NAMED
    rest = f" and {more} more" if more > 0 else ""
    lines = [f"*Not exported: {group['count']}*{_sums(group)}", f"{numbers}{rest}"]
    if locked := facts["locked"]["count"]:
        lock = day(date.fromisoformat(facts["lock_on"]))
        lines.append(f"⚠️ {locked} of these are dated up to {lock}, where Xero is locked already.")
    if locked < group["count"]:
        lines.append("Export them before the month is locked in Xero.")
    return lines


def _name(text: str) -> str:
    return shorten(one_line(text), _LONGEST_NAME)
