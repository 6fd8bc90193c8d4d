"""Subscribing channels: by command at once, or in a modal with everything that can be chosen."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from handlers import blocks, names, reply
from handlers.blocks import Block, one_line
from handlers.notices.text import intro_text
from handlers.reading import Note, all_chosen, chosen, field, note_of, number_in, pressed
from handlers.routing import SlackRequest
from handlers.sharing import Sharing, require_ours, sharing_of
from services.errors import NotAccepted, ServiceError
from services.matching.service import MatchingService
from services.model.notice import USUAL_TOPICS, Topic
from services.model.wording import listed
from services.notices.service import About, Listening, NoticeService

TITLE = "Notices"
_TOPICS = (
    blocks.option("exports", "Exports", "An invoice arrived in Xero"),
    blocks.option("payments", "Payments", "Received, changed or removed"),
    blocks.option("deletions", "Deletions", "An invoice was deleted or voided"),
    blocks.option("failures", "Failures", "Something needs a person"),
    blocks.option("digest", "Digest", "Once a month: exported, paid, overdue, not there yet"),
)
_NOT_A_CHANNEL = ("D", "")
_LIST = "list"
_NOTHING = "This channel gets no notifications. Type `/paymo-xero subscribe` to change that."
_ANYWAY = "Subscribe This Channel"
_ASK = {
    Sharing.YES: "⚠️ This channel is shared with another company, or will be. People of other "
    "companies would read invoice numbers, clients and amounts here. Subscribe it all the same?",
    Sharing.UNKNOWN: "⚠️ I can't tell whether this channel is shared with another company. If it "
    "is, people of other companies may read along: invoice numbers, clients and amounts. "
    "Subscribe it?",
}


@dataclass(frozen=True, slots=True)
class NoticeListeners:
    """One call of the notice service for each thing a person does."""

    service: NoticeService
    matching: MatchingService

    async def subscribe(self, request: SlackRequest, typed: Sequence[str]) -> None:
        """Subscribe the channel that the command was typed in; elsewhere ask which one."""
        await request.ack()
        channel_id = request.person.channel_id
        if list(typed) == [_LIST]:
            await self._tell_all(request, channel_id)
            return
        topics = _topics(typed)
        if channel_id[:1] in _NOT_A_CHANNEL:
            await self.open(request)
            return
        await self.service.listening(request.person, channel_id)  # refuses whoever may not
        sharing = await sharing_of(request.client, channel_id)
        if sharing is Sharing.NO:
            await self._add(request, topics)
        else:
            value = " ".join(each.value for each in topics)
            button = blocks.button(_ANYWAY, names.SUBSCRIBE_HERE, value, style="primary")
            about = request.person.connection_id
            await reply.tell(request, _ASK[sharing], blocks.actions([button], about=about))

    async def subscribe_here(self, request: SlackRequest) -> None:
        """Subscribe the channel of the question, now that somebody has read who reads along."""
        await request.ack()
        await self._add(request, _topics(str(pressed(request.body).get("value", "")).split()))

    async def _add(self, request: SlackRequest, topics: Sequence[Topic]) -> None:
        channel_id = request.person.channel_id
        before = await self.service.listening(request.person, channel_id)
        listening, is_news = await self.service.add(request.person, channel_id, topics)
        if not is_news:
            await reply.tell(request, _has_text(listening))
            return
        text = intro_text(listening)
        # The answer's own address reaches channels that the app is not in.
        await request.respond(text=text, blocks=[blocks.section(text)], response_type="in_channel")
        if before is None:
            change = blocks.button("Change…", names.SUBSCRIBE)
            said = f"If this channel is private, type `/invite {names.BOT}` so that I can write."
            about = request.person.connection_id
            await reply.tell(request, said, blocks.actions([change], about=about))

    async def _tell_all(self, request: SlackRequest, channel_id: str) -> None:
        found = await self.service.listening(request.person, channel_id)
        await reply.tell(request, _has_text(found) if found else _NOTHING)

    async def open(self, request: SlackRequest) -> None:
        """Open the modal, for this channel if there is one that no other company reads."""
        await request.ack()
        channel_id = request.person.channel_id
        channel_id = "" if channel_id[:1] in _NOT_A_CHANNEL else channel_id
        found = await self.service.listening(request.person, channel_id)
        if found is None and channel_id:
            # Slack's menu leaves out what is shared; what is chosen already, it does not look at.
            is_ours = await sharing_of(request.client, channel_id) is Sharing.NO
            channel_id = channel_id if is_ours else ""
        view = subscribe_view(found, channel_id, await self.service.about(request.person))
        again = blocks.button("Notices…", names.SUBSCRIBE)
        await reply.open_view(request, view, again=again)

    async def submit(self, request: SlackRequest) -> None:
        """Subscribe the chosen channel."""
        view = request.body["view"]
        channel_id = str(field(view, names.CHANNEL).get("selected_conversation") or "")
        topics = [Topic(each) for each in all_chosen(view, names.EVENTS)]
        person = replace(request.person, channel_id=channel_id)
        if await self.service.listening(person, channel_id) is None:
            await require_ours(request, channel_id)
        listening = await self.service.subscribe(
            person,
            channel_id,
            topics,
            client_id=number_in(chosen(view, names.CLIENT)),
            minimum=_amount(str(field(view, names.MINIMUM).get("value") or "")),
        )
        text = intro_text(listening)
        said = [f"✅ <#{channel_id}> is subscribed.", f"> {text}"]
        said += await reply.introduce(request, channel_id, text)
        await request.ack(_done(said))

    async def unsubscribe(self, request: SlackRequest) -> None:
        """Let the channel hear nothing any more."""
        await request.ack()
        channel_id = request.person.channel_id or note_of(request.body.get("view") or {}).channel_id
        removed = await self.service.unsubscribe(request.person, channel_id)
        said = "is not subscribed any more." if removed else "was not subscribed."
        await reply.tell(request, f"<#{channel_id}> {said}" if channel_id else f"This {said}")


def _has_text(listening: Listening) -> str:
    """Say what the channel gets now."""
    topics = listed([each.value for each in listening.topics])
    only = f" of {one_line(listening.client_name)}" if listening.client_name else ""
    return f"✅ This channel gets {topics}{only}. Type `/paymo-xero unsubscribe` to end it."


def _done(said: list[str]) -> dict[str, Any]:
    view = blocks.modal(names.SUBSCRIBE, TITLE, blocks.paragraphs(said))
    return {"response_action": "update", "view": view}


def subscribe_view(found: Listening | None, channel_id: str, about: About | None = None) -> Block:
    """Draw the modal with what the channel hears now, or the usual."""
    topics = found.topics if found else USUAL_TOPICS
    client = None
    if found is not None and found.client_id is not None:
        client = blocks.option(str(found.client_id), one_line(found.client_name))
    minimum = f"{found.minimum:f}" if found is not None and found.minimum is not None else ""
    drawn = [
        blocks.input_block(blocks.channel_select(names.CHANNEL, channel_id), "Channel"),
        blocks.input_block(
            blocks.checkboxes(names.EVENTS, _TOPICS, [each.value for each in topics]),
            "What should be told there",
        ),
        blocks.input_block(
            blocks.external_select(names.CLIENT, "Any client", client),
            "Only for this client",
            optional=True,
        ),
        blocks.input_block(
            blocks.number_input(names.MINIMUM, minimum),
            "Only for amounts from here on",
            hint="In the invoice's own currency. Failures are always told.",
            optional=True,
        ),
    ]
    if found is not None and found.paused_because:
        drawn.insert(0, blocks.section(f"⚠️ Paused: {blocks.render(found.paused_because)}"))
    if about is not None and not about.is_only:
        company, organisation = one_line(about.pair.company), one_line(about.pair.organisation)
        drawn.insert(0, blocks.context(f"About *{company}* in Paymo and *{organisation}* in Xero"))
    connection_id = about.pair.connection_id if about else 0
    note = Note(connection_id=connection_id, channel_id=channel_id)
    return blocks.modal(names.SUBSCRIBE, TITLE, drawn, submit="Subscribe", metadata=note.dump())


def _topics(typed: Sequence[str]) -> tuple[Topic, ...]:
    """Read the words behind `subscribe`. Raises a refusal that names the nearest one."""
    known = [each.value for each in Topic]
    found = []
    for word in typed:
        name = word.casefold().strip(",")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ServiceError(
                f"“{word}” is not something to subscribe to.{hint} There are {', '.join(known)}."
            )
        found.append(Topic(name))
    return tuple(found)


def _amount(text: str) -> Decimal | None:
    if not text.strip():
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        raise NotAccepted({names.MINIMUM: "Type an amount, such as 500."}) from None
