"""Everything the stand-in remembers, in memory, and how to find it again."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sandbox.serving import Clock
from sandbox.slack.model import (
    TRIGGER_LIFE,
    Channel,
    Message,
    ResponseUrl,
    SharedFile,
    Team,
    Trigger,
    User,
    View,
)

APP_ID = "A0SANDBOX"
MICRO = 1_000_000


@dataclass(slots=True)
class State:
    """Workspaces and people stay across a reset; what happened does not."""

    now: Clock
    url: str = ""
    trigger_life: timedelta = TRIGGER_LIFE
    teams: dict[str, Team] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    ephemerals: list[Message] = field(default_factory=list)
    stacks: dict[str, list[View]] = field(default_factory=dict)
    homes: dict[str, View] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    response_urls: dict[str, ResponseUrl] = field(default_factory=dict)
    revoked: dict[str, str] = field(default_factory=dict)
    files: dict[str, SharedFile] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)
    version: int = 0
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _last_micros: int = 0
    _watchers: set[asyncio.Event] = field(default_factory=set)

    def reset(self) -> None:
        """Forget what was said and opened; keep who and where there is."""
        self.channels = {each.id: each for each in self.channels.values() if not each.im_user}
        for channel in self.channels.values():
            channel.messages.clear()
        for store in (self.stacks, self.homes, self.triggers, self.response_urls, self.revoked):
            store.clear()
        self.files.clear()
        self.ephemerals.clear()
        self.sent.clear()
        self.changed()

    def changed(self) -> None:
        """Tell those who watch that something is new."""
        self.version += 1
        for watcher in self._watchers:
            watcher.set()

    async def wait_for_change(self, since: int, seconds: float) -> int:
        """Return the version as soon as it is past `since`, or when the time is up."""
        watcher = asyncio.Event()
        self._watchers.add(watcher)
        try:
            if self.version <= since:
                async with asyncio.timeout(seconds):
                    await watcher.wait()
        except TimeoutError:
            pass
        finally:
            self._watchers.discard(watcher)
        return self.version

    def next_id(self, prefix: str) -> str:
        """An id that nothing else has."""
        return f"{prefix}{next(self._numbers):08d}"

    def next_ts(self) -> str:
        """A timestamp later than every one before, even when the clock stands still."""
        micros = max(int(self.now().timestamp() * MICRO), self._last_micros + 1)
        self._last_micros = micros
        return f"{micros // MICRO}.{micros % MICRO:06d}"

    def new_trigger(self, user: User, *, channel_id: str = "", view_id: str = "") -> str:
        """Issue a trigger for an act of this person."""
        trigger_id = self.next_id("trigger.")
        self.triggers[trigger_id] = Trigger(
            user_id=user.id,
            team_id=self.installed_for(user, channel_id).id,
            issued=self.now(),
            channel_id=channel_id,
            view_id=view_id,
        )
        return trigger_id

    def new_response_url(self, user: User, channel_id: str, original_ts: str = "") -> str:
        """Issue an address to answer this person in this channel."""
        if not self.url:
            raise RuntimeError("Say where the stand-in listens first: world.url = served.url.")
        key = self.next_id("R")
        team = self.installed_for(user, channel_id)
        self.response_urls[key] = ResponseUrl(
            user_id=user.id,
            team_id=team.id,
            channel_id=channel_id,
            issued=self.now(),
            original_ts=original_ts,
        )
        return f"{self.url}/response/{team.id}/{key}"

    def installed_for(self, user: User, channel_id: str) -> Team:
        """The workspace whose app this person meets: in a channel, the channel's own."""
        channel = self.channels.get(channel_id)
        return self.teams[channel.team_id if channel else user.team_id]

    def direct_channel(self, user: User) -> Channel:
        """Return the conversation between the app and this person, opened if need be."""
        channel_id = f"D{user.id}"
        if channel_id not in self.channels:
            self.channels[channel_id] = Channel(
                id=channel_id,
                name="directmessage",
                team_id=user.team_id,
                members={user.id},
                im_user=user.id,
            )
        return self.channels[channel_id]

    def team_of_token(self, token: str) -> Team | None:
        """The workspace in which this token is good."""
        fitting = (team for team in self.teams.values() if team.bot_token == token)
        return next((team for team in fitting if team.installed), None)

    def open_views(self) -> Iterator[View]:
        """Yield every modal that is open, whoever has it."""
        return itertools.chain.from_iterable(self.stacks.values())

    def find_view(self, view_id: str) -> View | None:
        """An open modal or a Home tab."""
        everything = itertools.chain(self.open_views(), self.homes.values())
        return next((view for view in everything if view.id == view_id), None)

    def find_message(self, ts: str) -> Message | None:
        """A message or an ephemeral by its timestamp, which is unique here."""
        said = (channel.messages for channel in self.channels.values())
        everything = itertools.chain(self.ephemerals, *said)
        return next((message for message in everything if message.ts == ts), None)
