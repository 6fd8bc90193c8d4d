"""Which of our handlers answers what Slack sends."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from slack_sdk.web.async_client import AsyncWebClient

from handlers.blocks import Block
from handlers.reading import Body
from services.model.people import Person


class Ack(Protocol):
    """Sends the answer that Slack waits three seconds for; only the first call counts."""

    async def __call__(self, answer: Body | None = None) -> None:
        """Answer; without a body the answer is empty."""


class Respond(Protocol):
    """Posts to the `response_url` of a command or of a press on a message."""

    async def __call__(
        self,
        *,
        text: str,
        blocks: Sequence[Block],
        response_type: str = "ephemeral",
        replace_original: bool = False,
    ) -> Any:
        """Post; Slack takes five of these within half an hour."""


@dataclass(frozen=True, slots=True)
class SlackRequest:
    """One thing that a person did in Slack, or that Slack tells."""

    body: Body  # a command's form, an interaction's payload, or an event's envelope
    person: Person
    client: AsyncWebClient
    ack: Ack
    respond: Respond


Handler = Callable[[SlackRequest], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Router:
    """Our handlers, by the names that Slack hands back."""

    commands: dict[str, Handler] = field(default_factory=dict)  # by command
    shortcuts: dict[str, Handler] = field(default_factory=dict)  # by callback_id
    actions: dict[str, Handler] = field(default_factory=dict)  # by action_id
    options: dict[tuple[str, str], Handler] = field(default_factory=dict)  # view, action_id
    submissions: dict[str, Handler] = field(default_factory=dict)  # by callback_id
    events: dict[str, Handler] = field(default_factory=dict)  # by the event's type

    def wrapped(self, wrap: Callable[[Handler], Handler]) -> "Router":
        """Return the same with every handler wrapped."""
        return Router(
            commands={name: wrap(each) for name, each in self.commands.items()},
            shortcuts={name: wrap(each) for name, each in self.shortcuts.items()},
            actions={name: wrap(each) for name, each in self.actions.items()},
            options={name: wrap(each) for name, each in self.options.items()},
            submissions={name: wrap(each) for name, each in self.submissions.items()},
            events={name: wrap(each) for name, each in self.events.items()},
        )

    def find(self, body: Body) -> Handler | None:
        """Return who answers this, if anybody does."""
        if "command" in body:
            return self.commands.get(body["command"])
        kind = body.get("type")
        callback_id = (body.get("view") or {}).get("callback_id") or body.get("callback_id", "")
        if kind == "block_actions":
            return self.actions.get((body.get("actions") or [{}])[0].get("action_id", ""))
        if kind == "block_suggestion":
            return self.options.get((callback_id, body.get("action_id", "")))
        if kind == "view_submission":
            return self.submissions.get(callback_id)
        if kind == "shortcut":
            return self.shortcuts.get(callback_id)
        return self.events.get((body.get("event") or {}).get("type", ""))
