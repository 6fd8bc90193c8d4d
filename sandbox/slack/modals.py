"""Modals and Home tabs: opened, pushed, replaced and closed by Slack's rules."""

import copy
import html
import json
from dataclasses import dataclass
from typing import Any

from sandbox.slack.fields import carried, with_ids
from sandbox.slack.model import STACK, Refused, Team, Trigger, View
from sandbox.slack.rules.surfaces import too_large, view_problems
from sandbox.slack.state import APP_ID, State

Json = dict[str, Any]
_SHOWN: Json = {
    "type": "modal",
    "title": None,
    "blocks": [],
    "submit": None,
    "close": None,
    "callback_id": "",
    "private_metadata": "",
    "external_id": "",
    "clear_on_close": False,
    "notify_on_close": False,
}


@dataclass(frozen=True, slots=True)
class Menu:
    """One group of what a menu offers; without groups there is a single one, with no label."""

    label: str
    options: list[Json]

    @property
    def texts(self) -> list[str]:
        """The words that people read."""
        return [html.unescape(option["text"]["text"]) for option in self.options]

    @property
    def values(self) -> list[str]:
        """What the app will be told."""
        return [option["value"] for option in self.options]


@dataclass(frozen=True, slots=True)
class Screens:
    """What stands in front of people: a stack of modals each, and a Home tab each."""

    state: State

    def checked(self, payload: Any, kind: str) -> Json:
        """Return a view that Slack would show; refuse any other."""
        if isinstance(payload, str):
            payload = _decoded(payload)
        self.state.sent.append({"kind": kind, "payload": copy.deepcopy(payload)})
        if too_large(payload):
            raise Refused("view_too_large")
        if problems := view_problems(payload, kind):
            raise Refused("invalid_arguments", problems)
        checked: Json = payload
        return checked

    def open(self, team: Team, trigger_id: str, payload: Any) -> View:
        """Show a modal to the person whose act this trigger came from."""
        checked = self.checked(payload, "modal")
        self._unique_external_id(team, checked)
        trigger = self._spend(team, trigger_id)
        view = self._new(trigger, checked)
        self.state.stacks[trigger.user_id] = [view]
        self.state.changed()
        return view

    def push(self, team: Team, trigger_id: str, payload: Any) -> View:
        """Put a modal on top of the one in which the act took place."""
        checked = self.checked(payload, "modal")
        self._unique_external_id(team, checked)
        trigger = self._spend(team, trigger_id)
        below = self.state.find_view(trigger.view_id)
        if below is None or below not in self.state.stacks.get(trigger.user_id, []):
            raise Refused("not_found", ["[ERROR] no modal is open for this trigger"])
        return self.push_on(below, checked)

    def push_on(self, below: View, checked: Json) -> View:
        """Put a view that was checked on top of a stack, which holds three at most."""
        stack = self.state.stacks[below.user_id]
        if len(stack) >= STACK:
            raise Refused("push_limit_reached")
        place = Trigger(below.user_id, below.team_id, self.state.now(), below.channel_id)
        view = self._new(place, checked, below)
        stack.append(view)
        self.state.changed()
        return view

    def update(self, team: Team, arguments: Json) -> View:
        """Replace a view that is open, named by its id or its external id."""
        view = self._named(team, arguments)
        checked = self.checked(arguments.get("view"), view.payload["type"])
        self._unique_external_id(team, checked, view)
        _same_hash(view, arguments)
        return self.replace(view, checked)

    def publish(self, team: Team, arguments: Json) -> View:
        """Show somebody's Home tab."""
        user = self.state.users.get(str(arguments.get("user_id", "")))
        if user is None or user.team_id != team.id:
            raise Refused("invalid_arguments", ["[ERROR] no such user [json-pointer:/user_id]"])
        checked = self.checked(arguments.get("view"), "home")
        view = self.state.homes.get(user.id)
        if view is not None:
            _same_hash(view, arguments)
            return self.replace(view, checked)
        view = self._new(Trigger(user.id, team.id, self.state.now()), checked)
        self.state.homes[user.id] = view
        self.state.changed()
        return view

    def replace(self, view: View, checked: Json) -> View:
        """Show something else in the same place; answers stay where their fields stay."""
        view.payload = self._with_ids(checked)
        view.values = carried(view.blocks, view.values, view.channel_id)
        view.hash = self.state.next_id("hash.")
        view.errors = {}
        view.offered = {}
        self.state.changed()
        return view

    def close(self, view: View, *, everything: bool = False) -> None:
        """Take this modal away, and with `everything` those under it too."""
        stack = self.state.stacks.get(view.user_id, [])
        if everything:
            stack.clear()
        elif view in stack:
            stack.remove(view)
        self.state.changed()

    def public(self, view: View) -> Json:
        """The view as Slack shows it to the app."""
        team = self.state.teams[view.team_id]
        shown = {name: view.payload.get(name, empty) for name, empty in _SHOWN.items()}
        return {
            **shown,
            "id": view.id,
            "team_id": view.team_id,
            "state": {"values": copy.deepcopy(view.values)},
            "hash": view.hash,
            "root_view_id": view.root_id,
            "previous_view_id": view.previous_id or None,
            "app_id": APP_ID,
            "app_installed_team_id": view.team_id,
            "bot_id": team.bot_id,
        }

    def _new(self, trigger: Trigger, checked: Json, below: View | None = None) -> View:
        payload = self._with_ids(checked)
        view_id = self.state.next_id("V")
        return View(
            id=view_id,
            team_id=trigger.team_id,
            user_id=trigger.user_id,
            payload=payload,
            hash=self.state.next_id("hash."),
            root_id=below.root_id if below else view_id,
            previous_id=below.id if below else "",
            channel_id=trigger.channel_id,
            values=carried(payload["blocks"], {}, trigger.channel_id),
        )

    def _with_ids(self, checked: Json) -> Json:
        return {**checked, "blocks": with_ids(checked["blocks"], self.state.next_id)}

    def _spend(self, team: Team, trigger_id: str) -> Trigger:
        trigger = self.state.triggers.get(trigger_id)
        if trigger is None or trigger.team_id != team.id:
            raise Refused("invalid_trigger_id")
        if trigger.used:
            raise Refused("exchanged_trigger_id")
        if self.state.now() - trigger.issued > self.state.trigger_life:
            raise Refused("expired_trigger_id")
        trigger.used = True
        return trigger

    def _named(self, team: Team, arguments: Json) -> View:
        view_id, external_id = arguments.get("view_id"), arguments.get("external_id")
        if not view_id and not external_id:
            raise Refused("invalid_arguments", ["[ERROR] view_id or external_id is needed"])
        everything = [*self.state.open_views(), *self.state.homes.values()]
        for view in everything:
            fits = view.id == view_id or (
                external_id and view.payload.get("external_id") == external_id
            )
            if fits and view.team_id == team.id:
                return view
        raise Refused("not_found")

    def _unique_external_id(self, team: Team, checked: Json, own: View | None = None) -> None:
        wanted = checked.get("external_id")
        for view in self.state.open_views():
            taken = view is not own and view.team_id == team.id
            if wanted and taken and view.payload.get("external_id") == wanted:
                raise Refused("duplicate_external_id")


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise Refused("invalid_arguments", ["[ERROR] view is not JSON"]) from None


def _same_hash(view: View, arguments: Json) -> None:
    if arguments.get("hash") and arguments["hash"] != view.hash:
        raise Refused("hash_conflict")
