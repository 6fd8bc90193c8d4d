"""A batch as it is drawn: the table of what is ready, how far it is, and the report."""

from collections.abc import Iterator, Sequence

from handlers import blocks, names
from handlers.blocks import Block, one_line, render, render_line, shorten
from handlers.export.views import whither
from handlers.reading import Body, Note, all_chosen, number_in
from services.batch.table import READY, UNDONE, UNTAXED, BatchForm, BatchGroup, BatchLine, Missing
from services.model import chunks
from services.model.export import BatchState, ExportState

TITLE = "Export Invoices"
_HEADINGS = {
    READY: "✅ Ready",
    UNDONE: "↩️ Taken back from Xero before",
    "contact": "👤 Needs a match with a contact",
    "account": "📒 Needs an account",
    UNTAXED: "⚖️ Needs a tax rate for lines without tax",
    "tax": "⚖️ Tax differs",
    "old": "📅 Too old, or in a locked period",
    "taken": "🔁 Exported already, on its way, or the number is taken",
    "other": "⛔ Cannot go as it is",
}
_MOST_LINES = 300  # of what goes or went; a table of 300 invoices shows every one
_MOST_OTHERS = 74  # of any other group
_MOST_REASONS = 5  # of one group; they repeat each other
_MOST_FAILED = 40
_MOST_ASKED = 10
_LONGEST_REASON = 220
_LONGEST_NAME = 40
_MOST_IN_MESSAGE = 45
_BAR = 10
_ONE_BY_ONE = {"tax", "old", "other"}
_ONE = "Open one with `/paymo-xero export` and its number: the form has what helps."
_DONE = (ExportState.EXPORTED, ExportState.DIFFERENT)


def batch_view(form: BatchForm) -> Block:
    """Draw the batch as it is now."""
    note = Note(
        connection_id=form.connection_id, batch_id=form.batch_id, channel_id=form.channel_id
    ).dump()
    ready = form.count(READY)
    undone = form.count(UNDONE)
    if form.state is BatchState.READY and (ready or undone):
        submit = f"Export {ready} Invoice{'s' if ready > 1 else ''}" if ready else "Export Ticked"
        submit = f"Export {ready} and Ticked" if ready and undone else submit
        return blocks.modal(names.EXPORT_ALL, TITLE, _drawn(form), submit=submit, metadata=note)
    return blocks.modal(names.EXPORT_ALL, TITLE, _drawn(form), metadata=note)


def report_text(form: BatchForm) -> str:
    """Say in one line what came of it; safe for a message's `text`."""
    organisation = one_line(form.organisation)
    done, failed = len(form.sent_as(*_DONE)), len(form.sent_as(ExportState.FAILED))
    left = sum(len(each.lines) for each in form.groups)
    said = [f"{_invoices(done)} exported to {organisation}"]
    said += [f"{failed} failed"] if failed else []
    said += [f"{left} not sent"] if left else []
    return f"{'⚠️' if failed else '✅'} {', '.join(said)}."


def report_blocks(form: BatchForm) -> list[Block]:
    """Draw the report for a message, which holds less than a view."""
    drawn = _report(form)
    if len(drawn) > _MOST_IN_MESSAGE:
        cut = blocks.context("The rest is in Xero, and in /paymo-xero status.")
        drawn = [*drawn[:_MOST_IN_MESSAGE], cut]
    return drawn


def _drawn(form: BatchForm) -> list[Block]:
    if form.state is BatchState.DONE:
        return _report(form)
    if form.state is BatchState.RUNNING:
        return _progress(form)
    if form.state is BatchState.READING:
        waits = [blocks.section("⏳ Reading Paymo’s invoices …")]
        return [*whither(form), *waits, *_problem(form)]
    return _table(form)


def _problem(form: BatchForm) -> list[Block]:
    return [blocks.section(f"⚠️ {render(form.problem)}")] if form.problem else []


def _table(form: BatchForm) -> list[Block]:
    drawn = [*whither(form), *_problem(form), *_unknown(form)]
    if not form.groups:
        nothing = (
            "Every sent invoice is exported already. 🎉" if form.is_all else "Nothing to show."
        )
        return [*drawn, blocks.section(nothing)]
    drawn += [*_missing(form.missing), *_untaxed(form)]
    for group in form.groups:
        drawn += (
            undone_fields(group.lines)
            if group.verdict == UNDONE
            else blocks.paragraphs(_lines(group))
        )
    return drawn


def _unknown(form: BatchForm) -> list[Block]:
    if not form.unknown:
        return []
    company = one_line(form.company) if form.company else "Paymo"
    named = ", ".join(one_line(each) for each in form.unknown)
    return [blocks.section(shorten(f"❓ {company} has no invoice with the number {named}.", 3000))]


def _missing(missing: Sequence[Missing]) -> list[Block]:
    """Offer to say where each client goes; one answer releases all its invoices."""
    drawn = [
        blocks.section(
            f"*{_named(each.name)}* needs {'a contact' if each.what == 'contact' else 'an account'}"
            f" · holds up {_invoices(each.count)}",
            accessory=blocks.button("Match", names.MATCH_CLIENT, each.client_id),
        )
        for each in missing[:_MOST_ASKED]
    ]
    more = len(missing) - _MOST_ASKED
    if more > 0:
        drawn.append(blocks.context(f"{more} more clients need an answer after these."))
    return drawn


def _untaxed(form: BatchForm) -> list[Block]:
    """Ask for the rate of lines without tax; one answer releases every invoice that has some."""
    if not form.untaxed_options:
        return []
    rows = [blocks.row_of(each) for each in form.untaxed_options]
    choice = blocks.static_select(names.UNTAXED_FOR_ALL, rows)
    choice["placeholder"] = blocks.plain("Choose a tax rate", 150)
    held = _invoices(form.count(UNTAXED))
    text = f"*Lines without tax* need one of Xero’s rates of 0 % · holds up {held}"
    return [blocks.section(text, accessory=choice)]


def _lines(group: BatchGroup) -> Iterator[str]:
    totals = " · ".join(one_line(each) for each in group.totals)
    yield f"*{_HEADINGS.get(group.verdict, group.verdict)}: {len(group.lines)}* · {totals}"
    if group.verdict in _ONE_BY_ONE:
        yield f"_{_ONE}_"
    most = _MOST_LINES if group.verdict == READY else _MOST_OTHERS
    for place, line in enumerate(group.lines[:most]):
        yield _line(line)
        if line.reason and (group.verdict == READY or place < _MOST_REASONS):
            yield f"      _{_reason(line)}_"
    if len(group.lines) > most:
        yield f"… and {len(group.lines) - most} more"


def _line(line: BatchLine) -> str:
    return f"{_named(line.number)} · {_named(line.client_name)} · {one_line(line.total)}"


def _named(name: str) -> str:
    return shorten(one_line(name), _LONGEST_NAME)


def _reason(line: BatchLine) -> str:
    return shorten(render_line(line.reason), _LONGEST_REASON)


def _progress(form: BatchForm) -> list[Block]:
    waiting = len(form.sent_as(ExportState.QUEUED, ExportState.SENDING, ExportState.UNKNOWN))
    waiting += form.count(READY)
    done, failed = len(form.sent_as(*_DONE)), len(form.sent_as(ExportState.FAILED))
    total = done + failed + waiting
    return [
        *whither(form),
        blocks.section(f"{bar(done + failed, total)} {done + failed}/{total}"),
        blocks.section(f"✅ {done} exported · ⛔ {failed} failed · ⏳ {waiting} waiting"),
        *_problem(form),
        blocks.context("You may close this. You are told what came of it either way."),
    ]


def bar(done: int, total: int) -> str:
    """Return how far it is as a bar; only the whole fills it."""
    filled = done * _BAR // total if total else 0
    return "▓" * filled + "░" * (_BAR - filled)


def _report(form: BatchForm) -> list[Block]:
    failed = form.sent_as(ExportState.FAILED)
    different = form.sent_as(ExportState.DIFFERENT)
    drawn = [*whither(form), blocks.section(report_text(form))]
    if failed:
        drawn += blocks.paragraphs(_failures("*Failed*", failed))
        fix = f"Fix the {len(failed)} That Failed" if len(failed) > 1 else "Fix the One That Failed"
        drawn += blocks.actions(
            [blocks.button(fix, names.FIX_FAILED, form.batch_id, style="primary")]
        )
    if different:
        drawn += blocks.paragraphs(_failures("*Exported with a difference*", different))
    for group in form.groups:
        drawn += blocks.paragraphs(_lines(group))
    if exported := form.sent_as(ExportState.EXPORTED):
        drawn += blocks.paragraphs(
            ["*Exported*", *(_line(each) for each in exported[:_MOST_LINES])]
        )
    return drawn


def _failures(heading: str, failed: Sequence[BatchLine]) -> Iterator[str]:
    yield f"{heading} · _{_ONE}_"
    for line in failed[:_MOST_FAILED]:
        yield f"{_line(line)}\n      _{_reason(line)}_"
    if len(failed) > _MOST_FAILED:
        yield f"… and {len(failed) - _MOST_FAILED} more"


def _invoices(count: int) -> str:
    return f"{count} invoice{'' if count == 1 else 's'}"


_ROWS = 10  # that one group of boxes holds
_GROUPS = 5
_LABEL = "Taken back from Xero before. Export them again?"


def undone_fields(lines: Sequence[BatchLine]) -> list[Block]:
    """Draw a box for each; what has no room goes by its number."""
    groups = list(chunks(lines, _ROWS))
    drawn = [
        blocks.input_block(
            blocks.checkboxes(_name(place), [_row(each) for each in group]),
            _LABEL if place == 0 else "And these?",
            optional=True,
        )
        for place, group in enumerate(groups[:_GROUPS])
    ]
    left = len(lines) - _ROWS * _GROUPS
    if left > 0:
        said = f"{left} more were taken back. Type `/paymo-xero export` and the number of each."
        drawn.append(blocks.context(said))
    return drawn


def undone_ids(view: Body) -> tuple[int, ...]:
    """Return Paymo's ids of the invoices that are ticked."""
    ticked = [each for place in range(_GROUPS) for each in all_chosen(view, _name(place))]
    found = [number_in(each) for each in ticked]
    return tuple(each for each in found if each is not None)


def _name(place: int) -> str:
    return names.UNDONE if place == 0 else f"{names.UNDONE}_{place + 1}"


def _row(line: BatchLine) -> Block:
    return blocks.option(str(line.invoice_id), f"{line.number} · {line.client_name} · {line.total}")
