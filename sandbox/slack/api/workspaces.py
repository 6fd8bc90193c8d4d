"""The methods about workspaces, people and channels."""

from dataclasses import dataclass
from typing import Any

from sandbox.slack.api.call import Call, Method
from sandbox.slack.messages import Posts
from sandbox.slack.model import Channel, Refused

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Places:
    """Who and what there is."""

    posts: Posts

    def methods(self) -> dict[str, Method]:
        """The methods by name."""
        return {
            "auth.test": self.test,
            "team.info": self.team,
            "users.info": self.user,
            "users.list": self.users,
            "conversations.info": self.channel,
            "conversations.list": self.channels,
            "users.conversations": self.joined,
            "conversations.members": self.members,
            "conversations.open": self.open,
            "conversations.join": self.join,
        }

    def test(self, call: Call) -> Json:
        """Say whose token this is."""
        return {
            "url": f"{self.posts.state.url}/",
            "team": call.team.name,
            "team_id": call.team.id,
            "user": "paymo-xero",
            "user_id": call.team.bot_user_id,
            "bot_id": call.team.bot_id,
            "is_enterprise_install": False,
        }

    def team(self, call: Call) -> Json:
        """Describe the workspace."""
        return {"team": call.team.public()}

    def user(self, call: Call) -> Json:
        """Describe a person; the locale only when asked for."""
        user = self.posts.state.users.get(call.text("user"))
        if user is None or user.team_id != call.team.id:
            raise Refused("user_not_found")
        shown = user.public()
        if not call.flag("include_locale"):
            del shown["locale"]
        return {"user": shown}

    def users(self, call: Call) -> Json:
        """List people."""
        people = self.posts.state.users.values()
        return call.page(
            [each.public() for each in people if each.team_id == call.team.id], "members"
        )

    def channel(self, call: Call) -> Json:
        """Describe a channel."""
        found = self.posts.seen(call.team, call.text("channel"))
        if found.private and "groups:read" not in call.team.scopes:
            raise Refused("missing_scope", ["groups:read"])
        return {"channel": found.public()}

    def channels(self, call: Call) -> Json:
        """List the channels that the app can see."""
        return self._listed(call, lambda channel: channel.bot_member or not channel.private)

    def joined(self, call: Call) -> Json:
        """List the channels that the app is in."""
        return self._listed(call, lambda channel: channel.bot_member)

    def _listed(self, call: Call, fits: Any) -> Json:
        kinds = str(call.arguments.get("types") or "public_channel").split(",")
        live = call.flag("exclude_archived")
        fitting = [
            each.public()
            for each in self.posts.state.channels.values()
            if each.team_id == call.team.id
            and _kind(each) in kinds
            and fits(each)
            and not (live and each.archived)
        ]
        return call.page(fitting, "channels")

    def members(self, call: Call) -> Json:
        """List who is in a channel."""
        channel = self.posts.seen(call.team, call.text("channel"))
        bot = {call.team.bot_user_id} if channel.bot_member else set()
        return {"members": sorted(channel.members | bot)}

    def open(self, call: Call) -> Json:
        """Open the conversation with a person."""
        user = self.posts.state.users.get(call.text("users"))
        if user is None or user.team_id != call.team.id:
            raise Refused("user_not_found")
        return {"channel": {"id": self.posts.state.direct_channel(user).id}}

    def join(self, call: Call) -> Json:
        """Go into a public channel."""
        channel = self.posts.seen(call.team, call.text("channel"))
        if channel.private or channel.im_user:
            raise Refused("method_not_supported_for_channel_type")
        if channel.archived:
            raise Refused("is_archived")
        channel.bot_member = True
        self.posts.state.changed()
        return {"channel": channel.public()}


def _kind(channel: Channel) -> str:
    if channel.im_user:
        return "im"
    return "private_channel" if channel.private else "public_channel"
