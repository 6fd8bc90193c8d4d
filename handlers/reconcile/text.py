"""What a comparison, and a month's digest, came to, in sentences."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from handlers import blocks
from handlers.blocks import day, moment, one_line, shorten
from services import money
from services.compare import Mismatch
from services.model.wording import listed, some_of
from services.reconcile.relinking import Found
from services.reconcile.report import Outcome, Report

NO_FILE = (
    "⚠️ Slack didn't take the file. The app may lack the permission: ask an admin to install it "
    "again."
)
LONGEST_NAME = 80
_LONGEST_NOTE = 400

Facts = dict[str, Any]
_LONGEST = 3900
_LONGEST_NAME = 60
_MOST_NAMED, _MOST_NUMBERS = 8, 3


def report_text(report: Report) -> str:
    """Sum a comparison up: everything agrees, or how much does not."""
    when = f"{report.at:%H:%M} UTC"
    if not report.rows:
        return f"✅ *{report.label}:* no invoices on either side at {when}."
    said = _agreeing(report, when) if report.is_fine else _differing(report, when)
    if report.others:
        some = blocks.counted(report.others, "other sales invoice")
        are = "is" if report.others == 1 else "are"
        said += f" {some} in Xero didn't come from paymo-xero and {are} left alone."
    return said


def _agreeing(report: Report, when: str) -> str:
    if not report.compared:
        return f"✅ *{report.label}:* nothing to compare at {when}."
    decided = report.count(Outcome.DECIDED)
    but = f", {decided} of them with a difference that somebody decided" if decided else ""
    return f"✅ *{report.label}:* all {report.compared} agree at {when}{but}."


def _differing(report: Report, when: str) -> str:
    found = [
        (report.count(Outcome.DIFFERS), "differ", "differs"),
        (report.count(Outcome.ONLY_PAYMO), "are only in Paymo", "is only in Paymo"),
        (report.count(Outcome.ONLY_XERO), "are only in Xero", "is only in Xero"),
        (report.count(Outcome.UNREAD), "were not shown by Xero", "was not shown by Xero"),
        (report.count(Outcome.ODD), "can't be read", "can't be read"),
    ]
    told = [f"{count} {one if count == 1 else many}" for count, many, one in found if count]
    return (
        f"⚠️ *{report.label}* at {when}: {report.agreeing} of {report.compared} agree; "
        f"{', '.join(told)}."
    )


def finding_text(finding: Mismatch) -> str:
    """Say what is not the same, and why, where that is known."""
    sides = ""
    if finding.name:
        mine = shorten(blocks.render_line(finding.in_paymo), LONGEST_NAME)
        theirs = shorten(blocks.render_line(finding.in_xero), LONGEST_NAME)
        sides = f"{finding.name}: {mine} in Paymo, {theirs} in Xero."
    note = shorten(blocks.render(finding.note), _LONGEST_NOTE)
    return " ".join(each for each in (sides, note) if each)


def plain_finding(finding: Mismatch) -> str:
    """Say the same where nothing is marked up and nothing is cut."""
    sides = f"{finding.name}: {finding.in_paymo} in Paymo, {finding.in_xero} in Xero."
    return blocks.render_plain(f"{sides if finding.name else ''} {finding.note}").strip()


def digest_text(facts: Facts) -> str:
    """Say how a month ended on both sides, and what still needs somebody."""
    at = moment(datetime.fromisoformat(facts["at"]))
    company, organisation = one_line(facts["company"]), one_line(facts["organisation"])
    sign = "✅" if is_fine(facts) else "⚠️"
    lines = [
        f"{sign} *{facts['label']}* · {company} in Paymo and {organisation} in Xero · {at}",
        _compared(facts),
        _counts(facts),
        *_overdue(facts["overdue"], facts["country"]),
        *_missing(facts),
    ]
    return shorten("\n".join(line for line in lines if line), _LONGEST)


def is_fine(facts: Facts) -> bool:
    """Say whether nothing needs anybody."""
    differ = facts["compared"] - facts["agreeing"] + facts["only_xero"] + facts["unread"]
    return not differ and not facts["not_exported"]["count"]


def _compared(facts: Facts) -> str:
    compared, agreeing = facts["compared"], facts["agreeing"]
    if not compared and not facts["only_xero"] and not facts["unread"]:
        return "Nothing was exported."
    found = [
        (compared - agreeing, "differ", "differs"),
        (facts["only_xero"], "are only in Xero", "is only in Xero"),
        (facts["unread"], "weren't shown by Xero", "wasn't shown by Xero"),
    ]
    told = [f"{count} {one if count == 1 else many}" for count, many, one in found if count]
    rest = f" {listed(told)}." if told else ""
    if compared == agreeing:
        return f"All {compared} agree.{rest}"
    return f"{agreeing} of {compared} agree.{rest}"


def _counts(facts: Facts) -> str:
    named = [
        ("Exported", "exported"),
        ("Paid", "settled"),
        ("Open", "open"),
        ("Overdue", "overdue"),
        ("With credits", "credits"),
    ]
    said = [
        f"{word}: {facts[name]['count']}{_sums(facts[name], facts['country'])}"
        for word, name in named
        if facts[name]["count"]
    ]
    return " · ".join(said)


def _sums(group: Facts, country: str) -> str:
    amounts = [
        money.format_amount(Decimal(each), name, country) for name, each in group["sums"].items()
    ]
    return f" ({listed(amounts)})" if amounts else ""


def _overdue(group: Facts, country: str) -> list[str]:
    """Name who has not paid, so that people can chase together."""
    lines = [
        f"• {_name(each['number'])} · {_name(each['client'])} · "
        f"{money.format_amount(Decimal(each['amount']), each['currency'], country)} · due "
        f"{day(date.fromisoformat(each['due_on']), country)}"
        for each in group["first"][:_MOST_NAMED]
    ]
    if not lines:
        return []
    return [f"*Overdue: {group['count']}*", *lines]


def _missing(facts: Facts) -> list[str]:
    group, country = facts["not_exported"], facts["country"]
    if not group["count"]:
        return []
    numbers = [_name(each["number"]) for each in group["first"][:_MOST_NUMBERS]]
    more = group["count"] - _MOST_NUMBERS
    rest = [f"{more} more"] if more > 0 else []
    lines = [
        f"*Not exported: {group['count']}*{_sums(group, country)}",
        f"{listed([*numbers, *rest])}.",
    ]
    if locked := facts["locked"]["count"]:
        lock = day(date.fromisoformat(facts["lock_on"]), country)
        are = "is" if locked == 1 else "are"
        lines.append(f"{locked} of these {are} dated up to {lock}, and Xero is locked until then.")
    if locked < group["count"]:
        lines.append("Export them before the month is locked in Xero.")
    return lines


def _name(text: str) -> str:
    return shorten(one_line(text), _LONGEST_NAME)


def found_lines(found: Found) -> list[str]:
    """Say what was found of former exports, and what is left alone; names are plain text."""
    numbers = [each.invoice.number for each in found.pairs]
    if not numbers:
        said = ["No former exports to link."]
    else:
        said = [f"{blocks.counted(len(numbers), 'former export')}: {some_of(numbers)}."]
        copies = sum(len(each.copies) for each in found.pairs)
        owed = sum(each.owed for each in found.pairs)
        if copies:
            said.append(f"Payments that are in Paymo already: {copies}.")
        if owed:
            said.append(f"Payments that the next sync brings to Paymo: {owed}.")
    if found.known:
        said.append(f"Exports that we know already: {found.known}.")
    return said + [
        f"{what}: {some_of(each)}. {then}"
        for each, what, then in (
            (found.ended, "Voided or deleted in Xero", "We leave them alone."),
            (found.doubled, "Twice in Xero", "We link one. Void the other one by hand."),
            (found.loose, "Paid from Xero, but not found there", "We leave them alone."),
            (found.unread, "Couldn't be read", "Put them right, then try again."),
        )
        if each
    ]
