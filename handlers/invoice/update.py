"""Bringing an exported invoice in Xero after what was edited in Paymo."""

from dataclasses import dataclass

from handlers import blocks
from handlers import reply as answers
from handlers.export.pressing import export_id_of
from handlers.places import reply_target
from handlers.routing import SlackRequest
from services.connect.workspaces import WorkspaceService
from services.update.service import UpdateService


@dataclass(frozen=True, slots=True)
class Updating:
    """One call of the update service for each thing a person does."""

    service: UpdateService
    workspaces: WorkspaceService

    async def update(self, request: SlackRequest) -> None:
        """Have the invoice in Xero made as it is in Paymo now."""
        await request.ack()
        export_id = export_id_of(request)
        reply_to = await reply_target(self.workspaces, request)
        said = await self.service.ask(request.person, export_id, reply_to)
        await answers.tell(request, f"⏳ {blocks.render(said)}")
