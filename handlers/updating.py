"""Bringing an exported invoice in Xero after what was edited in Paymo."""

from dataclasses import dataclass

from handlers import answers, blocks
from handlers.places import place_of
from handlers.pressing import export_id_of
from handlers.routing import SlackRequest
from services.connect.workspaces import WorkspaceService
from services.export.updating import UpdateService


@dataclass(frozen=True, slots=True)
class Updating:
    """One call of the update service for each thing a person does."""

    service: UpdateService
    workspaces: WorkspaceService

    async def update(self, request: SlackRequest) -> None:
        """Have the invoice in Xero made as it is in Paymo now."""
        await request.ack()
        export_id = export_id_of(request)
        place = await place_of(self.workspaces, request)
        said = await self.service.ask(request.person, export_id, place)
        await answers.tell(request, f"⏳ {blocks.sentence(said)}")
