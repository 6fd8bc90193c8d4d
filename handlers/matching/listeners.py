"""Matching clients with contacts and accounts, one client after the other."""

import html
from dataclasses import dataclass

from handlers import blocks, names, reply
from handlers.matching.text import CHOOSE_CLIENT, done_text
from handlers.matching.views import TITLE, match_view
from handlers.routing import Body, SlackRequest, chosen, field_of, number_in
from services.errors import NotAccepted
from services.matching.service import MatchChoice, MatchForm, MatchingService


@dataclass(frozen=True, slots=True)
class MatchingListeners:
    """One call of the matching service for each thing a person does."""

    service: MatchingService

    async def open(
        self, request: SlackRequest, client_id: int | None = None, batch_id: int = 0
    ) -> None:
        """Open the form for one client, or the first without a match; on top of a batch, if any."""
        form = await self.service.open(request.person, client_id)
        again = blocks.button(TITLE, names.MATCH, style="primary")
        await reply.open_view(request, match_view(form, batch_id=batch_id), again=again)

    async def choose_client(self, request: SlackRequest) -> None:
        """Draw the form for another client."""
        if request.view.get("callback_id") != names.MATCH:
            return
        form = await self.service.open(request.person, number_in(request.value))
        batch_id = request.note.batch_id
        # Slack keeps what a field shows for as long as the field stays, so it goes and comes back.
        for is_bare in (True, False):
            drawn = match_view(form, is_bare=is_bare, batch_id=batch_id)
            await reply.redraw_open(request, drawn)

    async def submit(self, request: SlackRequest) -> None:
        """Remember the match and go on to the next client."""
        choice, form = await self.save(request)
        said = await self.say_saved(request, choice, form, form.unmatched)
        await self.ask_next(request, form, said)

    async def say_saved(
        self, request: SlackRequest, choice: MatchChoice, form: MatchForm, left: int
    ) -> str:
        """Say what was saved; `ask_next` says it again."""
        said = done_text(_named(request.view), left, has_account=bool(choice.account_id))
        is_bare, batch_id = form.client is not None, request.note.batch_id
        view = match_view(form, said=said, is_bare=is_bare, batch_id=batch_id)
        await reply.confirm(request, view, said)
        return said

    async def ask_next(self, request: SlackRequest, form: MatchForm, said: str) -> None:
        """Ask about the next client, if there is one."""
        if form.client is not None:
            drawn = match_view(form, said=said, batch_id=request.note.batch_id)
            await reply.redraw_open(request, drawn)

    async def save(self, request: SlackRequest) -> tuple[MatchChoice, MatchForm]:
        """Remember the match; return it, and the form for the next client."""
        view = request.view
        client_id = number_in(chosen(view, names.CLIENT)) or request.note.client_id
        if not client_id:
            raise NotAccepted({names.CLIENT: CHOOSE_CLIENT})
        choice = MatchChoice(
            client_id=client_id,
            contact_id=chosen(view, names.CONTACT),
            account_id=chosen(view, names.ACCOUNT),
        )
        return choice, await self.service.save(request.person, choice)

    async def client_options(self, request: SlackRequest) -> None:
        """Offer Paymo's clients."""
        found = await self.service.client_options(request.person, request.typed)
        await request.ack(blocks.listed(found))

    async def contact_options(self, request: SlackRequest) -> None:
        """Offer contacts, the likeliest first, and adding a new one."""
        # What the menu's request says of other fields may be older than the form's own note.
        client_id = request.note.client_id or number_in(chosen(request.view, names.CLIENT))
        found = await self.service.contact_options(
            request.person, request.typed, client_id=client_id
        )
        await request.ack(blocks.grouped(found))

    async def account_options(self, request: SlackRequest) -> None:
        """Offer accounts that can take sales, each with its tax."""
        found = await self.service.account_options(request.person, request.typed)
        await request.ack(blocks.grouped(found))


def _named(view: Body) -> str:
    option = field_of(view, names.CLIENT).get("selected_option") or {}
    return html.unescape(option.get("text", {}).get("text", "")) or "The client"
