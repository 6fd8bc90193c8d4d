"""The one-time links of our pages, and what happens in Slack when a page is done."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.connect import checklists
from services.connect.checklists import Checklists, ConnectScreen
from services.connect.refusals import LinkExpired, LinkIncomplete, OtherBrowser
from services.jobs.runner import Work
from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.model.people import ReplyTarget
from services.store import connections, links, workspaces
from services.store.engine import Database, Session
from services.store.tables import Connection, OneTimeLink

_OVER = (ConnectionState.ENDING, ConnectionState.ENDED)


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a page of ours shows before anything happens: who asked, where, and what is known."""

    person: str  # as Slack names whoever asked; "" where it did not say
    workspace: str
    company: str  # Paymo's; "" while not connected
    organisation: str  # Xero's; "" while not connected
    attaches: bool = False  # Paymo's PDFs are attached, which needs one permission more


@dataclass(frozen=True, slots=True)
class PageLinks:
    """Finds what a link is for, uses it up, and draws the form in Slack again."""

    database: Database
    work: Work
    screen: ConnectScreen
    checklists: Checklists
    now: Callable[[], datetime]

    async def invitation(self, nonce: str, purpose: str) -> Invitation:
        """Return what the page behind a link shows; looking changes nothing."""
        link, connection = await self.find(nonce, purpose)
        workspace = link.workspace_name
        if not workspace:
            async with self.database.sessions() as session:
                row = await workspaces.get(session, connection.workspace_id)
                workspace = await workspaces.name_of(session, row)
        known = checklists.organisation_of(connection)
        return Invitation(
            person=link.user_name,
            workspace=workspace,
            company=connection.paymo_company_name,
            organisation=known.name if known else connection.organisation_name,
            attaches=connection.attach_pdf,
        )

    async def find(
        self, nonce: str, purpose: str, cookie: str | None = None
    ) -> tuple[OneTimeLink, Connection]:
        """Look a link up without using it; for strangers that is one read and no lock.

        With a cookie, the link must be for the browser that sent it. Raises `LinkExpired`,
        `OtherBrowser`.
        """
        if not nonce:
            raise LinkIncomplete
        async with self.database.sessions() as session:
            link = await links.find(session, nonce, purpose, self.now())
            if link is None:
                raise LinkExpired
            connection = await connections.get(session, link.connection_id)
        require_open(connection)
        if cookie is not None and (not cookie or link.browser not in {"", links.digest(cookie)}):
            raise OtherBrowser
        return link, connection

    async def take(
        self, session: Session, nonce: str, purpose: str
    ) -> tuple[OneTimeLink, Connection]:
        """Use a link up, unless what follows in this transaction fails; return what it is for."""
        link = await links.take(session, nonce, purpose, self.now())
        if link is None:
            raise LinkExpired
        connection = await connections.get(session, link.connection_id)
        require_open(connection)
        return link, connection

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
        """Draw the form again, and begin the work when both sides stand."""
        await self.redraw(link, connection.id)
        if connection.state is not ConnectionState.ACTIVE:
            return
        for job, key in (
            (Job.MIRROR, connection.id),
            (Job.SWEEP, connection.id),
            (Job.NOTICES, connection.workspace_id),
        ):
            await self.work.nudge(job, key)


def require_open(connection: Connection) -> None:
    """Refuse a link whose connection was ended since. Raises `LinkExpired`."""
    if connection.state in _OVER:
        raise LinkExpired
