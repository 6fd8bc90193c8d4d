"""A connection, and a board that keeps what was posted."""

from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from services.errors import (
    ServiceError,
)
from services.jobs.runner import Runner, Step
from services.model.invoice import Links
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.people import Person
from services.notices.delivery import CardStep, Message, NoticeStep, Spot
from services.notices.service import NoticeService
from services.store import connections, notices
from services.store.engine import Database
from services.store.tables import Connection, Export, Notice
from tests.services.connecting import Nudges
from tests.services.prepared import Clock
from tests.services.store_seeds import connected

OWNER, STRANGER = Person("", "T1", "U1", "C1"), Person("", "T1", "U3", "C1")


@dataclass(slots=True)
class Board:
    """A board that keeps what was posted; `refusals` are raised first, by channel."""

    posted: list[tuple[str, Message]] = field(default_factory=list)
    redrawn: list[tuple[str, Message]] = field(default_factory=list)
    refusals: dict[str, deque[ServiceError]] = field(default_factory=dict)
    meanwhile: list[Awaitable[None]] = field(default_factory=list)  # happens as it is posted

    async def post(self, message: Message) -> Spot:
        """Keep it, unless it is to be refused."""
        if waiting := self.refusals.get(message.channel_id):
            raise waiting.popleft()
        while self.meanwhile:
            await self.meanwhile.pop()
        ts = f"{len(self.posted) + 1}.0"
        self.posted.append((ts, message))
        return Spot(message.channel_id.replace("U", "D"), ts)

    async def redraw(self, message: Message, spot: Spot) -> None:
        """Keep it, unless it is to be refused."""
        if waiting := self.refusals.get(message.channel_id):
            raise waiting.popleft()
        assert not spot.channel_id.startswith("U")
        self.redrawn.append((spot.ts, message))

    def refuse(self, channel_id: str, *refusals: ServiceError) -> None:
        """Refuse the next posts in a channel."""
        self.refusals[channel_id] = deque(refusals)

    @property
    def told(self) -> list[tuple[str, object]]:
        """Where what was said, in order."""
        return [(message.channel_id, message.facts.get("word")) for _, message in self.posted]


@dataclass(slots=True)
class Newsroom:
    """A connection, its notices and a board."""

    database: Database
    clock: Clock
    board: Board
    work: Nudges
    service: NoticeService
    connection: Connection
    runner: Runner
    steps: Sequence[Step[Any]]
    woken: list[tuple[Job, int, timedelta]]  # what is wanted again, and after how long

    async def tell(self, word: str, *also: str, kind: NoticeKind | None = None) -> None:
        """Let something happen."""
        notification = notices.Notification(
            kind or NoticeKind.CONNECTION_RESTORED, word, {"word": word}, also=also
        )
        await self.enqueue(notification)

    async def tell_of(self, export: Export, kind: NoticeKind, word: str) -> None:
        """Let something happen to an invoice."""
        await self.enqueue(notices.Notification(kind, word, {"word": word}, export=export))

    async def enqueue(self, notification: notices.Notification) -> None:
        """Owe news to whoever listens."""
        async with self.database.sessions.begin() as session:
            row = await connections.get(session, self.connection.id)
            await notices.enqueue(session, row, notification, self.clock())

    async def run(self, seconds: int = 0) -> None:
        """Look at the outbox now, and once more in each of the next seconds."""
        await self.runner.run_all(self.steps, self.connection.workspace_id)
        for _ in range(seconds):
            self.clock.turn(seconds=1)
            await self.runner.run_all(self.steps, self.connection.workspace_id)

    async def rows(self) -> list[Notice]:
        """Return the outbox."""
        async with self.database.sessions() as session:
            return list(await session.scalars(select(Notice).order_by(Notice.id)))

    async def add(self, *rows: object) -> None:
        """Add rows."""
        async with self.database.sessions.begin() as session:
            session.add_all(rows)

    async def change(self, **values: object) -> None:
        """Change the connection."""
        async with self.database.sessions.begin() as session:
            row = await connections.get(session, self.connection.id)
            for name, value in values.items():
                setattr(row, name, value)


@pytest.fixture
async def room(database: Database) -> Newsroom:
    """A working connection that no channel listens to yet."""
    clock, board, work = Clock(), Board(), Nudges()
    links = Links(xero_app="http://xero.example", paymo_app="http://paymo.example")
    service = NoticeService(database, work, clock)
    connection = await connected(database, organisation_name="Maple Books", created_at=clock())
    woken: list[tuple[Job, int, timedelta]] = []

    def wake(job: Job, key: int, after: timedelta) -> None:
        woken.append((job, key, after))

    telling = NoticeStep(database, board, links, clock, wake)
    steps = (telling, CardStep(database, board, links, clock))
    runner = Runner(database, work, clock)
    return Newsroom(database, clock, board, work, service, connection, runner, steps, woken)
