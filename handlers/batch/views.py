"""A batch as it is drawn: the table of what is ready, how far it is, and the report."""

from collections.abc import Sequence
from zlib import crc32

from handlers import blocks, names
from handlers.batch.text import (
    CUT,
    DONE,
    MOST_LINES,
    READING,
    bar,
    box_label,
    drafts_text,
    failure_lines,
    first_lines,
    former_text,
    group_heading,
    group_lines,
    missing_text,
    more_missing_text,
    needs_text,
    nothing_text,
    overview_line,
    overview_text,
    page_text,
    report_text,
    selected_text,
    unknown_text,
    untaxed_text,
)
from handlers.blocks import Block, render, shorten
from handlers.buttons import fix_button, match_button
from handlers.export.views import route_line
from handlers.reply import CLOSE
from handlers.routing import Body, Note, field_of, number_in
from services.batch.table import BatchForm, BatchGroup, BatchLine, Missing
from services.model import chunks
from services.model.export import SELECTABLE, BatchState, ExportState, Marks, Verdict
from services.model.people import Option
from services.model.wording import counted

TITLE = "Export Invoices"
RECENT_TITLE = "Last 90 Days"
_ON_PAGE = 50  # invoices; each may be a block of its own
_BOXES = 10
_LONGEST_NUMBER = 40
_MOST_AWAITING = 30
_MOST_ASKED = 10
_MOST_IN_MESSAGE = 45


def batch_view(form: BatchForm) -> Block:
    """Draw the batch as it is now."""
    note = Note(
        connection_id=form.connection_id, batch_id=form.batch_id, channel_id=form.channel_id
    ).dump()
    title = RECENT_TITLE if form.since else TITLE
    submit = ""
    if form.state is BatchState.READY and form.page is not None and form.selectable:
        submit = f"Export {counted(form.selected, 'Invoice')}" if form.selected else "Export"
    return blocks.modal(names.EXPORT_ALL, title, _drawn(form), submit=submit, metadata=note)


def report_blocks(form: BatchForm) -> list[Block]:
    """Draw the report for a message, which holds less than a view."""
    drawn = _report(form)
    if len(drawn) > _MOST_IN_MESSAGE:
        drawn = [*drawn[:_MOST_IN_MESSAGE], blocks.context(CUT)]
    return drawn


def _drawn(form: BatchForm) -> list[Block]:
    if form.state is BatchState.DONE:
        return _report(form)
    if form.state is BatchState.RUNNING:
        return _progress(form)
    if form.state is BatchState.READING:
        return [*route_line(form), blocks.section(READING), *_problem(form)]
    return _table(form)


def _problem(form: BatchForm) -> list[Block]:
    return [blocks.section(f"⚠️ {render(form.problem)}")] if form.problem else []


def _table(form: BatchForm) -> list[Block]:
    drawn = [*route_line(form), *_problem(form), *_unknown(form)]
    if not form.groups:
        drawn.append(blocks.section(nothing_text(form)))
    elif form.page is None:
        drawn += _overview(form)
    else:
        drawn += [*_missing(form.missing), *_untaxed(form), *_selection(form)]
        drawn += _page(form, form.page)
    return [*drawn, *blocks.small_print(drafts_text(form))]


def _overview(form: BatchForm) -> list[Block]:
    """Draw a line for each group, with the act that helps all of it."""
    drawn = [blocks.section(overview_text(form))]
    before = 0
    for group in form.groups:
        way = _way_on(form, group, before // _ON_PAGE)
        drawn.append(blocks.section(overview_line(form, group), accessory=way))
        before += len(group.lines)
    return drawn


def _way_on(form: BatchForm, group: BatchGroup, page: int) -> Block:
    held_by = [each for each in form.missing if each.what == group.verdict]
    if held_by:
        return match_button(held_by[0].what, held_by[0].client_id)
    if group.verdict == Verdict.UNTAXED and form.untaxed_options:
        return _zero_rates(form)
    if group.verdict == Verdict.READY:
        text, style = "Export Invoices…", "primary"
    else:
        text, style = "See Invoices", ""
    return blocks.button(text, names.SHOW_INVOICES, page, style=style)


def _selection(form: BatchForm) -> list[Block]:
    """Say what is selected, and offer all and none."""
    if not form.selectable:
        return []
    # Both stay whatever is selected, so that the focus stays where it is.
    ways = [
        blocks.button("Select All", names.SELECT_ALL),
        blocks.button("Select None", names.SELECT_NONE),
    ]
    drawn = [blocks.section(selected_text(form))]
    return drawn + (blocks.actions(ways) if form.selectable > 1 else [])


def _page(form: BatchForm, page: int) -> list[Block]:
    """Draw the invoices of one page, group by group, and the ways to the others."""
    pages = (form.total + _ON_PAGE - 1) // _ON_PAGE
    page = min(page, pages - 1)
    first, last, before = page * _ON_PAGE, (page + 1) * _ON_PAGE, 0
    drawn: list[Block] = []
    for group in form.groups:
        at = max(first - before, 0)
        shown = group.lines[at : max(last - before, 0)]
        if shown:
            drawn += [blocks.section(group_heading(group)), *_rows(form, group, at, shown)]
        before += len(group.lines)
    return [*drawn, *(_turning(form, page, pages) if pages > 1 else [])]


def _rows(form: BatchForm, group: BatchGroup, at: int, shown: Sequence[BatchLine]) -> list[Block]:
    if group.verdict == Verdict.TAKEN:
        return blocks.paragraphs(map(needs_text, shown))
    if group.verdict not in SELECTABLE:
        return [
            blocks.section(
                needs_text(each),
                accessory=fix_button(each.number, names.FIX_INVOICE, each.invoice_id),
            )
            for each in shown
        ]
    drawn: list[Block] = []
    for place, some in enumerate(chunks(shown, _BOXES)):
        label = box_label(group, at + place * _BOXES, len(some))
        drawn.append(_boxes(form.revision, label, some))
        drawn += blocks.small_print(*map(former_text, some))
    return drawn


def _boxes(revision: int, label: str, lines: Sequence[BatchLine]) -> Block:
    """Draw a box for each; under another id Slack forgets what the old ones showed.

    That changes with the revision, and with what there is to tick.
    """
    options = [
        Option(
            str(each.invoice_id),
            f"{shorten(each.number, _LONGEST_NUMBER)} · {each.total}",
            each.client_name,
        )
        for each in lines
    ]
    ticked = {str(each.invoice_id) for each in lines if each.is_selected}
    boxes = blocks.checkboxes(names.SELECTED, options, ticked)
    block = blocks.input_block(boxes, label, optional=True, tells=True)
    what = crc32("".join(each["value"] for each in boxes["options"]).encode())
    return block | {"block_id": f"{names.SELECTED}-{revision}-{lines[0].invoice_id}-{what}"}


def marks_in(view: Body) -> Marks:
    """Read which boxes a page showed, and which of them are ticked."""
    revision, shown, ticked = -1, list[int | None](), list[int | None]()
    for block in view.get("blocks", ()):
        element = block.get("element") or {}
        if element.get("action_id") != names.SELECTED:
            continue
        block_id = str(block["block_id"])
        revision = number_in(block_id.split("-")[1]) or 0
        shown += [number_in(each["value"]) for each in element["options"]]
        state = field_of(view, names.SELECTED, block_id)
        ticked += [number_in(each["value"]) for each in state.get("selected_options") or ()]
    return Marks(
        revision,
        tuple(each for each in shown if each is not None),
        tuple(each for each in ticked if each is not None),
    )


def first_boxes(view: Body) -> str:
    """Return the block of the first boxes on the page, "" where there are none."""
    ids = (str(each.get("block_id", "")) for each in view.get("blocks", ()))
    return next((each for each in ids if each.startswith(f"{names.SELECTED}-")), "")


def _turning(form: BatchForm, page: int, pages: int) -> list[Block]:
    ways = [
        blocks.button(text, name, value)
        for text, name, value, is_there in (
            ("Previous Page", names.PREVIOUS_PAGE, page - 1, page > 0),
            ("Next Page", names.NEXT_PAGE, page + 1, page < pages - 1),
            ("Show Overview", names.SHOW_OVERVIEW, "", True),
        )
        if is_there
    ]
    return [*blocks.actions(ways), blocks.context(page_text(form, page, pages))]


def _unknown(form: BatchForm) -> list[Block]:
    return [blocks.section(unknown_text(form))] if form.unknown else []


def _missing(missing: Sequence[Missing]) -> list[Block]:
    """Offer to say where each client goes; one answer releases all its invoices."""
    drawn = [
        blocks.section(missing_text(each), accessory=match_button(each.what, each.client_id))
        for each in missing[:_MOST_ASKED]
    ]
    return [*drawn, *blocks.small_print(more_missing_text(len(missing) - _MOST_ASKED))]


def _untaxed(form: BatchForm) -> list[Block]:
    """Ask for the rate of lines without tax; one answer releases every invoice that has some."""
    if not form.untaxed_options:
        return []
    return [blocks.section(untaxed_text(form), accessory=_zero_rates(form))]


def _zero_rates(form: BatchForm) -> Block:
    return blocks.static_select(
        names.UNTAXED_FOR_ALL, form.untaxed_options, placeholder="Choose a tax rate"
    )


def _progress(form: BatchForm) -> list[Block]:
    waiting = len(form.sent_as(ExportState.QUEUED, ExportState.SENDING, ExportState.UNKNOWN))
    waiting += form.count(Verdict.READY)
    done, failed = len(form.sent_as(*DONE)), len(form.sent_as(ExportState.FAILED))
    total = done + failed + waiting
    return [
        *route_line(form),
        blocks.section(f"{bar(done + failed, total)} {done + failed}/{total}"),
        blocks.section(f"✅ {done} exported · ⛔ {failed} failed · ⏳ {waiting} waiting"),
        *_problem(form),
        blocks.context(CLOSE),
    ]


def _report(form: BatchForm) -> list[Block]:
    failed = form.sent_as(ExportState.FAILED)
    different = form.sent_as(ExportState.DIFFERENT)
    drawn = [*route_line(form), blocks.section(report_text(form))]
    if failed:
        drawn += blocks.paragraphs(failure_lines("*Failed*", failed))
        fix = f"Fix {len(failed)} Failed Invoices" if len(failed) > 1 else "Fix Failed Invoice"
        drawn += blocks.actions(
            [blocks.button(fix, names.FIX_FAILED, form.batch_id, style="primary")]
        )
    if awaiting := form.sent_as(ExportState.AWAITING):
        lines = first_lines(awaiting, _MOST_AWAITING)
        missed = [render(form.missed)] if form.missed else []
        drawn += blocks.paragraphs(["*Waiting for approval*", *missed, *lines])
    if different:
        drawn += blocks.paragraphs(failure_lines("*Exported with a difference*", different))
    for group in form.groups:
        drawn += blocks.paragraphs(group_lines(group))
    if exported := form.sent_as(ExportState.EXPORTED):
        drawn += blocks.paragraphs(["*Exported*", *first_lines(exported, MOST_LINES)])
    return drawn
