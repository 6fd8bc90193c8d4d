"""Connecting, syncing and disconnecting, and what people decide about payments and deletions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from handlers import blocks, names, reply
from handlers.blocks import Block
from handlers.connect.text import (
    ENDING,
    TOO_EARLY,
    asked_text,
    connected_text,
    ready_lines,
    swept_text,
)
from handlers.connect.views import (
    connect_view,
    done_view,
    early_view,
    ending_view,
    farewell_view,
    first_steps,
)
from handlers.notices.subscribed import intro_text
from handlers.reply import Screen, reply_target
from handlers.routing import SlackRequest, field_of
from handlers.slack import require_ours
from services.connect.checklists import Checklist
from services.connect.service import ConnectService, WorkspaceService
from services.errors import NotAccepted, ServiceError
from services.model.connection import ConnectionState
from services.model.people import Person, ReplyTarget
from services.notices.service import NoticeService
from services.sync.run import Swept
from services.sync.service import SyncService

_MORE = {"another", "more", "new"}


@dataclass(frozen=True, slots=True)
class ConnectListeners:
    """One call of a service for each thing a person does."""

    service: ConnectService
    notices: NoticeService
    syncing: SyncService
    workspaces: WorkspaceService

    async def open(self, request: SlackRequest, typed: Sequence[str] = ()) -> None:
        """Open the checklist, or with the word behind it that of one more connection."""
        if typed and typed[0].casefold() in _MORE:
            await self.add(request)
            return
        checklist = await self.service.open(request.person)
        again = blocks.button("Connect", names.CONNECT, style="primary")
        await self._show(request, checklist, again)

    async def add(self, request: SlackRequest) -> None:
        """Open the checklist of one more connection, on top of another one that is open."""
        checklist = await self.service.add(request.person_in_channel)
        again = blocks.button("Connect Another", names.CONNECT_ANOTHER, style="primary")
        await self._show(request, checklist, again)

    async def _show(self, request: SlackRequest, checklist: Checklist, again: Block) -> None:
        reply_to = await reply_target(self.workspaces, request)
        view = connect_view(checklist, reply_to.channel_id)
        if view_id := await reply.open_view(request, view, again=again):
            person = request.person_in_channel
            await self.service.attach_view(person, checklist.connection_id, view_id)
            await self.service.catch_up(person, checklist, replace(reply_to, view_id=view_id))

    async def submit(self, request: SlackRequest) -> None:
        """Confirm the organisation, subscribe the channel, and close."""
        view, note = request.view, request.note
        person = replace(request.person, channel_id=note.channel_id)
        channel_id = str(field_of(view, names.CHANNEL).get("selected_conversation") or "")
        found = await self.service.overviews(person)
        mine = [each.state for each in found if each.connection_id == note.connection_id]
        if mine != [ConnectionState.ACTIVE]:
            again = blocks.button("Connect", names.CONNECT, style="primary")
            await reply.confirm(request, early_view(view), TOO_EARLY, blocks.actions([again]))
            return
        is_told = await self._is_told(person, channel_id)
        if not is_told:
            await require_ours(request, channel_id)
        await self.service.confirm(person, note.connection_id)
        said = ready_lines(channel_id)
        try:
            if channel_id and not is_told:
                listening, _ = await self.notices.add(person, channel_id)
                said += await reply.introduce(request, channel_id, intro_text(listening))
        except ServiceError as refusal:
            raise NotAccepted({names.CHANNEL: str(refusal)}) from refusal
        view, steps = done_view(said, note.connection_id), first_steps(note.connection_id)
        await reply.confirm(request, view, "\n".join(said), steps)

    async def _is_told(self, person: Person, channel_id: str) -> bool:
        """Say whether the channel is subscribed: who reads it was asked then."""
        return bool(channel_id) and await self.notices.listening(person, channel_id) is not None

    async def open_farewell(self, request: SlackRequest) -> None:
        """Say what disconnecting ends, before it does."""
        farewell = await self.service.farewell(request.person)
        again = blocks.button("Disconnect", names.DISCONNECT, style="danger")
        view = farewell_view(farewell, request.person.channel_id)
        await reply.open_view(request, view, again=again)

    async def submit_farewell(self, request: SlackRequest) -> None:
        """Disconnect on both sides."""
        person = replace(request.person, channel_id=request.note.channel_id)
        await self.service.disconnect(person, await reply_target(self.workspaces, request))
        await request.update(ending_view((ENDING,)))

    async def sync(self, request: SlackRequest) -> None:
        """Have Xero swept now."""
        reply_to = await reply_target(self.workspaces, request)
        asked = await self.syncing.request(request.person, reply_to)
        tell = reply.tell if asked.is_fresh else reply.tell_waiting
        await tell(request, asked_text(asked))


class SlackConnectScreen(Screen):
    """Draws into the person's open modal, or tells them alone when it is gone."""

    async def show_checklist(self, reply_to: ReplyTarget, checklist: Checklist) -> None:
        """Draw the open checklist again, or say how far it has come."""
        if reply_to.view_id:
            await self.redraw(reply_to, connect_view(checklist, reply_to.channel_id))
        else:
            text = connected_text(checklist)
            is_done = checklist.state is ConnectionState.ACTIVE
            steps = first_steps(checklist.connection_id)
            drawn = [*blocks.paragraphs([text]), *steps] if is_done else ()
            await self.tell(reply_to, text, drawn)

    async def show_farewell(self, reply_to: ReplyTarget, sentences: tuple[str, ...]) -> None:
        """Say how disconnecting went on each side."""
        await self.show(reply_to, ending_view(sentences), blocks.render(" ".join(sentences)))


class SlackSyncScreen(Screen):
    """Tells the person who asked."""

    async def show_swept(self, reply_to: ReplyTarget, swept: Swept) -> None:
        """Say what a sweep found."""
        await self.say_text(reply_to, swept_text(swept))
