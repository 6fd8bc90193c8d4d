"""Subscriptions: which channel gets which notifications."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TypedDict, Unpack

from services.errors import NotFound, Pair
from services.jobs.runner import Work
from services.model import days
from services.model.jobs import Job
from services.model.notice import USUAL_TOPICS, Layout, Rhythm, Topic
from services.model.people import Person, Role
from services.store import audit, connections, mirror, notices, people, worklists
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.tables import Connection, Subscription


@dataclass(frozen=True, slots=True)
class Listening:
    """One channel's subscription to one connection."""

    channel_id: str
    organisation: str
    company: str
    topics: tuple[Topic, ...]
    client_id: int | None = None
    client_name: str = ""
    minimum: Decimal | None = None
    layout: Layout = Layout.BROADCAST
    rhythm: Rhythm = field(default_factory=Rhythm)
    zone: str = ""  # the rhythm's, or the organisation's, as people know it
    set_by: str = ""
    set_at: datetime | None = None
    paused_because: str = ""


class Choice(TypedDict, total=False):
    """What else can be chosen for a channel."""

    client_id: int | None
    minimum: Decimal | None
    layout: Layout
    rhythm: Rhythm


@dataclass(frozen=True, slots=True)
class About:
    """The connection that a channel subscribes to; `is_only` where there is no other."""

    pair: Pair
    is_only: bool
    zone: str = ""  # where the organisation is


@dataclass(frozen=True, slots=True)
class NoticeService:
    """Subscribing reads and writes rows only."""

    database: Database
    work: Work
    now: Callable[[], datetime]

    async def subscribe(
        self,
        person: Person,
        channel_id: str,
        topics: Sequence[Topic] = (),
        **choice: Unpack[Choice],
    ) -> Listening:
        """Subscribe a channel to these topics and no others; the usual four unless named.

        With a client only that client's invoices are told, with a minimum only amounts from there
        on. What was paused goes on.
        """
        async with self.database.sessions.begin() as session:
            connection = await connections.get_for_exporter(session, person)
            client_id = choice.get("client_id")
            if client_id is not None:
                known = await mirror.find_client(session, connection.id, client_id)
                if known is None:
                    raise NotFound("This client isn't in Paymo. Choose another one.")
            chosen = tuple(dict.fromkeys(topics)) or USUAL_TOPICS
            wanted = Listening(channel_id, "", "", chosen, **choice)
            listening = await self._put(session, connection, person, wanted)
        await self.work.nudge(Job.NOTICES, connection.workspace_id)
        return listening

    async def add(
        self,
        person: Person,
        channel_id: str,
        topics: Sequence[Topic] = (),
        *,
        client: str = "",
        minimum: Decimal | None = None,
    ) -> tuple[Listening, bool]:
        """Add these topics to a channel's subscription; the usual four unless named.

        A client is named as people type it. Returns all that the channel hears now, and whether
        that is news.
        """
        async with self.database.sessions.begin() as session:
            connection = await connections.get_for_exporter(session, person)
            await connections.wait_for_turn(session, connection)
            before = await _listening(session, connection, channel_id)
            now = before or Listening(channel_id, "", "", ())
            named = {*topics} or {*(now.topics or USUAL_TOPICS)}
            wanted = replace(
                now, topics=tuple(each for each in Topic if each in named | {*now.topics})
            )
            if client:
                found = await worklists.client_named(session, connection.id, client)
                wanted = replace(wanted, client_id=found.client_id, client_name=found.name)
            if minimum is not None:
                wanted = replace(wanted, minimum=minimum)
            if before == wanted and not before.paused_because:
                return before, False
            listening = await self._put(session, connection, person, wanted)
        await self.work.nudge(Job.NOTICES, connection.workspace_id)
        return listening, True

    async def _put(
        self, session: Session, connection: Connection, person: Person, wanted: Listening
    ) -> Listening:
        rhythm = wanted.rhythm
        if rhythm.zone and rhythm.zone not in days.ZONES:
            raise NotFound("We don't know this time zone. Choose another one.")
        subscription = Subscription(
            connection_id=connection.id,
            channel_id=wanted.channel_id,
            topics=[each.value for each in wanted.topics],
            client_id=wanted.client_id,
            minimum=wanted.minimum,
            layout=wanted.layout,
            digest_every=rhythm.every,
            digest_hour=rhythm.hour,
            digest_zone=rhythm.zone,
            digest_from=await self._digest_from(session, connection, wanted),
            set_by=person.user_id,
            set_at=self.now(),
        )
        await notices.subscribe(session, subscription)
        self._note(session, connection, person, "subscribed", wanted.channel_id)
        listening = await _listening(session, connection, wanted.channel_id)
        if listening is None:
            raise NotFound("Somebody unsubscribed this channel just now.")
        return listening

    async def _digest_from(
        self, session: Session, connection: Connection, wanted: Listening
    ) -> date | None:
        """Return the first day of the next digest: of today's period, or of the one in progress."""
        if Topic.DIGEST not in wanted.topics:
            return None
        former = await notices.find_subscription(session, connection.id, wanted.channel_id)
        goes_on = former and former.rhythm == wanted.rhythm and not former.paused_because
        if former is not None and goes_on and former.digest_from is not None:
            return former.digest_from
        zone = days.zone_named(wanted.rhythm.zone, connection.time_zone)
        return wanted.rhythm.begin(self.now().astimezone(zone).date())

    async def resume(self, person: Person, channel_id: str) -> tuple[Listening, bool]:
        """Resume a paused channel's subscription; say whether it was paused still."""
        async with self.database.sessions.begin() as session:
            connection = await connections.get_for_exporter(session, person)
            await connections.wait_for_turn(session, connection)
            before = await _listening(session, connection, channel_id)
            if before is None:
                raise NotFound("This channel is no longer subscribed.")
            if not before.paused_because:
                return before, False
            listening = await self._put(session, connection, person, before)
        await self.work.nudge(Job.NOTICES, connection.workspace_id)
        return listening, True

    async def list_all(self, person: Person) -> Sequence[Listening]:
        """Return every subscription to the current connection, paused ones included."""
        async with self.database.sessions() as session:
            connection = await connections.get_for_exporter(session, person)
            rows = await notices.list_subscriptions(session, connection.id)
            return [await _read(session, connection, each) for each in rows]

    async def unsubscribe(self, person: Person, channel_id: str) -> bool:
        """Unsubscribe a channel, paused or not; say whether it was subscribed."""
        async with self.database.sessions.begin() as session:
            connection = await connections.find_current(session, person)
            if connection is None:
                return False
            await people.require(session, connection, person, Role.EXPORTER)
            removed = await notices.unsubscribe(session, connection.id, channel_id)
            if removed:
                self._note(session, connection, person, "unsubscribed", channel_id)
        return removed

    async def listening(self, person: Person, channel_id: str) -> Listening | None:
        """Return the channel's subscription, if there is one."""
        async with self.database.sessions() as session:
            connection = await connections.get_for_exporter(session, person)
            return await _listening(session, connection, channel_id)

    async def about(self, person: Person) -> About | None:
        """The connection that is meant, if there is one."""
        async with self.database.sessions() as session:
            connection = await connections.find_current(session, person)
            if connection is None:
                return None
            await people.require(session, connection, person, Role.EXPORTER)
            others = await connections.list_open(session, person)
            zone = days.name_of_zone(connection.time_zone)
            return About(connections.pair_of(connection), len(others) == 1, zone)

    def _note(
        self, session: Session, connection: Connection, person: Person, what: str, channel_id: str
    ) -> None:
        entry = AuditNote(what, self.now(), person.user_id, after={"channel_id": channel_id})
        audit.record(session, connection, entry)


async def _listening(session: Session, connection: Connection, channel_id: str) -> Listening | None:
    found = await notices.find_subscription(session, connection.id, channel_id)
    return await _read(session, connection, found) if found is not None else None


async def _read(session: Session, connection: Connection, found: Subscription) -> Listening:
    client = None
    if found.client_id is not None:
        client = await mirror.find_client(session, connection.id, found.client_id)
    return Listening(
        channel_id=found.channel_id,
        organisation=connection.organisation_name,
        company=connection.paymo_company_name,
        topics=tuple(Topic(each) for each in found.topics),
        client_id=found.client_id,
        client_name=client.name if client else "",
        minimum=found.minimum,
        layout=found.layout,
        rhythm=found.rhythm,
        zone=found.digest_zone or days.name_of_zone(connection.time_zone),
        set_by=found.set_by,
        set_at=found.set_at,
        paused_because=found.paused_because,
    )
