"""What an idle sync costs where there are many organisations, beside where there are few."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from bench.measuring import Benchmark
from bench.starting import serving, settings_for
from bot.settings import generate_key
from sandbox.paymo import PaymoWorld
from sandbox.serving import Seen, Served
from sandbox.xero import XeroWorld
from sandbox.xero.oauth import Request
from services.clients.tokens import SCOPES
from services.model.jobs import Job
from services.store import migrations, schedules
from services.store.engine import Database
from services.store.tables import Grant
from tests.bot.program import free_port, to_stand_ins
from tests.databases import Cluster, running_cluster
from tests.services.store_seeds import connect

FEW, MANY = 10, 1000
_ROUNDS = 4  # of ten syncs, in both at the same time
_PAIRS = 7  # one differs from the next by up to a tenth, on a busy machine
_PAUSE = 2.0  # seconds
_A_DAY = timedelta(days=1)
# Of the programs; the one that asks serves this benchmark.
_BACKENDS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_KEY = generate_key()


@dataclass(slots=True)
class Town:
    """Organisations, the processes that sync them, and what these have used."""

    count: int
    xero: XeroWorld
    paymo: PaymoWorld
    database: Database
    ids: list[int] = field(default_factory=list)
    processes: list[int] = field(default_factory=list)
    used: float = 0.0
    synced: int = 0

    async def sync(self) -> None:
        """Have ten organisations synced, again and again; the others have nothing to do."""
        for _ in range(_ROUNDS):
            asked = len(self.synced_by)
            async with self.database.sessions.begin() as session:
                await schedules.want(session, self.ids[:FEW], [Job.SWEEP], datetime.now(UTC))
            async with asyncio.timeout(120):
                await asyncio.sleep(_PAUSE)
                while len(self.synced_by) < asked + FEW:  # noqa: ASYNC110 - no bell rings
                    await asyncio.sleep(0.1)

    @property
    def synced_by(self) -> list[Seen]:
        """The call to Xero that each sync has made."""
        return self.xero.calls("GET", "/Invoices")

    async def look(self) -> float:
        """Return the seconds of CPU that a sync took since the last look, the database's too."""
        async with self.database.sessions() as session:
            backends = (await session.scalars(text(_BACKENDS))).all()
        used = sum(map(_used_by, [*self.processes, *backends]))
        synced = len(self.synced_by)
        each = (used - self.used) / max(1, synced - self.synced)
        self.used, self.synced = used, synced
        return each


@asynccontextmanager
async def prepare(folder: Path) -> AsyncIterator[list[Benchmark]]:
    """Prepare `grow`."""
    async with _measured(folder, 1) as made:
        yield [made]


@asynccontextmanager
async def prepare_four(folder: Path) -> AsyncIterator[list[Benchmark]]:
    """Prepare `grow_4`."""
    async with _measured(folder, 4) as made:
        yield [made]


@asynccontextmanager
async def _measured(folder: Path, processes: int) -> AsyncIterator[Benchmark]:
    """Both run side by side, and sync as much at the same time."""
    async with AsyncExitStack() as stack:
        cluster = stack.enter_context(running_cluster())
        many, few = [
            await stack.enter_async_context(_town(folder / str(count), cluster, count, processes))
            for count in (MANY, FEW)
        ]

        async def ours() -> float:
            await asyncio.gather(many.sync(), few.sync())
            return await many.look()

        name, workers = ("grow", "one process") if processes == 1 else ("grow_4", "four processes")
        what = f"CPU of an idle sync, {MANY:,} organisations, PostgreSQL, {workers}"
        limit_is = f"{FEW} organisations, as many syncs"
        yield Benchmark(name, what, ours, few.look, limit_is, reach=1.1, at_most=_PAIRS)


@asynccontextmanager
async def _town(folder: Path, cluster: Cluster, count: int, processes: int) -> AsyncIterator[Town]:
    await asyncio.to_thread(folder.mkdir)
    xero, paymo = XeroWorld(), PaymoWorld()
    xero.limits.per_minute = xero.limits.per_day = paymo.limit.requests = 10**9
    async with AsyncExitStack() as stack:
        at = [await Served.start(each.app()) for each in (xero, paymo)]
        for each in at:
            stack.push_async_callback(each.stop)
        url = cluster.add(f"town_{count}")
        await asyncio.to_thread(migrations.upgrade, url)
        settings = settings_for(
            DATABASE_URL=url,
            ENCRYPTION_KEYS=_KEY,
            SYNC_INTERVAL_SECONDS=str(int(_A_DAY.total_seconds())),
            **to_stand_ins(xero, *at),
        )
        database = Database.open(url, [_KEY])
        stack.push_async_callback(database.close)
        town = Town(count, xero, paymo, database)
        await _settle(town)
        own = [settings | {"PORT": str(free_port())} for _ in range(processes)]
        begun = [stack.enter_async_context(serving(folder, each)) for each in own]
        town.processes += await asyncio.gather(*begun)
        yield town


async def _settle(town: Town) -> None:
    """Connect every organisation, each in a workspace of its own."""
    now = datetime.now(UTC)
    books = [town.xero.add_organisation(f"Books {at}") for at in range(town.count)]
    asked = Request("", tuple(SCOPES.split()), "", "", "")
    code = town.xero.authority.allow(asked, "anna", [(each.tenant_id, each.name) for each in books])
    told = town.xero.authority.exchange(code, "", "")
    async with town.database.sessions.begin() as session:
        grant = Grant(
            access_token=told["access_token"],
            refresh_token=told["refresh_token"],
            expires_at=now + timedelta(minutes=30),
        )
        session.add(grant)
        await session.flush()
        for number, each in enumerate(books):
            key = secrets.token_hex(8)
            company = town.paymo.add_company(f"Company {number}", key=key)
            connection = await connect(
                session,
                f"T{number}",
                created_at=now,
                grant_id=grant.id,
                tenant_id=each.tenant_id,
                organisation_name=each.name,
                paymo_company_id=company.id,
                paymo_api_key=key,
                sweep_due_at=now + _A_DAY,
            )
            town.ids.append(connection.id)


def _used_by(process_id: int) -> float:
    """Return the seconds of CPU that a process has used; none where it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        words = (
            Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        )
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0
