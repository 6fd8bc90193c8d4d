"""The screen of exporting: Slack's side of what a job found out."""

from dataclasses import dataclass

from handlers import answers
from handlers.clients import SlackClients
from handlers.export_forms import export_view
from handlers.export_results import result_text, result_view
from handlers.saying import say
from handlers.slack_errors import nobody_has_to_look
from services.export.shapes import ExportForm, ExportResult
from services.model import Place, Said


@dataclass(frozen=True, slots=True)
class SlackExportScreen:
    """Draws into the person's open modal, or whispers to them when it is gone."""

    clients: SlackClients

    async def show_form(self, place: Place, form: ExportForm) -> None:
        """Draw the open form again; nothing happens when the person closed it."""
        if place.view_id:
            with nobody_has_to_look():
                client = await self.clients.client(place.workspace_id)
                await answers.redraw(client, place.view_id, export_view(form, place.channel_id))

    async def show_result(self, place: Place, result: ExportResult) -> None:
        """Show the outcome in the open view, or to the person alone when it was closed."""
        view = result_view(result, place.channel_id)
        with nobody_has_to_look():
            client = await self.clients.client(place.workspace_id)
            await answers.show(client, place, view, result_text(result))

    async def say(self, place: Place, said: Said) -> None:
        """Say it in the open view, or to the person alone when it was closed."""
        await say(self.clients, place, said)
