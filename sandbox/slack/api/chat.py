"""The `chat.*` methods."""

from dataclasses import dataclass
from typing import Any

from sandbox.slack.api.call import Call, Method
from sandbox.slack.messages import Posts
from sandbox.slack.model import Refused

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chat:
    """What an app says."""

    posts: Posts

    def methods(self) -> dict[str, Method]:
        """The methods by name."""
        return {
            "chat.postMessage": self.post,
            "chat.postEphemeral": self.whisper,
            "chat.update": self.update,
            "chat.delete": self.delete,
            "chat.getPermalink": self.permalink,
            "chat.unfurl": self.unfurl,
        }

    def post(self, call: Call) -> Json:
        """Say something in a channel."""
        arguments = {**call.arguments, "reply_broadcast": call.flag("reply_broadcast")}
        message = self.posts.post(call.team, arguments)
        return {"channel": message.channel_id, "ts": message.ts, "message": message.public()}

    def whisper(self, call: Call) -> Json:
        """Say something to one person."""
        return {"message_ts": self.posts.whisper(call.team, call.arguments).ts}

    def update(self, call: Call) -> Json:
        """Edit what was said."""
        message = self.posts.update(call.team, call.arguments)
        return {
            "channel": message.channel_id,
            "ts": message.ts,
            "text": message.text,
            "message": message.public(),
        }

    def delete(self, call: Call) -> Json:
        """Take back what was said."""
        message = self.posts.delete(call.team, call.arguments)
        return {"channel": message.channel_id, "ts": message.ts}

    def unfurl(self, call: Call) -> Json:
        """Put cards under links."""
        self.posts.unfurl(call.team, call.arguments)
        return {}

    def permalink(self, call: Call) -> Json:
        """The address of a message."""
        channel = self.posts.seen(call.team, call.text("channel"))
        ts = call.text("message_ts")
        if ts not in {each.ts for each in channel.messages}:
            raise Refused("message_not_found")
        stamp = ts.replace(".", "")
        return {
            "channel": channel.id,
            "permalink": f"{self.posts.state.url}/archives/{channel.id}/p{stamp}",
        }
