"""The sentences of a comparison, of an invoice edited after its export, and of a digest."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from handlers import blocks
from handlers.blocks import day, one_line, render, render_line, shorten
from services import money
from services.compare import Mismatch
from services.model.wording import counted, listed, situated, some_of
from services.reconcile.relinking import Relinkable
from services.reconcile.report import Begun, Outcome, Report

CLOSE_TO_READ = "Close this to see each invoice."
LONGEST_NAME = 80
_LONGEST_NOTE = 400

# What a digest's pictures show, and its ages as `services/model/notice.py` parts them.
OWED, RECEIVED = "Receivables by age", "Cash received by week"
AGES = ("not due yet", "1–30 days overdue", "31–60 days overdue", "over 60 days overdue")

Facts = dict[str, Any]
_LONGEST = 3900
_LONGEST_NAME = 60
_MOST_NAMED = 5
_ROUNDING = "rounding"


def begun_text(begun: Begun) -> str:
    """Say that a comparison is under way."""
    company, organisation = one_line(begun.company), one_line(begun.organisation)
    what = f"{begun.label}: {company} in Paymo with {organisation} in Xero"
    if begun.is_new:
        return f"⏳ Comparing {what}."
    return f"⏳ Already comparing {what}. You'll get the result here."


def relink_text(*, is_agreed: bool, is_new: bool) -> str:
    """Say that former exports are looked for, or linked."""
    if not is_new:
        return "⏳ Already under way. You'll get the result here."
    return "⏳ Linking former exports." if is_agreed else "⏳ Looking for former exports."


def linked_text(count: int, found: Relinkable) -> str:
    """Say how many former exports are linked."""
    return f"Linked {count} of {len(found.pairs)}. Their payments follow with the next sync."


def file_text(report: Report) -> str:
    """Say what the file holds."""
    count = len(report.rows)
    every = "The only invoice" if count == 1 else f"All {count} invoices"
    return f"{every} for {report.label}, compared:"


def below_texts(report: Report, left: int) -> tuple[str, ...]:
    """Say what was compared, how many are `left` for the file, and that there is one."""
    about = f"{one_line(report.company)} in Paymo, {one_line(report.organisation)} in Xero."
    more = f"{left} more {'is' if left == 1 else 'are'} in the file." if left > 0 else ""
    return about, more, "You'll get the details as a file." if report.rows else ""


def report_text(report: Report) -> str:
    """Sum a comparison up: everything agrees, or how much does not."""
    when = blocks.time_of(report.at)
    if not report.rows:
        return f"✅ *{_months(report)}:* no invoices on either side at {when}."
    said = _agreeing(report, when) if report.is_fine else _differing(report, when)
    if report.others:
        some = counted(report.others, "other sales invoice")
        are = "is" if report.others == 1 else "are"
        said += f" {some} in Xero didn't come from paymo-xero and {are} left alone."
    return said


def _months(report: Report) -> str:
    return report.label[:1].upper() + report.label[1:]


def _agreeing(report: Report, when: str) -> str:
    title = f"✅ *{_months(report)}:*"
    if not report.compared:
        return f"{title} nothing to compare at {when}."
    is_one, decided = report.compared == 1, report.count(Outcome.DECIDED)
    some = "" if is_one else f"{decided} of them "
    but = f", {some}with a difference that somebody accepted" if decided else ""
    every = "the only invoice agrees" if is_one else f"all {report.compared} agree"
    return f"{title} {every} at {when}{but}."


def _differing(report: Report, when: str) -> str:
    found = [
        (report.count(Outcome.DIFFERS), "differ", "differs"),
        (report.count(Outcome.ONLY_PAYMO), "are only in Paymo", "is only in Paymo"),
        (report.count(Outcome.ONLY_XERO), "are only in Xero", "is only in Xero"),
        (report.count(Outcome.UNREAD), "weren’t shown by Xero", "wasn’t shown by Xero"),
        (report.count(Outcome.ODD), "can't be read", "can't be read"),
    ]
    told = [f"{count} {one if count == 1 else many}" for count, many, one in found if count]
    agree = "agrees" if report.compared == 1 else "agree"
    agreeing = f"{report.agreeing} of {report.compared} {agree}; " if report.compared else ""
    return f"⚠️ *{_months(report)}* at {when}: {agreeing}{', '.join(told)}."


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
    """Say all that a digest tells, its pictures too: this is what a screen reader reads out."""
    return shorten("\n".join([*digest_lines(facts), *picture_lines(facts)]), _LONGEST)


def digest_lines(facts: Facts) -> list[str]:
    """Say what came and went, and what needs somebody."""
    sign = "✅" if is_fine(facts) else "⚠️"
    company, organisation = one_line(facts["company"]), one_line(facts["organisation"])
    pair = f"{company} in Paymo, {organisation} in Xero{_filters(facts)}"
    lines = [
        f"{sign} *Digest: {period_text(facts)}* · {pair}",
        _sum_line("Received", facts["received"], "payment", facts["country"]),
        _sum_line("Exported", facts["exported"], "invoice", facts["country"]),
        *_overdue(facts),
        _failed(facts["failures"]),
        f"*Differences:* {_compared(facts)}",
        *_missing(facts),
    ]
    return [line for line in lines if line]


def period_text(facts: Facts) -> str:
    """Name the days that a digest tells: a month, a day, or from one to another."""
    first, last = (date.fromisoformat(facts[name]) for name in ("first", "last"))
    if first.day == 1 and (last + timedelta(days=1)).day == 1 and f"{first:%Y%m}" == f"{last:%Y%m}":
        return f"{last:%B %Y}"
    said = [day(each, facts["country"]) for each in (first, last)]
    return said[0] if first == last else f"{said[0]} to {said[1]}"


def is_fine(facts: Facts) -> bool:
    """Say whether nothing needs anybody."""
    differ = facts["compared"] - facts["agreeing"] + facts["only_xero"] + facts["unread"]
    return not (
        differ or facts["not_exported"]["count"] or facts["failures"]["count"] or facts["problem"]
    )


def _filters(facts: Facts) -> str:
    only = f" · {one_line(facts['client'])} only" if facts["client"] else ""
    if not facts["minimum"]:
        return only
    least = money.format_number(Decimal(facts["minimum"]), facts["country"])
    return f"{only} · from {least}"


def _sum_line(name: str, group: Facts, what: str, country: str) -> str:
    if not group["count"]:
        return f"*{name}:* nothing"
    return f"*{name}:* {sums_text(group['sums'], country)}, {counted(group['count'], what)}"


def sums_text(sums: dict[str, str], country: str) -> str:
    """Write amounts of several currencies."""
    return listed([blocks.amount(each, name, country) for name, each in sums.items()])


def _overdue(facts: Facts) -> list[str]:
    """Name who has not paid, so that people can chase together."""
    group, country = facts["overdue"], facts["country"]
    if not group["count"]:
        return ["*Overdue:* nothing"]
    lines = [
        f"• {_name(each['number'])} · {_name(each['client'])} · "
        f"{blocks.amount(each['amount'], each['currency'], country)} · due "
        f"{day(date.fromisoformat(each['due_on']), country)}"
        for each in group["first"][:_MOST_NAMED]
    ]
    more = group["count"] - len(lines)
    rest = [f"• {more} more: type `/paymo-xero overdue`"] if more else []
    return [_sum_line("Overdue", group, "invoice", country), *lines, *rest]


def _failed(group: Facts) -> str:
    return f"*Failed:* {_numbers(group)}" if group["count"] else "*Failed:* nothing"


def _compared(facts: Facts) -> str:
    if facts["problem"]:
        return f"not compared. {blocks.render_line(facts['problem'])}"
    compared, agreeing = facts["compared"], facts["agreeing"]
    month = date.fromisoformat(facts["last"])
    if not compared and not facts["only_xero"] and not facts["unread"]:
        return f"nothing to compare in {month:%B}."
    found = [
        (compared - agreeing, "differ", "differs"),
        (facts["only_xero"], "are only in Xero", "is only in Xero"),
        (facts["unread"], "weren't shown by Xero", "wasn't shown by Xero"),
    ]
    told = [f"{count} {one if count == 1 else many}" for count, many, one in found if count]
    rest = f" {listed(told)}." if told else ""
    if not compared:
        return rest.strip()
    if compared == agreeing == 1:
        return f"the one {month:%B} invoice agrees.{rest}"
    if compared == agreeing:
        return f"all {compared} {month:%B} invoices agree.{rest}"
    return f"{agreeing} of {compared} {month:%B} invoices agree.{rest}"


def _missing(facts: Facts) -> list[str]:
    group, country = facts["not_exported"], facts["country"]
    if not group["count"]:
        return []
    lines = [f"{_sum_line('Not exported', group, 'invoice', country)}. {_numbers(group)}."]
    if locked := facts["locked"]["count"]:
        lock = day(date.fromisoformat(facts["lock_on"]), country)
        are = "is" if locked == 1 else "are"
        lines.append(f"{locked} of these {are} in a locked period: Xero is locked up to {lock}.")
    if locked < group["count"]:
        lines.append("Export them before the month is locked in Xero.")
    return lines


def _numbers(group: Facts) -> str:
    return some_of([_name(each["number"]) for each in group["first"]], group["count"])


def picture_lines(facts: Facts) -> list[str]:
    """Say in words what the pictures of a digest show."""
    country = facts["country"]
    owed = [
        f"{blocks.amount(each, name, country)} {age}"
        for name, amounts in facts["ages"].items()
        for each, age in zip(amounts, AGES, strict=True)
        if Decimal(each)
    ]
    weeks = [
        f"{sums_text(each['sums'], country)} in the week of "
        f"{day(date.fromisoformat(each['monday']), country)}"
        for each in facts["weeks"]
        if each["sums"]
    ]
    return [
        *([f"*{OWED}:* {listed(owed)}."] if owed else []),
        *([f"*{RECEIVED}:* {listed(weeks)}."] if weeks else []),
    ]


def one_currency_text(shown: Sequence[str]) -> str:
    """Say which currency the charts show if there are several, or ""."""
    if not shown:
        return ""
    one = listed(list(dict.fromkeys(shown)))
    return f"The charts show {one} only. The table has every currency, to the cent."


def _name(text: str) -> str:
    return shorten(one_line(text), _LONGEST_NAME)


def found_lines(found: Relinkable) -> list[str]:
    """Say what was found of former exports, and what is left alone; names are plain text."""
    numbers = [each.invoice.number for each in found.pairs]
    if not numbers:
        said = ["No former exports to link."]
    else:
        said = [f"{counted(len(numbers), 'former export')}: {some_of(numbers)}."]
        copies = sum(len(each.copies) for each in found.pairs)
        owed = sum(each.owed for each in found.pairs)
        if copies:
            said.append(f"{counted(copies, 'payment')} already in Paymo.")
        if owed:
            said.append(f"{counted(owed, 'payment')} will follow with the next sync.")
    if found.known:
        said.append(f"{counted(found.known, 'export')} already linked.")
    return said + [
        f"{what}: {some_of(each)}. {then}"
        for each, what, then in (
            (found.ended, "Voided or deleted in Xero", "We leave them alone."),
            (found.doubled, "Twice in Xero", "We link one. Void the other one by hand."),
            (found.loose, "Payments from Xero, but no invoice there", "We leave them alone."),
            (found.unread, "Couldn't be read", "Fix them, then try again."),
        )
        if each
    ]


def invoice_text(facts: Facts) -> str:
    """Name an invoice with its client, as "INV-2041 (Lighthouse Coffee)"."""
    return f"{one_line(facts['number'])} ({one_line(facts['client'])})"


def drift_text(facts: Facts) -> str:
    """Say what differs, or that it does not any more, or that somebody updated Xero."""
    invoice, organisation = invoice_text(facts), one_line(facts["organisation"])
    differences = facts.get("differences") or []
    if facts.get("by"):
        return (
            f"✅ <@{facts['by']}> updated {invoice} in {organisation} to match Paymo.\n"
            f"{_difference_lines(facts)}"
        ).rstrip()
    side = one_line(facts["side"])
    if facts.get("is_shared"):
        return f"✅ {invoice} was changed the same way in Paymo and in Xero. Both agree again."
    if not differences:
        return f"✅ In {side}, {invoice} is back to how it was exported."
    if [name for name, _, _ in differences] == [_ROUNDING] and not facts.get("more"):
        by = _shown(differences[0][2], facts)
        return (
            f"{invoice} is rounded by {by} in {organisation}. Paymo keeps its own total, and "
            "still records payments."
        )
    verb = "edited in Paymo" if side == "Paymo" else "changed in Xero"
    said = f"⚠️ {invoice} was *{verb}* after its export to {organisation}."
    other = "Xero" if side == "Paymo" else "Paymo"
    then = f"{other} hasn’t changed. {render(facts.get('advice', ''))}".rstrip()
    return "\n".join([said, _difference_lines(facts), then])


def edited_text(sides: list[str]) -> str:
    """Say in a line of the invoice's card where it was edited since, or nothing."""
    if not sides:
        return ""
    verbs = {"Paymo": "edited in Paymo", "Xero": "changed in Xero"}
    said = " and ".join(verbs[each] for each in sides if each in verbs)
    return f"It was {said} after its export, so the two differ."


def _difference_lines(facts: Facts) -> str:
    said = [
        f"• {one_line(name)}: {_shown(was, facts)} → {_shown(now, facts)}"
        for name, was, now in facts.get("differences") or []
    ]
    if facts.get("more"):
        said.append(f"• and {facts['more']} more")
    return "\n".join(said)


def _shown(text: str, facts: Facts) -> str:
    return render_line(situated(text, facts["country"]))
