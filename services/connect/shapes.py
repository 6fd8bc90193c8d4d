"""The connect checklist, the state of a connection, and what disconnecting will do."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.model import ConnectionState, Organisation, ReplyTarget


@dataclass(frozen=True, slots=True)
class Checklist:
    """The connect form as it is to be drawn now.

    The two addresses are one-time links of ten minutes, bound to workspace and person; "" where
    this side needs nothing.
    """

    connection_id: int
    state: ConnectionState
    company: str  # Paymo's; "" while not connected
    organisation: Organisation | None
    broken_side: str  # "Xero", "Paymo" or ""
    paymo_link: str
    xero_link: str
    channels: tuple[str, ...]  # where notices go already
    takes_over: bool = False  # whoever sees it becomes the owner by connecting Xero again
    is_another: bool = False  # the workspace has one in use beside this


@dataclass(frozen=True, slots=True)
class Overview:
    """One connection at a glance, for the panel, the Home tab and `status`."""

    connection_id: int
    state: ConnectionState
    broken_side: str
    owner_id: str
    can_export: bool
    can_edit: bool  # settings, disconnecting
    company: str
    organisation: Organisation | None
    exported: int  # live in Xero
    failed: int
    waiting: int  # queued, being sent, or of unknown outcome
    asking: int  # deletions, payments and differences that wait for a person
    swept_at: datetime | None
    sweep_due_at: datetime | None
    sweep_problem: str
    day_calls_left: int | None
    is_paused: bool
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Farewell:
    """What disconnecting ends and what it leaves."""

    connection_id: int
    company: str
    organisation: str
    exported: int
    others: tuple[str, ...] = ()  # connections that go on with the same access to Xero


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a page of ours shows before anything happens: who asked, where, and what is known."""

    person: str  # as Slack names whoever asked; "" where it did not say
    workspace: str
    company: str  # Paymo's; "" while not connected
    organisation: str  # Xero's; "" while not connected
    attaches: bool = False  # Paymo's PDFs are attached, which needs one permission more


@dataclass(frozen=True, slots=True)
class Return:
    """What a browser that comes back from Xero's consent page brings along."""

    state: str
    code: str = field(default="", repr=False)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Consent:
    """What came of a visit to Xero's consent page: connected to one, or a choice to make."""

    organisation: Organisation | None
    choices: tuple[Organisation, ...] = ()
    token: str = ""  # one-time, for the choice
    company: str = ""
    workspace: str = ""


class ConnectScreen(Protocol):
    """Where the person who connects or disconnects sees what happens."""

    async def show_checklist(self, reply_to: ReplyTarget, checklist: Checklist) -> None:
        """Draw the open checklist again; nothing happens when the person closed it."""

    async def show_farewell(self, reply_to: ReplyTarget, sentences: tuple[str, ...]) -> None:
        """Say how disconnecting went on each side."""
