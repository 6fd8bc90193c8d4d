"""Looking back and looking into one invoice: who did what when, and why it stands where it does."""

import html
from dataclasses import dataclass

from handlers import blocks, reply
from handlers.files import share_csv
from handlers.history.views import history_blocks, history_file, history_text
from handlers.invoice.views import why_blocks, why_text
from handlers.reading import pressed
from handlers.routing import SlackRequest
from services.explain.service import ExplainService
from services.history.service import HistoryService

_WHICH = "Say which invoice: `/paymo-xero why INV-1`."
_NO_FILE = (
    "⛔ Slack did not take the file. If the app was installed before it sent files, install it "
    "again from its page."
)


@dataclass(frozen=True, slots=True)
class Looking:
    """One call of a service for each thing a person asks."""

    history: HistoryService
    explain: ExplainService

    async def show_history(self, request: SlackRequest, number: str) -> None:
        """List the newest acts, of one invoice where a number is typed."""
        await request.ack()
        found = await self.history.newest(request.person, number)
        await reply.tell(request, history_text(found), history_blocks(found))

    async def again(self, request: SlackRequest) -> None:
        """List what was done with the invoice that a button names."""
        await self.show_history(request, str(pressed(request.body).get("value", "")))

    async def send_file(self, request: SlackRequest) -> None:
        """Send every act as a file to the person who pressed."""
        await request.ack()
        number = str(pressed(request.body).get("value", ""))
        found = await self.history.everything(request.person, number)
        about = f"invoice {blocks.one_line(found.number)}" if found.number else "everything"
        said = f"Who did what, of {about}: {found.total} rows."
        sent = await share_csv(request.client, request.person.user_id, history_file(found), said)
        if not sent:
            await reply.tell(request, _NO_FILE)

    async def why_again(self, request: SlackRequest) -> None:
        """Say it of the invoice that a button names."""
        await self.why(request, html.unescape(str(pressed(request.body).get("value", ""))))

    async def why(self, request: SlackRequest, number: str) -> None:
        """Say everything that is known about one invoice, and what it rests on."""
        await request.ack()
        if not number.strip():
            await reply.tell(request, _WHICH)
            return
        found = await self.explain.why(request.person, number)
        await reply.tell(request, why_text(found), why_blocks(found))
