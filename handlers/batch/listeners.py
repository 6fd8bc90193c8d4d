"""Exporting many invoices from Slack: the table, the answers that it waits for, the press."""

from collections.abc import Sequence
from dataclasses import dataclass

from handlers import blocks, names, reply
from handlers.batch.text import BEGUN, GONE, report_text
from handlers.batch.views import batch_view, first_boxes, marks_in, report_blocks
from handlers.buttons import check_button
from handlers.export.listeners import ExportListeners
from handlers.matching.listeners import MatchingListeners
from handlers.reply import Screen
from handlers.routing import SlackRequest, key_in
from services.batch.service import BatchService
from services.batch.table import BatchForm
from services.errors import NotAccepted, NotFound
from services.model.people import ReplyTarget


@dataclass(frozen=True, slots=True)
class BatchListeners:
    """One call of the batch service for each thing a person does."""

    service: BatchService
    matching: MatchingListeners
    export: ExportListeners

    async def open(self, request: SlackRequest, numbers: Sequence[str] = ()) -> None:
        """Open the table of the invoices with these numbers, or of all that are not exported."""
        batch_id = None if numbers else key_in(request.value)
        if batch_id is None:
            form = await self.service.open(request.person, numbers)
        else:  # a table that Slack didn't open
            form = await self.service.form(request.person, batch_id)
        await self._open(request, form)

    async def fix_failed(self, request: SlackRequest) -> None:
        """Open the table of the invoices that failed; in their report's place, if that is open."""
        batch_id = request.id_in_value(GONE)
        form = await self.service.open_failed(request.person_in_channel, batch_id)
        await self._go_on(request, form)

    async def check(self, request: SlackRequest) -> None:
        """Show what of the last 90 days can be exported; in a modal, in its place."""
        await self._go_on(request, await self.service.check(request.person_in_channel))

    async def select(self, request: SlackRequest) -> None:
        """Say what is selected now."""
        form = await self.service.form(request.person, await self._marked(request))
        await reply.redraw_open(request, batch_view(form))

    async def select_all(self, request: SlackRequest) -> None:
        """Select everything that is ready."""
        await self._select(request, is_all=True)

    async def select_none(self, request: SlackRequest) -> None:
        """Select nothing."""
        await self._select(request, is_all=False)

    async def _select(self, request: SlackRequest, *, is_all: bool) -> None:
        batch_id = await self._marked(request)
        form = await self.service.select_all(request.person, batch_id, is_all=is_all)
        await reply.redraw_open(request, batch_view(form))

    async def show_page(self, request: SlackRequest) -> None:
        """Go to the page that the button names, or to the overview."""
        batch_id = await self._marked(request)
        page = key_in(request.value)
        form = await self.service.show_page(request.person, batch_id, page)
        await reply.redraw_open(request, batch_view(form))

    async def fix(self, request: SlackRequest) -> None:
        """Open the export form of one invoice on top of the table."""
        batch_id = await self._marked(request)
        invoice_id = request.id_in_value(GONE, is_paymos=True)
        form = await self.service.fix(request.person_in_channel, batch_id, invoice_id)
        again = blocks.button("Export Invoice", names.EXPORT, style="primary")
        await self.export.open_form(request, form, again)

    async def fixed(self, request: SlackRequest) -> None:
        """Come back to the table from what was open on top of it."""
        note = request.note
        if note.batch_id:
            form = await self.service.fixed(request.person, note.batch_id, note.draft_id)
            await reply.redraw(request.client, form.view_id, batch_view(form))

    async def match_client(self, request: SlackRequest) -> None:
        """Ask where a client goes, on top of the table where there is one."""
        client_id = request.id_in_value(GONE, is_paymos=True)
        batch_id = await self._marked(request) if request.view else 0
        await self.matching.open(request, client_id, batch_id)

    async def choose_untaxed(self, request: SlackRequest) -> None:
        """Take the rate of lines without tax that was chosen in the table; it holds for all."""
        batch_id = await self._marked(request)
        form = await self.service.choose_untaxed(request.person, batch_id, request.value)
        await reply.redraw_open(request, batch_view(form))

    async def submit_match(self, request: SlackRequest) -> None:
        """Remember a match; over a table, ask about its next client and judge it again."""
        batch_id = request.note.batch_id
        if not batch_id:
            await self.matching.submit(request)
            return
        choice, _ = await self.matching.save(request)
        # Judged before the next client is asked about, since the answer may come faster than that.
        form = await self.service.matched(request.person, batch_id)
        waiting = [each.client_id for each in form.missing if each.client_id != choice.client_id]
        if not waiting:
            await request.ack()
            await reply.redraw(request.client, form.view_id, batch_view(form))
            return
        following = await self.matching.service.open(request.person, waiting[0])
        said = await self.matching.say_saved(request, choice, following, len(waiting))
        # Drawn before the next one can be answered, or this table could cover that answer's.
        await reply.redraw(request.client, form.view_id, batch_view(form))
        await self.matching.ask_next(request, following, said)

    async def submit(self, request: SlackRequest) -> None:
        """Have everything exported that is selected; the view shows how far it is from here on."""
        marks = marks_in(request.view)
        try:
            form = await self.service.confirm(request.person, request.note.batch_id, marks)
        except NotAccepted as refusal:
            [said] = refusal.fields.values()
            raise NotAccepted({first_boxes(request.view) or names.SELECTED: said}) from refusal
        await reply.confirm(request, batch_view(form), BEGUN)

    async def _marked(self, request: SlackRequest) -> int:
        """Keep what is selected on the page that is shown, and return which batch it is."""
        batch_id = request.note.batch_id
        if not batch_id:
            raise NotFound(GONE)
        await self.service.mark(request.person, batch_id, marks_in(request.view))
        return batch_id

    async def _go_on(self, request: SlackRequest, form: BatchForm) -> None:
        """Draw it in place of what led to it: Slack puts only two views on top of a first."""
        if not request.view:
            await self._open(request, form)
            return
        await reply.redraw_open(request, batch_view(form))
        view_id = str(request.view["id"])
        await self.service.attach_view(request.person, form.batch_id, view_id)

    async def _open(self, request: SlackRequest, form: BatchForm) -> None:
        again = blocks.button("Export Invoices", names.EXPORT_ALL, form.batch_id, style="primary")
        if form.since:
            again = check_button()
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
