"""Who did what, in plain sentences: each act's own words, then what changed."""

from collections.abc import Mapping
from datetime import UTC

from handlers import blocks, names, rights
from handlers.blocks import Block, moment, shorten
from handlers.buttons import breaker_buttons, button, buttons, open_links
from handlers.export.views import tax_help
from handlers.history.text import FILE_HOLDS, as_json, cause_line, causes, fine_line, sentence_of
from handlers.slack import CSVFile
from services.explain.service import Explanation
from services.history.service import Done, History
from services.model.actions import Action
from services.model.export import Colour


def history_blocks(found: History) -> list[Block]:
    """Draw a line for each act, and the button that sends everything as a file."""
    if not found.audit:
        return []
    lines = [f"• {sentence_of(act, found)} · {moment(act.at)}" for act in found.audit]
    return [
        *blocks.paragraphs(lines),
        *_file(found),
    ]


def _file(found: History) -> list[Block]:
    """Offer the file to whoever may have it."""
    button = blocks.button("Download CSV", names.HISTORY_CSV, found.number)
    drawn = rights.within(found.role, blocks.actions([button], about=found.connection_id))
    said = blocks.context(FILE_HOLDS)
    return [*drawn, said] if drawn else []


HEADINGS = (
    "at",
    "slack_user_id",
    "name",
    "what",
    "invoice_number",
    "paymo_invoice_id",
    "xero_invoice_id",
    "organisation",
    "before",
    "after",
)
_WIDEST = 32_000  # a cell of a spreadsheet holds 32,767 characters


def history_file(found: History, called: Mapping[str, str]) -> CSVFile:
    """Return one row for each act, the newest first; `called` has people's names."""
    about = "".join(each if each.isalnum() else "-" for each in found.number)[:60]
    return CSVFile(
        name=f"history-{about}.csv" if about else "history.csv",
        title=f"History of invoice {found.number}" if found.number else "History",
        headings=HEADINGS,
        rows=[_row(act, called, found.organisation) for act in found.audit],
    )


def _row(act: Done, called: Mapping[str, str], organisation: str) -> tuple[object, ...]:
    return (
        act.at.astimezone(UTC).isoformat(timespec="seconds"),
        act.by,
        called.get(act.by, ""),
        act.what,
        act.number,
        act.paymo_invoice_id,
        act.xero_invoice_id,
        organisation,
        shorten(as_json(act.before), _WIDEST),
        shorten(as_json(act.after), _WIDEST),
    )


def why_blocks(found: Explanation) -> list[Block]:
    """Draw what else needs somebody, the buttons that help, and small what is fine."""
    first, *others = causes(found)
    others += [each for each in found.checks if each.colour is Colour.AMBER]
    drawn = [*blocks.paragraphs(map(cause_line, others)), *tax_help(found.checks)]
    if found.unread:
        drawn.append(blocks.context(found.unread))
    buttons = blocks.actions(_buttons(found), about=found.connection_id)
    drawn += rights.within(found.role, buttons)
    told = {id(each) for each in (first, *others)}
    fine = [each for each in (found.export, *found.findings) if id(each) not in told]
    return [*drawn, *_fine(found, [fine_line(each) for each in fine])]


def _fine(found: Explanation, lines: list[str]) -> list[Block]:
    """Draw what is fine and the ids, in small print."""
    passed = sum(each.colour is Colour.GREEN for each in found.checks)
    if passed:
        lines.append(f"*Checks:* {passed} passed.")
    told = blocks.paragraphs(lines)
    ids = f"For support: {' · '.join(map(blocks.one_line, found.ids))}" if found.ids else ""
    return blocks.small_print(*(each["text"]["text"] for each in told[:9]), ids)


def _buttons(found: Explanation) -> list[Block]:
    helps = [each for each in found.more_actions if each != Action.UNDO]
    drawn = buttons(found.actions, found.export_id)
    drawn += buttons(helps, found.export_id, first=False)
    if found.is_being_read:
        drawn.append(blocks.button("Check Again", names.WHY, found.number))
    if found.can_export:
        style = "" if drawn else "primary"
        drawn.append(blocks.button("Export Invoice", names.EXPORT, found.number, style=style))
    # An action id is unique in its row, so one payment is decided after another.
    drawn += [
        button(Action.BRING_BACK if is_deleted else Action.RECORD_PAYMENT, payment_id)
        for payment_id, is_deleted in found.payments[:1]
    ]
    if found.paused_connection:
        drawn += breaker_buttons(found.paused_connection, found.held)
    drawn += open_links(xero=found.xero_url, paymo=found.paymo_url)
    if found.export_id:
        drawn.append(blocks.button("Show History", names.HISTORY, found.number))
    if Action.UNDO in found.more_actions:  # last, as on a card
        drawn.append(button(Action.UNDO, found.export_id))
    return drawn
