"""The panel, the Home tab, status and help: how connections are, and what to do next."""

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from weakref import WeakValueDictionary

from handlers import blocks, names, reply
from handlers.blocks import Block
from handlers.home.text import (
    ASK_FOR_ACCESS,
    NOT_CONNECTED,
    overview_text,
    status_text,
    unknown_text,
    whom_to_write,
)
from handlers.home.views import (
    MOST_URGENT,
    button_blocks,
    by_urgency,
    help_blocks,
    hidden_view,
    home_view,
    status_blocks,
)
from handlers.routing import Handler, Intro, SlackRequest
from handlers.settings.text import WHAT_IT_IS
from handlers.slack import best_effort, slack_refusals
from handlers.words import Words
from services.connect.service import ConnectService, WorkspaceService
from services.errors import NotAllowed, NotConnected
from services.explain.service import ExplainService
from services.explain.worklist import WorkList
from services.model.connection import ConnectionState
from services.model.people import Person, Role

_LONGEST_ID = 32
_SHORTCUTS = frozenset({"shortcut", "message_action"})


@dataclass(frozen=True, slots=True)
class HomeListeners:
    """Shows the state of the workspace's connections."""

    service: ConnectService
    explain: ExplainService
    workspaces: WorkspaceService
    support_email: str
    drawn: dict[Role, list[Block]] = field(default_factory=dict)  # what can be typed, by role
    turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = field(
        default_factory=WeakValueDictionary
    )

    async def panel(self, request: SlackRequest) -> None:
        """Answer the bare command."""
        found = await self.service.overviews(request.person)
        await reply.tell(request, overview_text(found), button_blocks(found))

    async def status(self, request: SlackRequest) -> None:
        """Say how every connection is."""
        found = await self.service.overviews(request.person)
        await reply.tell(request, status_text(found), status_blocks(found))

    async def help(self, request: SlackRequest) -> None:
        """Say what this person can type."""
        await self._help(request)

    async def unknown(self, request: SlackRequest, typed: Words) -> None:
        """Say that nobody knows this word, and which ones there are."""
        await self._help(request, unknown_text(typed))

    async def _help(self, request: SlackRequest, *wrong: str) -> None:
        try:
            role = await self.service.best_role(request.person)
        except NotAllowed as refusal:
            _, *way_on = reply.refusal_blocks(refusal)
            said = f"{ASK_FOR_ACCESS}{whom_to_write(self.support_email)}"
            await reply.tell(request, "\n".join([*wrong, WHAT_IT_IS, said]), way_on)
            return
        if role is None:
            said = f"{NOT_CONNECTED}{whom_to_write(self.support_email)}"
            await reply.tell(request, "\n".join([*wrong, WHAT_IT_IS, said]), button_blocks(()))
            return
        said = " ".join([*wrong, "Here's what you can type:"])
        if role not in self.drawn:
            self.drawn[role] = help_blocks(role, self.support_email)
        await reply.tell(request, said, self.drawn[role])

    async def opened(self, request: SlackRequest) -> None:
        """Draw the Home tab."""
        event = request.body["event"]
        if event.get("tab", "home") != "home":
            return
        await self.workspaces.open_home(request.person)
        await self.publish(request)
        await self.workspaces.welcome(request.person)

    def following(self, handler: Handler) -> Handler:
        """Return the handler; Home follows what was pressed on it, and forms that were sent.

        An export marks Home as out of date, and drawing it now would only hold up the export.
        """

        async def run(request: SlackRequest) -> None:
            await handler(request)
            view = request.body.get("view") or {}
            is_form = request.body.get("type") == "view_submission"
            is_export = view.get("callback_id") in {names.EXPORT, names.EXPORT_ALL}
            if (is_form and not is_export) or view.get("type") == "home":
                with best_effort():
                    await self.publish(request)

        return run

    async def greeting(self, request: SlackRequest) -> SlackRequest:
        """Have the first answer to a person end with what this is."""
        kind = request.body.get("type")
        asks = "command" in request.body or kind in _SHORTCUTS
        asks |= kind == "block_actions" and not request.view  # whose modal it is was answered
        is_home = (request.body.get("event") or {}).get("tab") == "home"
        if not asks and not is_home:
            return request
        app = str(request.body.get("api_app_id") or "")
        is_new = await self.workspaces.meet(request.person, app[:_LONGEST_ID])
        return replace(request, intro=Intro(WHAT_IT_IS)) if is_new else request

    async def publish(self, request: SlackRequest) -> None:
        """Draw this person's Home tab as everything is now."""
        person = replace(request.person, channel_id="", connection_id=0)
        # Slack shows what comes last, so one is drawn after the other.
        async with self.turns.setdefault((person.team_id, person.user_id), asyncio.Lock()):
            view = await home_of(self.service, self.explain, person)
            intro = request.intro.take()
            if intro not in str(view):
                view["blocks"][blocks.MOST - 1 :] = [blocks.context(intro)]
            await request.client.views_publish(user_id=person.user_id, view=view)

    async def uninstalled(self, request: SlackRequest) -> None:
        """Stop working for a workspace that removed the app."""
        await self._gone(request)

    async def revoked(self, request: SlackRequest) -> None:
        """Treat a revoked bot token as an uninstallation; people's own tokens do not matter."""
        if (request.body["event"].get("tokens") or {}).get("bot"):
            await self._gone(request)

    async def _gone(self, request: SlackRequest) -> None:
        """Slack may tell of it late, when the app is in the workspace again; so say when it was."""
        person, told = request.person, request.body.get("event_time")
        at = datetime.fromtimestamp(told, UTC) if isinstance(told, int) else None
        await self.workspaces.uninstalled(person.enterprise_id, person.team_id, at)


async def home_of(service: ConnectService, explain: ExplainService, person: Person) -> Block:
    """Return a person's Home tab as everything is now."""
    site = service.checklists.public_url
    try:
        found = by_urgency(await service.overviews(person))
    except NotAllowed as refusal:
        return hidden_view(refusal, site)
    work = [WorkList() for _ in found]
    for place, each in enumerate(found[:MOST_URGENT]):
        if each.state is ConnectionState.ACTIVE:
            about = replace(person, connection_id=each.connection_id)
            with contextlib.suppress(NotConnected):  # it broke just now
                work[place] = await explain.worklist(about)
    ended = "" if found else await service.former(person)
    return home_view(found, work, ended, site)


@dataclass(frozen=True, slots=True)
class SlackHomeScreen:
    """Publishes Home tabs that something made out of date."""

    clients: reply.SlackClients
    service: ConnectService
    explain: ExplainService

    async def publish(self, workspace_id: int, person: Person) -> None:
        """Draw a person's Home tab as everything is now."""
        client = await self.clients.client(workspace_id)
        view = await home_of(self.service, self.explain, person)
        with slack_refusals():
            await client.views_publish(user_id=person.user_id, view=view)
