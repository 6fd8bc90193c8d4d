"""What a comparison came to, in sentences."""

from handlers import blocks
from handlers.blocks import one_line, shorten
from services.compare import Mismatch
from services.reconcile.report import Outcome, Report

LONGEST_NAME = 80
_LONGEST_NOTE = 400


def report_text(report: Report) -> str:
    """Sum a comparison up: everything agrees, or how much does not."""
    when = f"{report.at:%H:%M} UTC"
    if not report.rows:
        return f"✅ *{report.label}:* nothing to compare at {when}; neither side has anything."
    said = _agreeing(report, when) if report.is_fine else _differing(report, when)
    if report.others:
        some = f"{report.others} other sales invoice{'' if report.others == 1 else 's'}"
        said += f" {some} in Xero never went through the app and {_are(report.others)} left alone."
    return said


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _agreeing(report: Report, when: str) -> str:
    if not report.compared:
        return f"✅ *{report.label}:* nothing is owed on either side at {when}."
    decided = report.count(Outcome.DECIDED)
    but = f" {decided} of them but for something that was decided." if decided else ""
    return f"✅ *{report.label}:* all {report.compared} agree at {when}.{but}"


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
        mine = shorten(one_line(finding.in_paymo), LONGEST_NAME)
        theirs = shorten(one_line(finding.in_xero), LONGEST_NAME)
        sides = f"{finding.name}: {mine} in Paymo, {theirs} in Xero."
    note = shorten(blocks.render(finding.note), _LONGEST_NOTE)
    return " ".join(each for each in (sides, note) if each)


def plain_finding(finding: Mismatch) -> str:
    """Say the same where nothing is marked up and nothing is cut."""
    sides = f"{finding.name}: {finding.in_paymo} in Paymo, {finding.in_xero} in Xero."
    return f"{sides if finding.name else ''} {blocks.render_plain(finding.note)}".strip()
