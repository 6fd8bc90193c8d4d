"""How the workspace's connections are, as the panel, the Home tab and `status` draw it."""

from collections.abc import Sequence
from datetime import datetime

from handlers import blocks, names
from handlers.blocks import Block, one_line
from handlers.buttons import breaker_buttons
from handlers.home.text import HELP_LINES, state_of
from services.connect.checklists import Overview
from services.model.connection import ConnectionState

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
    """Draw everything there is to know, for each connection."""
    drawn: list[Block] = []
    for place, each in enumerate(found[:_MOST]):
        name = [blocks.section(state_of(each))] if len(found) > 1 else []
        drawn += [*name, blocks.columns(_facts(each)), *_problems(each), *_row(each, place)]
    return [*drawn, *_more(found)] if found else button_blocks(found)


def _row(overview: Overview, place: int = 0) -> list[Block]:
    return blocks.actions(_buttons(overview), about=overview.connection_id, place=place)


def _more(found: Sequence[Overview]) -> list[Block]:
    """Say what is not drawn; Slack takes only so much in one message."""
    left = len(found) - _MOST
    said = f"{left} more connections: their buttons show in a channel subscribed to one of them."
    return blocks.small_print(said if left > 0 else "")


def _names(overview: Overview) -> str:
    known = overview.organisation
    return f"*{one_line(overview.company)}* → *{one_line(known.name if known else '')}*"


def _facts(overview: Overview) -> list[tuple[str, str]]:
    return [
        ("Exported", str(overview.exported)),
        ("On their way", str(overview.waiting)),
        ("Refused", str(overview.failed)),
        ("Waiting for a decision", str(overview.asking)),
        ("Looked at Xero", _moment(overview.swept_at)),
        ("Next look", _moment(overview.sweep_due_at)),
        (
            "Notices go to",
            " ".join(blocks.channel(each) for each in overview.channels) or "no channel",
        ),
        ("Connected by", f"<@{overview.owner_id}>"),
    ]


def _moment(at: datetime | None) -> str:
    return blocks.moment(at) if at else "not yet"


def _problems(overview: Overview) -> list[Block]:
    said = []
    if overview.sweep_problem:
        said.append(f"⚠️ {blocks.render(overview.sweep_problem)}")
    if overview.is_paused:
        said.append("⚠️ Deletions are paused until somebody decides about those that wait.")
    if overview.day_calls_left is not None:
        said.append(f"Xero allows {overview.day_calls_left} more calls today.")
    return blocks.paragraphs(said)


def _buttons(overview: Overview) -> list[Block]:
    if overview.state is ConnectionState.ENDING:
        return []
    if overview.state is not ConnectionState.ACTIVE:
        if not overview.can_export:
            return []
        word = "Reconnect" if overview.broken_side else "Go on Connecting"
        return [_connect(word), *_ending(overview)]
    buttons = []
    if overview.can_export:
        buttons += [
            blocks.button("Export Invoice", names.EXPORT, style="primary"),
            blocks.button("Match Clients", names.MATCH),
            blocks.button("Look at Xero Now", names.SYNC),
            blocks.button("Notices…", names.SUBSCRIBE),
        ]
    if overview.can_edit:
        buttons.append(blocks.button("Settings", names.SETTINGS))
    buttons += _ending(overview)
    if overview.is_paused and overview.can_export:
        buttons += breaker_buttons(overview.connection_id)
    return buttons


def _ending(overview: Overview) -> list[Block]:
    if not overview.can_edit:
        return []
    return [blocks.button("Disconnect", names.DISCONNECT, style="danger")]


def _connect(word: str) -> Block:
    return blocks.button(word, names.CONNECT, style="primary")


def help_blocks() -> list[Block]:
    """List the commands, and say what moves in which direction."""
    lines = [f"`/paymo-xero {words}` – {meaning}" for _, words, meaning in HELP_LINES]
    return [
        *blocks.paragraphs(lines),
        blocks.context(
            "Invoices go from Paymo to Xero. Payments and deletions come from Xero to Paymo. "
            "Nothing else moves."
        ),
    ]
