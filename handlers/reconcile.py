"""Comparing both systems: asked for by command or button, answered to whoever asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from handlers import answers, blocks
from handlers.clients import SlackClients
from handlers.files import share_csv
from handlers.places import place_of
from handlers.reading import pressed
from handlers.reconcile_csv import report_file
from handlers.reconcile_words import report_blocks, report_text
from handlers.routing import SlackRequest
from handlers.slack_errors import nobody_has_to_look
from services.connect.workspaces import WorkspaceService
from services.model import Place
from services.reconcile.service import ReconcileService
from services.reconcile.shapes import Report

_NO_FILE = (
    "⚠️ Slack did not take the file. If the app was installed before it sent files, install it "
    "again from its page."
)


@dataclass(frozen=True, slots=True)
class Reconcile:
    """One call of the service for each thing a person does."""

    service: ReconcileService
    workspaces: WorkspaceService

    async def compare(self, request: SlackRequest, typed: Sequence[str]) -> None:
        """Have a month compared, or this one where none is named."""
        await request.ack()
        place = await place_of(self.workspaces, request)
        begun = await self.service.ask(request.person, " ".join(typed), place)
        company, organisation = blocks.one_line(begun.company), blocks.one_line(begun.organisation)
        what = f"{begun.label}: {company} in Paymo with {organisation} in Xero"
        if begun.is_new:
            await answers.tell(request, f"⏳ Comparing {what}. You are told here what came of it.")
        else:
            await answers.tell(request, f"⏳ Still comparing {what}, as you asked before.")

    async def again(self, request: SlackRequest) -> None:
        """Compare the month that a button names."""
        await self.compare(request, [str(pressed(request.body).get("value", ""))])


@dataclass(frozen=True, slots=True)
class SlackReconcileScreen:
    """Whispers to the person who asked."""

    clients: SlackClients

    async def show_report(self, place: Place, report: Report) -> None:
        """Show what differs, each with the button that helps."""
        text = report_text(report)
        await self._whisper(place, text, report_blocks(report))
        await self.send_file(place, report)

    async def send_file(self, place: Place, report: Report) -> None:
        """Send all rows to this person directly."""
        if not report.rows:
            return
        with nobody_has_to_look():
            client = await self.clients.client(place.workspace_id)
            said = f"All {len(report.rows)} invoices of {report.label}, compared:"
            if not await share_csv(client, place.user_id, report_file(report), said):
                await self._say(place, _NO_FILE)

    async def show_wait(self, place: Place, reason: str) -> None:
        """Say until when it waits."""
        await self._say(place, f"⏳ {blocks.sentence(reason)}")

    async def show_refusal(self, place: Place, reason: str) -> None:
        """Say why nothing was compared."""
        await self._say(place, f"⛔ {blocks.sentence(reason)}")

    async def _say(self, place: Place, text: str) -> None:
        await self._whisper(place, text, [blocks.section(text)])

    async def _whisper(self, place: Place, text: str, said: Sequence[blocks.Block]) -> None:
        with nobody_has_to_look():
            client = await self.clients.client(place.workspace_id)
            await answers.whisper(client, place.channel_id, place.user_id, text, said)
