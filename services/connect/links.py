"""The one-time links to our pages: what can go wrong, and what happens when a page is done.

Then a side is connected: the first of the two, the second, a broken one, or a former one again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from services.connect import checklists
from services.connect.checklists import Checklists, ConnectScreen
from services.errors import ServiceError
from services.jobs.runner import Work
from services.lifecycle import connection as lifecycle
from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.people import ReplyTarget
from services.model.wording import Command, Typed
from services.store import audit, connections, links, notices, people, settled, workspaces
from services.store.audit import AuditNote
from services.store.engine import LOCK, Database, Session
from services.store.settled import Settled
from services.store.tables import Connection, OneTimeLink, Workspace

_OVER = (ConnectionState.ENDING, ConnectionState.ENDED)
_CARRIED = (
    "paymo_api_key",
    "paymo_company_name",
    "grant_id",
    "xero_connection_id",
    "organisation_name",
    "country",
    "base_currency",
    "short_code",
    "time_zone",
    "is_demo",
    "owner_id",
    "names",
)
_AGAIN = f"Type {Typed(Command.CONNECT)} in Slack for a new link."
_LONGEST_ERROR = 100  # characters; it comes from an address that anybody can write
_CANCELLED = frozenset({"", "access_denied"})
TWO_APPS = (
    "Xero allows an organisation two uncertified apps. If yours has two, disconnect one in Xero at "
    "Settings → Connected apps."
)
_SCOPES = frozenset({"invalid_scope", "unauthorized_client"})


class PageRefusal(ServiceError):
    """What can go wrong on one of our pages; each kind has one heading and one sentence or two."""

    title: ClassVar[str] = "Nothing was connected"
    sentence: ClassVar[str]

    def __init__(self) -> None:
        """Say the sentence."""
        super().__init__(self.sentence)


class LinkExpired(PageRefusal):
    """A one-time link that was used, is too old, or was never handed out."""

    title = "This link no longer works"
    sentence = (
        "Each link works once, for ten minutes, until there is a newer one. If the form in Slack "
        f"shows this as connected, you're done. Otherwise type {Typed(Command.CONNECT)} in Slack "
        "for a new link."
    )


class LinkIncomplete(LinkExpired):
    """An address without the code that every link of ours carries."""

    title = "This link is incomplete"
    sentence = f"The code at the end of the address is missing. {_AGAIN}"


class TriesSpent(LinkExpired):
    """Too many keys did not work on one link."""

    title = "Five keys didn't work"
    sentence = f"We closed this link and kept none of the keys. {_AGAIN}"


class OtherBrowser(PageRefusal):
    """A step was taken in another browser than the one before."""

    sentence = (
        "You started in another browser, or cookies are off. Open the link from Slack again and "
        "finish in the same browser, with cookies on."
    )


class NotConfirmed(PageRefusal):
    """Nobody ticked that they are the person who asked."""

    sentence = "Tick the box to confirm that you asked for this page. If you didn't, close it."


class ForeignForm(PageRefusal):
    """A form that did not come from a page of ours."""

    sentence = f"This form came from another site. {_AGAIN}"


class ConsentRefused(ServiceError):
    """The person did not allow the access at Xero."""


def why_not_allowed(error: str) -> str:
    """Say what to do about the error with which Xero's consent page sent somebody back."""
    if error in _CANCELLED:
        return f"You didn't allow access at Xero. {_AGAIN}"
    if error in _SCOPES:
        return (
            "Xero refused the scopes that this app asks for. Xero apps made since March 2026 have "
            "granular scopes only. Whoever runs paymo-xero finds them in docs/operations.md. "
            f"{_AGAIN}"
        )
    return f"Xero answered with an error ({error[:_LONGEST_ERROR]}). {TWO_APPS} {_AGAIN}"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a page of ours shows before anything happens: who asked, where, and what is known."""

    person: str  # as Slack names whoever asked; "" where it did not say
    workspace: str
    company: str  # Paymo's; "" while not connected
    organisation: str  # Xero's; "" while not connected
    attaches: bool  # Paymo's PDFs are attached, which needs one permission more
    team_id: str  # Slack's, with the channel or our app: where the person goes back to
    channel_id: str
    app_id: str


@dataclass(frozen=True, slots=True)
class PageLinks:
    """Finds what a link is for, uses it up, and draws the form in Slack again."""

    database: Database
    work: Work
    screen: ConnectScreen
    checklists: Checklists
    now: Callable[[], datetime]

    async def invitation(self, nonce: str, purpose: str) -> Invitation:
        """What the page behind a link shows; reading changes nothing."""
        link, connection = await self.find(nonce, purpose)
        async with self.database.sessions() as session:
            row = await workspaces.get(session, connection.workspace_id)
            workspace = link.workspace_name or await workspaces.name_of(session, row)
        known = checklists.organisation_of(connection)
        return Invitation(
            person=link.user_name,
            workspace=workspace,
            company=connection.paymo_company_name,
            organisation=known.name if known else connection.organisation_name,
            attaches=connection.attach_pdf,
            team_id=row.team_id,
            channel_id=link.channel_id,
            app_id=row.app_id,
        )

    async def find(
        self, nonce: str, purpose: str, cookie: str | None = None
    ) -> tuple[OneTimeLink, Connection]:
        """Find a link without using it; for strangers that is one read and no lock.

        With a cookie, the link must be for the browser that sent it. Raises `LinkExpired`,
        `OtherBrowser`.
        """
        if not nonce:
            raise LinkIncomplete
        async with self.database.sessions() as session:
            found = await links.find(session, nonce, purpose, self.now())
            link, connection = await _opened(session, found)
        if cookie is not None and (not cookie or link.browser not in {"", links.digest(cookie)}):
            raise OtherBrowser
        return link, connection

    async def take(
        self, session: Session, nonce: str, purpose: str
    ) -> tuple[OneTimeLink, Connection]:
        """Use a link up, unless what follows in this transaction fails; return what it is for."""
        return await _opened(session, await links.take(session, nonce, purpose, self.now()))

    async def redraw(self, link: OneTimeLink, connection_id: int) -> None:
        """Show the person in Slack how far they are, with links that work."""
        async with self.database.sessions.begin() as session:
            row = await connections.get(session, connection_id)
            spot = checklists.again(link, "")
            spot.connection_id = connection_id
            checklist = await self.checklists.draw(session, row, spot)
        reply_to = ReplyTarget(
            workspace_id=row.workspace_id,
            user_id=link.user_id,
            channel_id=link.channel_id,
            view_id=link.view_id,
        )
        await self.screen.show_checklist(reply_to, checklist)

    async def go_on(self, link: OneTimeLink, connection: Connection) -> None:
        """Redraw the form, and activate the connection once both sides are connected."""
        await self.redraw(link, connection.id)
        if connection.state is not ConnectionState.ACTIVE:
            return
        for job, key in (
            (Job.MIRROR, connection.id),
            (Job.SWEEP, connection.id),
            (Job.NOTICES, connection.workspace_id),
        ):
            await self.work.nudge(job, key)


async def _opened(session: Session, link: OneTimeLink | None) -> tuple[OneTimeLink, Connection]:
    if link is None:
        raise LinkExpired
    connection = await connections.get(session, link.connection_id)
    require_open(connection)
    return link, connection


def require_open(connection: Connection) -> None:
    """Refuse a link whose connection was ended since. Raises `LinkExpired`."""
    if connection.state in _OVER:
        raise LinkExpired


@dataclass(frozen=True, slots=True)
class Finished:
    """A side that somebody has connected just now."""

    side: str  # "Paymo" or "Xero"
    by: str  # Slack user; not always the owner
    at: datetime


async def settle(session: Session, connection: Connection, done: Finished) -> Connection:
    """Update a connection after one side was connected; return the row that continues.

    The same company with the same organisation goes on in its former row, so that nothing is
    exported twice.
    """
    _note(session, connection, f"{done.side.lower()}_connected", done)
    if done.side == "Paymo":
        # The new key may be another person's, who sees and owns no webhooks of ours yet.
        connection.paymo_hooks_checked_at = None
    if connection.broken_side == done.side:
        await _mend(session, connection, done)
    elif connection.state is ConnectionState.PENDING and checklists.is_complete(connection):
        connection = await _begin(session, connection, done)
    await people.outdate(session, connection, done.at)
    # What else was handed out for this side could only fill it anew.
    await links.forget(session, connection.id, purposes=checklists.PURPOSES[done.side])
    return connection


async def _mend(session: Session, connection: Connection, done: Finished) -> None:
    if not await lifecycle.mend(session, connection):
        return
    await _read_all(session, connection, done)
    notification = notices.Notification(
        kind=NoticeKind.CONNECTION_RESTORED,
        source=f"restored:{connection.id}:{connection.broken_times}",
        facts=connections.common_facts(connection) | {"by": done.by},
    )
    await notices.enqueue(session, connection, notification, done.at)


async def _begin(session: Session, connection: Connection, done: Finished) -> Connection:
    await session.flush()
    # Of two that are completed at once, the second waits here and sees what the first became.
    await session.get_one(Workspace, connection.workspace_id, with_for_update=LOCK)
    rival = await connections.find_rival(session, connection)
    if rival is not None:
        name = rival.names.get(rival.owner_id, "")
        raise ServiceError(
            f"{connection.paymo_company_name} in Paymo is already connected with "
            f"{connection.organisation_name} in Xero"
            f"{f', by {name}' if name else ''}. Use that connection, or choose another company "
            "or organisation."
        )
    welcomed = Settled((NoticeKind.WELCOME,), done.by, "connected Paymo and Xero")
    await settled.settle(session, connection, welcomed, done.at)
    former = await connections.find_former(session, connection)
    if former is None:
        await lifecycle.activate(session, connection)
        await _read_all(session, connection, done)
        return connection
    for name in _CARRIED:
        setattr(former, name, getattr(connection, name))
    await lifecycle.resume(session, former)
    await links.move(session, connection.id, former.id)
    await lifecycle.give_way(session, connection)
    await settled.outdate_offers(session, former, done.at)
    await _read_all(session, former, done)
    _note(session, former, "reconnected", done)
    return former


async def _read_all(session: Session, connection: Connection, done: Finished) -> None:
    """Have both systems' lists and Xero's changes read at once, and what was parked go on."""
    connection.xero_mirrored_at = connection.paymo_mirrored_at = None
    connection.contacts_whole_at = None
    await session.flush()
    await connections.release_parked(session, connection, done.at)


def _note(session: Session, connection: Connection, what: str, done: Finished) -> None:
    audit.record(session, connection, AuditNote(what, done.at, done.by))
