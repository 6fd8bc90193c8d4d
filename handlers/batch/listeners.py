"""Exporting many invoices from Slack: the table, the answers that it waits for, the press."""

from collections.abc import Sequence
from dataclasses import dataclass

from handlers import blocks, names, reply
from handlers.batch.text import GONE, report_text
from handlers.batch.views import batch_view, report_blocks, undone_ids
from handlers.matching.listeners import MatchingListeners
from handlers.reply import Screen
from handlers.routing import SlackRequest
from services.batch.service import BatchService
from services.batch.table import BatchForm
from services.errors import NotFound
from services.model.people import ReplyTarget


@dataclass(frozen=True, slots=True)
class BatchListeners:
    """One call of the batch service for each thing a person does."""

    service: BatchService
    matching: MatchingListeners

    async def open(self, request: SlackRequest, numbers: Sequence[str] = ()) -> None:
        """Open the table of the invoices with these numbers, or of all that are not exported."""
        await self._open(request, await self.service.open(request.person, numbers))

    async def fix_failed(self, request: SlackRequest) -> None:
        """Open the table of the invoices that failed."""
        batch_id = request.id_in_value(GONE)
        await self._open(
            request, await self.service.open_failed(request.person_in_channel, batch_id)
        )

    async def match_client(self, request: SlackRequest) -> None:
        """Ask on top of the table where a client goes."""
        client_id, batch_id = request.id_in_value(GONE), request.note.batch_id
        if not batch_id:
            raise NotFound(GONE)
        await self.matching.open(request, client_id, batch_id)

    async def choose_untaxed(self, request: SlackRequest) -> None:
        """Take the rate of lines without tax that was chosen in the table; it holds for all."""
        batch_id = request.note.batch_id
        form = await self.service.choose_untaxed(request.person, batch_id, request.value)
        await reply.redraw_open(request, batch_view(form))

    async def submit_match(self, request: SlackRequest) -> None:
        """Remember a match; over a table, go back to it and judge it again."""
        batch_id = request.note.batch_id
        if not batch_id:
            await self.matching.submit(request)
            return
        await self.matching.save(request)
        await request.ack()
        form = await self.service.matched(request.person, batch_id)
        await reply.redraw(request.client, form.view_id, batch_view(form))

    async def submit(self, request: SlackRequest) -> None:
        """Have everything exported that is ready; the view shows how far it is from here on."""
        again = undone_ids(request.view)
        form = await self.service.confirm(request.person, request.note.batch_id, again)
        await request.update(batch_view(form))

    async def _open(self, request: SlackRequest, form: BatchForm) -> None:
        again = blocks.button("Export Invoices", names.EXPORT_ALL, style="primary")
        if view_id := await reply.open_view(request, batch_view(form), again=again):
            await self.service.attach_view(request.person, form.batch_id, view_id)


class SlackBatchScreen(Screen):
    """Draws into the person's open modal, or tells them alone when it is gone."""

    async def show_batch(self, reply_to: ReplyTarget, form: BatchForm) -> None:
        """Draw the open view again."""
        await self.redraw(reply_to, batch_view(form))

    async def show_ended(self, reply_to: ReplyTarget, form: BatchForm) -> None:
        """Show the end; a message holds less of it than a view."""
        await self.show(reply_to, batch_view(form), report_text(form), report_blocks(form))
