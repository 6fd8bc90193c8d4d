"""Comparing both systems: asked for by a person, or by the clock for a month's digest."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services import days
from services.backoff import COMPARISON, DIGEST
from services.clients.paymo import PaymoClients
from services.clients.xero import XeroClients
from services.errors import NotConnected, ServiceError, Throttled, Unavailable
from services.links import Links
from services.model import ConnectionState, ErrandState, Job, NoticeKind, Person, Place
from services.reconcile import digesting, months, reading
from services.reconcile.judging import Judge
from services.reconcile.months import Month
from services.reconcile.shapes import Begun, ReconcileScreen, Report
from services.store import connections, digests, errands, notices
from services.store.engine import Database
from services.store.errands import Asked
from services.store.notices import News
from services.store.tables import Connection, Errand
from services.work import Work

log = structlog.get_logger(__name__)

_HOUR = timedelta(hours=1)
_LONGEST = timedelta(minutes=10)
_SOON = timedelta(seconds=20)
_LATER = timedelta(minutes=15)
_WORTH_TELLING = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ReconcileService:
    """`ask` writes a row and nudges; `run_reconcile` is a job."""

    database: Database
    paymo: PaymoClients
    xero: XeroClients
    work: Work
    screen: ReconcileScreen
    links: Links
    now: Callable[[], datetime]

    async def ask(self, person: Person, text: str, place: Place) -> Begun:
        """Have a month compared, named as people type it; two presses are one comparison."""
        now = self.now()
        async with self.database.sessions.begin() as session:
            connection = await connections.get_for_exporter(session, person)
            month = months.month_of(text, days.day_in(connection.time_zone, now))
            asked = Asked(
                Job.RECONCILE,
                digests.subject_of(month.key, person.user_id),
                now,
                by=person.user_id,
                place=place,
                data={"month": month.key},
            )
            errand = await errands.ask(session, connection, asked)
            begun = Begun(
                organisation=connection.organisation_name or "Xero",
                company=connection.paymo_company_name or "Paymo",
                label=month.label,
                is_new=errand is not None,
            )
            errand_id = errand.id if errand is not None else 0
        if errand_id:
            await self.work.nudge(Job.RECONCILE, errand_id)
        return begun

    async def run_reconcile(self, errand_id: int) -> None:
        """Compare both sides if it is this errand's turn, and tell whoever asked."""
        async with self.database.sessions.begin() as session:
            errand = await errands.take(session, errand_id, self.now())
            if errand is None:
                return
            # A long list takes longer than the usual lease; nobody else shall read it meanwhile.
            await errands.put_off(session, errand, self.now() + _LONGEST, "")
            connection = await connections.get(session, errand.connection_id)
        today = days.day_in(connection.time_zone, self.now())
        month = months.month_of(errand.data["month"], today)
        try:
            _require_open(connection)
            self._require_calls(connection)
            report = await self._compare(connection, month)
        except Throttled as refusal:
            await self._wait(errand, refusal.retry_after, str(refusal))
        except NotConnected as refusal:
            await self._note_broken(connection, refusal)
            await self._give_up(errand, refusal, later=_HOUR)
        except Unavailable as refusal:
            await self._give_up(errand, refusal, later=_LATER)
        except ServiceError as refusal:
            await self._refuse(errand, str(refusal))
        else:
            await self._record(errand, report)

    async def _compare(self, connection: Connection, month: Month) -> Report:
        source = reading.Source(
            self.database,
            connection,
            self.paymo.client(connection.paymo_api_key),
            self.xero.client(connection.tenant_id, connection.grant_id),
        )
        books = await reading.read(source, month)
        return Judge(connection, books, self.links).report(month, self.now())

    def _require_calls(self, connection: Connection) -> None:
        """Leave the day's last calls to exports: the row knows what all processes used."""
        left = connection.day_calls_left
        xero = self.xero.client(connection.tenant_id, connection.grant_id)
        if left is not None and left < xero.allowance.kept_for_exports:
            raise Throttled(
                f"Xero lets the app make {left} more calls today, and they are kept for exports.",
                retry_after=_HOUR,
                problem="day",
            )

    async def _record(self, errand: Errand, report: Report) -> None:
        now = self.now()
        async with self.database.sessions.begin() as session:
            connection = await connections.get(session, errand.connection_id)
            data = {"compared": report.compared, "agreeing": report.agreeing}
            if not await errands.finish(session, errand, ErrandState.DONE, data=data):
                return
            if errand.place is None:
                facts = digesting.facts_of(
                    connection, report, days.day_in(connection.time_zone, now)
                )
                source = f"digest:{connection.id}:{report.month}"
                await notices.announce(
                    session, connection, News(NoticeKind.DIGEST, source, facts), now
                )
        if errand.place is None:
            await self.work.nudge(Job.NOTICES, connection.workspace_id)
            owner = Place(connection.workspace_id, connection.owner_id)
            await self.screen.send_file(owner, report)
        else:
            await self.screen.show_report(Place(**errand.place), report)

    async def _wait(self, errand: Errand, pause: timedelta, reason: str) -> None:
        """Put it off, and say once until when; nobody sleeps in a job."""
        due_at = self.now() + max(pause, _SOON)
        is_told = bool(errand.data.get("told"))
        is_worth_telling = pause >= _WORTH_TELLING and not is_told
        async with self.database.sessions.begin() as session:
            if not await errands.put_off(session, errand, due_at, reason):
                return
            if is_worth_telling:
                await errands.note(session, errand, told=True)
        if errand.place is not None and is_worth_telling:
            when = f"{due_at:%H:%M} UTC on {due_at.day} {due_at:%b}"
            text = f"{reason} The comparison is tried again by itself at {when}."
            await self.screen.show_wait(Place(**errand.place), text)

    async def _give_up(self, errand: Errand, refusal: ServiceError, *, later: timedelta) -> None:
        """Try again a few times while a person waits, and for a day where a digest is owed."""
        is_digest = errand.place is None
        patience = DIGEST if is_digest else COMPARISON
        is_hopeless = not is_digest and isinstance(refusal, NotConnected)
        if patience.is_over(errand.tries) or is_hopeless:
            await self._refuse(errand, str(refusal))
            return
        pause = later if is_digest else _SOON
        async with self.database.sessions.begin() as session:
            await errands.put_off(session, errand, self.now() + pause, str(refusal))

    async def _refuse(self, errand: Errand, reason: str) -> None:
        async with self.database.sessions.begin() as session:
            if not await errands.finish(session, errand, ErrandState.REFUSED, reason=reason):
                return
        if errand.place is not None:
            await self.screen.show_refusal(Place(**errand.place), reason)
        else:
            log.warning("digest_given_up", connection=errand.connection_id)

    async def _note_broken(self, connection: Connection, refusal: NotConnected) -> None:
        async with self.database.sessions.begin() as session:
            await connections.mark_broken(
                session, connection.id, refusal.system, reason=str(refusal), now=self.now()
            )


def _require_open(connection: Connection) -> None:
    """Refuse what ended for good; what is broken may be mended."""
    if connection.state in {ConnectionState.ENDED, ConnectionState.ENDING}:
        raise ServiceError("Paymo and Xero are not connected any more. Run /paymo-xero connect.")
    connections.require_ready(connection)
