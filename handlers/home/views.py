"""How the workspace's connections are, as the panel, the Home tab and `status` draw it."""

from collections.abc import Sequence

from handlers import blocks, names
from handlers.blocks import Block, one_line
from handlers.buttons import breaker_buttons
from handlers.home.text import SEVERAL, WHAT_IT_IS, help_lines, status_lines
from services.connect.checklists import Overview
from services.model.connection import ConnectionState
from services.model.people import Role

_MOST = 10


def button_blocks(found: Sequence[Overview]) -> list[Block]:
    """Draw a button for each thing to do next."""
    if not found:
        return blocks.actions([_connect("Connect")])
    if len(found) == 1:
        return _row(found[0])
    drawn: list[Block] = []
    for place, each in enumerate(found[:_MOST]):
        drawn += [blocks.context(_names(each)), *_row(each, place)]
    return [*drawn, *_more(found)]


def status_blocks(found: Sequence[Overview]) -> list[Block]:
    """Draw each connection with its buttons; of a single one the text says how it is doing."""
    if len(found) < SEVERAL:
        return button_blocks(found)
    drawn: list[Block] = []
    for place, each in enumerate(found[:_MOST]):
        drawn += [*blocks.paragraphs(status_lines(each)), *_row(each, place)]
    return [*drawn, *_more(found)]


def _row(overview: Overview, place: int = 0) -> list[Block]:
    return blocks.actions(_buttons(overview), about=overview.connection_id, place=place)


def _more(found: Sequence[Overview]) -> list[Block]:
    """Say what is not drawn; Slack takes only so much in one message."""
    left = len(found) - _MOST
    said = f"{left} more connections. Type the command in a channel subscribed to one of them."
    return blocks.small_print(said if left > 0 else "")


def _names(overview: Overview) -> str:
    known = overview.organisation
    return f"*{one_line(overview.company)}* → *{one_line(known.name if known else '')}*"


def _buttons(overview: Overview) -> list[Block]:
    can_export = overview.role >= Role.EXPORTER
    if overview.state is ConnectionState.ENDING or not can_export:
        return []
    if overview.state is not ConnectionState.ACTIVE:
        return [_connect("Reconnect" if overview.broken_side else "Continue Connecting")]
    buttons = [
        blocks.button("Export Invoice", names.EXPORT, style="primary"),
        blocks.button("Match Clients", names.MATCH),
        blocks.button("Sync Now", names.SYNC),
        blocks.button("Notifications", names.SUBSCRIBE),
    ]
    if overview.role is Role.OWNER:
        buttons.append(blocks.button("Settings", names.SETTINGS))
    if overview.is_paused:
        buttons += breaker_buttons(overview.connection_id)
    return buttons


def _connect(word: str) -> Block:
    return blocks.button(word, names.CONNECT, style="primary")


def help_blocks(role: Role) -> list[Block]:
    """List what this person can type."""
    return [*blocks.paragraphs(help_lines(role)), blocks.context(WHAT_IT_IS)]
