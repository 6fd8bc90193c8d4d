"""Who and what there is, how to find it, and how to wait until something has happened."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sandbox.serving import Clock, Faults, utc_now
from sandbox.slack.delivery import GOOD, Answer, AppDelivery, Wire
from sandbox.slack.messages import Posts
from sandbox.slack.modals import Screens
from sandbox.slack.model import Channel, Message, NotPossible, Team, User, View
from sandbox.slack.sockets import Sockets
from sandbox.slack.state import State

Who = User | str
Where = Channel | str
Place = View | Message | str
Found = TypeVar("Found")


@dataclass(slots=True, kw_only=True)
class SlackCore:
    """The workspaces with their people and channels, and the app's address."""

    now: Clock = utc_now
    signing_secret: str = "slack-signing-secret"
    app_token: str = "xapp-1-test"
    client_id: str = "1111.2222"
    client_secret: str = "slack-client-secret"
    shortcuts: dict[str, str] = field(
        default_factory=lambda: {"export_invoices": "Export invoices"}
    )
    message_shortcuts: dict[str, str] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    wire: Wire = field(default_factory=Wire)
    state: State = field(init=False)
    sockets: Sockets = field(init=False)
    door: AppDelivery = field(init=False)
    screens: Screens = field(init=False)
    posts: Posts = field(init=False)

    def __post_init__(self) -> None:
        """Put the parts together."""
        self.state = State(self.now)
        self.sockets = Sockets(self.state, self.app_token)
        self.door = AppDelivery(self.signing_secret, self.wire, self.state.changed, self.sockets)
        self.screens = Screens(self.state)
        self.posts = Posts(self.state)

    @property
    def url(self) -> str:
        """Where this stand-in is served; response_urls and links begin with it."""
        return self.state.url

    @url.setter
    def url(self, url: str) -> None:
        self.state.url = url.rstrip("/")

    @property
    def sent(self) -> list[dict[str, Any]]:
        """Every view and message that the app tried to show, as `{kind, payload}`."""
        return self.state.sent

    @property
    def answers(self) -> list[Answer]:
        """What the app answered to each request, in order."""
        return self.door.answers

    @property
    def failures(self) -> list[Answer]:
        """What the app answered wrongly, late or not at all."""
        return [each for each in self.answers if each.failure]

    @property
    def refused(self) -> list[dict[str, Any]]:
        """The app's own calls that were refused, as they went over the wire."""
        return [
            each
            for each in self.wire.entries
            if each["direction"] == "from_app"
            and (each["status"] not in GOOD or '"ok": false' in each["response"])
        ]

    @property
    def team(self) -> Team:
        """The first workspace; there is one as soon as somebody asks."""
        if not self.state.teams:
            self.add_team("Studio")
        return next(iter(self.state.teams.values()))

    def add_team(self, name: str, *, team_id: str = "", installed: bool = True) -> Team:
        """Open a workspace."""
        team = Team(team_id or f"T{len(self.state.teams) + 1:04d}", name, installed)
        self.state.teams[team.id] = team
        self.state.changed()
        return team

    def add_user(self, name: str, *, team: Team | None = None, **more: Any) -> User:
        """Let a person into the first workspace or another; `more` is any of `User`'s fields."""
        user = User(
            id=f"U{len(self.state.users) + 1:04d}",
            name=name,
            team_id=(team or self.team).id,
            **more,
        )
        self.state.users[user.id] = user
        for channel in self.state.channels.values():
            if channel.team_id == user.team_id and not channel.private and not channel.im_user:
                channel.members.add(user.id)
        self.state.changed()
        return user

    def add_channel(
        self, name: str, *, channel_id: str = "", team: Team | None = None, **more: Any
    ) -> Channel:
        """Open a channel with everybody in it; `more` is any of `Channel`'s own fields."""
        home = team or self.team
        everybody = {each.id for each in self.state.users.values() if each.team_id == home.id}
        channel = Channel(
            id=channel_id or f"C{len(self.state.channels) + 1:04d}",
            name=name,
            team_id=home.id,
            **{"members": everybody, **more},
        )
        self.state.channels[channel.id] = channel
        self.state.changed()
        return channel

    def user(self, who: Who) -> User:
        """A person by id or by name."""
        if isinstance(who, User):
            return who
        for user in self.state.users.values():
            if who in {user.id, user.name}:
                return user
        raise NotPossible(f"Nobody here is called {who}.")

    def channel(self, where: Where) -> Channel:
        """A channel by id or by name."""
        if isinstance(where, Channel):
            return where
        for channel in self.state.channels.values():
            if where.removeprefix("#") in {channel.id, channel.name}:
                return channel
        raise NotPossible(f"There is no channel {where}.")

    def direct(self, who: Who) -> Channel:
        """The conversation between the app and this person."""
        return self.state.direct_channel(self.user(who))

    def team_of(self, who: Who) -> Team:
        """The workspace of this person, where the app must be installed."""
        team = self.state.teams[self.user(who).team_id]
        if not team.installed:
            raise NotPossible(f"The app is not installed in {team.name}.")
        return team

    def stack(self, who: Who) -> list[View]:
        """The modals that this person has open, the top one last."""
        return list(self.state.stacks.get(self.user(who).id, []))

    def top_view(self, who: Who) -> View | None:
        """The modal that this person looks at."""
        return next(reversed(self.stack(who)), None)

    def home(self, who: Who) -> View | None:
        """This person's Home tab, once the app has published it."""
        return self.state.homes.get(self.user(who).id)

    def messages(self, where: Where) -> list[Message]:
        """What is said in a channel, in order, threads included."""
        return list(self.channel(where).messages)

    def ephemerals(self, who: Who) -> list[Message]:
        """What only this person reads, in order."""
        user_id = self.user(who).id
        return [each for each in self.state.ephemerals if each.visible_to == user_id]

    # The limit belongs to the condition, which has words for what did not come true.
    async def wait_for(self, condition: Callable[[], Found | None], timeout: float = 60) -> Found:  # noqa: ASYNC109 - see above
        """Return what the condition returns as soon as that is true.

        It is looked at with each change here, and each second: it may be about another system.
        """
        end = time.monotonic() + timeout
        while True:
            version = self.state.version
            if found := condition():
                return found
            left = end - time.monotonic()
            if left <= 0:
                trouble = [each.failure for each in self.failures][-1:]
                raise TimeoutError(f"Not within {timeout} s. The app's last failure: {trouble}")
            await self.state.wait_for_change(version, min(left, 1))
