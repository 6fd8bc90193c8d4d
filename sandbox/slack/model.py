"""What lives in the stand-in: workspaces, people, channels, messages, views."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

TRIGGER_LIFE = timedelta(seconds=3)
RESPONSE_LIFE = timedelta(minutes=30)
RESPONSE_USES = 5
STACK = 3
SCOPES = (
    "commands",
    "chat:write",
    "files:write",
    "users:read",
    "channels:read",
    "groups:read",
    "im:write",
)


class Refused(Exception):
    """The Web API says no, with one of Slack's own error names."""

    def __init__(self, error: str, problems: list[str] | None = None) -> None:
        """Keep the name, and the details that Slack puts in `response_metadata`."""
        super().__init__(error)
        self.error = error
        self.problems = problems or []


class NotPossible(Exception):
    """A person tried what Slack's own screen would not let them do."""


@dataclass(slots=True)
class Team:
    """A workspace, and whether the app is installed in it."""

    id: str
    name: str
    installed: bool = True
    generation: int = 1
    scopes: set[str] = field(default_factory=lambda: set(SCOPES))

    @property
    def bot_token(self) -> str:
        """The token of the present installation; a reinstall after an uninstall has another."""
        return f"xoxb-{self.id}-{self.generation}"

    @property
    def bot_user_id(self) -> str:
        """The app's own user here."""
        return f"UBOT{self.id}"

    @property
    def bot_id(self) -> str:
        """The app's bot id here."""
        return f"B{self.id}"

    @property
    def domain(self) -> str:
        """What stands before `.slack.com`."""
        return self.name.lower().replace(" ", "-")

    def public(self) -> dict[str, Any]:
        """The workspace as Slack shows it."""
        return {"id": self.id, "name": self.name, "domain": self.domain}


@dataclass(slots=True)
class User:
    """A person."""

    id: str
    name: str
    team_id: str
    is_admin: bool = False
    title: str = ""  # what they do, as their profile says
    tz: str = "Europe/Berlin"
    locale: str = "en-US"
    deleted: bool = False

    @property
    def handle(self) -> str:
        """The name without blanks that Slack calls `user_name`."""
        return self.name.lower().replace(" ", ".")

    def public(self) -> dict[str, Any]:
        """The person as `users.info` does."""
        return {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.handle,
            "real_name": self.name,
            "deleted": self.deleted,
            "is_admin": self.is_admin,
            "is_owner": self.is_admin,
            "is_bot": False,
            "is_restricted": False,
            "tz": self.tz,
            "locale": self.locale,
            "profile": {
                "real_name": self.name,
                "display_name": self.name,
                "title": self.title,
            },
        }


@dataclass(slots=True)
class SharedFile:
    """A file that the app announced, and its bytes once they were sent."""

    id: str
    name: str
    length: int
    team_id: str
    title: str = ""
    content: bytes = b""

    def public(self) -> dict[str, Any]:
        """The file as Slack shows it."""
        return {"id": self.id, "name": self.name, "title": self.title, "size": self.length}


@dataclass(slots=True)
class Message:
    """A message as it now stands; `edits` keeps what it said before."""

    ts: str
    channel_id: str
    user: str
    text: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] | None = None
    thread_ts: str = ""
    broadcast: bool = False
    bot_id: str = ""
    visible_to: str = ""
    edited: str = ""
    edits: list[dict[str, Any]] = field(default_factory=list)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    offered: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    files: list[SharedFile] = field(default_factory=list)

    def content(self) -> dict[str, Any]:
        """What a `chat.update` replaces."""
        return {
            "text": self.text,
            "blocks": self.blocks,
            "attachments": self.attachments,
            "metadata": self.metadata,
        }

    def public(self) -> dict[str, Any]:
        """The message as Slack shows it; what is empty is left out."""
        shown = {
            "type": "message",
            "ts": self.ts,
            "user": self.user,
            "text": self.text,
            "blocks": self.blocks,
            "attachments": self.attachments,
            "metadata": self.metadata,
            "files": [each.public() for each in self.files],
            "thread_ts": self.thread_ts,
            "subtype": "thread_broadcast" if self.broadcast else "",
            "bot_id": self.bot_id,
            "is_ephemeral": bool(self.visible_to),
            "edited": {"user": self.user, "ts": self.edited} if self.edited else None,
        }
        return {name: value for name, value in shown.items() if value or name == "text"}


@dataclass(slots=True)
class Channel:
    """A channel or a direct message, with everything said in it, in order."""

    id: str
    name: str
    team_id: str
    members: set[str] = field(default_factory=set)
    bot_member: bool = True
    private: bool = False
    archived: bool = False
    ext_shared: bool = False
    org_shared: bool = False
    invited: bool = False  # another company was invited, and has not come yet
    im_user: str = ""
    messages: list[Message] = field(default_factory=list)

    def public(self) -> dict[str, Any]:
        """The channel as `conversations.info` does."""
        shown: dict[str, Any] = {
            "id": self.id,
            "is_channel": not self.im_user and not self.private,
            "is_group": self.private and not self.im_user,
            "is_im": bool(self.im_user),
            "is_private": self.private or bool(self.im_user),
            "is_archived": self.archived,
            "is_shared": self.ext_shared or self.org_shared,
            "is_ext_shared": self.ext_shared,
            "is_org_shared": self.org_shared,
            "is_pending_ext_shared": self.invited,
            "pending_shared": ["T0EXT"] if self.invited else [],
            "is_member": self.bot_member,
            "num_members": len(self.members),
            "context_team_id": self.team_id,
        }
        return shown | ({"user": self.im_user} if self.im_user else {"name": self.name})


@dataclass(slots=True)
class View:
    """A modal that somebody has open, or somebody's Home tab."""

    id: str
    team_id: str
    user_id: str
    payload: dict[str, Any]
    hash: str
    root_id: str
    previous_id: str = ""
    channel_id: str = ""
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    offered: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def callback_id(self) -> str:
        """What the app calls this view."""
        return str(self.payload.get("callback_id", ""))

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """What is on it."""
        return list(self.payload["blocks"])

    @property
    def title(self) -> str:
        """The words at its top."""
        return str(self.payload.get("title", {}).get("text", ""))


@dataclass(slots=True)
class Trigger:
    """What an act gives to the app, so that it may open one view."""

    user_id: str
    team_id: str
    issued: datetime
    channel_id: str = ""
    view_id: str = ""
    used: bool = False


@dataclass(slots=True)
class ResponseUrl:
    """A place to answer an act: five times, for half an hour."""

    user_id: str
    team_id: str
    channel_id: str
    issued: datetime
    original_ts: str = ""
    uses: int = 0
