"""Subscribing channels, by command or in a modal, and posting their notifications."""

import difflib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from handlers import blocks, names, reply
from handlers.blocks import Block
from handlers.buttons import held_in
from handlers.notices.subscribed import (
    ALONE,
    ANYWAY,
    ASK,
    INVITE,
    NO_AMOUNT,
    NO_CHANNEL,
    STILL_PAUSED,
    ended_text,
    has_text,
    intro_text,
    is_on_text,
    no_amount_text,
    no_topic_text,
    resumed_text,
    subscribed_text,
)
from handlers.notices.views import (
    OWN_ZONE,
    TITLE,
    drawn,
    list_of,
    own_zone,
    subscribe_view,
)
from handlers.reply import SlackClients
from handlers.routing import (
    Handler,
    SlackRequest,
    all_chosen,
    chosen,
    field_of,
    number_in,
)
from handlers.slack import (
    Sharing,
    best_effort,
    code_of,
    require_ours,
    sharing_of,
    slack_refusals,
    text_in,
)
from services.errors import NotAccepted, ServiceError
from services.model import days, numbers
from services.model.notice import Every, Layout, Rhythm, Topic
from services.model.people import Option, Person
from services.notices.delivery import Message, Spot
from services.notices.service import Choice, Listening, NoticeService, Only
from services.sync.service import Released

log = structlog.get_logger(__name__)

_NOT_A_CHANNEL = ("D", "")
_LIST, _FILTERS, _AND = "list", (names.CLIENT, "min"), ("and", "&", "+", "")
# Slack's words for blocks that a workspace does not take: the message goes there in words alone.
_BLOCKS_REFUSED = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "only_one_table_allowed"}
)
_TOO_MUCH = Decimal(10) ** 12


@dataclass(frozen=True, slots=True)
class NoticeListeners:
    """One call of the notice service for each thing a person does."""

    service: NoticeService

    async def subscribe(self, request: SlackRequest, typed: Sequence[str]) -> None:
        """Subscribe the channel that the command was typed in; elsewhere ask which one."""
        channel_id = request.person.channel_id
        if [each.casefold() for each in typed] == [_LIST]:
            await reply.tell(request, *await self._page(request, 0))
            return
        topics, only = _wanted(typed)
        if channel_id[:1] in _NOT_A_CHANNEL:
            await self.open(request)
            return
        before = await self.service.listening(request.person, channel_id)  # or refuses
        if before is not None and not typed:
            await self.open(request)
            return
        sharing = Sharing.NO if before else await sharing_of(request.client, channel_id)
        if sharing is Sharing.NO:
            await self._add(request, topics, only)
        else:
            value = "\n".join(typed)
            button = blocks.button(ANYWAY, names.SUBSCRIBE_HERE, value, style="primary")
            about = request.person.connection_id
            await reply.tell(request, ASK[sharing], blocks.actions([button], about=about))

    async def subscribe_here(self, request: SlackRequest) -> None:
        """Subscribe the channel after the person confirmed who reads it."""
        await self._add(request, *_wanted(request.value.splitlines()))

    async def resume(self, request: SlackRequest) -> None:
        """Say in a paused channel that its notifications go on; where that fails, they don't."""
        channel_id, trial = request.value, _Trial(request)
        try:
            listening, is_news = await self.service.resume(request.person, channel_id, trial.reach)
        except ServiceError as refusal:
            await trial.explain(channel_id, refusal)
            return
        said = resumed_text(channel_id) if is_news else is_on_text(listening)
        await reply.tell(request, f"✅ {said}")

    async def _add(self, request: SlackRequest, topics: Sequence[Topic], only: Only) -> None:
        channel_id, trial = request.person.channel_id, _Trial(request)
        before = await self.service.listening(request.person, channel_id)
        try:
            listening, is_news = await self.service.add(
                request.person, channel_id, topics, trial.reach, only=only
            )
        except ServiceError as refusal:
            await trial.explain(channel_id, refusal)
            return
        if trial.is_done or not is_news:
            await reply.tell(request, has_text(listening))
            return
        text = intro_text(listening)
        # The answer's own address reaches channels that the app is not in.
        with best_effort():
            shown = [blocks.section(text)]
            await request.respond(text=text, blocks=shown, response_type="in_channel")
        if before is None:
            change = blocks.button("Change Notifications…", names.SUBSCRIBE)
            about_it = blocks.actions([change], about=request.person.connection_id)
            await reply.tell(request, INVITE, about_it)

    async def turn(self, request: SlackRequest) -> None:
        """Show the page of the list of channels that the button names."""
        page = number_in(request.value) or 0
        await reply.tell_instead(request, *await self._page(request, page))

    async def _page(self, request: SlackRequest, page: int) -> tuple[str, list[Block]]:
        found = await self.service.list_all(request.person)
        return list_of(found, page, request.person.connection_id)

    async def open(self, request: SlackRequest) -> None:
        """Open the modal, for this channel if there is one that no other company reads."""
        channel_id = request.person.channel_id
        channel_id = "" if channel_id[:1] in _NOT_A_CHANNEL else channel_id
        found = await self.service.listening(request.person, channel_id)
        if found is None and channel_id:
            # Slack's menu leaves out what is shared; what is chosen already, it does not look at.
            is_ours = await sharing_of(request.client, channel_id) is Sharing.NO
            channel_id = channel_id if is_ours else ""
        view = subscribe_view(found, channel_id, await self.service.about(request.person))
        again = blocks.button("Choose Notifications", names.SUBSCRIBE)
        await reply.open_view(request, view, again=again)

    async def submit(self, request: SlackRequest) -> None:
        """Subscribe the chosen channel."""
        view = request.view
        channel_id = str(field_of(view, names.CHANNEL).get("selected_conversation") or "")
        topics = [each for each in Topic if each in all_chosen(view, names.EVENTS)]
        person = replace(request.person, channel_id=channel_id)
        if await self.service.listening(person, channel_id) is None:
            await require_ours(request, channel_id)
        trial = _Trial(request)
        try:
            listening = await self.service.subscribe(
                person, channel_id, topics, trial.reach, **_choice(view)
            )
        except ServiceError as refusal:
            if trial.refusal is None:
                raise
            raise NotAccepted({names.CHANNEL: f"{refusal} {STILL_PAUSED}"}) from refusal
        text = intro_text(listening)
        said = [subscribed_text(channel_id), f"> {text}"]
        if not trial.is_done:
            said += await reply.introduce(request, channel_id, text)
        view = blocks.modal(names.SUBSCRIBE, TITLE, blocks.paragraphs(said))
        await reply.confirm(request, view, "\n".join(said))

    async def zone_options(self, request: SlackRequest) -> None:
        """Offer time zones by any part of their names, the organisation's own first."""
        about = await self.service.about(request.person)
        own = [] if request.typed.strip() else [own_zone(about.zone if about else "")]
        fitting = [Option(each, each) for each in days.zones_like(request.typed)]
        await request.ack(blocks.listed([*own, *fitting]))

    async def unsubscribe(self, request: SlackRequest, typed: Sequence[str]) -> None:
        """Unsubscribe the channel; whoever names something else doesn't mean all of this one."""
        if typed:
            await reply.tell(request, ALONE)
            return
        channel_id = request.person_in_channel.channel_id
        if channel_id[:1] in _NOT_A_CHANNEL:
            await reply.tell(request, NO_CHANNEL)
            return
        removed = await self.service.unsubscribe(request.person, channel_id)
        await reply.tell(request, ended_text(channel_id, is_removed=removed))


def _wanted(typed: Sequence[str]) -> tuple[Sequence[Topic], Only]:
    """Read the words behind `subscribe`. Raises a refusal that names the nearest one.

    What follows a filter and is no topic belongs to it: a name may have several words.
    """
    known = [each.value for each in Topic]
    found: list[Topic] = []
    filters: dict[str, list[str]] = {}
    last: list[str] | None = None
    for word in typed:
        name = word.casefold().strip(",")
        key, mark, value = word.partition(":")
        if mark and key.casefold() in _FILTERS:
            last = filters[key.casefold()] = [value] if value else []
        elif name in known:
            found.append(Topic(name))
            last = None
        elif last is not None:
            last.append(word)
        elif name not in _AND:
            near = difflib.get_close_matches(name, known, n=1)
            raise ServiceError(no_topic_text(word, known, near))
    said = {key: " ".join(words).strip(", ") for key, words in filters.items()}
    if empty := [key for key, words in said.items() if not words]:
        raise ServiceError(no_topic_text(f"{empty[0]}:", known, ()))
    client, least = (said.get(each, "") for each in _FILTERS)
    if not least:
        return found, Only(client)
    in_three = _least(least, has_three="." in least)
    return found, Only(client, _least(least), in_three)


def _least(typed: str, *, has_three: bool = False) -> Decimal:
    """Read an amount as people write one."""
    whole, decimals = numbers.amount(typed, has_three=has_three) or ("", "")
    least = _amount_of(f"{whole}.{decimals}" if (decimals or "").strip("0") else whole)
    if least is None:
        raise ServiceError(no_amount_text(typed))
    return least


@dataclass(slots=True)
class _Trial:
    """Says in a paused channel what it will get, which shows whether it can be reached."""

    request: SlackRequest
    is_done: bool = False
    refusal: ServiceError | None = None

    async def reach(self, listening: Listening) -> None:
        """Say it. Raises why the channel can't be reached."""
        try:
            await reply.say(self.request, listening.channel_id, intro_text(listening))
        except ServiceError as refusal:
            self.refusal = refusal
            raise
        self.is_done = True

    async def explain(self, channel_id: str, refusal: ServiceError) -> None:
        """Tell the person that the channel stays paused, and why; raise what else is wrong."""
        if refusal is not self.refusal:
            raise refusal
        said = [reply.not_reached_text(channel_id, refusal), STILL_PAUSED]
        await reply.tell(self.request, "\n".join(said))


def _choice(view: dict[str, Any]) -> Choice:
    """Read what else is chosen in the form."""
    return {
        "client_id": number_in(chosen(view, names.CLIENT)),
        "minimum": _amount(str(field_of(view, names.MINIMUM).get("value") or "")),
        "layout": Layout(chosen(view, names.LAYOUT) or Layout.BROADCAST),
        "rhythm": _rhythm(view),
    }


def _rhythm(view: dict[str, Any]) -> Rhythm:
    """Read when the digest comes; what a form doesn't say is as usual."""
    usual = Rhythm()
    zone = chosen(view, names.DIGEST_ZONE)
    hour = number_in(chosen(view, names.DIGEST_HOUR))
    return Rhythm(
        Every(chosen(view, names.DIGEST_EVERY) or usual.every),
        usual.hour if hour is None else min(hour, 23),
        "" if zone == OWN_ZONE else zone,
    )


def _amount(text: str) -> Decimal | None:
    if not text.strip():
        return None
    found = _amount_of(text)
    if found is None:
        raise NotAccepted({names.MINIMUM: NO_AMOUNT})
    return found


def _amount_of(text: str) -> Decimal | None:
    """Read an amount; None where it is none, or more than any invoice can be."""
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found < _TOO_MUCH else None


def decides_held(act: Callable[[Person, int, list[int] | None], Awaitable[Released]]) -> Handler:
    """Return the handler of a button that decides about the invoices that it carries."""

    async def run(request: SlackRequest) -> None:
        connection_id, held = held_in(request.value)
        if connection_id is None:
            connection_id = request.id_in_value()  # raises
        released = await act(request.person, connection_id, held)
        if released.is_over:
            await reply.decided(request, released.said)
        else:  # the message is drawn anew, and asks about the rest
            await reply.tell(request, blocks.render(released.said))

    return run


@dataclass(frozen=True, slots=True)
class SlackNoticeBoard:
    """Posts with the token of the workspace that a notice belongs to."""

    clients: SlackClients

    async def post(self, message: Message) -> Spot:
        """Post one notice and return its spot."""
        client = await self.clients.client(message.workspace_id)
        answer = await _sent(message, partial(_post, client, message))
        return Spot(text_in(answer, "channel"), text_in(answer, "ts"))

    async def redraw(self, message: Message, spot: Spot) -> None:
        """Draw a notice again in place."""
        client = await self.clients.client(message.workspace_id)

        async def update(drawn_as: dict[str, Any]) -> AsyncSlackResponse:
            return await client.chat_update(channel=spot.channel_id, ts=spot.ts, **drawn_as)

        await _sent(message, update)


async def _sent(
    message: Message, send: Callable[[dict[str, Any]], Awaitable[AsyncSlackResponse]]
) -> AsyncSlackResponse:
    """Send it as it is drawn, and in words alone where the workspace takes no such blocks."""
    with slack_refusals():
        try:
            return await send(drawn(message))
        except SlackApiError as refusal:
            if code_of(refusal) not in _BLOCKS_REFUSED:
                raise
            log.warning("blocks_refused", kind=message.kind, refusal=code_of(refusal))
            return await send(drawn(message, plainly=True))


async def _post(
    client: AsyncWebClient, message: Message, drawn_as: dict[str, Any]
) -> AsyncSlackResponse:
    return await client.chat_postMessage(
        channel=message.channel_id,
        thread_ts=message.thread_ts or None,
        reply_broadcast=(message.is_broadcast and bool(message.thread_ts)) or None,
        unfurl_links=False,
        unfurl_media=False,
        **drawn_as,
    )
