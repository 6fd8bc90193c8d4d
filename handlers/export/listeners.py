"""Exporting from Slack: the form, its menus, the press, and the buttons that help afterwards."""

import html
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from handlers import blocks, names, reply, rights
from handlers.blocks import Block
from handlers.export.text import NO_NUMBER, on_its_way_text, result_text
from handlers.export.views import export_choice, export_view, result_view
from handlers.notices.views import card_of, shared_card
from handlers.reply import Screen
from handlers.routing import SlackRequest, day_in, key_in, pressed
from handlers.slack import best_effort
from services.connect.service import WorkspaceService
from services.errors import NotAccepted
from services.export.drafts import ExportForms
from services.export.forms import ExportForm
from services.export.recording import ExportResult
from services.export.requests import ExportRequests
from services.model.actions import CHANGES_CHOICE, Action
from services.model.people import ReplyTarget, Role

_MOST_LINKS = 10
_LONGEST = 40_000  # characters, as Slack allows in a message's own text
_READ = frozenset({"text", "fallback", "pretext", "title"})


@dataclass(frozen=True, slots=True)
class ExportListeners:
    """One call of the export service for each thing a person does."""

    forms: ExportForms
    requests: ExportRequests
    workspaces: WorkspaceService

    async def open(self, request: SlackRequest) -> None:
        """Open the form, for the invoice that the button names, if any."""
        await self.open_for(request, html.unescape(request.value))

    async def open_for(self, request: SlackRequest, number: str) -> None:
        """Open the form for the invoice with this number, or its card if it is exported."""
        if number and (found := await self.forms.exported(request.person, number)):
            await _tell_card(request, *found)
            return
        form = await self.forms.open(request.person, number)
        again = blocks.button("Export Invoice", names.EXPORT, style="primary")
        await self.open_form(request, form, again)

    async def open_form(self, request: SlackRequest, form: ExportForm, again: Block) -> None:
        """Open a form that was begun; in a modal, on top of it."""
        view = export_view(form, request.person_in_channel.channel_id)
        if view_id := await reply.open_view(request, view, again=again):
            await self.forms.attach_view(request.person, form.draft_id, view_id)

    async def is_number(self, request: SlackRequest, typed: str) -> bool:
        """Say whether these several words are the number of one invoice."""
        return await self.forms.is_number(request.person, typed)

    async def mentioned(self, request: SlackRequest) -> list[str]:
        """Return the numbers that the message names on which a shortcut is used, or say so."""
        message = request.body.get("message") or {}
        texts = (str(message.get("text", "")), "\n".join(_more_of(message))[:_LONGEST])
        for text in dict.fromkeys(texts):
            found = await self.forms.mentioned(request.person, html.unescape(text))
            if found:
                return found
        await reply.tell(request, NO_NUMBER)
        return []

    async def unfurl(self, request: SlackRequest) -> None:
        """Put cards under shared links, without what changes something; elsewhere nothing."""
        event = request.body["event"]
        links = event.get("links")
        shared = (
            [each for each in links if isinstance(each, dict)] if isinstance(links, list) else []
        )
        urls = [str(each.get("url", "")) for each in shared[:_MOST_LINKS]]
        cards = await self.forms.shared(request.person, urls)
        if cards:
            unfurls = {url: {"blocks": shared_card(facts)} for url, facts in cards.items()}
            with best_effort():
                await request.client.chat_unfurl(
                    channel=event["channel"], ts=event["message_ts"], unfurls=unfurls
                )

    async def show(self, request: SlackRequest, number: str) -> None:
        """Show an exported invoice's card; one that is not in Xero yet is shown in the form."""
        found = await self.forms.card(request.person, number) if number else None
        if found is None:
            await self.open_for(request, number)
            return
        await _tell_card(request, *found)

    async def choose(self, request: SlackRequest) -> None:
        """Draw the form again after something was chosen in it."""
        view, note = request.view, request.note
        if view.get("callback_id") == names.EXPORT:
            choice = export_choice(view)
            form = await self.forms.choose(note.draft_id, request.person, choice)
            await self._draw(request, form)

    async def choose_day(self, request: SlackRequest) -> None:
        """Draw the form again with the date that was chosen in it."""
        action, note = pressed(request.body), request.note
        day, is_due = day_in(str(action.get("selected_date"))), action["action_id"] == names.DUE_ON
        form = await self.forms.choose_day(note.draft_id, request.person, is_due=is_due, day=day)
        if not is_due and names.DUE_ON in form.days:
            await self._redraw_all(request, form)
        else:
            await self._draw(request, form)

    async def _draw(
        self, request: SlackRequest, form: ExportForm, *, is_unfolded: bool = False
    ) -> None:
        """Draw what was chosen; where the form was drawn since, draw it as it is now."""
        drawn = export_view(form, request.note.channel_id, is_unfolded=is_unfolded)
        view_hash = request.view.get("hash", "")
        if await reply.redraw_open(request, drawn, view_hash=view_hash) is not None:
            return
        if now := await self.forms.unsent(form.draft_id, request.person):
            await reply.redraw_open(request, export_view(now, request.note.channel_id))

    async def refresh(self, request: SlackRequest) -> None:
        """Read Xero and Paymo again."""
        draft_id = key_in(request.value) or request.note.draft_id
        await self._draw(request, await self.forms.refresh(draft_id, request.person))

    async def unfold(self, request: SlackRequest) -> None:
        """Show the checks that passed and all lines, or fold them again."""
        form = await self.forms.form(request.note.draft_id, request.person)
        await self._draw(request, form, is_unfolded=bool(request.value))

    async def act(self, request: SlackRequest) -> None:
        """Do what the button says: in the form change it, after a refusal try again with it."""
        action, note = Action(pressed(request.body)["action_id"]), request.note
        if not note.draft_id or action not in CHANGES_CHOICE:
            await reply.begin(request, self.workspaces, partial(self.requests.act, pressed=action))
            return
        form = await self.forms.act(note.draft_id, request.person, action)
        await self._redraw_all(request, form)

    async def _redraw_all(self, request: SlackRequest, form: ExportForm) -> None:
        """Slack keeps what a field shows for as long as the field is there: away with it first."""
        await self._draw(request, replace(form, is_reading=True))
        await reply.redraw_open(request, export_view(form, request.note.channel_id))

    async def approve(self, request: SlackRequest) -> None:
        """Approve, as the second person, what the message shows."""
        export_id, _, seen = request.value.partition(":")
        said = await self.requests.approve(request.person, key_in(export_id) or 0, seen)
        await reply.decided(request, said)

    async def cancel(self, request: SlackRequest) -> None:
        """Leave an export that was refused."""
        said = await self.requests.cancel(request.person, request.id_in_value())
        if request.view:
            drawn = [blocks.section(blocks.render(said))]
            note = request.note
            view = reply.export_view_of(drawn, note.channel_id, note.batch_id)
            await reply.redraw_open(request, view)
        else:
            await reply.tell(request, blocks.render(said))

    async def reopen(self, request: SlackRequest) -> None:
        """Open the form for the invoice of a refused export, with everything read anew."""
        export_id = request.id_in_value()
        form = await self.forms.reopen(request.person, export_id)
        if request.view:
            drawn = export_view(form, request.note.channel_id or request.person.channel_id)
            await reply.redraw_open(request, drawn)
            view_id = str(request.view["id"])
            await self.forms.attach_view(request.person, form.draft_id, view_id)
        else:
            again = blocks.button("Review Again", Action.LOOK_AGAIN, export_id, style="primary")
            await self.open_form(request, form, again)

    async def submit(self, request: SlackRequest) -> None:
        """Claim the invoice; what comes of it is drawn over the form, or what to fix first."""
        note = request.note
        person = replace(request.person, channel_id=note.channel_id)
        choice = export_choice(request.view)
        try:
            number = await self.requests.request(person, note.draft_id, choice, request.reply_to())
        except NotAccepted as refusal:
            form = await self.forms.choose(note.draft_id, request.person, choice)
            why = next(iter(refusal.fields.values()))
            if await request.update(export_view(form, note.channel_id, refused=why)):
                return
            raise
        said = on_its_way_text(number)
        view = reply.working_view(said, note.channel_id, note.batch_id)
        await reply.confirm(request, view, f"⏳ {said}")

    async def invoice_options(self, request: SlackRequest) -> None:
        """Offer Paymo's invoices."""
        found = await self.forms.invoice_options(request.person, request.typed)
        await request.ack(blocks.grouped(found))

    async def contact_options(self, request: SlackRequest) -> None:
        """Offer contacts, the likeliest first, and adding a new one."""
        draft_id = request.note.draft_id
        found = await self.forms.contact_options(request.person, draft_id, request.typed)
        await request.ack(blocks.grouped(found))


def _more_of(part: object) -> Iterator[str]:
    """Yield what is read in a message beside its text: another app may say all of it in blocks."""
    if isinstance(part, list):
        for each in part:
            yield from _more_of(each)
    elif isinstance(part, dict):
        read = _READ | {"value"} if "title" in part else _READ  # a button's value nobody reads
        for key, each in part.items():
            if isinstance(each, str):
                yield from [each] if key in read else []
            else:
                yield from _more_of(each)


async def _tell_card(request: SlackRequest, facts: dict[str, Any], role: Role) -> None:
    """Show an exported invoice's card, with the acts that this role may press."""
    text, drawn = card_of(facts)
    await reply.tell(request, text, rights.within(role, drawn))


class SlackExportScreen(Screen):
    """Draws into the person's open modal, or tells them alone when it is gone."""

    async def show_form(
        self, reply_to: ReplyTarget, form: ExportForm, drawn: str = ""
    ) -> str | None:
        """Draw the open form again; a view's hash shows whether anything came since."""
        view = export_view(form, reply_to.channel_id)
        return await self.redraw(reply_to, view, view_hash=drawn)

    async def show_result(self, reply_to: ReplyTarget, result: ExportResult) -> None:
        """Show the outcome; with a view's hash, only where nothing came since."""
        view = result_view(result, reply_to.channel_id, reply_to.batch_id)
        if reply_to.view_hash:
            await self.redraw(reply_to, view, view_hash=reply_to.view_hash)
            return
        await self.show(reply_to, view, result_text(result))
