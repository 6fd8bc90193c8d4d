"""The connect checklist and the goodbye, as they are drawn."""

from collections.abc import Sequence

from handlers import blocks, names
from handlers.blocks import Block
from handlers.buttons import check_button
from handlers.connect.text import (
    CHANNEL,
    CHANNEL_MEANS,
    FIRST,
    READ,
    WRITTEN,
    farewell_lines,
    paymo_text,
    xero_text,
)
from handlers.routing import Body, Note
from services.connect.checklists import Checklist, Farewell
from services.model.connection import ConnectionState

TITLE = "Connect Paymo and Xero"
GOODBYE = "Disconnect"


def connect_view(checklist: Checklist, channel_id: str = "") -> Block:
    """Draw the checklist as it is now."""
    # Slack's menu leaves out channels that are shared; what is chosen already, it does not look at.
    chosen = next(iter(checklist.channels), "")
    drawn = [
        blocks.section(f"{READ}\n{WRITTEN}"),
        blocks.divider(),
        *_paymo(checklist),
        *_xero(checklist),
        blocks.divider(),
        blocks.input_block(
            blocks.channel_select(names.CHANNEL, chosen),
            CHANNEL,
            hint=CHANNEL_MEANS,
            optional=True,
        ),
    ]
    if checklist.state is ConnectionState.ACTIVE:
        drawn += blocks.actions([blocks.button("➕ Connect Another…", names.CONNECT_ANOTHER)])
    note = Note(connection_id=checklist.connection_id, channel_id=channel_id)
    is_open = checklist.organisation is not None and not checklist.is_confirmed
    word = "Confirm and Finish" if is_open else "Finish"
    return blocks.modal(names.CONNECT, TITLE, drawn, submit=word, metadata=note.dump())


def _paymo(checklist: Checklist) -> list[Block]:
    said = paymo_text(checklist)
    if not checklist.paymo_link:
        return [blocks.section(said)]
    word = "Reconnect Paymo" if checklist.broken_side == "Paymo" else "Connect Paymo"
    style = "" if checklist.broken_side == "Xero" else "primary"
    button = blocks.link_button(word, names.CONNECT_PAYMO, checklist.paymo_link, style=style)
    return [blocks.section(said, accessory=button)]


def _xero(checklist: Checklist) -> list[Block]:
    said = xero_text(checklist)
    if not checklist.xero_link:
        other = blocks.button("Use Another…", names.DISCONNECT)
        return [blocks.section(said, accessory=other)]
    word = "Reconnect Xero" if checklist.broken_side == "Xero" else "Connect Xero"
    is_next = not checklist.paymo_link or checklist.broken_side == "Xero"
    style = "primary" if is_next else ""
    button = blocks.link_button(word, names.CONNECT_XERO, checklist.xero_link, style=style)
    return [blocks.section(said, accessory=button)]


def farewell_view(farewell: Farewell, channel_id: str = "") -> Block:
    """Say what goes and what stays before it happens."""
    note = Note(connection_id=farewell.connection_id, channel_id=channel_id)
    return blocks.modal(
        names.DISCONNECT,
        GOODBYE,
        blocks.paragraphs(farewell_lines(farewell)),
        submit="Disconnect",
        metadata=note.dump(),
    )


def done_view(lines: Sequence[str], connection_id: int) -> Block:
    """Say that everything is connected, and what to do first."""
    drawn = [*blocks.paragraphs(lines), *first_steps(connection_id)]
    return blocks.modal(names.CONNECT, TITLE, drawn)


def first_steps(connection_id: int) -> list[Block]:
    """Return what to do after connecting."""
    return blocks.actions(
        [
            blocks.button("Export Your First Invoice", names.EXPORT, style="primary"),
            check_button(),
            blocks.button("Choose Notifications", names.SUBSCRIBE),
        ],
        about=connection_id,
    )


def early_view(view: Body) -> Block:
    """Draw the open form once more, and say at its top what to do before it can be finished."""
    early = blocks.alert(FIRST, "warning") | {"block_id": "early"}
    kept = [each for each in view["blocks"] if each.get("block_id") != "early"]
    wanted = ("type", "callback_id", "title", "close", "submit", "private_metadata")
    return {name: view[name] for name in wanted if view.get(name)} | {"blocks": [early, *kept]}


def ending_view(sentences: tuple[str, ...]) -> Block:
    """Say how disconnecting goes, or how it went."""
    drawn = blocks.paragraphs(blocks.render(each) for each in sentences)
    return blocks.modal(names.DISCONNECT, GOODBYE, drawn)
