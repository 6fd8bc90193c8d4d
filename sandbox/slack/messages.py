"""Messages: posted, edited, whispered and answered by Slack's rules."""

import copy
import html
import json
from dataclasses import dataclass
from typing import Any

from sandbox.slack.fields import carried, with_ids
from sandbox.slack.model import (
    RESPONSE_LIFE,
    RESPONSE_USES,
    Channel,
    Message,
    Refused,
    ResponseUrl,
    SharedFile,
    Team,
)
from sandbox.slack.rules.surfaces import message_problems, metadata_problems
from sandbox.slack.state import State

Json = dict[str, Any]
LONGEST_TEXT = 40_000
LONGEST_UPDATE = 4_000
ATTACHMENTS = 100


@dataclass(frozen=True, slots=True)
class Posts:
    """Everything that is said."""

    state: State

    def content(self, arguments: Json) -> Json:
        """Return what a message would say; refuse what Slack would."""
        said: Json = {"text": arguments.get("text") or "", "blocks": listed(arguments, "blocks")}
        if markdown := arguments.get("markdown_text"):
            if said["text"] or said["blocks"]:
                raise Refused("markdown_text_conflict")
            said["text"] = markdown
        said["attachments"] = listed(arguments, "attachments")
        self.state.sent.append({"kind": "message", "payload": copy.deepcopy(said)})
        if not any(said.values()):
            raise Refused("no_text")
        if len(said["attachments"]) > ATTACHMENTS:
            raise Refused("too_many_attachments")
        if said["blocks"] and (problems := message_problems(said["blocks"])):
            raise Refused("invalid_blocks", problems)
        said["text"] = str(said["text"])[:LONGEST_TEXT]
        said["blocks"] = with_ids(said["blocks"], self.state.next_id)
        return said

    def post(self, team: Team, arguments: Json) -> Message:
        """Say something where everybody reads it."""
        channel = self.writable(team, str(arguments.get("channel", "")))
        message = self._new(team, channel, self.content(arguments))
        message.metadata = _metadata(arguments)
        message.thread_ts = self._thread(channel, arguments)
        message.broadcast = bool(message.thread_ts and arguments.get("reply_broadcast"))
        return self._said(channel, message)

    def share(self, team: Team, files: list[SharedFile], arguments: Json) -> Message:
        """Share files in a channel that the app is in; a person's id is no channel here."""
        name = str(arguments.get("channel_id", ""))
        if name in self.state.users:
            raise Refused("channel_not_found")
        channel = self.writable(team, name, joined=True)
        said: Json = {"text": str(arguments.get("initial_comment") or "")}
        said |= {"blocks": [], "attachments": []}
        message = self._new(team, channel, said)
        message.files = files
        message.thread_ts = self._thread(channel, arguments)
        return self._said(channel, message)

    def whisper(self, team: Team, arguments: Json) -> Message:
        """Say something that one person reads."""
        channel = self.writable(team, str(arguments.get("channel", "")), joined=True)
        user_id = str(arguments.get("user", ""))
        user = self.state.users.get(user_id)
        if user is None or user.team_id != team.id or user_id not in channel.members:
            raise Refused("user_not_in_channel")
        message = self._new(team, channel, self.content(arguments))
        message.visible_to = user_id
        return self._said(channel, message)

    def update(self, team: Team, arguments: Json) -> Message:
        """Say something else in the same place; what is not said again is gone."""
        _, message = self.own(team, arguments, "cant_update_message")
        if len(arguments.get("text") or "") > LONGEST_UPDATE:
            raise Refused("msg_too_long")
        said = self.content(arguments)
        given = arguments.get("metadata") is not None
        metadata = _metadata(arguments) if given else message.metadata
        self._edit(message, {**said, "metadata": metadata or None})
        if not said["blocks"]:
            message.edited = self.state.next_ts()
        self.state.changed()
        return message

    def unfurl(self, team: Team, arguments: Json) -> Message:
        """Put cards under a person's message, each for a link that stands in it."""
        channel = self.seen(team, str(arguments.get("channel", "")))
        ts = str(arguments.get("ts", ""))
        message = next((each for each in channel.messages if each.ts == ts), None)
        if message is None:
            raise Refused("cannot_find_message")
        cards = [self._card(message, *each) for each in _unfurls(arguments).items()]
        links = {each["from_url"] for each in cards}
        kept = [each for each in message.attachments if each.get("from_url") not in links]
        message.attachments = kept + cards
        self.state.changed()
        return message

    def _card(self, message: Message, url: str, given: Json) -> Json:
        if url not in html.unescape(message.text):
            raise Refused("cannot_unfurl_url")
        said = self.content({"text": given.get("fallback") or url, "blocks": given.get("blocks")})
        return {**given, "blocks": said["blocks"], "from_url": url, "is_app_unfurl": True}

    def delete(self, team: Team, arguments: Json) -> Message:
        """Take a message of the app away."""
        channel, message = self.own(team, arguments, "cant_delete_message")
        channel.messages.remove(message)
        self.state.changed()
        return message

    def own(self, team: Team, arguments: Json, error: str) -> tuple[Channel, Message]:
        """A message that the app itself has said, and where; a person's id is no channel."""
        channel = self.seen(team, str(arguments.get("channel", "")))
        if channel.id != arguments.get("channel"):
            raise Refused("channel_not_found")
        ts = str(arguments.get("ts", ""))
        message = next((each for each in channel.messages if each.ts == ts), None)
        if message is None:
            raise Refused("message_not_found")
        if message.bot_id != team.bot_id:
            raise Refused(error)
        return channel, message

    def seen(self, team: Team, name: str) -> Channel:
        """A channel that the app can see, by id, by name, or by the person's id."""
        user = self.state.users.get(name)
        if user is not None and user.team_id == team.id:
            return self.state.direct_channel(user)
        for channel in self.state.channels.values():
            hidden = (channel.private or channel.im_user) and not channel.bot_member
            named = name in {channel.id, f"#{channel.name}"}
            if named and channel.team_id == team.id and not hidden:
                return channel
        raise Refused("channel_not_found")

    def writable(self, team: Team, name: str, *, joined: bool = False) -> Channel:
        """A channel in which the app may speak."""
        channel = self.seen(team, name)
        if channel.archived:
            raise Refused("is_archived")
        abroad = not joined and "chat:write.public" in team.scopes
        if not channel.bot_member and not abroad:
            raise Refused("not_in_channel")
        return channel

    def respond(self, key: str, arguments: Json) -> Message | None:
        """Answer an act at its own address."""
        place = self._spend(key)
        original = self.state.find_message(place.original_ts)
        if arguments.get("delete_original"):
            self._forget(original)
            return None
        if arguments.get("replace_original") and original is not None:
            said = self.content(arguments)
            self._edit(original, {**said, "metadata": original.metadata})
            self.state.changed()
            return original
        return self.answer(place, arguments)

    def answer(self, place: ResponseUrl, arguments: Json) -> Message:
        """Say what an act was answered with: to its person, or in the channel when so asked."""
        team = self.state.teams[place.team_id]
        channel = self.state.channels[place.channel_id]
        message = self._new(team, channel, self.content(arguments))
        if arguments.get("response_type") != "in_channel":
            message.visible_to = place.user_id
        else:
            message.metadata = _metadata(arguments)
        message.thread_ts = str(arguments.get("thread_ts") or "")
        return self._said(channel, message)

    def _spend(self, key: str) -> ResponseUrl:
        place = self.state.response_urls.get(key)
        if place is None or self.state.now() - place.issued > RESPONSE_LIFE:
            raise Refused("expired_url")
        if place.uses >= RESPONSE_USES:
            raise Refused("used_url")
        place.uses += 1
        return place

    def _forget(self, message: Message | None) -> None:
        if message is None:
            return
        said = self.state.ephemerals
        if not message.visible_to:
            said = self.state.channels[message.channel_id].messages
        said.remove(message)
        self.state.changed()

    def _new(self, team: Team, channel: Channel, said: Json) -> Message:
        return Message(
            ts=self.state.next_ts(),
            channel_id=channel.id,
            user=team.bot_user_id,
            bot_id=team.bot_id,
            values=carried(said["blocks"], {}, channel.id),
            **said,
        )

    def _said(self, channel: Channel, message: Message) -> Message:
        (self.state.ephemerals if message.visible_to else channel.messages).append(message)
        self.state.changed()
        return message

    def _edit(self, message: Message, said: Json) -> None:
        message.edits.append(message.content())
        message.text, message.blocks = said["text"], said["blocks"]
        message.attachments, message.metadata = said["attachments"], said["metadata"]
        message.values = carried(message.blocks, message.values, message.channel_id)

    def _thread(self, channel: Channel, arguments: Json) -> str:
        thread_ts = str(arguments.get("thread_ts") or "")
        if not thread_ts:
            return ""
        parent = next((each for each in channel.messages if each.ts == thread_ts), None)
        if parent is None:
            raise Refused("thread_not_found")
        return parent.thread_ts or parent.ts


def listed(arguments: Json, name: str) -> list[Json]:
    """An argument that is a list, as JSON or as its text."""
    given = arguments.get(name) or []
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            raise Refused(f"invalid_{name}_format") from None
    if not isinstance(given, list):
        raise Refused(f"invalid_{name}_format")
    return given


def _unfurls(arguments: Json) -> Json:
    given = arguments.get("unfurls")
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            raise Refused("invalid_unfurls_format") from None
    if not isinstance(given, dict):
        raise Refused("missing_unfurls")
    return given


def _metadata(arguments: Json) -> Json | None:
    given = arguments.get("metadata")
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            raise Refused("invalid_metadata_format") from None
    if given in (None, {}):
        return None
    if problems := metadata_problems(given):
        raise Refused("invalid_metadata_schema", problems)
    checked: Json = given
    return checked
