"""A worker that is killed, or told to stop, amid a call: another goes on within half a minute."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from sqlalchemy import select

from sandbox.paymo import PaymoWorld
from sandbox.serving import Fault, Served
from sandbox.slack import SlackWorld
from sandbox.xero import XeroWorld
from sandbox.xero.oauth import GRACE
from services.model.connection import ConnectionState
from services.model.export import ExportState
from services.model.invoice import PaymentState
from services.model.jobs import Job
from services.store import schedules
from services.store.engine import Database
from services.store.tables import Grant, Payment
from tests.bot.program import LONGEST_STOP, NEEDED, ended, serving, to_stand_ins, waited
from tests.databases import open_database
from tests.services.bridge import ANNA, Bridge, reply_to
from tests.services.fixtures import paid
from tests.services.prepared import Clock, connect, oauth_of

pytestmark = pytest.mark.thorough  # programs take their time to start

LATE = timedelta(minutes=4)
LONG = "INV-2026-11-25-00000001"  # too long for a number in Xero
SOON = 30  # seconds
SOONER = 17  # where nothing had been sent, no call's time has to be over
STATES = [ExportState.EXPORTED]


class Live(Clock):
    """The time itself, since the program has no other."""

    def __call__(self) -> datetime:
        """Return it."""
        return datetime.now(UTC)


@dataclass(slots=True)
class Stage:
    """One invoice that is to be exported, and the programs that may do it."""

    bridge: Bridge
    folder: Path
    settings: dict[str, str]

    @classmethod
    @asynccontextmanager
    async def open(cls, database: Database, folder: Path, url: str) -> AsyncIterator["Stage"]:
        """Connect both sides, and have somebody press."""
        clock, slack = Live(), SlackWorld()
        worlds = clock, XeroWorld(now=clock), PaymoWorld(now=clock)
        slack_at: Served = await slack.start()
        bridge = await Bridge.between(database, worlds)
        oauth = oauth_of(worlds[1], bridge.served[0].url, clock)
        bridge.connection_id = await connect(database, worlds, oauth)
        bridge.xero.books.add_contact("Acme Ltd")
        acme = bridge.paymo.company.add_client("Acme Ltd")
        bridge.paymo.company.add_invoice(LONG, acme, [("Work", "", 1, "100")], tax=15)
        await bridge.run()
        form = await bridge.form_for(LONG)
        await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
        settings = {
            **NEEDED,
            **to_stand_ins(bridge.xero, *bridge.served),
            "DATABASE_URL": url,
            "SLACK_API_URL": f"{slack_at.url}/api/",
        }
        yield cls(bridge, folder, settings)
        await slack_at.stop()
        await bridge.close()

    @asynccontextmanager
    async def program(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run `paymo-xero serve`."""
        async with serving(self.folder, **self.settings) as (process, _):
            yield process

    async def until_exported(self) -> None:
        """Wait until it is."""
        async with asyncio.timeout(4 * SOON):
            while [each.state for each in await self.bridge.exports()] != STATES:
                await asyncio.sleep(0.1)

    async def expire_token(self) -> None:
        """Let the access token run out, so that the next call needs a refresh."""
        self.bridge.xero.authority.expire_access()
        async with self.bridge.database.sessions.begin() as session:
            grant = await session.get_one(Grant, 1)
            grant.expires_at = datetime.now(UTC)
        self.bridge.xero.requests.clear()

    def arrive(self, departure: Fault) -> None:
        """Let what was held take effect, though nobody waits for its answer."""
        assert departure.gate is not None
        departure.gate.set()

    async def pay(self) -> None:
        """Have the invoice paid in Xero, and a program look at once."""
        [invoice] = self.bridge.xero.invoices.values()
        self.bridge.xero.books.pay(invoice.invoice_id, invoice.due_amount, date=invoice.day)
        async with self.bridge.database.sessions.begin() as session:
            connection = [self.bridge.connection_id]
            await schedules.want(session, connection, [Job.SWEEP], datetime.now(UTC))

    async def set_clock_right(self) -> None:
        """Make what was noted so far the notes of a slow clock."""
        async with self.bridge.database.sessions.begin() as session:
            for each in await session.scalars(select(Payment)):
                assert each.sent_at is not None
                each.sent_at -= LATE

    @property
    def invoices(self) -> int:
        """How many there are in Xero."""
        return len(self.bridge.xero.invoices)


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Everything but a program."""
    database = open_database(database_url)
    async with Stage.open(database, tmp_path, database_url) as made:
        yield made
    await database.close()


READ = ("GET", r"/api/invoices/\d+$")
WRITE = ("PUT", "Invoices")
ADDITION = ("POST", "/invoicepayments$")
REFRESH = ("POST", "/connect/token")


async def left(
    stage: Stage, others: int, *, kills: bool, amid: tuple[str, str]
) -> tuple[float, float]:
    """End the program amid a call, which takes effect only when nobody waits for it any more.

    Return after how many seconds one that was asked to has left, and the invoice is exported;
    those in which the machine kept the program from running do not count.
    """
    world = stage.bridge.paymo if amid is READ else stage.bridge.xero
    departure = world.faults.hold(*amid)
    async with AsyncExitStack() as stack:
        program = other = await stack.enter_async_context(stage.program())
        async with asyncio.timeout(60):
            await departure.came.wait()
        for _ in range(others):
            other = await stack.enter_async_context(stage.program())
        kept = waited(other.pid) * others
        began, took = time.monotonic(), 0.0
        if kills:
            program.kill()
            await program.wait()
        else:
            took, _ = await ended(program)
        stage.arrive(departure)
        if not others:
            other = await stack.enter_async_context(stage.program())
        await stage.until_exported()
        return took, time.monotonic() - began - (waited(other.pid) - kept)


async def test_a_killed_program_that_is_started_again_goes_on_in_time(stage: Stage) -> None:
    _, seconds = await left(stage, others=0, kills=True, amid=WRITE)

    assert stage.invoices == 1
    assert seconds <= SOON


@pytest.mark.databases("postgres")
async def test_another_program_goes_on_in_time_with_what_a_killed_one_did(stage: Stage) -> None:
    _, seconds = await left(stage, others=1, kills=True, amid=WRITE)

    assert stage.invoices == 1
    assert seconds <= SOON


@pytest.mark.databases("postgres")
async def test_another_program_goes_on_sooner_with_what_a_killed_one_only_read(
    stage: Stage,
) -> None:
    """That leaves time for many messages, of which a channel takes one a second."""
    _, seconds = await left(stage, others=1, kills=True, amid=READ)

    assert stage.invoices == 1
    assert seconds <= SOONER


async def test_one_that_is_told_to_stop_goes_on_when_it_is_started_again(stage: Stage) -> None:
    took, seconds = await left(stage, others=0, kills=False, amid=WRITE)

    assert stage.invoices == 1
    assert took < LONGEST_STOP
    assert seconds <= SOON


@pytest.mark.databases("postgres")
async def test_one_that_is_told_to_stop_hands_its_work_over(stage: Stage) -> None:
    took, seconds = await left(stage, others=1, kills=False, amid=WRITE)

    assert stage.invoices == 1
    assert took < LONGEST_STOP
    assert seconds <= SOON


async def goes_on_connected(stage: Stage, others: int) -> None:
    """Kill the program amid a refresh, and require that Xero stays connected and work goes on.

    Nobody hears what Xero answered, so the old refresh token is shown once more, within its grace.
    """
    await stage.expire_token()
    _, seconds = await left(stage, others, kills=True, amid=REFRESH)

    shown = [parse_qs(each.body) for each in stage.bridge.xero.calls(*REFRESH)]
    async with stage.bridge.database.sessions() as session:
        grant = await session.get_one(Grant, 1)
    kept = stage.bridge.xero.authority.refreshes[grant.refresh_token]
    assert stage.invoices == 1
    assert seconds <= SOONER
    assert len(shown) == 2
    assert shown[0] == shown[1]
    assert (grant.version, grant.is_dead) == (2, False)
    assert kept.dies_at > datetime.now(UTC) + GRACE, "what is stored was shown already"
    assert (await stage.bridge.connection()).state is ConnectionState.ACTIVE


async def test_one_killed_amid_a_refresh_is_connected_when_it_is_started_again(
    stage: Stage,
) -> None:
    await goes_on_connected(stage, others=0)


@pytest.mark.databases("postgres")
async def test_another_program_refreshes_what_a_killed_one_began_to(stage: Stage) -> None:
    await goes_on_connected(stage, others=1)


async def test_a_payment_that_left_by_a_slow_clock_comes_once(stage: Stage) -> None:
    """The next program has the clock right, and its call seems long over."""
    paymo = stage.bridge.paymo
    async with stage.program():
        await stage.until_exported()
    await stage.pay()
    departure = paymo.faults.hold(*ADDITION)
    async with stage.program() as program, asyncio.timeout(4 * SOON):
        await departure.came.wait()
        program.kill()
        await program.wait()
    await stage.set_clock_right()
    paymo.requests.clear()
    async with stage.program(), asyncio.timeout(4 * SOON):
        while not paymo.calls("GET", "/invoices/"):
            await asyncio.sleep(0.1)
        stage.arrive(departure)
        while [each.state for each in await stage.bridge.payments()] != [PaymentState.RECORDED]:
            await asyncio.sleep(0.1)

    assert len(paid(stage.bridge, LONG)) == 1
    assert not paymo.calls(*ADDITION)
