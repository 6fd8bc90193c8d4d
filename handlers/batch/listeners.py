"""Exporting many invoices from Slack: the table, the answers that it waits for, the press."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from handlers import blocks, names, reply
from handlers.batch.text import report_text
from handlers.batch.views import batch_view, report_blocks, undone_ids
from handlers.matching.listeners import MatchingListeners
from handlers.reply import SlackClients
from handlers.routing import SlackRequest, note_of, number_in, pressed
from handlers.slack import nobody_has_to_look
from services.batch.service import BatchService
from services.batch.table import BatchForm
from services.errors import NotFound
from services.model.people import ReplyTarget

_GONE = "This button does not belong to a batch any more."


@dataclass(frozen=True, slots=True)
class BatchListeners:
    """One call of the batch service for each thing a person does."""

    service: BatchService
    matching: MatchingListeners

    async def open_all(self, request: SlackRequest) -> None:
        """Open the table of everything that is not exported yet."""
        await self.open_for(request, ())

    async def open_for(self, request: SlackRequest, numbers: Sequence[str]) -> None:
        """Open the table of the invoices with these numbers."""
        await request.ack()
        await self._open(request, await self.service.open(request.person, numbers))

    async def fix_failed(self, request: SlackRequest) -> None:
        """Open the table of the invoices that failed."""
        await request.ack()
        batch_id = number_in(pressed(request.body).get("value", ""))
        if batch_id is None:
            raise NotFound(_GONE)
        note = note_of(reply.view_of(request.body))
        person = request.person
        if not person.channel_id:
            person = replace(person, channel_id=note.channel_id)
        await self._open(request, await self.service.open_failed(person, batch_id))

    async def match_client(self, request: SlackRequest) -> None:
        """Ask on top of the table where a client goes."""
        await request.ack()
        client_id = number_in(pressed(request.body).get("value", ""))
        note = note_of(reply.view_of(request.body))
        if client_id is None or not note.batch_id:
            raise NotFound(_GONE)
        await self.matching.open_for(request, client_id, note.batch_id)

    async def choose_untaxed(self, request: SlackRequest) -> None:
        """Take the rate of lines without tax that was chosen in the table; it holds for all."""
        await request.ack()
        view = reply.view_of(request.body)
        selected = pressed(request.body).get("selected_option") or {}
        batch_id, tax_type = note_of(view).batch_id, str(selected.get("value", ""))
        form = await self.service.choose_untaxed(request.person, batch_id, tax_type)
        await reply.redraw(request.client, view.get("id", ""), batch_view(form))

    async def submit_match(self, request: SlackRequest) -> None:
        """Remember a match; over a table, go back to it and judge it again."""
        note = note_of(request.body["view"])
        if not note.batch_id:
            await self.matching.submit(request)
            return
        await self.matching.save(request)
        await request.ack()
        form = await self.service.matched(request.person, note.batch_id)
        await reply.redraw(request.client, form.view_id, batch_view(form))

    async def submit(self, request: SlackRequest) -> None:
        """Have everything exported that is ready; the view shows how far it is from here on."""
        view = request.body["view"]
        batch_id, again = note_of(view).batch_id, undone_ids(view)
        form = await self.service.confirm(request.person, batch_id, again)
        await request.ack({"response_action": "update", "view": batch_view(form)})

    async def _open(self, request: SlackRequest, form: BatchForm) -> None:
        again = blocks.button("Export Invoices", names.EXPORT_ALL, style="primary")
        view_id = await reply.open_view(request, batch_view(form), again=again)
        if view_id:
            await self.service.attach_view(request.person, form.batch_id, view_id)


@dataclass(frozen=True, slots=True)
class SlackBatchScreen:
    """Draws into the person's open modal, or whispers the report to them when it is gone."""

    clients: SlackClients

    async def show_batch(self, reply_to: ReplyTarget, form: BatchForm) -> None:
        """Draw the open view again; nothing happens when the person closed it."""
        if reply_to.view_id:
            with nobody_has_to_look():
                client = await self.clients.client(reply_to.workspace_id)
                await reply.redraw(client, reply_to.view_id, batch_view(form))

    async def show_ended(self, reply_to: ReplyTarget, form: BatchForm) -> None:
        """Show the end in the open view, or to the person alone when it was closed."""
        with nobody_has_to_look():
            client = await self.clients.client(reply_to.workspace_id)
            if not await reply.draw(client, reply_to, batch_view(form)):
                said = report_blocks(form)
                await reply.ephemeral(
                    client, reply_to.channel_id, reply_to.user_id, report_text(form), said
                )
