"""The connect form, with a fresh one-time link for each side that needs one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.model.connection import ConnectionState, Organisation
from services.model.export import ExportState
from services.model.jobs import Job
from services.model.people import Person, ReplyTarget, Role
from services.store import (
    audit,
    connections,
    exports,
    links,
    notices,
    payments,
    schedules,
)
from services.store.engine import Session
from services.store.tables import Connection, OneTimeLink

PAYMO = "paymo"
XERO = "xero"
STATE = "state"  # somebody is at Xero's consent page
CHOOSE = "choose"  # a consent for several organisations waits for the choice
PURPOSES = {"Paymo": (PAYMO,), "Xero": (XERO, STATE, CHOOSE)}  # of links, by the side they connect
CONFIRMED = "organisation_confirmed"  # in the audit log
_LABEL = 80
_COUNTED = "limit"  # the sync's trouble says it, with the number as it is now


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
    is_confirmed: bool = False  # somebody read the organisation's name, and said that it is right


@dataclass(frozen=True, slots=True)
class Overview:
    """One connection at a glance, for the panel, the Home tab and `status`."""

    connection_id: int
    state: ConnectionState
    broken_side: str
    owner_id: str
    role: Role  # of whoever asks
    company: str
    organisation: Organisation | None
    exported: int  # live in Xero
    failed: int
    waiting: int  # queued, being sent, or of unknown outcome
    asking: int  # deletions, payments and differences that wait for a person
    swept_at: datetime | None
    sweep_due_at: datetime | None
    sweep_problem: str
    is_paused: bool
    channels: tuple[str, ...]
    warnings: tuple[str, ...] = ()  # what may soon be a problem
    held: tuple[int, ...] = ()  # the exports that the breaker stopped


@dataclass(frozen=True, slots=True)
class Farewell:
    """What disconnecting ends and what it leaves."""

    connection_id: int
    company: str
    organisation: str
    exported: int
    others: tuple[str, ...]  # connections that go on with the same access to Xero


class ConnectScreen(Protocol):
    """Where the person who connects or disconnects sees what happens."""

    async def show_checklist(self, reply_to: ReplyTarget, checklist: Checklist) -> None:
        """Draw the open checklist again; nothing happens when the person closed it."""

    async def show_farewell(self, reply_to: ReplyTarget, sentences: tuple[str, ...]) -> None:
        """Say how disconnecting went on each side."""


@dataclass(frozen=True, slots=True)
class Checklists:
    """Makes the form, and the links on it."""

    public_url: str
    now: Callable[[], datetime]

    async def draw(self, session: Session, connection: Connection, spot: OneTimeLink) -> Checklist:
        """The form; `spot` says for whom, and in which view and channel, links are made."""
        needs_paymo, needs_xero = needs_of(connection, spot.user_id)
        return Checklist(
            connection_id=connection.id,
            state=connection.state,
            company=connection.paymo_company_name if connection.paymo_api_key else "",
            organisation=organisation_of(connection),
            broken_side=connection.broken_side,
            paymo_link=self.link(session, spot, PAYMO) if needs_paymo else "",
            xero_link=self.link(session, spot, XERO) if needs_xero else "",
            channels=await notices.list_channels(session, connection.id),
            takes_over=spot.user_id != connection.owner_id,
            is_another=await connections.has_others(session, connection),
            is_confirmed=await _is_confirmed(session, connection),
        )

    def link(self, session: Session, spot: OneTimeLink, purpose: str) -> str:
        """The address of a page that opens once, for this person."""
        nonce = links.add(session, again(spot, purpose), self.now())
        return f"{self.public_url}/{purpose}/connect?nonce={nonce}"


async def _is_confirmed(session: Session, connection: Connection) -> bool:
    entry = await audit.find_last(session, connection, CONFIRMED)
    return entry is not None and entry.after.get("tenant_id") == connection.tenant_id


def needs_of(connection: Connection, user_id: str) -> tuple[bool, bool]:
    """Say whether this person is to connect Paymo, and whether Xero.

    Whoever takes the connection over connects Xero, whether it works or not.
    """
    if user_id != connection.owner_id:
        return (False, True)
    return (
        connection.paymo_api_key is None or connection.broken_side == "Paymo",
        connection.grant_id is None or connection.broken_side == "Xero",
    )


def spot_for(connection: Connection, person: Person, view_id: str = "") -> OneTimeLink:
    """What links for this person carry along."""
    return OneTimeLink(
        connection_id=connection.id,
        user_id=person.user_id,
        user_name=_label(person.name),
        workspace_name=_label(person.workspace),
        channel_id=person.channel_id,
        view_id=view_id,
    )


def again(
    spot: OneTimeLink, purpose: str, *, browser: str = "", secret: str | None = None
) -> OneTimeLink:
    """Another link for the same person and view, for one browser or any."""
    return OneTimeLink(
        purpose=purpose,
        connection_id=spot.connection_id,
        user_id=spot.user_id,
        user_name=spot.user_name,
        workspace_name=spot.workspace_name,
        channel_id=spot.channel_id,
        view_id=spot.view_id,
        browser=links.digest(browser) if browser else "",
        secret=secret,
    )


def name_owner(connection: Connection, person: Person) -> None:
    """Keep the name that pages call this person by."""
    if person.name:
        connection.names = {**connection.names, person.user_id: _label(person.name)}


def _label(text: str) -> str:
    """A name as one short line, without marks that turn the text around it."""
    line = " ".join(text.split())
    return "".join(each for each in line if each.isprintable())[:_LABEL]


def organisation_of(connection: Connection) -> Organisation | None:
    """The organisation as people are shown it, once it is known."""
    if not connection.tenant_id or connection.grant_id is None:
        return None
    return Organisation(
        tenant_id=connection.tenant_id,
        name=connection.organisation_name,
        country=connection.country,
        currency=connection.base_currency,
        is_demo=connection.is_demo,
    )


async def overview_of(session: Session, connection: Connection, role: Role) -> Overview:
    """One connection at a glance."""
    counts = await exports.counts(session, connection.id)
    asking = await exports.count_asking(session, connection.id)
    asking += await payments.count_asking(session, connection.id)
    sweep = await schedules.find(session, connection.id, Job.SWEEP)
    return Overview(
        connection_id=connection.id,
        state=connection.state,
        broken_side=connection.broken_side,
        owner_id=connection.owner_id,
        role=role,
        company=connection.paymo_company_name,
        organisation=organisation_of(connection),
        exported=await exports.count_live(session, connection),
        failed=counts.get(ExportState.FAILED, 0),
        waiting=sum(counts.get(state, 0) for state in exports.WAITING),
        asking=asking + counts.get(ExportState.DIFFERENT, 0) + counts.get(ExportState.AWAITING, 0),
        swept_at=connection.swept_at,
        sweep_due_at=sweep.due_at if sweep is not None else None,
        sweep_problem=await schedules.trouble_of(session, connection),
        is_paused=connection.is_paused,
        channels=await notices.list_channels(session, connection.id),
        warnings=tuple(said for each, said in connection.warned.items() if each != _COUNTED),
        held=await exports.list_held_ids(session, connection),
    )


def is_complete(connection: Connection) -> bool:
    """Say whether both sides are connected."""
    return connection.paymo_api_key is not None and connection.grant_id is not None
