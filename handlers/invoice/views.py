"""Why an invoice stands where it does, drawn: a line for each thing, then what can be done."""

from collections.abc import Callable

from handlers import blocks, names, rights
from handlers.blocks import Block, moment, one_line, render_line
from handlers.buttons import (
    bring_back_button,
    cure_buttons,
    delete_too,
    open_links,
    restore_button,
    void_instead,
)
from handlers.export.picture import check_blocks
from handlers.export.results import accept_button, undo_button
from handlers.home.views import breaker_buttons
from handlers.notices.drift import update_button
from services.explain.findings import Finding
from services.explain.service import Explanation
from services.model.export import Colour

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
    return f"{_SIGNS[finding.colour]} *{finding.name}:* {render_line(finding.text)}{shown}"


def why_blocks(found: Explanation) -> list[Block]:
    """Draw everything else, every check, and a button for each thing that helps."""
    drawn = blocks.paragraphs(_line(each) for each in found.findings)
    if found.checks:
        drawn += [blocks.header("Checks"), *check_blocks(found.checks)]
    if found.unread:
        drawn.append(blocks.context(found.unread))
    buttons = blocks.actions(_buttons(found), about=found.connection_id)
    return [*drawn, *rights.within(found.role, buttons)]


def _buttons(found: Explanation) -> list[Block]:
    buttons = cure_buttons(found.cures, found.export_id)
    buttons += [_PRESSES[each](found.export_id) for each in found.presses]
    if found.is_being_read:
        buttons.append(blocks.button("Ask Again", names.WHY, found.number))
    if found.can_export:
        style = "" if buttons else "primary"
        buttons.append(blocks.button("Export Invoice", names.EXPORT, found.number, style=style))
    # An action id is unique in its row, so one payment is decided after another.
    buttons += [
        bring_back_button(payment_id, is_deleted=is_deleted)
        for payment_id, is_deleted in found.payments[:1]
    ]
    if found.paused_connection:
        buttons += breaker_buttons(found.paused_connection)
    if found.export_id:
        buttons.append(blocks.button("History", names.HISTORY, found.number))
    return buttons + open_links(xero=found.xero_url, paymo=found.paymo_url)


def _reconnect(_: int) -> Block:
    return blocks.button("Reconnect", names.RECONNECT, style="primary")


_PRESSES: dict[str, Callable[[int], Block]] = {
    names.ACCEPT_DIFFERENCE: accept_button,
    names.UPDATE_IN_XERO: update_button,
    names.UNDO: undo_button,
    names.RESTORE: restore_button,
    names.DELETE_IN_PAYMO: delete_too,
    names.VOID_IN_PAYMO: void_instead,
    names.RECONNECT: _reconnect,
}
