"""Why an invoice stands where it does, drawn: a line for each thing, then what can be done."""

from handlers import blocks, names, rights
from handlers.blocks import Block, moment, one_line, render_line
from handlers.buttons import breaker_buttons, button, buttons, open_links
from handlers.export.picture import check_blocks
from services.explain.findings import Finding
from services.explain.service import Explanation
from services.model.actions import Action
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
    drawn = buttons(found.actions, found.export_id)
    drawn += buttons(found.more_actions, found.export_id, first=False)
    if found.is_being_read:
        drawn.append(blocks.button("Ask Again", names.WHY, found.number))
    if found.can_export:
        style = "" if drawn else "primary"
        drawn.append(blocks.button("Export Invoice", names.EXPORT, found.number, style=style))
    # An action id is unique in its row, so one payment is decided after another.
    drawn += [
        button(Action.BRING_BACK if is_deleted else Action.RECORD_PAYMENT, payment_id)
        for payment_id, is_deleted in found.payments[:1]
    ]
    if found.paused_connection:
        drawn += breaker_buttons(found.paused_connection)
    if found.export_id:
        drawn.append(blocks.button("History", names.HISTORY, found.number))
    return drawn + open_links(xero=found.xero_url, paymo=found.paymo_url)
