"""Who did what when, of one invoice or of everything, also as a file."""

from dataclasses import dataclass

from handlers import blocks, reply
from handlers.files import share_csv
from handlers.history.text import history_text
from handlers.history.views import history_blocks, history_file
from handlers.reading import pressed
from handlers.routing import SlackRequest
from services.history.service import HistoryService

_NO_FILE = (
    "⛔ Slack did not take the file. If the app was installed before it sent files, install it "
    "again from its page."
)


@dataclass(frozen=True, slots=True)
class HistoryListeners:
    """One call of a service for each thing a person asks."""

    service: HistoryService

    async def show(self, request: SlackRequest, number: str) -> None:
        """List the newest acts, of one invoice where a number is typed."""
        await request.ack()
        found = await self.service.newest(request.person, number)
        await reply.tell(request, history_text(found), history_blocks(found))

    async def again(self, request: SlackRequest) -> None:
        """List what was done with the invoice that a button names."""
        await self.show(request, str(pressed(request.body).get("value", "")))

    async def send_file(self, request: SlackRequest) -> None:
        """Send every act as a file to the person who pressed."""
        await request.ack()
        number = str(pressed(request.body).get("value", ""))
        found = await self.service.everything(request.person, number)
        about = f"invoice {blocks.one_line(found.number)}" if found.number else "everything"
        said = f"Who did what, of {about}: {found.total} rows."
        sent = await share_csv(request.client, request.person.user_id, history_file(found), said)
        if not sent:
            await reply.tell(request, _NO_FILE)
