"""What Slack sends to the app, field by field."""

import html
from dataclasses import dataclass
from typing import Any

from sandbox.slack.fields import Field
from sandbox.slack.modals import Screens
from sandbox.slack.model import Channel, Message, Team, User, View
from sandbox.slack.state import APP_ID, State

Json = dict[str, Any]
TOKEN = "verification-token"
_STATIC = ("text", "value", "placeholder", "url", "style")


@dataclass(frozen=True, slots=True)
class Payloads:
    """Builds the bodies of requests; each act gets a fresh trigger."""

    state: State
    screens: Screens

    def command(self, user: User, channel: Channel, command: str, text: str) -> dict[str, str]:
        """Build the form of a slash command."""
        team = self.state.teams[user.team_id]
        return {
            "token": TOKEN,
            "team_id": team.id,
            "team_domain": team.domain,
            "channel_id": channel.id,
            "channel_name": _channel_name(channel),
            "user_id": user.id,
            "user_name": user.handle,
            "command": command,
            "text": html.escape(text, quote=False),
            "api_app_id": APP_ID,
            "is_enterprise_install": "false",
            "response_url": self.state.new_response_url(user, channel.id),
            "trigger_id": self.state.new_trigger(user, channel_id=channel.id),
        }

    def shortcut(self, user: User, callback_id: str) -> Json:
        """Build a global shortcut."""
        return {
            **self._common("shortcut", user),
            "callback_id": callback_id,
            "action_ts": self.state.next_ts(),
            "trigger_id": self.state.new_trigger(user),
        }

    def message_shortcut(self, user: User, message: Message, callback_id: str) -> Json:
        """Build a shortcut that was used on a message."""
        about = self._about_message(user, message)
        named = {name: about[name] for name in ("message", "trigger_id", "channel", "response_url")}
        return {
            **self._common("message_action", user, message.channel_id),
            **named,
            "callback_id": callback_id,
            "action_ts": self.state.next_ts(),
            "message_ts": message.ts,
        }

    def action(self, user: User, place: View | Message, field: Field, chosen: Json) -> Json:
        """Build a press or a choice, in a view or on a message."""
        if isinstance(place, View):
            about = self._about_view(user, place)
        else:
            about = self._about_message(user, place)
        return {
            **self._common("block_actions", user, place.channel_id),
            **about,
            "actions": [self._acted(field, chosen)],
        }

    def suggestion(self, user: User, place: View | Message, field: Field, typed: str) -> Json:
        """Build the question of a menu that asks the app for its options."""
        block_id, action_id = field.place
        about: Json = {"container": {"type": "message"}}
        if isinstance(place, View):
            about = {
                "view": self.screens.public(place),
                "container": {"type": "view", "view_id": place.id},
            }
        else:
            about["message"] = place.public()
            about["channel"] = {"id": place.channel_id}
        return {
            **self._common("block_suggestion", user),
            **about,
            "action_id": action_id,
            "block_id": block_id,
            "value": typed,
        }

    def submission(self, user: User, view: View) -> Json:
        """Build what goes out when the person presses the button at a modal's foot."""
        return {
            **self._common("view_submission", user),
            "trigger_id": self.state.new_trigger(user, view_id=view.id),
            "view": self.screens.public(view),
            "response_urls": self._response_urls(user, view),
        }

    def closing(self, user: User, view: View, *, everything: bool) -> Json:
        """Build the notice that a modal was closed."""
        return {
            **self._common("view_closed", user),
            "view": self.screens.public(view),
            "is_cleared": everything,
        }

    def event(self, team: Team, event: Json) -> Json:
        """Build the envelope of an event."""
        return {
            "token": TOKEN,
            "team_id": team.id,
            "api_app_id": APP_ID,
            "type": "event_callback",
            "event": {"event_ts": self.state.next_ts(), **event},
            "event_id": self.state.next_id("Ev"),
            "event_time": int(self.state.now().timestamp()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": team.id,
                    "user_id": team.bot_user_id,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": False,
        }

    def _common(self, kind: str, user: User, channel_id: str = "") -> Json:
        """What every payload says; a person of another company is told apart by their team."""
        team = self.state.installed_for(user, channel_id)
        person = {
            "id": user.id,
            "username": user.handle,
            "name": user.handle,
            "team_id": user.team_id,
        }
        return {
            "type": kind,
            "token": TOKEN,
            "api_app_id": APP_ID,
            "team": {"id": team.id, "domain": team.domain},
            "enterprise": None,
            "is_enterprise_install": False,
            "user": person,
        }

    def _about_view(self, user: User, view: View) -> Json:
        shown = self.screens.public(view)
        return {
            "container": {"type": "view", "view_id": view.id},
            "trigger_id": self.state.new_trigger(user, channel_id=view.channel_id, view_id=view.id),
            "view": shown,
        }

    def _about_message(self, user: User, message: Message) -> Json:
        channel = self.state.channels[message.channel_id]
        hidden = bool(message.visible_to)
        container = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": channel.id,
            "is_ephemeral": hidden,
        }
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        # Slack keeps no copy of a whisper, so the app is not shown it again.
        shown = {} if hidden else {"message": message.public()}
        return {
            **shown,
            "container": container,
            "trigger_id": self.state.new_trigger(user, channel_id=channel.id),
            "channel": {"id": channel.id, "name": _channel_name(channel)},
            "state": {"values": message.values},
            "response_url": self.state.new_response_url(user, channel.id, message.ts),
        }

    def _acted(self, field: Field, chosen: Json) -> Json:
        block_id, action_id = field.place
        kept = {name: field.element[name] for name in _STATIC if name in field.element}
        if field.key:
            kept.pop("value", None)
        return {
            "type": field.element["type"],
            "action_id": action_id,
            "block_id": block_id,
            "action_ts": self.state.next_ts(),
            **kept,
            **chosen,
        }

    def _response_urls(self, user: User, view: View) -> list[Json]:
        found: list[Json] = []
        for block in view.blocks:
            element = block.get("element") or {}
            if not element.get("response_url_enabled"):
                continue
            block_id, action_id = block["block_id"], element["action_id"]
            answer = view.values[block_id][action_id]
            channel_id = answer.get("selected_conversation") or answer.get("selected_channel")
            if channel_id:
                found.append(
                    {
                        "response_url": self.state.new_response_url(user, channel_id),
                        "channel_id": channel_id,
                        "block_id": block_id,
                        "action_id": action_id,
                    }
                )
        return found


def _channel_name(channel: Channel) -> str:
    if channel.im_user:
        return "directmessage"
    return "privategroup" if channel.private else channel.name
