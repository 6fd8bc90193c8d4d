"""What people do in Slack, for the demo's page and programs outside: JSON under `/_sandbox/`."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sandbox.serving import Handler
from sandbox.slack.delivery import Answer
from sandbox.slack.events import Events
from sandbox.slack.model import Channel, NotPossible, Team, User, View
from sandbox.slack.people import COMMAND

Json = dict[str, Any]
Act = Callable[[Json], Awaitable[Any]]
_PATIENCE = 25.0


@dataclass(frozen=True, slots=True)
class Control:
    """Every act of the driver at an address of its own, and what there is to see."""

    world: Events

    def routes(self) -> list[web.RouteDef]:
        """The addresses."""
        acts: dict[str, Act] = {
            "command": self.command,
            "say": self.say,
            "press": self.press,
            "choose": self.choose,
            "options": self.options,
            "submit": self.submit,
            "close": self.close,
            "shortcut": self.shortcut,
            "use_on": self.use_on,
            "home": self.home,
            "event": self.event,
            "uninstall": self.uninstall,
            "resend": self.resend,
        }
        return [
            *(web.post(f"/_sandbox/{name}", _served(act)) for name, act in acts.items()),
            web.get("/_sandbox/state", self.state),
            web.get("/_sandbox/changes", self.changes),
            web.get("/_sandbox/sent", self.sent),
            web.get("/_sandbox/wire", self.wire),
        ]

    async def command(self, sent: Json) -> Answer:
        """`{user, channel, text, command?}`."""
        more = {"command": sent["command"]} if sent.get("command") else {}
        return await self.world.command(sent["user"], sent["channel"], sent.get("text", ""), **more)

    async def say(self, sent: Json) -> Json:
        """`{user, channel, text}`."""
        return (await self.world.share(sent["user"], sent["channel"], sent["text"])).public()

    async def press(self, sent: Json) -> Answer:
        """`{user, where, action_id, block_id?}`."""
        return await self.world.press(
            sent["user"], sent["where"], sent["action_id"], sent.get("block_id", "")
        )

    async def choose(self, sent: Json) -> Answer:
        """`{user, where, action_id, value, block_id?}`."""
        return await self.world.choose(
            sent["user"], sent["where"], sent["action_id"], sent["value"], sent.get("block_id", "")
        )

    async def options(self, sent: Json) -> Json:
        """`{user, where, action_id, typed?, block_id?}`."""
        menus = await self.world.options(
            sent["user"],
            sent["where"],
            sent["action_id"],
            sent.get("typed", ""),
            sent.get("block_id", ""),
        )
        return {"ok": True, "groups": [asdict(menu) for menu in menus]}

    async def submit(self, sent: Json) -> Answer:
        """`{user, view?}`."""
        return await self.world.submit(sent["user"], sent.get("view"))

    async def close(self, sent: Json) -> Answer:
        """`{user, view?, everything?}`."""
        return await self.world.close_view(
            sent["user"], sent.get("view"), everything=bool(sent.get("everything"))
        )

    async def shortcut(self, sent: Json) -> Answer:
        """`{user, callback_id}`."""
        return await self.world.shortcut(sent["user"], sent["callback_id"])

    async def use_on(self, sent: Json) -> Answer:
        """`{user, where, callback_id}`."""
        return await self.world.use_on(sent["user"], sent["where"], sent["callback_id"])

    async def home(self, sent: Json) -> Answer:
        """`{user, tab?}`."""
        return await self.world.open_home(sent["user"], tab=sent.get("tab", "home"))

    async def event(self, sent: Json) -> Answer:
        """`{event, team?}`."""
        return await self.world.event(sent["event"], self._team(sent))

    async def uninstall(self, sent: Json) -> Json:
        """`{team?}`."""
        answers = await self.world.uninstall(self._team(sent))
        return {"ok": True, "answers": [each.public() for each in answers]}

    async def resend(self, sent: Json) -> Answer:
        """`{number?}`: the last request once more."""
        return await self.world.resend(number=int(sent.get("number", 1)))

    async def state(self, request: web.Request) -> web.Response:
        """What a person sees: `?user=`, the first one unless named."""
        users = self.world.state.users
        asked = request.query.get("user", "")
        who = asked if asked in users else next(iter(users), "")
        return web.json_response(self._seen_by(self.world.user(who)))

    async def changes(self, request: web.Request) -> web.Response:
        """Return the version as soon as it is past `?since=`, or after `?wait=` seconds."""
        since = int(request.query.get("since", "0"))
        wait = float(request.query.get("wait", _PATIENCE))
        version = await self.world.state.wait_for_change(since, wait)
        return web.json_response({"version": version})

    async def sent(self, _: web.Request) -> web.Response:
        """Every view and message that the app tried to show."""
        return web.json_response(self.world.sent)

    async def wire(self, _: web.Request) -> web.Response:
        """Every exchange as JSON lines."""
        return web.Response(text=self.world.wire.lines())

    def _team(self, sent: Json) -> Team | None:
        return self.world.state.teams[sent["team"]] if sent.get("team") else None

    def _seen_by(self, user: User) -> Json:
        world = self.world
        team = world.state.teams[user.team_id]
        mates = [each for each in world.state.users.values() if each.team_id == team.id]
        rooms = [each for each in world.state.channels.values() if user.id in each.members]
        home = world.home(user)
        return {
            "version": world.state.version,
            "command": COMMAND,
            "shortcuts": world.shortcuts,
            "message_shortcuts": world.message_shortcuts,
            "install_url": world.door.url.replace("/events", "/install"),
            "team": self._team_shown(team),
            "user": user.public(),
            "users": [each.public() for each in mates],
            "people": self._people(),
            "channels": [self._channel(each, user) for each in rooms],
            "direct": self._channel(world.direct(user), user),
            "views": [self._view(each) for each in world.stack(user)],
            "home": self._view(home) if home else None,
        }

    def _team_shown(self, team: Team) -> Json:
        return {**team.public(), "installed": team.installed, "bot_user_id": team.bot_user_id}

    def _people(self) -> list[Json]:
        state = self.world.state
        return [
            {**each.public(), "team": state.teams[each.team_id].name}
            for each in state.users.values()
        ]

    def _channel(self, channel: Channel, user: User) -> Json:
        whispers = [each for each in self.world.ephemerals(user) if each.channel_id == channel.id]
        said = sorted([*channel.messages, *whispers], key=lambda each: each.ts)
        shown = [{**each.public(), "state": {"values": each.values}} for each in said]
        return {**channel.public(), "messages": shown}

    def _view(self, view: View) -> Json:
        return {**self.world.screens.public(view), "errors": view.errors}


def _served(act: Act) -> Handler:
    async def serve(request: web.Request) -> web.Response:
        try:
            done = await act(await request.json())
        except NotPossible as refused:
            body = {"ok": False, "error": str(refused)}
            return web.json_response(body, status=HTTPStatus.CONFLICT)
        return web.json_response(done.public() if isinstance(done, Answer) else done)

    return serve
