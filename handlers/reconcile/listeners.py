"""Comparing both systems: asked for by command or button, answered to whoever asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from handlers import blocks, reply
from handlers.reconcile.text import (
    CLOSE_TO_READ,
    begun_text,
    file_text,
    found_lines,
    linked_text,
    relink_text,
    report_text,
)
from handlers.reconcile.views import link_button, report_blocks, report_file
from handlers.reply import Screen, reply_target
from handlers.routing import SlackRequest
from handlers.slack import best_effort, no_file_text, share_csv
from services.connect.service import WorkspaceService
from services.model.people import ReplyTarget
from services.reconcile.relinking import Relinkable
from services.reconcile.report import Report
from services.reconcile.service import ReconcileService


@dataclass(frozen=True, slots=True)
class ReconcileListeners:
    """One call of the service for each thing a person does."""

    service: ReconcileService
    workspaces: WorkspaceService

    async def compare(self, request: SlackRequest, typed: Sequence[str]) -> None:
        """Have a month compared, or this one where none is named."""
        reply_to = await reply_target(self.workspaces, request)
        begun = await self.service.ask(request.person, " ".join(typed), reply_to)
        await reply.tell_waiting(request, begun_text(begun))

    async def again(self, request: SlackRequest) -> None:
        """Compare the month that a button names."""
        await self.compare(request, [request.value])

    async def find_former(self, request: SlackRequest) -> None:
        """Look for former exports that the database doesn't know."""
        await self._relink(request, is_agreed=False)

    async def link_former(self, request: SlackRequest) -> None:
        """Link the former exports that were shown."""
        await self._relink(request, is_agreed=True)

    async def _relink(self, request: SlackRequest, *, is_agreed: bool) -> None:
        connection_id = request.id_in_value()
        reply_to = await reply_target(self.workspaces, request)
        asked = (request.person, connection_id, reply_to)
        is_new = await self.service.relink(*asked, is_agreed=is_agreed)
        await reply.tell_waiting(request, relink_text(is_agreed=is_agreed, is_new=is_new))


@dataclass(frozen=True, slots=True)
class SlackReconcileScreen(Screen):
    """Tells the person who asked."""

    install_url: str = ""  # where an admin grants new permissions

    async def show_report(self, reply_to: ReplyTarget, report: Report) -> None:
        """Show what differs, each with the button that helps.

        A list is a message, which is there for as long as it takes to go through it.
        """
        first, *rest = report_blocks(report)
        if len(rest) == 1:
            await self.say_text(reply_to, report_text(report), rest)
        else:
            await self.tell(reply_to, report_text(report), [first, *rest])
            await self.draw(reply_to, [first, blocks.context(CLOSE_TO_READ)])
        await self.send_file(reply_to, report)

    async def send_file(self, reply_to: ReplyTarget, report: Report) -> None:
        """Send all rows to this person directly."""
        if not report.rows:
            return
        with best_effort():
            client = await self.clients.client(reply_to.workspace_id)
            said = file_text(report)
            if why := await share_csv(client, reply_to.user_id, report_file(report), said):
                await self.tell(reply_to, no_file_text(why, self.install_url))

    async def show_former(self, reply_to: ReplyTarget, found: Relinkable) -> str:
        """Show what was found of former exports, with the button that links them.

        Returns what to ask where the form was closed, if there is something to link.
        """
        lines = found_lines(found)
        text = "\n".join(blocks.one_line(each) for each in lines)
        if not found.pairs:
            await self.say_text(reply_to, text)
            return ""
        ways_on = blocks.actions([link_button(found.connection.id)], about=found.connection.id)
        drawn = [*blocks.paragraphs(text.split("\n")), *ways_on]
        return "" if await self.draw(reply_to, drawn) else "\n".join(lines)

    async def show_linked(self, reply_to: ReplyTarget, count: int, found: Relinkable) -> None:
        """Say how many former exports are linked."""
        await self.say_text(reply_to, f"✅ {linked_text(count, found)}")

    async def show_wait(self, reply_to: ReplyTarget, reason: str) -> None:
        """Say until when it waits."""
        await self.say_text(reply_to, f"⏳ {blocks.render(reason)}")

    async def show_refusal(self, reply_to: ReplyTarget, reason: str) -> None:
        """Say why nothing was compared."""
        await self.say_text(reply_to, f"⛔ {blocks.render(reason)}")
