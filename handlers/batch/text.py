"""The sentences about a batch: the lines of its table, and its report."""

from collections.abc import Iterator, Sequence

from handlers.blocks import one_line, render_line, shorten
from handlers.export.text import fitted
from services.batch.table import BatchForm, BatchGroup, BatchLine, Missing
from services.model.export import ExportState, Verdict
from services.model.wording import counted, listed, some_of

BEGUN = "⏳ The invoices are on their way to Xero. We'll send you the report."
GONE = "This batch is over. Type the command again."
READING = "⏳ Reading Paymo’s invoices…"
CUT = "See Xero and /paymo-xero status for the rest."
_HEADINGS = {
    Verdict.READY: "✅ Ready",
    Verdict.UNDONE: "↩️ Undone before",
    Verdict.SKIPPED: "◻️ Not selected",
    Verdict.CONTACT: "👤 Needs a contact",
    Verdict.ACCOUNT: "📒 Needs an account",
    Verdict.UNTAXED: "⚖️ Needs a tax rate for lines without tax",
    Verdict.TAX: "⚖️ Tax rate is missing or different",
    Verdict.OLD: "📅 Too old, or in a locked period",
    Verdict.HELD: "🔁 Number already in Xero",
    Verdict.TAKEN: "🔁 Already exported or on its way",
    Verdict.OTHER: "⛔ Needs a fix",
}
MOST_LINES = 300  # of what goes or went; a table of 300 invoices shows every one
_MOST_OTHERS = 60  # of any other group
_MOST_REASONS = 5  # of one group; they repeat each other
_MOST_FAILED = 40
_LONGEST_REASON = 220
_LONGEST_NAME = 40
_LONGEST_TEXT = 3000
_BAR = 10
_ONE = "To fix one, type `/paymo-xero export` and its number."
_MATCH = "To match a client, type `/paymo-xero match`."
_WAYS_ON = {
    **dict.fromkeys((Verdict.TAX, Verdict.OLD, Verdict.OTHER), _ONE),
    **dict.fromkeys((Verdict.CONTACT, Verdict.ACCOUNT), _MATCH),
}
DONE = (ExportState.EXPORTED, ExportState.DIFFERENT)


def report_text(form: BatchForm) -> str:
    """Say in one line how it ended; safe for a message's `text`."""
    organisation = one_line(form.organisation)
    done, failed = len(form.sent_as(*DONE)), len(form.sent_as(ExportState.FAILED))
    left = form.total
    what = counted(done, "invoice") if done else "No invoices"
    said = [f"{what} exported to {organisation}"]
    said += [f"{failed} failed"] if failed else []
    awaiting = len(form.sent_as(ExportState.AWAITING))
    said += [f"{awaiting} waiting for approval"] if awaiting else []
    said += [f"{left} not sent"] if left else []
    is_well = not failed and (done or awaiting)
    return f"{'✅' if is_well else '⚠️'} {', '.join(said)}."


def drafts_text(form: BatchForm) -> str:
    """Say how many drafts are left out, and what brings them in; "" where there are none."""
    if not form.drafts:
        return ""
    them = "it" if form.drafts == 1 else "them"
    left = counted(form.drafts, "draft")
    return f"Left out: {left}. To include {them}, mark {them} as sent in Paymo."


def nothing_text(form: BatchForm) -> str:
    """Say that there is nothing to list."""
    if form.since:
        return f"No sent invoice dated {render_line(form.since)} or later is waiting for export."
    return "Every sent invoice is exported already. 🎉" if form.is_all else "Nothing to show."


def unknown_text(form: BatchForm) -> str:
    """Say which numbers Paymo has no invoice for."""
    company = one_line(form.company) if form.company else "Paymo"
    named = listed([one_line(each) for each in form.unknown])
    what = "invoice with the number" if len(form.unknown) == 1 else "invoices with the numbers"
    return shorten(f"❓ {company} has no {what} {named}.", _LONGEST_TEXT)


def missing_text(missing: Missing) -> str:
    """Say what a client needs, and how many invoices wait for it."""
    needed = "a contact" if missing.what == Verdict.CONTACT else "an account"
    held = counted(missing.count, "invoice")
    return f"*{short_name(missing.name)}* needs {needed} · holds up {held}"


def more_missing_text(count: int) -> str:
    """Say how many clients are asked about later; "" where there are none."""
    return f"{counted(count, 'more client')} to match after these." if count > 0 else ""


def untaxed_text(form: BatchForm) -> str:
    """Say that lines without tax need a rate, and how many invoices wait for it."""
    held = counted(form.count(Verdict.UNTAXED), "invoice")
    return f"*Lines without tax* need one of Xero’s 0% rates · holds up {held}"


def overview_text(form: BatchForm) -> str:
    """Say how many of the invoices are ready."""
    since = f" dated {render_line(form.since)} or later" if form.since else ""
    ready = form.count(Verdict.READY)
    verb = "is" if ready == 1 else "are"
    said = f"*{ready} of {counted(form.total, 'sent invoice')}{since} {verb} ready to export.*"
    return f"{said} Nothing is exported until you choose to."


def overview_line(form: BatchForm, group: BatchGroup) -> str:
    """Sum up a group, and say which clients hold it up."""
    held_by = [short_name(each.name) for each in form.missing if each.what == group.verdict]
    clients = f"\n{'Client' if len(held_by) == 1 else 'Clients'}: {some_of(held_by)}"
    return f"{group_heading(group)}{clients if held_by else ''}"


def selected_text(form: BatchForm) -> str:
    """Say how many of those that can go are selected, and their sums."""
    said = [
        f"*{form.selected} of {form.selectable} selected*",
        *map(one_line, form.selected_totals),
    ]
    return " · ".join(said)


def box_label(group: BatchGroup, at: int, count: int) -> str:
    """Name the invoices of one group of boxes; a screen reader has nothing else."""
    is_undone = group.verdict == Verdict.UNDONE
    what = "Undone invoices to export again" if is_undone else "Invoices to export"
    last = f"–{at + count}" if count > 1 else ""
    return f"{what}: {at + 1}{last} of {len(group.lines)}"


def page_text(form: BatchForm, page: int, pages: int) -> str:
    """Say which page this is."""
    return f"Page {page + 1} of {pages} · {counted(form.total, 'invoice')}"


def needs_text(line: BatchLine) -> str:
    """Name an invoice, and say what stops it."""
    return f"{invoice_line(line)}\n_{_reason(line)}_" if _reason(line) else invoice_line(line)


def former_text(line: BatchLine) -> str:
    """Say what was in Xero before, of an invoice that can go; "" where nothing was."""
    return f"{short_name(line.number)}: {_reason(line)}" if line.reason else ""


def group_heading(group: BatchGroup) -> str:
    """Name a group, with the number of its invoices and their sums."""
    totals = "".join(f" · {one_line(each)}" for each in group.totals)
    return f"*{_HEADINGS[group.verdict]}: {len(group.lines)}*{totals}"


def group_lines(group: BatchGroup) -> Iterator[str]:
    """Say what a group is, then a line for each of its invoices."""
    yield group_heading(group)
    if way := _WAYS_ON.get(group.verdict):
        yield f"_{way}_"
    most = MOST_LINES if group.verdict == Verdict.READY else _MOST_OTHERS
    for place, line in enumerate(group.lines[:most]):
        yield invoice_line(line)
        if _reason(line) and (group.verdict == Verdict.READY or place < _MOST_REASONS):
            yield f"      _{_reason(line)}_"
    yield from _left_out(len(group.lines) - most)


def first_lines(lines: Sequence[BatchLine], most: int) -> Iterator[str]:
    """Name the first invoices, and say how many more there are."""
    yield from map(invoice_line, lines[:most])
    yield from _left_out(len(lines) - most)


def _left_out(count: int) -> Iterator[str]:
    if count > 0:
        yield f"… and {count} more"


def invoice_line(line: BatchLine) -> str:
    """Name an invoice, its client and its total."""
    return f"{short_name(line.number)} · {short_name(line.client_name)} · {one_line(line.total)}"


def short_name(name: str) -> str:
    """Write a name on one line, cut where it is long."""
    return shorten(one_line(name), _LONGEST_NAME)


def _reason(line: BatchLine) -> str:
    return fitted(line.reason, line.cure, _LONGEST_REASON, line.more)


def bar(done: int, total: int) -> str:
    """Return how far it is as a bar; only the whole fills it."""
    filled = done * _BAR // total if total else 0
    return "▓" * filled + "░" * (_BAR - filled)


def failure_lines(heading: str, failed: Sequence[BatchLine]) -> Iterator[str]:
    """Say under a heading why each of these did not go well."""
    yield f"{heading} · _{_ONE}_"
    for line in failed[:_MOST_FAILED]:
        yield f"{invoice_line(line)}\n      _{_reason(line)}_"
    yield from _left_out(len(failed) - _MOST_FAILED)
