"""A batch as it is drawn: the table of what is ready, how far it is, and the report."""

from collections.abc import Sequence

from handlers import blocks, names
from handlers.batch.text import (
    DONE,
    MOST_LINES,
    bar,
    drafts_text,
    failure_lines,
    group_lines,
    invoice_line,
    report_text,
    short_name,
)
from handlers.blocks import Block, counted, one_line, render, shorten
from handlers.export.views import route_line
from handlers.routing import Body, Note, all_chosen, number_in
from services.batch.table import READY, UNDONE, UNTAXED, BatchForm, BatchLine, Missing
from services.model import chunks
from services.model.export import BatchState, ExportState
from services.model.people import Option

TITLE = "Export Invoices"
_MOST_ASKED = 10
_MOST_IN_MESSAGE = 45


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


def report_blocks(form: BatchForm) -> list[Block]:
    """Draw the report for a message, which holds less than a view."""
    drawn = _report(form)
    if len(drawn) > _MOST_IN_MESSAGE:
        cut = blocks.context("See Xero and /paymo-xero status for the rest.")
        drawn = [*drawn[:_MOST_IN_MESSAGE], cut]
    return drawn


def _drawn(form: BatchForm) -> list[Block]:
    if form.state is BatchState.DONE:
        return _report(form)
    if form.state is BatchState.RUNNING:
        return _progress(form)
    if form.state is BatchState.READING:
        waits = [blocks.section("⏳ Reading Paymo’s invoices …")]
        return [*route_line(form), *waits, *_problem(form)]
    return _table(form)


def _problem(form: BatchForm) -> list[Block]:
    return [blocks.section(f"⚠️ {render(form.problem)}")] if form.problem else []


def _table(form: BatchForm) -> list[Block]:
    drawn = [*route_line(form), *_problem(form), *_unknown(form)]
    if not form.groups:
        nothing = (
            "Every sent invoice is exported already. 🎉" if form.is_all else "Nothing to show."
        )
        return [*drawn, blocks.section(nothing), *blocks.small_print(drafts_text(form))]
    drawn += [*_missing(form.missing), *_untaxed(form)]
    for group in form.groups:
        drawn += (
            undone_fields(group.lines)
            if group.verdict == UNDONE
            else blocks.paragraphs(group_lines(group))
        )
    return [*drawn, *blocks.small_print(drafts_text(form))]


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
            f"*{short_name(each.name)}* needs "
            f"{'a contact' if each.what == 'contact' else 'an account'} · holds up "
            f"{counted(each.count, 'invoice')}",
            accessory=blocks.button("Match", names.MATCH_CLIENT, each.client_id),
        )
        for each in missing[:_MOST_ASKED]
    ]
    more = len(missing) - _MOST_ASKED
    said = f"{more} more clients need an answer after these." if more > 0 else ""
    return [*drawn, *blocks.small_print(said)]


def _untaxed(form: BatchForm) -> list[Block]:
    """Ask for the rate of lines without tax; one answer releases every invoice that has some."""
    if not form.untaxed_options:
        return []
    choice = blocks.static_select(
        names.UNTAXED_FOR_ALL, form.untaxed_options, placeholder="Choose a tax rate"
    )
    held = counted(form.count(UNTAXED), "invoice")
    text = f"*Lines without tax* need one of Xero’s rates of 0% · holds up {held}"
    return [blocks.section(text, accessory=choice)]


def _progress(form: BatchForm) -> list[Block]:
    waiting = len(form.sent_as(ExportState.QUEUED, ExportState.SENDING, ExportState.UNKNOWN))
    waiting += form.count(READY)
    done, failed = len(form.sent_as(*DONE)), len(form.sent_as(ExportState.FAILED))
    total = done + failed + waiting
    return [
        *route_line(form),
        blocks.section(f"{bar(done + failed, total)} {done + failed}/{total}"),
        blocks.section(f"✅ {done} exported · ⛔ {failed} failed · ⏳ {waiting} waiting"),
        *_problem(form),
        blocks.context("You can close this. We'll tell you the result here or in a message."),
    ]


def _report(form: BatchForm) -> list[Block]:
    failed = form.sent_as(ExportState.FAILED)
    different = form.sent_as(ExportState.DIFFERENT)
    drawn = [*route_line(form), blocks.section(report_text(form))]
    if failed:
        drawn += blocks.paragraphs(failure_lines("*Failed*", failed))
        fix = f"Fix the {len(failed)} That Failed" if len(failed) > 1 else "Fix the One That Failed"
        drawn += blocks.actions(
            [blocks.button(fix, names.FIX_FAILED, form.batch_id, style="primary")]
        )
    if awaiting := form.sent_as(ExportState.AWAITING):
        lines = map(invoice_line, awaiting[:_MOST_AWAITING])
        drawn += blocks.paragraphs(["*Waiting for approval*", *lines])
    if different:
        drawn += blocks.paragraphs(failure_lines("*Exported with a difference*", different))
    for group in form.groups:
        drawn += blocks.paragraphs(group_lines(group))
    if exported := form.sent_as(ExportState.EXPORTED):
        drawn += blocks.paragraphs(
            ["*Exported*", *(invoice_line(each) for each in exported[:MOST_LINES])]
        )
    return drawn


_MOST_AWAITING = 30
_ROWS = 10  # that one group of boxes holds
_GROUPS = 5
_LABEL = "Undone before. Export them again?"


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
    said = f"{left} more were undone. Type `/paymo-xero export` and the number of each."
    return [*drawn, *blocks.small_print(said if left > 0 else "")]


def undone_ids(view: Body) -> tuple[int, ...]:
    """Return Paymo's ids of the invoices that are ticked."""
    ticked = [each for place in range(_GROUPS) for each in all_chosen(view, _name(place))]
    found = [number_in(each) for each in ticked]
    return tuple(each for each in found if each is not None)


def _name(place: int) -> str:
    return names.UNDONE if place == 0 else f"{names.UNDONE}_{place + 1}"


def _row(line: BatchLine) -> Option:
    return Option(str(line.invoice_id), f"{line.number} · {line.client_name} · {line.total}")
