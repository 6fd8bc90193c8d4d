"""Who did what when; one exported invoice: why, undo, update, restore; and what clients owe."""

import html
from dataclasses import dataclass
from typing import Any

from handlers import blocks, reply
from handlers.history.text import (
    NO_NUMBER,
    WHICH,
    WHICH_CLIENT,
    client_text,
    file_text,
    history_text,
    overdue_text,
    undo_question,
    why_text,
)
from handlers.history.views import history_blocks, history_file, why_blocks
from handlers.reply import SlackClients, reply_target
from handlers.routing import SlackRequest
from handlers.slack import no_file_text, share_csv, slack_refusals
from services.connect.service import PeopleService, WorkspaceService
from services.errors import ServiceError
from services.explain.service import ExplainService
from services.history.service import HistoryService, OwedService
from services.model.actions import Action
from services.undo.restoring import RestoreService
from services.undo.service import UndoService
from services.update.service import UpdateService

_MOST_NAMED = 50  # people in a file


@dataclass(frozen=True, slots=True)
class HistoryListeners:
    """One call of a service for each thing a person asks or does."""

    history: HistoryService
    undoing: UndoService
    restoring: RestoreService
    updating: UpdateService
    explain: ExplainService
    workspaces: WorkspaceService
    people: PeopleService
    install_url: str  # where an admin grants new permissions

    async def show(self, request: SlackRequest, number: str) -> None:
        """List the newest acts, of one invoice where a number is typed."""
        found = await self.history.newest(request.person, number)
        await reply.tell(request, history_text(found), history_blocks(found))

    async def again(self, request: SlackRequest) -> None:
        """List what was done with the invoice that a button names."""
        await self.show(request, request.value)

    async def send_file(self, request: SlackRequest) -> None:
        """Send every act as a file to the person who pressed."""
        found = await self.history.everything(request.person, request.value)
        workspace_id = await self.workspaces.id_of(request.person)
        who = list(dict.fromkeys(act.by for act in found.audit))[:_MOST_NAMED]
        called = {each: await self.people.name_of(workspace_id, each) for each in who}
        file, said = history_file(found, called), file_text(found)
        if why := await share_csv(request.client, request.person.user_id, file, said):
            await reply.tell(request, no_file_text(why, self.install_url))

    async def undo_number(self, request: SlackRequest, number: str) -> None:
        """Ask before the export of the invoice with this number is undone, as the button does."""
        found = await self.undoing.find(request.person, _named(number, "undo"))
        question = undo_question(found.number, found.client_name)
        button = blocks.button("Undo", Action.UNDO, found.export_id, style="danger")
        await reply.tell(request, question, blocks.actions([button], about=found.connection_id))

    async def restore_number(self, request: SlackRequest, number: str) -> None:
        """Restore the invoice with this number in Paymo."""
        named = _named(number, "restore")
        reply_to = await reply_target(self.workspaces, request)
        said = await self.restoring.restore_number(request.person, named, reply_to)
        await reply.tell_waiting(request, f"⏳ {blocks.render(said)}")

    async def undo(self, request: SlackRequest) -> None:
        """Undo the export of the button."""
        await reply.begin(request, self.workspaces, self.undoing.undo)

    async def restore(self, request: SlackRequest) -> None:
        """Restore the button's invoice in Paymo; the button stays until that is done."""
        await reply.begin(request, self.workspaces, self.restoring.restore)

    async def accept_difference(self, request: SlackRequest) -> None:
        """Accept the difference on an exported invoice."""
        said = await self.undoing.accept(request.person, request.id_in_value())
        await reply.tell(request, f"✅ {blocks.render(said)}")

    async def update(self, request: SlackRequest) -> None:
        """Queue an update of Xero's invoice to match Paymo."""
        export_id = request.id_in_value()
        reply_to = await reply_target(self.workspaces, request)
        said = await self.updating.ask(request.person, export_id, reply_to)
        await reply.tell_waiting(request, f"⏳ {blocks.render(said)}")

    async def why_again(self, request: SlackRequest) -> None:
        """Say it of the invoice that a button names."""
        await self.why(request, html.unescape(request.value))

    async def why(self, request: SlackRequest, number: str) -> None:
        """Say everything that is known about one invoice, and what it rests on."""
        if not number.strip():
            await reply.tell(request, WHICH)
            return
        found = await self.explain.why(request.person, number)
        await reply.tell(request, why_text(found), why_blocks(found))


def _named(number: str, verb: str) -> str:
    """Return the number that was typed, or say what is missing."""
    if not number:
        raise ServiceError(NO_NUMBER.format(verb=verb))
    return number


@dataclass(frozen=True, slots=True)
class OwedListeners:
    """One call of the service for each question; whoever asked reads the answer alone."""

    service: OwedService

    async def overdue(self, request: SlackRequest) -> None:
        """Tell every open invoice by age."""
        await reply.tell(request, overdue_text(await self.service.overdue(request.person)))

    async def client(self, request: SlackRequest, name: str) -> None:
        """Tell what one client owes, and has paid."""
        if not name:
            await reply.tell(request, WHICH_CLIENT)
            return
        await reply.tell(request, client_text(await self.service.of_client(request.person, name)))


@dataclass(frozen=True, slots=True)
class SlackDirectory:
    """Asks Slack what people are called; without `users:read` it does not say."""

    clients: SlackClients

    async def name_of(self, workspace_id: int, user_id: str) -> str:
        """Return the name that Slack shows for a person."""
        client = await self.clients.client(workspace_id)
        with slack_refusals():
            answer = await client.users_info(user=user_id)
        found: Any = answer.get("user")
        found = found if isinstance(found, dict) else {}
        profile = found.get("profile") or {}
        shown = profile.get("display_name") or found.get("real_name") or found.get("name")
        return str(shown or "")
