"""How a person is answered: in a modal, in a message only they see, or directly."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Protocol

import structlog
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from handlers import blocks, names
from handlers.blocks import Block, render
from handlers.buttons import button, going_on, open_links
from handlers.routing import Body, Handler, Note, SlackRequest
from handlers.slack import (
    TROUBLE,
    best_effort,
    closed_views_are_fine,
    may_work_again,
    name_of,
    noting,
    slack_refusals,
)
from services.connect.service import WorkspaceService
from services.errors import NotAllowed, ServiceError
from services.model.actions import Action, actions_for
from services.model.people import Person, ReplyTarget, Said

log = structlog.get_logger(__name__)

CLOSE = "You can close this. We'll tell you the result here or in a message."
_TOO_LATE = "Slack couldn't open the form. Press the button to try again."
_TYPE_AGAIN = "Slack couldn't open the form. Try again in a moment."


class SlackClients(Protocol):
    """Where a client with the token of one workspace is to be had."""

    async def client(self, workspace_id: int) -> AsyncWebClient:
        """Return the workspace's client, or raise `ChannelClosed` when the app is not there."""


async def open_view(request: SlackRequest, view: Block, *, again: Block) -> str:
    """Open a modal and return its id; when the trigger is stale, offer the button `again`.

    Pressed in a modal, it goes on top, so that what is below is not lost.
    """
    error = "no_trigger"
    try:
        answer = await _open(request, view) if request.body.get("trigger_id") else None
    except TROUBLE as trouble:
        if not may_work_again(trouble):
            raise
        answer, error = None, name_of(trouble)
    if answer is None:
        log.info("view_not_opened", error=error)
        again = going_on(again, request.body)
        offer = blocks.actions([again] if again else (), about=request.person.connection_id)
        await tell(request, _TOO_LATE if again else _TYPE_AGAIN, offer)
        return ""
    # Without its id it is open, and stays as it is.
    view_id = (answer.get("view") or {}).get("id")
    return str(view_id or "")


async def _open(request: SlackRequest, view: Block) -> AsyncSlackResponse:
    client = request.client
    ends = blocks.small_print("" if request.body.get("response_url") else request.intro.text)
    view = {**view, "blocks": [*view["blocks"][: blocks.MOST - len(ends)], *ends]}
    opens = client.views_push if request.view else client.views_open
    answer = await opens(trigger_id=request.body["trigger_id"], view=view)
    if ends:
        request.intro.take()
    return answer


async def redraw_open(request: SlackRequest, view: Block, *, view_hash: str = "") -> str | None:
    """Draw the modal again that the request came from, as `redraw` does."""
    return await redraw(request.client, str(request.view.get("id", "")), view, view_hash=view_hash)


async def redraw(
    client: AsyncWebClient, view_id: str, view: Block, *, view_hash: str = ""
) -> str | None:
    """Draw an open modal again unless it was closed, or drawn since; return its hash, or None."""
    with closed_views_are_fine():
        answer = await client.views_update(view_id=view_id, view=view, hash=view_hash or None)
        return str((answer.get("view") or {}).get("hash") or "")
    return None


async def tell(request: SlackRequest, text: str, drawn: Sequence[Block] = ()) -> None:
    """Answer the person alone: by the answer's own address, in a modal, or as a channel allows.

    What is drawn stands below the text; a screen reader reads the text alone.
    """
    said = [*blocks.paragraphs(text.split("\n")), *drawn]
    if request.waiting:
        await _draw_waiting(request, said)
        return
    intro = request.intro.take()
    if intro not in text:
        said, text = [*said, *blocks.small_print(intro)], f"{text}\n{intro}".strip()
    if request.body.get("response_url") and await _respond(request, text, said):
        return
    if request.body.get("trigger_id") and await _shown_on_top(request, said):
        return
    person = request.person
    await ephemeral(request.client, person.channel_id, person.user_id, text, said)


async def confirm(
    request: SlackRequest, view: Block, text: str, drawn: Sequence[Block] = ()
) -> None:
    """Answer a form that was sent with a view; where Slack has closed it by now, tell the text."""
    if not await request.update(view):
        await tell(request, text, drawn)


async def tell_instead(request: SlackRequest, text: str, drawn: Sequence[Block] = ()) -> None:
    """Answer in the place of what was pressed, where this person alone reads that."""
    if request.view:
        request = replace(request, waiting=request.view)
    elif request.body.get("container", {}).get("is_ephemeral"):
        said = [*blocks.paragraphs(text.split("\n")), *drawn]
        if await _respond(request, text, said, is_instead=True):
            return
    await tell(request, text, drawn)


async def end_with_intro(request: SlackRequest) -> None:
    """Say what this is below a first answer that couldn't end with it: a modal is drawn again."""
    if request.body.get("response_url") and (intro := request.intro.take()):
        await _respond(request, intro, blocks.small_print(intro))


async def wait(request: SlackRequest) -> Block:
    """Open a modal for what takes a while; {} where Slack has none for this press.

    Nothing else that only one person reads can be replaced later: what answers a command, or a
    press on what a whole channel reads, stays as it was said.
    """
    if request.view.get("callback_id") == names.REFUSAL:
        return request.view  # it asked, or said why not
    if request.view or not request.body.get("trigger_id"):
        return {}
    view = _said_view([blocks.section("⏳ One moment.")], request.person.channel_id)
    with noting("modal_refused"):
        answer = await request.client.views_open(trigger_id=request.body["trigger_id"], view=view)
        return dict(answer.get("view") or {})
    return {}


async def _draw_waiting(request: SlackRequest, said: Sequence[Block]) -> None:
    """Draw the answer, unless the outcome is drawn already."""
    view, drawn = request.waiting, _said_view(said, request.person_in_channel.channel_id)
    await redraw(request.client, str(view["id"]), drawn, view_hash=str(view.get("hash", "")))


async def forget_question(request: SlackRequest) -> None:
    """Take away the message whose button was pressed, where this person alone reads it."""
    if request.body.get("container", {}).get("is_ephemeral"):
        with best_effort():
            await request.respond(text="", blocks=(), delete_original=True)


async def _respond(
    request: SlackRequest, text: str, said: Sequence[Block], *, is_instead: bool = False
) -> bool:
    """Answer at the address that came with what was done; say whether Slack took it."""
    with noting("response_refused"):
        answer = await request.respond(
            text=text, blocks=said, response_type="ephemeral", replace_original=is_instead
        )
        return answer is None or answer.status_code == HTTPStatus.OK
    return False


async def settle(request: SlackRequest, said: str) -> None:
    """Write under the message whose button was pressed who decided what, in place of its buttons.

    Links stay, and so does the metadata (facts/slack.md: `chat.update` keeps what is not named).
    """
    message: Body = request.body.get("message") or {}
    if not message.get("blocks") or request.body.get("container", {}).get("is_ephemeral"):
        return
    kept = blocks.keeping(message["blocks"], lambda each: "url" in each)
    decided = blocks.context(f"✅ <@{request.person.user_id}>: {said}")
    with best_effort():
        await request.client.chat_update(
            channel=str(request.body["channel"]["id"]),
            ts=str(message["ts"]),
            text=str(message.get("text", "")),
            blocks=[*kept, decided],
        )


async def introduce(request: SlackRequest, channel_id: str, text: str) -> list[str]:
    """Say in a channel what it will hear; return what the person has to do first, if anything."""
    try:
        await say(request, channel_id, text)
    except ServiceError as refusal:
        return [not_reached_text(channel_id, refusal)]
    return []


async def say(request: SlackRequest, channel_id: str, text: str) -> None:
    """Say something in a channel. Raises why it can't be said there."""
    with slack_refusals():
        await request.client.chat_postMessage(
            channel=channel_id, text=text, blocks=[blocks.section(text)]
        )


def not_reached_text(channel_id: str, refusal: ServiceError) -> str:
    """Say that a channel can't be written to, and why."""
    return f"⚠️ {blocks.channel(channel_id)} hasn't been notified yet. {render(str(refusal))}"


async def ephemeral(
    client: AsyncWebClient, channel_id: str, user_id: str, text: str, said: Sequence[Block]
) -> None:
    """Tell one person in a channel, or directly where the app may not speak."""
    if channel_id and not channel_id.startswith("D"):
        with noting("ephemeral_refused"):
            await client.chat_postEphemeral(
                channel=channel_id, user=user_id, text=text, blocks=list(said)
            )
            return
    await client.chat_postMessage(
        channel=user_id, text=text, blocks=list(said), unfurl_links=False, unfurl_media=False
    )


def refusal_blocks(refusal: ServiceError) -> list[Block]:
    """Draw a refusal: its sentence, and the button that helps."""
    return [blocks.section(f"⛔ {render(str(refusal))}"), *_way_on(refusal)]


def _way_on(refusal: ServiceError, about: int = 0) -> list[Block]:
    wanted = ""
    if isinstance(refusal, NotAllowed):
        about, wanted = refusal.connection_id, refusal.wants
    texts = {Action.RECONNECT: "Connect"}  # it may be for the first time
    helps = [button(each, wanted, text=texts.get(each, "")) for each in actions_for(refusal)]
    return blocks.actions(helps, about=about)


def refusal_view(refusal: ServiceError) -> Block:
    """Draw a refusal as a modal."""
    return blocks.modal(names.REFUSAL, "That Didn't Work", refusal_blocks(refusal))


async def refuse(request: SlackRequest, refusal: ServiceError) -> None:
    """Tell the person why not, and what helps."""
    helps = _way_on(refusal, request.person.connection_id)
    await tell(request, f"⛔ {render(str(refusal))}", helps)


async def _shown_on_top(request: SlackRequest, said: Sequence[Block]) -> bool:
    with noting("modal_refused"):
        await _open(request, _said_view(said))
        return True
    return False


async def reply_target(workspaces: WorkspaceService, request: SlackRequest) -> ReplyTarget:
    """Return the open modal that shows what comes of it, and the channel behind it."""
    return request.reply_to(await workspaces.id_of(request.person))


@dataclass(frozen=True, slots=True)
class Screen:
    """Shows people what came of their work; what Slack does not take is noted, and that is all."""

    clients: SlackClients

    async def redraw(
        self, reply_to: ReplyTarget, view: Block, *, view_hash: str = ""
    ) -> str | None:
        """Draw the open modal again, as `redraw` does; nothing happens when it was closed."""
        if reply_to.view_id:
            with best_effort():
                client = await self.clients.client(reply_to.workspace_id)
                return await redraw(client, reply_to.view_id, view, view_hash=view_hash)
        return None

    async def show(
        self, reply_to: ReplyTarget, view: Block, text: str, drawn: Sequence[Block] = ()
    ) -> bool:
        """Draw into the open modal, and say whether it was there; else tell the person the text."""
        with best_effort():
            client = await self.clients.client(reply_to.workspace_id)
            if reply_to.view_id:
                with noting("view_gone"):
                    await client.views_update(view_id=reply_to.view_id, view=view)
                    return True
            if text:
                told = drawn or view["blocks"]
                await ephemeral(client, reply_to.channel_id, reply_to.user_id, text, told)
        return False

    async def tell(self, reply_to: ReplyTarget, text: str, drawn: Sequence[Block] = ()) -> None:
        """Tell the person alone; without blocks the text is drawn."""
        with best_effort():
            client = await self.clients.client(reply_to.workspace_id)
            told = drawn or blocks.paragraphs(text.split("\n"))
            await ephemeral(client, reply_to.channel_id, reply_to.user_id, text, told)

    async def say(self, reply_to: ReplyTarget, said: Said) -> None:
        """Say it in the open modal, or to the person alone when that was closed."""
        text = f"{'✅' if said.is_well else '⛔'} {render(said.text)}"
        await self.say_text(
            reply_to, text, blocks.actions(open_links(xero=said.xero_url, paymo=said.paymo_url))
        )

    async def say_text(
        self, reply_to: ReplyTarget, text: str, ways_on: Sequence[Block] = ()
    ) -> None:
        """Say a text so, with what it leads to."""
        drawn = [*blocks.paragraphs(text.split("\n")), *ways_on]
        await self.show(reply_to, _said_view(drawn, reply_to.channel_id), text)

    async def draw(self, reply_to: ReplyTarget, said: Sequence[Block]) -> bool:
        """Say it in the open modal, and nowhere when the person closed it; say which."""
        return await self.show(reply_to, _said_view(said, reply_to.channel_id), "")


def _said_view(said: Sequence[Block], channel_id: str = "") -> Block:
    note = Note(channel_id=channel_id).dump()
    return blocks.modal(names.REFUSAL, "paymo-xero", said, metadata=note)


async def begin(
    request: SlackRequest,
    workspaces: WorkspaceService,
    act: Callable[[Person, int, ReplyTarget], Awaitable[str]],
) -> None:
    """Have it begun, and say so in the open view, or to the person alone."""
    export_id = request.id_in_value()
    reply_to = await reply_target(workspaces, request)
    said = render(await act(request.person, export_id, reply_to))
    if reply_to.view_id and not request.waiting:
        drawn = working_view(said, reply_to.channel_id, reply_to.batch_id)
        await redraw_open(request, drawn, view_hash=reply_to.view_hash)
    else:
        await tell_waiting(request, f"⏳ {said}")


async def tell_waiting(request: SlackRequest, text: str) -> None:
    """Say what is under way; in a modal its outcome takes its place."""
    await tell(request, text, [blocks.context(CLOSE)] if request.waiting else ())


def decides(act: Callable[[Person, int], Awaitable[str]]) -> Handler:
    """Return the handler of a button that decides about its row."""

    async def run(request: SlackRequest) -> None:
        await decided(request, await act(request.person, request.id_in_value()))

    return run


async def decided(request: SlackRequest, sentence: str) -> None:
    """Tell the person what was decided, and everybody who reads the message."""
    said = render(sentence)
    await tell(request, f"✅ {said}")
    await settle(request, said)


def working_view(sentence: str, channel_id: str, batch_id: int = 0) -> Block:
    """Say that the work goes on without the person."""
    drawn = [blocks.section(f"⏳ {sentence}"), blocks.context(CLOSE)]
    return export_view_of(drawn, channel_id, batch_id)


def export_view_of(drawn: Sequence[Block], channel_id: str, batch_id: int) -> Block:
    """Draw something in place of the export form, which may stand on top of a batch."""
    note = Note(channel_id=channel_id, batch_id=batch_id).dump()
    view = blocks.modal(names.EXPORT, "Export Invoice", drawn, metadata=note)
    return telling_end(view, is_wanted=bool(batch_id))


def telling_end(view: Block, *, is_wanted: bool) -> Block:
    """Have Slack tell us when the modal is closed, where that is wanted."""
    return view | {"notify_on_close": True} if is_wanted else view
