"""Connecting, syncing and disconnecting, and what people decide about payments and deletions."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from handlers import blocks, names, reply
from handlers.blocks import Block
from handlers.connect.text import ENDING, FIRST, READY, asked_text, connected_text, swept_text
from handlers.connect.views import TITLE, connect_view, ending_view, farewell_view
from handlers.notices.text import intro_text
from handlers.reply import SlackClients, reply_target, say
from handlers.routing import SlackRequest, field_of, note_of, number_in, pressed
from handlers.slack import nobody_has_to_look, require_ours
from services.connect.checklists import Checklist
from services.connect.service import ConnectService, WorkspaceService
from services.errors import NotAccepted, NotFound, ServiceError
from services.model.connection import ConnectionState
from services.model.people import Person, ReplyTarget, Said
from services.notices.service import NoticeService
from services.sync.run import Swept
from services.sync.service import SyncService

_MORE = {"another", "more", "new"}

_Decision = Callable[[Person, int], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class ConnectListeners:
    """One call of the connect service for each thing a person does."""

    service: ConnectService
    notices: NoticeService
    workspaces: WorkspaceService

    async def open(self, request: SlackRequest) -> None:
        """Open the checklist."""
        await request.ack()
        checklist = await self.service.open(request.person)
        again = blocks.button("Connect", names.CONNECT, style="primary")
        await self._show(request, checklist, again)

    async def open_for(self, request: SlackRequest, typed: Sequence[str]) -> None:
        """Open the checklist, or with the word behind it that of one more connection."""
        if typed and typed[0].casefold() in _MORE:
            await self.add(request)
        else:
            await self.open(request)

    async def add(self, request: SlackRequest) -> None:
        """Open the checklist of one more connection, on top of another one that is open."""
        await request.ack()
        below = note_of(reply.view_of(request.body))
        channel_id = request.person.channel_id or below.channel_id
        checklist = await self.service.add(replace(request.person, channel_id=channel_id))
        again = blocks.button("Connect Another", names.CONNECT_ANOTHER, style="primary")
        await self._show(request, checklist, again)

    async def _show(self, request: SlackRequest, checklist: Checklist, again: Block) -> None:
        reply_to = await reply_target(self.workspaces, request)
        view = connect_view(checklist, reply_to.channel_id)
        view_id = await reply.open_view(request, view, again=again)
        if view_id:
            person = replace(request.person, channel_id=reply_to.channel_id)
            await self.service.attach_view(person, checklist.connection_id, view_id)
            await self.service.catch_up(person, checklist, replace(reply_to, view_id=view_id))

    async def submit(self, request: SlackRequest) -> None:
        """Take the organisation for confirmed, have the channel hear what happens, and close."""
        view, note = request.body["view"], note_of(request.body["view"])
        person = replace(request.person, channel_id=note.channel_id)
        channel_id = str(field_of(view, names.CHANNEL).get("selected_conversation") or "")
        found = await self.service.overviews(person)
        mine = [each.state for each in found if each.connection_id == note.connection_id]
        if mine != [ConnectionState.ACTIVE]:
            raise NotAccepted({names.CHANNEL: FIRST})
        is_told = await self._is_told(person, channel_id)
        if not is_told:
            await require_ours(request, channel_id)
        await self.service.confirm(person, note.connection_id)
        said = [READY, f"Notices go to <#{channel_id}>."] if channel_id else [READY]
        try:
            if channel_id and not is_told:
                listening, _ = await self.notices.add(person, channel_id)
                said += await reply.introduce(request, channel_id, intro_text(listening))
        except ServiceError as refusal:
            raise NotAccepted({names.CHANNEL: str(refusal)}) from refusal
        await request.ack(_done(said))

    async def _is_told(self, person: Person, channel_id: str) -> bool:
        """Say whether the channel is subscribed: who reads it was asked then."""
        return bool(channel_id) and await self.notices.listening(person, channel_id) is not None

    async def open_farewell(self, request: SlackRequest) -> None:
        """Say what disconnecting ends, before it does."""
        await request.ack()
        farewell = await self.service.farewell(request.person)
        again = blocks.button("Disconnect", names.DISCONNECT, style="danger")
        view = farewell_view(farewell, request.person.channel_id)
        await reply.open_view(request, view, again=again)

    async def submit_farewell(self, request: SlackRequest) -> None:
        """Disconnect on both sides."""
        note = note_of(request.body["view"])
        person = replace(request.person, channel_id=note.channel_id)
        reply_to = await reply_target(self.workspaces, request)
        await self.service.disconnect(person, reply_to)
        await request.ack({"response_action": "update", "view": ending_view((ENDING,))})


@dataclass(frozen=True, slots=True)
class SlackConnectScreen:
    """Draws into the person's open modal, or whispers when it is gone."""

    clients: SlackClients

    async def show_checklist(self, reply_to: ReplyTarget, checklist: Checklist) -> None:
        """Draw the open checklist again, or say how far it has come."""
        view, text = connect_view(checklist, reply_to.channel_id), connected_text(checklist)
        with nobody_has_to_look():
            client = await self.clients.client(reply_to.workspace_id)
            if reply_to.view_id:
                await reply.redraw(client, reply_to.view_id, view)
            else:
                said = [blocks.section(text)]
                await reply.ephemeral(client, reply_to.channel_id, reply_to.user_id, text, said)

    async def show_farewell(self, reply_to: ReplyTarget, sentences: tuple[str, ...]) -> None:
        """Say how disconnecting went on each side."""
        text = blocks.render(" ".join(sentences))
        with nobody_has_to_look():
            client = await self.clients.client(reply_to.workspace_id)
            await reply.show(client, reply_to, ending_view(sentences), text)


def _done(said: list[str]) -> dict[str, Any]:
    view = blocks.modal(names.CONNECT, TITLE, blocks.paragraphs(said))
    return {"response_action": "update", "view": view}


@dataclass(frozen=True, slots=True)
class SyncListeners:
    """One call of the sync service for each thing a person does."""

    service: SyncService
    workspaces: WorkspaceService

    async def request(self, request: SlackRequest) -> None:
        """Have Xero looked at now."""
        await request.ack()
        reply_to = await reply_target(self.workspaces, request)
        asked = await self.service.request(request.person, reply_to)
        await reply.tell(request, asked_text(asked))

    async def bring_back(self, request: SlackRequest) -> None:
        """Record a payment in Paymo after all."""
        await self._decide(request, self.service.bring_back)

    async def delete_in_paymo(self, request: SlackRequest) -> None:
        """Delete an invoice in Paymo too."""
        await self._decide(request, self.service.delete_in_paymo)

    async def void_in_paymo(self, request: SlackRequest) -> None:
        """Void an invoice in Paymo instead."""
        await self._decide(request, self.service.void_in_paymo)

    async def apply_breaker(self, request: SlackRequest) -> None:
        """Follow everything that the breaker holds."""
        await self._decide(request, self.service.apply_breaker)

    async def keep_breaker(self, request: SlackRequest) -> None:
        """Keep everything that the breaker holds."""
        await self._decide(request, self.service.keep_breaker)

    async def _decide(self, request: SlackRequest, decision: _Decision) -> None:
        await request.ack()
        row_id = number_in(pressed(request.body).get("value", ""))
        if row_id is None:
            raise NotFound("This button does not belong to anything any more.")
        said = blocks.render(await decision(request.person, row_id))
        await reply.tell(request, f"✅ {said}")
        await reply.settle(request, said)


@dataclass(frozen=True, slots=True)
class SlackSyncScreen:
    """Whispers to the person who asked."""

    clients: SlackClients

    async def show_swept(self, reply_to: ReplyTarget, swept: Swept) -> None:
        """Say what a look at Xero found."""
        text = swept_text(swept)
        said = blocks.paragraphs(text.split("\n"))
        with nobody_has_to_look():
            client = await self.clients.client(reply_to.workspace_id)
            await reply.ephemeral(client, reply_to.channel_id, reply_to.user_id, text, said)

    async def say(self, reply_to: ReplyTarget, said: Said) -> None:
        """Say it in the open view, or to the person alone when it was closed."""
        await say(self.clients, reply_to, said)
