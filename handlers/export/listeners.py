"""Exporting from Slack: the form, its menus, the press, and the buttons that help afterwards."""

import html
from dataclasses import dataclass, replace
from functools import partial

from handlers import blocks, names, reply, rights
from handlers.export.text import result_text
from handlers.export.views import export_choice, export_view, result_view, said_view
from handlers.notices.views import card_of
from handlers.reply import SlackClients, reply_target, say
from handlers.routing import SlackRequest, note_of, number_in, pressed, typed
from handlers.slack import nobody_has_to_look
from services.connect.service import WorkspaceService
from services.export.drafts import ExportForms
from services.export.forms import ExportForm
from services.export.recording import ExportResult
from services.export.requests import ExportRequests
from services.matching.service import MatchingService
from services.model.actions import CHANGES_CHOICE, Action
from services.model.people import ReplyTarget, Said


@dataclass(frozen=True, slots=True)
class ExportListeners:
    """One call of the export or matching service for each thing a person does."""

    forms: ExportForms
    requests: ExportRequests
    matching: MatchingService
    workspaces: WorkspaceService

    async def open(self, request: SlackRequest) -> None:
        """Open the form, for the invoice that the button names, if any."""
        number = str(pressed(request.body).get("value", ""))
        await self.open_for(request, html.unescape(number))

    async def open_for(self, request: SlackRequest, number: str) -> None:
        """Open the form for the invoice with this number."""
        await request.ack()
        form = await self.forms.open(request.person, number)
        channel_id = request.person.channel_id
        again = blocks.button("Export Invoice", names.EXPORT, style="primary")
        view = export_view(form, channel_id)
        view_id = await reply.open_view(request, view, again=again)
        if view_id:
            await self.forms.attach_view(request.person, form.draft_id, view_id)

    async def is_number(self, request: SlackRequest, typed: str) -> bool:
        """Say whether these several words are the number of one invoice."""
        return await self.forms.is_number(request.person, typed)

    async def show(self, request: SlackRequest, number: str) -> None:
        """Show an exported invoice's card; one that is not in Xero yet is shown in the form."""
        await request.ack()
        found = await self.forms.card(request.person, number) if number else None
        if found is None:
            await self.open_for(request, number)
            return
        facts, role = found
        text, drawn = card_of(facts)
        await reply.tell(request, text, rights.within(role, drawn))

    async def choose(self, request: SlackRequest) -> None:
        """Draw the form again after something was chosen in it."""
        await request.ack()
        view = reply.view_of(request.body)
        if view.get("callback_id") != names.EXPORT:
            return
        note = note_of(view)
        form = await self.forms.choose(note.draft_id, request.person, export_choice(view))
        drawn = export_view(form, note.channel_id)
        await reply.redraw(request.client, view["id"], drawn, view_hash=view.get("hash", ""))

    async def refresh(self, request: SlackRequest) -> None:
        """Read Xero and Paymo again."""
        await request.ack()
        view = reply.view_of(request.body)
        draft_id = number_in(pressed(request.body).get("value", "")) or note_of(view).draft_id
        form = await self.forms.refresh(draft_id, request.person)
        drawn = export_view(form, note_of(view).channel_id)
        await reply.redraw(request.client, view.get("id", ""), drawn)

    async def act(self, request: SlackRequest) -> None:
        """Do what the button says: in the form change it, after a refusal try again with it."""
        view = reply.view_of(request.body)
        action = Action(pressed(request.body)["action_id"])
        draft_id = note_of(view).draft_id
        if not draft_id or action not in CHANGES_CHOICE:
            await reply.begin(request, self.workspaces, partial(self.requests.act, pressed=action))
            return
        await request.ack()
        form = await self.forms.act(draft_id, request.person, action)
        channel_id = note_of(view).channel_id
        # Slack keeps what a field shows for as long as the field is there: away with it first.
        for drawn in (replace(form, is_reading=True), form):
            await reply.redraw(request.client, view["id"], export_view(drawn, channel_id))

    async def cancel(self, request: SlackRequest) -> None:
        """Leave an export that was refused."""
        await request.ack()
        said = await self.requests.cancel(request.person, reply.export_id_of(request))
        view = reply.view_of(request.body)
        if view:
            drawn = said_view(said, note_of(view).channel_id)
            await reply.redraw(request.client, view["id"], drawn)
        else:
            await reply.tell(request, blocks.render(said))

    async def reopen(self, request: SlackRequest) -> None:
        """Open the form for the invoice of a refused export, with everything read anew."""
        await request.ack()
        form = await self.forms.reopen(request.person, reply.export_id_of(request))
        view = reply.view_of(request.body)
        channel_id = note_of(view).channel_id or request.person.channel_id
        drawn = export_view(form, channel_id)
        if view:
            await reply.redraw(request.client, view["id"], drawn)
            view_id = str(view["id"])
        else:
            again = blocks.button(
                "Look Again", Action.LOOK_AGAIN, reply.export_id_of(request), style="primary"
            )
            view_id = await reply.open_view(request, drawn, again=again)
        if view_id:
            await self.forms.attach_view(request.person, form.draft_id, view_id)

    async def submit(self, request: SlackRequest) -> None:
        """Claim the invoice; what comes of it is drawn over the form."""
        view = request.body["view"]
        note = note_of(view)
        person = replace(request.person, channel_id=note.channel_id)
        reply_to = await reply_target(self.workspaces, request)
        choice = export_choice(view)
        number = await self.requests.request(person, note.draft_id, choice, reply_to)
        said = f"Invoice {blocks.one_line(number)} is on its way to Xero."
        update = {"response_action": "update", "view": reply.working_view(said, note.channel_id)}
        await request.ack(update)

    async def invoice_options(self, request: SlackRequest) -> None:
        """Offer Paymo's invoices."""
        found = await self.forms.invoice_options(request.person, typed(request.body))
        await request.ack(blocks.listed(found))

    async def contact_options(self, request: SlackRequest) -> None:
        """Offer contacts, the likeliest first, and adding a new one."""
        draft_id = note_of(request.body.get("view") or {}).draft_id
        client_id = await self.forms.client_of(request.person, draft_id)
        found = await self.matching.contact_options(
            request.person, typed(request.body), client_id=client_id
        )
        await request.ack(blocks.grouped(found))

    async def account_options(self, request: SlackRequest) -> None:
        """Offer accounts that can take sales, each with its tax."""
        found = await self.matching.account_options(request.person, typed(request.body))
        await request.ack(blocks.grouped(found))


@dataclass(frozen=True, slots=True)
class SlackExportScreen:
    """Draws into the person's open modal, or whispers to them when it is gone."""

    clients: SlackClients

    async def show_form(self, reply_to: ReplyTarget, form: ExportForm) -> None:
        """Draw the open form again; nothing happens when the person closed it."""
        if reply_to.view_id:
            with nobody_has_to_look():
                client = await self.clients.client(reply_to.workspace_id)
                await reply.redraw(client, reply_to.view_id, export_view(form, reply_to.channel_id))

    async def show_result(self, reply_to: ReplyTarget, result: ExportResult) -> None:
        """Show the outcome in the open view, or to the person alone when it was closed."""
        view = result_view(result, reply_to.channel_id)
        with nobody_has_to_look():
            client = await self.clients.client(reply_to.workspace_id)
            await reply.show(client, reply_to, view, result_text(result))

    async def say(self, reply_to: ReplyTarget, said: Said) -> None:
        """Say it in the open view, or to the person alone when it was closed."""
        await say(self.clients, reply_to, said)
