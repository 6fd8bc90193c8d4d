"""What Slack hands to our handlers, how it is read, and which of them answers."""

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any, Protocol

from slack_sdk.web.async_client import AsyncWebClient

from handlers.blocks import CONNECTION, Block
from services.errors import NotFound
from services.model import numbers, wording
from services.model.people import Person, ReplyTarget

Body = dict[str, Any]
_LONGEST_ID = 18  # figures; no database takes more
_LARGEST_KEY = 2**31 - 1  # of a row of ours
GONE = "This button no longer works. Type the command again."
# Who sends these has no part in them, and their workspace's token is gone already.
FAREWELLS = frozenset({"app_uninstalled", "tokens_revoked"})
_OF_A_MODAL = frozenset({"view_submission", "view_closed"})
_ABOUT = re.compile(rf"{CONNECTION}-([0-9]{{1,{_LONGEST_ID}}})-[0-9]+")


class Ack(Protocol):
    """Sends the answer that Slack waits three seconds for; only the first call counts."""

    async def __call__(self, answer: Body | None = None) -> bool:
        """Answer, without a body with nothing; False where Slack has its answer already."""


class Respond(Protocol):
    """Posts to the `response_url` of a command or of a press on a message."""

    async def __call__(
        self,
        *,
        text: str,
        blocks: Sequence[Block],
        response_type: str = "ephemeral",
        replace_original: bool = False,
        delete_original: bool = False,
    ) -> Any:
        """Post; Slack takes five of these within half an hour."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a view carries in `private_metadata`: ids only, checked again by every service."""

    draft_id: int = 0
    connection_id: int = 0
    client_id: int = 0
    batch_id: int = 0
    channel_id: str = ""

    @property
    def is_sound(self) -> bool:
        """Say whether we could have written it."""
        own = (self.draft_id, self.connection_id, self.batch_id)
        return (
            all(key_in(str(each)) is not None for each in own)
            and number_in(str(self.client_id)) is not None
            and isinstance(self.channel_id, str)
            and self.channel_id.isprintable()
        )

    def dump(self) -> str:
        """Write it, without what is empty."""
        return json.dumps({name: value for name, value in asdict(self).items() if value})


@dataclass(slots=True)
class Intro:
    """What this is, to end the first answer to a person with; whichever does takes it."""

    text: str = ""

    def take(self) -> str:
        """Return it once, and then ""."""
        text, self.text = self.text, ""
        return text


@dataclass(frozen=True, slots=True)
class SlackRequest:
    """One thing that a person did in Slack, or that Slack tells.

    Presses and events are acknowledged before their handler runs, a command when it has to wait for
    something; it answers a menu or a form that was sent by itself.
    """

    body: Body  # a command's form, an interaction's payload, or an event's envelope
    person: Person
    client: AsyncWebClient
    ack: Ack
    respond: Respond
    waiting: Block = field(default_factory=dict)  # the modal that its answer is drawn into, if any
    intro: Intro = field(default_factory=Intro)

    @property
    def view(self) -> Body:
        """The modal that this came from; empty for messages, commands and the Home tab."""
        view: Body = self.body.get("view") or {}
        return view if view.get("type") == "modal" else {}

    @property
    def note(self) -> Note:
        """What we left in the modal."""
        return note_of(self.view)

    @property
    def person_in_channel(self) -> Person:
        """Who acts, in the channel behind the modal where there is none in front of it."""
        return replace(self.person, channel_id=self.person.channel_id or self.note.channel_id)

    @property
    def value(self) -> str:
        """What the button that was pressed carries, or the option that was chosen in a menu."""
        action = pressed(self.body)
        return str((_object(action, "selected_option") or action).get("value", ""))

    @property
    def typed(self) -> str:
        """What a person has typed into a menu so far."""
        return numbers.spaced(str(self.body.get("value") or ""))

    def reply_to(self, workspace_id: int = 0) -> ReplyTarget:
        """Return the open modal that shows what comes of it, and the channel behind it."""
        view = self.waiting or self.view
        return ReplyTarget(
            workspace_id=workspace_id,
            user_id=self.person.user_id,
            channel_id=self.person_in_channel.channel_id,
            view_id=str(view.get("id", "")),
            view_hash=str(view.get("hash", "")),
            batch_id=self.note.batch_id,
        )

    async def update(self, view: Block) -> bool:
        """Answer a form that was sent with what is drawn in its place; False if it's closed."""
        return await self.ack({"response_action": "update", "view": view})

    def id_in_value(self, otherwise: str = GONE, *, is_paymos: bool = False) -> int:
        """Return the row that a button is about, or Paymo's id of an invoice or a client.

        Raises `NotFound`, which says `otherwise`.
        """
        found = number_in(self.value) if is_paymos else key_in(self.value)
        if found is None:
            raise NotFound(otherwise)
        return found


Handler = Callable[[SlackRequest], Awaitable[None]]


def _as_it_is(handler: Handler) -> Handler:
    return handler


@dataclass(frozen=True, slots=True)
class Router:
    """Our handlers, by the names that Slack hands back."""

    commands: dict[str, Handler] = field(default_factory=dict)  # by command
    shortcuts: dict[str, Handler] = field(default_factory=dict)  # by callback_id
    actions: dict[str, Handler] = field(default_factory=dict)  # by action_id
    options: dict[tuple[str, str], Handler] = field(default_factory=dict)  # view, action_id
    submissions: dict[str, Handler] = field(default_factory=dict)  # by callback_id
    closings: dict[str, Handler] = field(default_factory=dict)  # of views that tell, likewise
    events: dict[str, Handler] = field(default_factory=dict)  # by the event's type
    guard: Callable[[Handler], Handler] = _as_it_is  # put around whichever answers

    def find(self, body: Body) -> Handler | None:
        """Return who answers this, if anybody does."""
        found = self._named(body)
        return self.guard(found) if found else None

    def _named(self, body: Body) -> Handler | None:
        if "command" in body:
            return self.commands.get(body["command"])
        kind = body.get("type")
        callback_id = (body.get("view") or {}).get("callback_id") or body.get("callback_id", "")
        if kind == "block_actions":
            return self.actions.get(pressed(body).get("action_id", ""))
        if kind == "block_suggestion":
            return self.options.get((callback_id, body.get("action_id", "")))
        if kind in {"view_submission", "view_closed"}:
            answering = self.submissions if kind == "view_submission" else self.closings
            return answering.get(callback_id)
        if kind in {"shortcut", "message_action"}:
            return self.shortcuts.get(callback_id)
        return self.events.get((body.get("event") or {}).get("type", ""))


def lacking(body: Body, user_id: str) -> str:
    """Name what Slack always sends with such a request, where this one lacks it; "" else."""
    if not user_id and _object(body, "event").get("type") not in FAREWELLS:
        return "user"
    if body.get("type") in _OF_A_MODAL and _object(body, "view").get("type") != "modal":
        return "view"
    return ""


def cleaned(body: Any) -> Any:
    """Return what Slack sent without characters that nobody can see, at any depth."""
    if isinstance(body, str):
        return wording.clean(body)
    if isinstance(body, dict):
        return {name: cleaned(each) for name, each in body.items()}
    return [cleaned(each) for each in body] if isinstance(body, list) else body


def note_of(view: Body) -> Note:
    """Read what we left in a view; anything else counts as nothing."""
    try:
        kept = Note(**json.loads(view.get("private_metadata") or "{}"))
    except (ValueError, TypeError):
        return Note()
    return kept if kept.is_sound else Note()


def field_of(view: Body, name: str, block_id: str = "") -> Body:
    """Return the state of one field; empty when the view does not have it.

    Its block has its name, unless `block_id` says otherwise.
    """
    values = _object(_object(view, "state"), "values")
    return _object(_object(values, block_id or name), name)


def chosen(view: Body, name: str) -> str:
    """Return the value of the option that is selected, or ""."""
    return str(_object(field_of(view, name), "selected_option").get("value", ""))


def all_chosen(view: Body, name: str) -> tuple[str, ...]:
    """Return the values of the boxes that are ticked."""
    chosen_ones = field_of(view, name).get("selected_options")
    found = chosen_ones if isinstance(chosen_ones, list) else ()
    return tuple(str(each.get("value", "")) for each in found if isinstance(each, dict))


def day_in(text: str) -> date | None:
    """Read a day as date pickers write it; None when it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def number_in(text: str) -> int | None:
    """Read an id out of a button's or an option's value; None when it is not one."""
    is_number = text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID
    return int(text) if is_number else None


def key_in(text: str) -> int | None:
    """Read the id of a row of ours; None when it is not one."""
    found = number_in(text)
    return found if found is not None and found <= _LARGEST_KEY else None


def pressed(body: Body) -> Body:
    """Return the action that was taken: a button pressed, or an option chosen."""
    action: Body = (body.get("actions") or [{}])[0]
    return action


def connection_in(body: Body) -> int:
    """Return the connection that a press or a view is about; 0 where the place decides."""
    if "view" not in body and "actions" not in body:
        return 0
    named = _ABOUT.fullmatch(str(pressed(body).get("block_id", "")))
    return key_in(named[1]) or 0 if named else note_of(body.get("view") or {}).connection_id


def labels_of(body: Body) -> tuple[str, str]:
    """Return what Slack calls the person who acts and the workspace, each "" if it does not say."""
    user, team, grid = (_object(body, name) for name in ("user", "team", "enterprise"))
    name = body.get("user_name") or user.get("name") or user.get("username")
    workspace = body.get("team_domain") or team.get("domain") or grid.get("name")
    return str(name or ""), str(workspace or "")


def workspace_in(body: Body, named: str | None) -> str:
    """Return the workspace; installed org-wide, Slack often names the organisation in its place.

    The organisation is what takes such an app away.
    """
    if str(named).startswith("T") or _object(body, "event").get("type") in FAREWELLS:
        return named or ""
    beside = (
        _object(body, "team").get("id"),
        body.get("team_id"),
        _object(body, "user").get("team_id"),
    )
    return next((str(each) for each in beside if str(each).startswith("T")), named or "")


def is_outsider(body: Body) -> bool:
    """Say whether this act comes from another company, through a shared channel.

    Where Slack does not tell both sides there is nothing to compare, and roles decide.
    """
    theirs = _team_of_actor(body)
    ours = _installed_team(body) if theirs else ""
    if not ours or theirs == ours:
        return False
    team = _object(body, "team")
    if not team and ours == _object(body, "enterprise").get("id"):
        return False  # installed in a whole organisation, whose workspaces are not told
    # Slack names a workspace or its organisation; what it names together belongs together.
    return not {theirs, ours} <= {team.get("id"), team.get("enterprise_id")}


def _team_of_actor(body: Body) -> str:
    """Return the workspace of whoever acts; for events Slack tells it in shared channels alone."""
    told = _object(body, "user").get("team_id")
    if told is None and _object(body, "view").get("app_installed_team_id"):
        told = _object(body, "team").get("id")  # theirs, where the view says which is ours
    if told is None and body.get("is_ext_shared_channel"):
        event = _object(body, "event")
        told = event.get("user_team") or event.get("team")
    return str(told or "")


def _installed_team(body: Body) -> str:
    """Return the workspace, or the organisation, that the app is installed in."""
    view = _object(body, "view")
    if view.get("app_installed_team_id"):
        return str(view["app_installed_team_id"])
    [first, *_] = body.get("authorizations") or [{}]
    if first.get("is_enterprise_install"):
        return str(first.get("enterprise_id") or "")
    team = body.get("team")
    named = _object(body, "team").get("id") if isinstance(team, dict) else team
    return str(first.get("team_id") or named or body.get("team_id") or "")


def _object(body: Body, name: str) -> Body:
    found = body.get(name)
    return found if isinstance(found, dict) else {}
