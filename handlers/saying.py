"""What one person is told of something they asked for: in the open view, or alone."""

from handlers import blocks, names
from handlers import reply as answers
from handlers.blocks import Block
from handlers.buttons import open_links
from handlers.clients import SlackClients
from handlers.reading import Note
from handlers.slack_errors import nobody_has_to_look
from services.model.people import ReplyTarget, Said

TITLE = "Paymo & Xero"


async def say(clients: SlackClients, reply_to: ReplyTarget, said: Said) -> None:
    """Draw it over the open view, or whisper it when that was closed."""
    text = said_text(said)
    view = blocks.modal(
        names.REFUSAL,
        TITLE,
        said_blocks(said),
        metadata=Note(channel_id=reply_to.channel_id).dump(),
    )
    with nobody_has_to_look():
        client = await clients.client(reply_to.workspace_id)
        await answers.show(client, reply_to, view, text)


def said_text(said: Said) -> str:
    """Return the sentence with its sign; safe for a message's `text`."""
    return f"{'✅' if said.is_well else '⛔'} {blocks.render(said.text)}"


def said_blocks(said: Said) -> list[Block]:
    """Draw the sentence, and the links below it."""
    links = open_links(xero=said.xero_url, paymo=said.paymo_url)
    return [*blocks.paragraphs(said_text(said).split("\n")), *blocks.actions(links)]
