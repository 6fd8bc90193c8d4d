"""Where a campaign plays: the stand-ins, a database, and the processes between them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from sqlalchemy import make_url

from sandbox.paymo import Company, PaymoWorld
from sandbox.paymo import Invoice as PaymoInvoice
from sandbox.serving import Served
from sandbox.slack import SlackWorld
from sandbox.xero import Organisation, XeroWorld
from sandbox.xero.model import Invoice as XeroInvoice
from tests.bot.program import NEEDED, WEBHOOK_KEY, free_port, to_stand_ins
from tests.chaos.machine import Balancer, Disk, HostClock, Worker
from tests.chaos.steps import PostgresSteps, SqliteSteps, Steps
from tests.databases import Cluster, find_programs

PAYMO_KEY = "paymo-key"
ROOM = "invoices"
_PLENTY = 1_000_000  # calls: the limits are a fault of their own


@dataclass(frozen=True, slots=True)
class Shape:
    """How the program runs."""

    name: str
    is_postgres: bool
    processes: int

    @property
    def disk_size(self) -> int:
        """How many megabytes it has."""
        return 400 if self.is_postgres else 60


SHAPES = (
    Shape("SQLite, one process", is_postgres=False, processes=1),
    Shape("PostgreSQL, one process", is_postgres=True, processes=1),
    Shape("PostgreSQL, two processes", is_postgres=True, processes=2),
    Shape("PostgreSQL, four processes", is_postgres=True, processes=4),
)


@dataclass(slots=True)
class Fate:
    """What one exported invoice must have come to, and what must have been told and noted."""

    number: str
    paymo_ids: list[int]
    total: Decimal
    copies: int = 1  # how many invoices in Xero were ever made of it
    xero: str = "AUTHORISED"  # the last one's status; paid in full it is PAID
    paymo: frozenset[str] = frozenset({"draft"})  # the statuses it may have; none: it is gone
    payments: dict[str, Decimal] = field(default_factory=dict)  # copies in Paymo, by Xero's key
    told: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)  # in the audit log

    def pay(self, key: str, amount: Decimal) -> None:
        """Expect a copy of a payment."""
        self.payments[key] = amount
        self.told["payment_received"] += 1
        self.settle()

    def settle(self) -> None:
        """Expect the statuses that follow from what is paid."""
        is_paid = sum(self.payments.values()) == self.total
        self.xero = "PAID" if is_paid else "AUTHORISED"
        self.paymo = frozenset({"paid"} if is_paid else {"sent", "viewed"})


@dataclass(slots=True)
class Host:
    """The machine: processes, the database that they share, disk and clock."""

    workers: list[Worker]
    disk: Disk
    clock: HostClock
    database_url: str
    cluster: Cluster | None
    steps: Steps


@dataclass(slots=True)
class Stage:
    """Everything and everybody; what is expected of the program stands in `fates`."""

    shape: Shape
    slack: SlackWorld
    xero: XeroWorld
    paymo: PaymoWorld
    host: Host
    fates: list[Fate] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)  # what belongs to no invoice
    repeats_allowed: int = 0
    acted_at: float = 0  # when the program last took what somebody asked for
    # What may be deleted in Paymo: for what in Xero, after which of all requests.
    deleted: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def company(self) -> Company:
        """The books in Paymo."""
        return next(iter(self.paymo.companies.values()))

    @property
    def books(self) -> Organisation:
        """The books in Xero."""
        return self.xero.books

    @property
    def workers(self) -> list[Worker]:
        """The processes."""
        return self.host.workers

    def in_xero(self, fate: Fate) -> list[XeroInvoice]:
        """Return every invoice that was made of one in Paymo, the oldest first."""
        ends = tuple(f"invoices/{each}" for each in fate.paymo_ids)
        return [each for each in self.books.invoices.values() if each.url.endswith(ends)]

    def live(self, fate: Fate) -> XeroInvoice:
        """Return the one that counts."""
        return self.in_xero(fate)[-1]

    def in_paymo(self, fate: Fate) -> PaymoInvoice | None:
        """Return the invoice in Paymo, if it is there."""
        return self.company.invoices.get(fate.paymo_ids[-1])

    def add_invoice(self, number: str, cents: int) -> Fate:
        """Write an invoice in Paymo, of an amount that no other has."""
        client = next(iter(self.company.clients.values()))
        lines = [("Design", number, 1, Decimal(100_000 + cents) / 100)]
        made = self.company.add_invoice(number, client, lines, tax=15)
        return Fate(number, [made.id], made.total)

    def expect_deletion(self, path: str, key: str) -> None:
        """Something is deleted in Xero now, so its copy in Paymo may be."""
        self.deleted[path] = (key, len(self.xero.requests))


@asynccontextmanager
async def staged(shape: Shape, folder: Path) -> AsyncIterator[Stage]:
    """Build it all in an empty folder, and take it all away again."""
    slack, xero, paymo = _slack(), _xero(), _paymo()
    paymo.record.requests = xero.record.requests  # one order of all that was asked
    async with AsyncExitStack() as stack:
        served = [await slack.start()]
        served += [await Served.start(each.app()) for each in (xero, paymo)]
        for each in served:
            stack.push_async_callback(each.stop)
        front = free_port()
        url = f"http://127.0.0.1:{front}"
        slack.connect_app(f"{url}/slack/events")
        xero.webhooks.url, xero.webhooks.key = f"{url}/webhooks/xero", WEBHOOK_KEY
        settings = {
            **NEEDED,
            **to_stand_ins(xero, served[1], served[2]),
            "SLACK_SIGNING_SECRET": slack.signing_secret,
            "SLACK_BOT_TOKEN": slack.team.bot_token,
            "SLACK_API_URL": f"{served[0].url}/api/",
            "XERO_WEBHOOK_KEY": WEBHOOK_KEY,
            "PUBLIC_URL": url,
            "SYNC_INTERVAL_SECONDS": "2",
            "LOG_FORMAT": "json",
        }
        host = await _host(shape, folder, settings, stack)
        stack.push_async_callback(_end, host.workers)
        balancer = Balancer(host.workers)
        await balancer.start(front)
        stack.callback(balancer.stop)
        for worker in host.workers:
            await worker.ready()
        await host.steps.install()
        yield Stage(shape, slack, xero, paymo, host)


def _slack() -> SlackWorld:
    made = SlackWorld()
    made.door.patience = 10
    made.add_user("Anna", is_admin=True)
    made.add_user("Ben")
    made.add_channel(ROOM)
    return made


def _xero() -> XeroWorld:
    made = XeroWorld()
    books = made.add_organisation("Maple Books")
    books.add_usual_books()
    books.add_contact("Acme Ltd", email="pay@acme.example")
    made.consent.auto = True
    made.limits.per_minute = made.limits.per_day = _PLENTY
    return made


def _paymo() -> PaymoWorld:
    made = PaymoWorld()
    made.add_company("Maple Studio", key=PAYMO_KEY).add_client("Acme Ltd", email="pay@acme.example")
    made.limit.requests = _PLENTY
    return made


async def _host(
    shape: Shape, folder: Path, settings: dict[str, str], stack: AsyncExitStack
) -> Host:
    disk, clock = Disk.mount(folder / "disk", shape.disk_size), HostClock.build(folder)
    stack.callback(disk.unmount)
    cluster = stack.enter_context(_cluster(disk.folder)) if shape.is_postgres else None
    file = disk.folder / "app.db"
    url = make_url(cluster.url() if cluster else f"sqlite+aiosqlite:///{file}")
    steps: Steps = PostgresSteps(cluster.folder) if cluster else SqliteSteps(file)
    await steps.prepare(shape.processes)
    workers = []
    for number in range(shape.processes):
        port, own = free_port(), url.set(username=steps.user(number))
        given = {"DATABASE_URL": own.render_as_string(), "PORT": str(port)}
        workers.append(Worker(number, port, folder, {**settings, **clock.settings, **given}))
    return Host(workers, disk, clock, url.render_as_string(), cluster, steps)


async def _end(workers: list[Worker]) -> None:
    await asyncio.gather(*(each.end() for each in workers))


@contextmanager
def _cluster(folder: Path) -> Iterator[Cluster]:
    folder.parent.chmod(0o755)
    programs = find_programs()
    if programs is None:
        raise FileNotFoundError("PostgreSQL is not installed")
    made = Cluster(folder, programs)
    made.create()
    made.start()
    try:
        yield made
    finally:
        made.stop()
