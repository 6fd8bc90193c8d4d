"""Subscriptions: which channel gets which notifications, and who gets them while it is paused."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TypedDict, Unpack

from services import money
from services.errors import NotFound, Pair, ServiceError
from services.jobs.runner import Work
from services.model import days
from services.model.jobs import Job
from services.model.notice import TOPIC_OF, USUAL_TOPICS, Layout, NoticeKind, Rhythm, Topic
from services.model.people import Person, Role
from services.store import audit, connections, mirror, notices, people, settled, worklists
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.settled import Settled
from services.store.tables import Connection, Notice, Subscription


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
    country: str = ""  # the organisation's, by which numbers are written
    set_by: str = ""
    set_at: datetime | None = None
    paused_because: str = ""


# How a pause ends by what somebody does.
_ENDS = {"subscribed": "resumed them", "unsubscribed": "unsubscribed the channel"}
_Wish = Callable[[Session, Connection], Awaitable[Listening]]
# Says in a paused channel what it will get; raises a refusal where it can't be reached.
Reach = Callable[[Listening], Awaitable[None]]


async def _nowhere(_: Listening) -> None:
    """Reach nobody."""


@dataclass(frozen=True, slots=True)
class Only:
    """What a channel hears of: a client as people type it, and amounts from here on."""

    client: str = ""
    minimum: Decimal | None = None
    in_three: Decimal | None = None  # the same, typed by people whose currency has three decimals


@dataclass(frozen=True, slots=True)
class _Change:
    """What a channel gets now, or will once it was tried; without a workspace nothing changed."""

    listening: Listening
    workspace_id: int = 0
    untried: Subscription | None = None

    @property
    def is_news(self) -> bool:
        """Whether anything changed."""
        return bool(self.workspace_id)


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
    zone: str  # where the organisation is


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
        reach: Reach = _nowhere,
        **choice: Unpack[Choice],
    ) -> Listening:
        """Subscribe a channel to these topics and no others; the usual four unless named.

        With a client only that client's invoices are told, with a minimum only amounts from there
        on. What was paused resumes once `reach` has reached the channel.
        """
        wanted = Listening(
            channel_id, "", "", tuple(dict.fromkeys(topics)) or USUAL_TOPICS, **choice
        )

        async def chosen(session: Session, connection: Connection) -> Listening:
            if wanted.client_id is not None:
                known = await mirror.find_client(session, connection.id, wanted.client_id)
                if known is None:
                    raise NotFound("This client isn't in Paymo. Choose another one.")
            return wanted

        listening, _ = await self._change(person, channel_id, chosen, reach)
        return listening

    async def add(
        self,
        person: Person,
        channel_id: str,
        topics: Sequence[Topic] = (),
        reach: Reach = _nowhere,
        *,
        only: Only | None = None,
    ) -> tuple[Listening, bool]:
        """Add these topics to a channel's subscription; the usual four unless named.

        Returns all that the channel hears now, and whether that is news.
        """

        async def more(session: Session, connection: Connection) -> Listening:
            before = await _listening(session, connection, channel_id)
            now = before or Listening(channel_id, "", "", ())
            named = {*topics} or {*(now.topics or USUAL_TOPICS)}
            wanted = replace(
                now, topics=tuple(each for each in Topic if each in named | {*now.topics})
            )
            if only is not None and only.client:
                found = await worklists.client_named(session, connection.id, only.client)
                wanted = replace(wanted, client_id=found.client_id, client_name=found.name)
            if only is not None and only.minimum is not None:
                has_three = connection.base_currency in money.THREE_DECIMALS
                least = only.in_three if has_three else only.minimum
                wanted = replace(wanted, minimum=least)
            return wanted

        return await self._change(person, channel_id, more, reach)

    async def resume(
        self, person: Person, channel_id: str, reach: Reach = _nowhere
    ) -> tuple[Listening, bool]:
        """Resume a paused channel's subscription; say whether it was paused still."""

        async def same(session: Session, connection: Connection) -> Listening:
            before = await _listening(session, connection, channel_id)
            if before is None:
                raise NotFound("This channel is no longer subscribed.")
            return before

        return await self._change(person, channel_id, same, reach)

    async def _change(
        self, person: Person, channel_id: str, wish: _Wish, reach: Reach
    ) -> tuple[Listening, bool]:
        """Write what is wished, unless it is so; a paused channel is tried first.

        Of several people who would resume it, one tries.
        """
        outcome = await self._write(person, channel_id, wish, is_tried=False)
        if outcome.untried is not None:
            try:
                await reach(outcome.listening)
            except ServiceError:
                async with self.database.sessions.begin() as session:
                    await notices.mark_tried(session, outcome.untried, None)
                raise
            outcome = await self._write(person, channel_id, wish, is_tried=True)
        if outcome.is_news:
            await self.work.nudge(Job.NOTICES, outcome.workspace_id)
        return outcome.listening, outcome.is_news

    async def _write(
        self, person: Person, channel_id: str, wish: _Wish, *, is_tried: bool
    ) -> "_Change":
        async with self.database.sessions.begin() as session:
            connection = await connections.get_for_exporter(session, person)
            await connections.wait_for_turn(session, connection)
            before = await _listening(session, connection, channel_id)
            wanted = await wish(session, connection)
            is_paused = before is not None and bool(before.paused_because)
            if before == wanted and not is_paused:
                return _Change(wanted)
            row = await self._row(session, connection, person, wanted)
            if is_tried or not is_paused:
                await notices.subscribe(session, row)
                await self._note(session, connection, person, "subscribed", channel_id)
            elif not await notices.mark_tried(session, row, self.now()):
                raise ServiceError("Somebody else is resuming notifications there right now.")
            shown = await _read(session, connection, row)
            untried = row if is_paused and not is_tried else None
            return _Change(shown, connection.workspace_id, untried)

    async def _row(
        self, session: Session, connection: Connection, person: Person, wanted: Listening
    ) -> Subscription:
        rhythm = wanted.rhythm
        if rhythm.zone and rhythm.zone not in days.ZONES:
            raise NotFound("We don't know this time zone. Choose another one.")
        return Subscription(
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
            paused_because="",
        )

    async def _digest_from(
        self, session: Session, connection: Connection, wanted: Listening
    ) -> date | None:
        """Return the first day of the next digest: of today's period, or one not told yet.

        What ended while the channel was paused is not told.
        """
        if Topic.DIGEST not in wanted.topics:
            return None
        begun = self._begun(connection, wanted.rhythm)
        former = await notices.find_subscription(session, connection.id, wanted.channel_id)
        if former is None or former.digest_from is None or former.paused_because:
            return begun
        is_owed = former.digest_from < self._begun(connection, former.rhythm)
        goes_on = is_owed or former.rhythm.every is wanted.rhythm.every
        return min(former.digest_from, begun) if goes_on else begun

    def _begun(self, connection: Connection, rhythm: Rhythm) -> date:
        """Return the first day of the period that is in progress."""
        zone = days.zone_named(rhythm.zone, connection.time_zone)
        return rhythm.begin(self.now().astimezone(zone).date())

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
                await self._note(session, connection, person, "unsubscribed", channel_id)
        if removed:
            await self.work.nudge(Job.NOTICES, connection.workspace_id)
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

    async def _note(
        self, session: Session, connection: Connection, person: Person, what: str, channel_id: str
    ) -> None:
        """Note it for good; whoever was told that the channel is paused reads how that ended."""
        source = settled.paused_source(connection.id, channel_id)
        over = Settled((NoticeKind.CHANNEL_PAUSED,), person.user_id, _ENDS[what], source=source)
        await settled.settle(session, connection, over, self.now())
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
        country=connection.country,
        set_by=found.set_by,
        set_at=found.set_at,
        paused_because=found.paused_because,
    )


async def readdress(session: Session, notice: Notice, now: datetime) -> bool:
    """Send a notice to whoever is told while its channel is paused, if there is somebody."""
    if notice.connection_id is None:
        return False
    connection = await connections.get(session, notice.connection_id)
    paused = await notices.find_subscription(session, connection.id, notice.channel_id)
    if paused is None:
        return await _pass_to_owner(session, connection, notice, now)
    heir = people.heir_of(paused, connection)
    return await notices.readdress(session, notice, heir, now)


async def _pass_to_owner(
    session: Session, connection: Connection, notice: Notice, now: datetime
) -> bool:
    """Send the owner what reaches nobody: its channel is paused, and its subscriber is gone."""
    gone, owner_id = notice.channel_id, connection.owner_id
    unheard = [
        each
        for each in await notices.list_subscriptions(session, connection.id)
        if each.paused_because and people.heir_of(each, connection) == gone != owner_id
    ]
    if not unheard or notice.kind not in {*TOPIC_OF, NoticeKind.CHANNEL_PAUSED}:
        return False
    for each in unheard:
        start = settled.paused_source(connection.id, each.channel_id)
        source = await settled.find_source(session, start, gone) or f"{start}{gone}"
        await _tell_of_pause(session, each, source, now, instead_of=gone)
    return await notices.readdress(session, notice, owner_id, now)


async def tell_of_pause(session: Session, paused: Subscription, now: datetime) -> None:
    """Tell who gets a channel's notifications from now on that it is paused, and why."""
    start = settled.paused_source(paused.connection_id, paused.channel_id)
    await _tell_of_pause(session, paused, f"{start}{now:%Y%m%d%H%M%S%f}", now)


async def _tell_of_pause(
    session: Session, paused: Subscription, source: str, now: datetime, *, instead_of: str = ""
) -> None:
    connection = await connections.get(session, paused.connection_id)
    about = {"channel_id": paused.channel_id, "reason": paused.paused_because}
    about |= {"instead_of": instead_of} if instead_of else {}
    facts = connections.common_facts(connection) | about
    heirs = [connection.owner_id if instead_of else people.heir_of(paused, connection)]
    told = notices.Notification(NoticeKind.CHANNEL_PAUSED, source, facts, also=heirs)
    await notices.enqueue(session, connection, told, now)
