"""What happens in a workspace besides people's own acts: the app is told by events."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sandbox.slack.core import Where, Who
from sandbox.slack.delivery import FORM, Answer
from sandbox.slack.model import Message, NotPossible, Team
from sandbox.slack.oauth import Authority
from sandbox.slack.people import Acts

Json = dict[str, Any]
_LINK = re.compile(r"https?://[^\s<>|]+")


@dataclass(slots=True, kw_only=True)
class Events(Acts):
    """Tells the app what it subscribed to."""

    authority: Authority = field(init=False)
    unfurl_domains: set[str] = field(default_factory=set)  # as the app's manifest has them

    def __post_init__(self) -> None:
        """Put the parts together."""
        Acts.__post_init__(self)
        self.authority = Authority(self.state, self.client_id, self.client_secret)

    async def event(self, event: Json, team: Team | None = None) -> Answer:
        """Tell the app that something happened."""
        return await self.door.event(self.payloads.event(team or self.team, event))

    async def share(self, user: Who, channel: Where, text: str) -> Message:
        """Write a message; the app is told of links to its domains, if it may read links."""
        message = self.say(user, channel, text)
        links = [
            {"url": url, "domain": domain}
            for url in _LINK.findall(text)
            if (domain := urlsplit(url).hostname) in self.unfurl_domains
        ]
        team = self.state.teams[self.user(user).team_id]
        if links and team.installed and "links:read" in team.scopes:
            event = {
                "type": "link_shared",
                "user": message.user,
                "channel": message.channel_id,
                "message_ts": message.ts,
                "is_bot_user_member": self.channel(channel).bot_member,
                "unfurl_id": self.state.next_id("unfurl."),
                "source": "conversations_history",
                "links": links,
            }
            await self.event(event, team)
        return message

    async def open_home(self, user: Who, *, tab: str = "home") -> Answer:
        """Open the app's Home tab, or its other tab, `messages`."""
        person = self.user(user)
        shown = self.home(person)
        event = {
            "type": "app_home_opened",
            "user": person.id,
            "channel": self.direct(person).id,
            "tab": tab,
            **({"view": self.screens.public(shown)} if shown else {}),
        }
        return await self.event(event, self.team_of(person))

    async def invite_app(self, channel: Where, by: Who) -> Answer:
        """Bring the app into a channel."""
        return await self._membership(channel, by, "member_joined_channel", inside=True)

    async def remove_app(self, channel: Where, by: Who) -> Answer:
        """Take the app out of a channel."""
        return await self._membership(channel, by, "member_left_channel", inside=False)

    async def archive(self, channel: Where, by: Who) -> Answer:
        """Archive a channel."""
        room = self.channel(channel)
        room.archived = True
        self.state.changed()
        event = {"type": "channel_archive", "channel": room.id, "user": self.user(by).id}
        return await self.event(event, self.state.teams[room.team_id])

    async def uninstall(self, team: Team | None = None) -> list[Answer]:
        """Remove the app from a workspace; its token is dead before it hears of it."""
        house = team or self.team
        if not house.installed:
            raise NotPossible(f"The app is not installed in {house.name}.")
        bot_user_id = house.bot_user_id
        self.authority.uninstall(house)
        return await self.farewell(house, bot_user_id)

    async def resend(
        self, answer: Answer | None = None, *, number: int = 1, reason: str = "http_timeout"
    ) -> Answer:
        """Send a request again, the last one unless told otherwise, as Slack's retries do."""
        sent = (answer or self.answers[-1]).sent
        if sent is None:
            raise NotPossible("Nothing was sent that time.")
        kind = sent.headers["Content-Type"]
        retry = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": reason}
        return await self.door.send(self.door.sign(sent.body, kind, {} if kind == FORM else retry))

    async def _membership(self, channel: Where, by: Who, kind: str, *, inside: bool) -> Answer:
        room = self.channel(channel)
        room.bot_member = inside
        self.state.changed()
        team = self.state.teams[room.team_id]
        event = {
            "type": kind,
            "user": team.bot_user_id,
            "channel": room.id,
            "channel_type": "G" if room.private else "C",
            "team": team.id,
            "inviter": self.user(by).id,
        }
        return await self.event(event, team)

    async def farewell(self, team: Team, bot_user_id: str) -> list[Answer]:
        """Tell the app that it is gone, in the two ways in which Slack does."""
        tokens = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [bot_user_id]}}
        return [
            await self.event(tokens, team),
            await self.event({"type": "app_uninstalled"}, team),
        ]
