"""The screen of exporting: Slack's side of what a job found out."""

from dataclasses import dataclass

from handlers import reply as answers
from handlers.clients import SlackClients
from handlers.export.results import result_text, result_view
from handlers.export.views import export_view
from handlers.saying import say
from handlers.slack_errors import nobody_has_to_look
from services.export.shapes import ExportForm, ExportResult
from services.model.people import ReplyTarget, Said


@dataclass(frozen=True, slots=True)
class SlackExportScreen:
    """Draws into the person's open modal, or whispers to them when it is gone."""

    clients: SlackClients

    async def show_form(self, reply_to: ReplyTarget, form: ExportForm) -> None:
        """Draw the open form again; nothing happens when the person closed it."""
        if reply_to.view_id:
            with nobody_has_to_look():
                client = await self.clients.client(reply_to.workspace_id)
                await answers.redraw(
                    client, reply_to.view_id, export_view(form, reply_to.channel_id)
                )

    async def show_result(self, reply_to: ReplyTarget, result: ExportResult) -> None:
        """Show the outcome in the open view, or to the person alone when it was closed."""
        view = result_view(result, reply_to.channel_id)
        with nobody_has_to_look():
            client = await self.clients.client(reply_to.workspace_id)
            await answers.show(client, reply_to, view, result_text(result))

    async def say(self, reply_to: ReplyTarget, said: Said) -> None:
        """Say it in the open view, or to the person alone when it was closed."""
        await say(self.clients, reply_to, said)
