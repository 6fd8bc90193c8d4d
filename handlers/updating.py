"""Bringing an exported invoice in Xero after what was edited in Paymo."""

from dataclasses import dataclass

from handlers import answers, blocks
from handlers.places import place_of
from handlers.reading import number_in, pressed
from handlers.routing import SlackRequest
from services.connect.workspaces import WorkspaceService
from services.errors import NotFound
from services.export.updating import UpdateService


@dataclass(frozen=True, slots=True)
class Updating:
    """One call of the update service for each thing a person does."""

    service: UpdateService
    workspaces: WorkspaceService

    async def update(self, request: SlackRequest) -> None:
        """Have the invoice in Xero made as it is in Paymo now."""
        await request.ack()
        export_id = number_in(str(pressed(request.body).get("value", "")))
        if export_id is None:
            raise NotFound("This button does not belong to an export any more.")
        place = await place_of(self.workspaces, request)
        said = await self.service.ask(request.person, export_id, place)
        await answers.tell(request, f"⏳ {blocks.sentence(said)}")
