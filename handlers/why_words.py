"""Why an invoice stands where it does, drawn: a line for each thing, then what can be done."""

from handlers import blocks, names
from handlers.blocks import Block, moment, one_line
from handlers.buttons import open_links
from handlers.cures import cure_buttons
from handlers.export_picture import check_blocks
from handlers.overview import breaker_buttons
from services.export.explaining import Explanation
from services.export.findings import Finding
from services.model import Colour

_SIGNS = {Colour.GREEN: "✅", Colour.AMBER: "⚠️", Colour.RED: "⛔"}


def why_text(found: Explanation) -> str:
    """Say which invoice this is, and how far its export has come."""
    client = f" of {one_line(found.client_name)}" if found.client_name else ""
    head = f"*Invoice {one_line(found.number)}{client}*, for {one_line(found.organisation)}"
    return f"{head}\n{_line(found.export)}"


def _line(finding: Finding) -> str:
    rests_on = [f"{word} <@{user_id}>".strip() for word, user_id in finding.people]
    rests_on += [f"{word} {moment(at)}" for word, at in finding.times]
    shown = f" _({', '.join(rests_on)})_" if rests_on else ""
    return f"{_SIGNS[finding.colour]} *{finding.name}:* {one_line(finding.text)}{shown}"


def why_blocks(found: Explanation) -> list[Block]:
    """Draw everything else, every check, and a button for each thing that helps."""
    drawn = blocks.paragraphs(_line(each) for each in found.findings)
    if found.checks:
        drawn += [blocks.header("Checks"), *check_blocks(found.checks)]
    if found.unread:
        drawn.append(blocks.context(found.unread))
    return [*drawn, *blocks.actions(_buttons(found), about=found.connection_id)]


def _buttons(found: Explanation) -> list[Block]:
    buttons = cure_buttons(found.cures, found.export_id)
    if found.can_export:
        style = "" if buttons else "primary"
        buttons.append(blocks.button("Export Invoice", names.EXPORT, found.number, style=style))
    # An action id is unique in its row, so one payment is decided after another.
    buttons += [_bring_back(each) for each in found.payments[:1]]
    if found.paused_connection:
        buttons += breaker_buttons(found.paused_connection)
    if found.export_id:
        buttons.append(blocks.button("History", names.HISTORY, found.number))
    return buttons + open_links(xero=found.xero_url, paymo=found.paymo_url)


def _bring_back(payment: tuple[int, bool]) -> Block:
    payment_id, is_deleted = payment
    word = "Bring Back" if is_deleted else "Record It in Paymo"
    return blocks.button(word, names.BRING_BACK, payment_id)
