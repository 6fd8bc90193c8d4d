"""What is said of many invoices: the lines of the table, and the report."""

from collections.abc import Iterator, Sequence

from handlers.blocks import counted, one_line, render_line, shorten
from services.batch.table import READY, UNDONE, UNTAXED, BatchForm, BatchGroup, BatchLine
from services.model.export import ExportState

GONE = "This batch is over. Type the command again."
_HEADINGS = {
    READY: "✅ Ready",
    UNDONE: "↩️ Undone before",
    "contact": "👤 Needs a match with a contact",
    "account": "📒 Needs an account",
    UNTAXED: "⚖️ Needs a tax rate for lines without tax",
    "tax": "⚖️ Tax differs",
    "old": "📅 Too old, or in a locked period",
    "taken": "🔁 Exported already, on its way, or the number is taken",
    "other": "⛔ Can't be exported as it is",
}
MOST_LINES = 300  # of what goes or went; a table of 300 invoices shows every one
_MOST_OTHERS = 74  # of any other group
_MOST_REASONS = 5  # of one group; they repeat each other
_MOST_FAILED = 40
_LONGEST_REASON = 220
_LONGEST_NAME = 40
_BAR = 10
_ONE_BY_ONE = {"tax", "old", "other"}
_ONE = "Open one with `/paymo-xero export` and its number: the form has what helps."
DONE = (ExportState.EXPORTED, ExportState.DIFFERENT)


def report_text(form: BatchForm) -> str:
    """Say in one line what came of it; safe for a message's `text`."""
    organisation = one_line(form.organisation)
    done, failed = len(form.sent_as(*DONE)), len(form.sent_as(ExportState.FAILED))
    left = sum(len(each.lines) for each in form.groups)
    said = [f"{counted(done, 'invoice')} exported to {organisation}"]
    said += [f"{failed} failed"] if failed else []
    awaiting = len(form.sent_as(ExportState.AWAITING))
    said += [f"{awaiting} waiting for approval"] if awaiting else []
    said += [f"{left} not sent"] if left else []
    return f"{'⚠️' if failed else '✅'} {', '.join(said)}."


def drafts_text(form: BatchForm) -> str:
    """Say how many drafts are left out, and what brings them in; "" where there are none."""
    if not form.drafts:
        return ""
    them = "it" if form.drafts == 1 else "them"
    return f"Left out: {counted(form.drafts, 'draft')}. Mark {them} as sent in Paymo first."


def group_lines(group: BatchGroup) -> Iterator[str]:
    """Say what a group is, then a line for each of its invoices."""
    totals = " · ".join(one_line(each) for each in group.totals)
    yield f"*{_HEADINGS.get(group.verdict, group.verdict)}: {len(group.lines)}* · {totals}"
    if group.verdict in _ONE_BY_ONE:
        yield f"_{_ONE}_"
    most = MOST_LINES if group.verdict == READY else _MOST_OTHERS
    for place, line in enumerate(group.lines[:most]):
        yield invoice_line(line)
        if line.reason and (group.verdict == READY or place < _MOST_REASONS):
            yield f"      _{_reason(line)}_"
    if len(group.lines) > most:
        yield f"… and {len(group.lines) - most} more"


def invoice_line(line: BatchLine) -> str:
    """Name an invoice, its client and its total."""
    return f"{short_name(line.number)} · {short_name(line.client_name)} · {one_line(line.total)}"


def short_name(name: str) -> str:
    """Write a name on one line, cut where it is long."""
    return shorten(one_line(name), _LONGEST_NAME)


def _reason(line: BatchLine) -> str:
    return shorten(render_line(line.reason), _LONGEST_REASON)


def bar(done: int, total: int) -> str:
    """Return how far it is as a bar; only the whole fills it."""
    filled = done * _BAR // total if total else 0
    return "▓" * filled + "░" * (_BAR - filled)


def failure_lines(heading: str, failed: Sequence[BatchLine]) -> Iterator[str]:
    """Say under a heading why each of these did not go well."""
    yield f"{heading} · _{_ONE}_"
    for line in failed[:_MOST_FAILED]:
        yield f"{invoice_line(line)}\n      _{_reason(line)}_"
    if len(failed) > _MOST_FAILED:
        yield f"… and {len(failed) - _MOST_FAILED} more"
