"""The services between stand-ins of Xero and Paymo on real sockets, with a clock to turn."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from typing import Any

from sqlalchemy import select

from sandbox.paymo import PaymoWorld
from sandbox.serving import Served
from sandbox.xero import XeroWorld
from sandbox.xero.model import new_id
from services.automatic.service import AutoStep
from services.batch.groups import GroupSender
from services.batch.reading import TableReader
from services.batch.service import BatchService, BatchStep
from services.clients.http import open_http
from services.clients.paymo import PaymoClients
from services.clients.tokens import Tokens
from services.clients.xero import XeroClients
from services.connect.consents import StoreVault
from services.connect.service import PeopleService
from services.export.courtesies import AttachStep, BatchNotesStep, NoteStep
from services.export.drafts import ExportForms, PreviewStep
from services.export.existing import Contacts, ExistingInvoices
from services.export.forms import ExportForm
from services.export.recording import ExportResult, Recorder
from services.export.requests import ExportRequests
from services.export.sending import ExportStep, Preparer
from services.jobs.runner import Run, Runner, Step
from services.mapping.case import ExportChoice
from services.matching.index import index_of
from services.matching.service import MatchingService
from services.mirror.service import MirrorService
from services.model.invoice import Links
from services.model.jobs import Job
from services.model.people import Person, ReplyTarget
from services.reconcile.service import ReconcileService, ReconcileStep
from services.store import connections, due
from services.store.engine import Database
from services.store.tables import Connection, Export, Notice, Payment, Schedule
from services.sync.service import HintService, SyncService
from services.sync.sweep import SweepStep
from services.undo.restoring import RestoreService, RestoreStep
from services.undo.service import UndoService, UndoStep
from services.update.service import UpdateService, UpdateStep
from tests.services.notebook import Called, Notebook
from tests.services.prepared import BUILT, Built, Clock, Worlds, connect, empty_file, oauth_of
from tests.services.store_seeds import schedule_of, set_due, times_in

ANNA = Person("", "T1", "U1", "C1")
TODAY = date(2026, 11, 25)
BEN = Person("", "T1", "U2", "C1")
_ROUNDS = 20
_RUN = (
    Job.EXPORT,
    Job.PREVIEW,
    Job.SWEEP,
    Job.MIRROR,
    Job.RECONCILE,
    Job.UNDO,
    Job.RESTORE,
    Job.AUTO,
    Job.BATCH,
    Job.UPDATE,
)


class Deaf:
    """A work engine that loses every nudge: what is due must be found by itself."""

    async def nudge(self, job: Job, key: int) -> None:
        """Lose it."""


@dataclass(slots=True)
class Bridge:
    """Everything that a test of the services needs."""

    database: Database
    clock: Clock
    xero: XeroWorld
    paymo: PaymoWorld
    screen: Notebook
    xeros: XeroClients
    paymos: PaymoClients
    links: Links
    work: Deaf
    batches: BatchService
    sync: SyncService
    hints: HintService
    mirror: MirrorService
    matching: MatchingService
    reconcile: ReconcileService
    served: list[Served]
    connection_id: int = 0
    called: Called = field(default_factory=lambda: Called(U1="Anna Moss"))

    @property
    def names(self) -> PeopleService:
        """What people are called."""
        return PeopleService(self.database, self.called, self.clock)

    @property
    def runner(self) -> Runner:
        """Runs the jobs that are steps."""
        return Runner(self.database, self.work, self.clock)

    @property
    def forms(self) -> ExportForms:
        """The export form on the screen."""
        return ExportForms(self.database, self.work, self.links, self.clock)

    @property
    def requests(self) -> ExportRequests:
        """What people ask for and press."""
        return ExportRequests(self.database, self.work, self.links, self.clock)

    @property
    def undo(self) -> UndoService:
        """Undoes exports."""
        return UndoService(self.database, self.work, self.links, self.clock)

    @property
    def restore(self) -> RestoreService:
        """Makes invoices again in Paymo."""
        return RestoreService(self.database, self.work, self.clock)

    @property
    def update(self) -> UpdateService:
        """Brings Xero after what was edited in Paymo."""
        return UpdateService(self.database, self.work, self.clock)

    @property
    def export_step(self) -> ExportStep:
        """Sends one invoice."""
        contacts = Contacts(self.database, self.xeros, self.clock)
        return ExportStep(
            self.database,
            self.xeros,
            self.mirror,
            Preparer(self.database, self.paymos, self.mirror, contacts, self.links, self.clock),
            ExistingInvoices(self.database, self.xeros),
            Recorder(self.database, self.xeros, self.work, self.screen, self.links, self.clock),
            self.clock,
        )

    @property
    def group_sender(self) -> GroupSender:
        """Sends the invoices of a batch, many with one request."""
        it = self.export_step
        clients = (self.database, self.paymos, self.xeros, self.mirror)
        contacts = it.preparer.contacts
        return GroupSender(*clients, contacts, it.existing, it.recorder, self.links, self.clock)

    def step(self, job: Job) -> Step[Any]:
        """Return what runs this job."""
        database, xero, paymo, mirror = self.database, self.xeros, self.paymos, self.mirror
        told = (database, self.screen, self.links, self.clock)
        reader, export = TableReader(database, paymo, xero, mirror, self.clock), self.export_step
        minutes, contacts = timedelta(minutes=5), export.preparer.contacts
        steps: tuple[Step[Any], ...] = (
            mirror,
            export,
            PreviewStep(
                database, paymo, mirror, contacts, self.screen, export.recorder, self.clock
            ),
            SweepStep(database, paymo, xero, *told[1:3], self.runner, minutes, self.clock),
            UndoStep(*told, xero),
            UpdateStep(*told, xero, paymo, mirror, export.preparer.contacts),
            RestoreStep(*told, paymo),
            NoteStep(*told, xero, self.names),
            AttachStep(*told, xero, paymo),
            BatchNotesStep(database, xero, self.names, self.clock),
            AutoStep(database, paymo, mirror, self.links, self.clock),
            ReconcileStep(database, paymo, xero, self.screen, self.links, self.clock),
            BatchStep(
                database,
                self.work,
                self.screen,
                reader,
                self.group_sender,
                export.recorder,
                self.clock,
            ),
        )
        return next(each for each in steps if each.job is job)

    async def work_on(self, job: Job, key: int) -> None:
        """Bring one row a step on if that is due."""
        await self.runner.run(self.step(job), key)

    @classmethod
    async def open(cls, database: Database) -> "Bridge":
        """Serve both stand-ins, put the services between them, and connect."""
        return await _connected(database)

    @classmethod
    async def with_acme(cls, database: Database, *numbers: str) -> "Bridge":
        """Open it with the client Acme Ltd, whom Xero knows, and invoices of 115.00 in Paymo."""

        async def build(database: Database) -> "Bridge":
            made = await cls.open(database)
            made.xero.books.add_contact("Acme Ltd")
            acme = made.paymo.company.add_client("Acme Ltd")
            for number in numbers:
                made.paymo.company.add_invoice(number, acme, [("Work", "", 1, "100")], tax=15)
            await made.wait(hours=2)
            return made

        return await prepared(database, ("Acme Ltd", *numbers), build)

    @classmethod
    async def between(
        cls, database: Database, worlds: Worlds, screen: Notebook | None = None
    ) -> "Bridge":
        """Serve both stand-ins, and put the services between them."""
        clock, xero, paymo = worlds
        served = [await Served.start(xero.app()), await Served.start(paymo.app())]
        at_xero, at_paymo = (each.url for each in served)
        tokens = Tokens(StoreVault(database, clock), oauth_of(xero, at_xero, clock), clock)
        xeros = XeroClients(open_http(at_xero, user_agent="test"), tokens, sleep=no_sleep)
        paymos = PaymoClients(open_http(f"{at_paymo}/api", user_agent="test"), sleep=no_sleep)
        links = Links(xero_app=at_xero, paymo_app=at_paymo)
        screen, work = screen or Notebook(), Deaf()
        mirror = MirrorService(database, paymos, xeros, index_of, clock)
        return cls(
            database=database,
            clock=clock,
            xero=xero,
            paymo=paymo,
            screen=screen,
            xeros=xeros,
            paymos=paymos,
            links=links,
            work=work,
            batches=BatchService(database, work, clock),
            sync=SyncService(database, work, clock),
            hints=HintService(database, clock),
            mirror=mirror,
            matching=MatchingService(database, clock),
            reconcile=ReconcileService(database, work, clock),
            served=served,
        )

    async def close(self) -> None:
        """Let go of the sockets."""
        await self.paymos.http.aclose()
        await self.xeros.http.aclose()
        for each in self.served:
            await each.stop()

    async def run(self, but: Collection[Job] = ()) -> None:
        """Do everything that is due, as the clock would, until nothing is; some jobs may wait."""
        runners: dict[Job, Run] = {job: partial(self.work_on, job) for job in _RUN}
        for _ in range(_ROUNDS):
            async with self.database.sessions() as session:
                listed = await due.list_due(session, self.clock())
            found = [each for each in listed if each[0] in runners and each[0] not in but]
            if not found:
                return
            for job, key in found:
                await runners[job](key)
        raise AssertionError(f"Still due after {_ROUNDS} rounds: {found}")

    async def copy(self) -> None:
        """Copy both systems' lists if that is due."""
        await self.runner.run(self.mirror, self.connection_id)

    async def wait(self, but: Collection[Job] = (), **by: int) -> None:
        """Let time pass, and do what is due; some jobs may wait."""
        self.clock.turn(**by)
        await self.run(but)

    async def look(self) -> None:
        """Let the time for the next look at Xero come, and do what is due."""
        await self.wait(minutes=6)

    async def form_for(self, number: str, person: Person = ANNA) -> ExportForm:
        """Open the form for an invoice and wait until it was read."""
        form = await self.forms.open(person, number)
        await self.forms.attach_view(person, form.draft_id, f"V{form.draft_id}")
        await self.run()
        return await self.forms.form(form.draft_id, person)

    async def export_it(self, number: str, **choice: str) -> ExportResult:
        """Export an invoice as a person does, choosing what the form proposes unless told."""
        form = await self.form_for(number)
        await self.requests.request(ANNA, form.draft_id, self.choice(form, **choice), reply_to())
        await self.run()
        return self.screen.results[-1]

    def choice(self, form: ExportForm, **chosen: str) -> ExportChoice:
        """Return what the form proposes, changed by `chosen`."""
        proposed: dict[str, Any] = {
            "contact_id": form.contact.value if form.contact else "",
            "account_id": form.account.value if form.account else "",
            "tax_type": form.tax.value if form.tax else "",
            "xero_status": form.xero_status,
        }
        invoice_id = int(form.invoice.value) if form.invoice else None
        return ExportChoice(invoice_id=invoice_id, **(proposed | chosen))

    def foreign_invoice(self) -> str:
        """Have somebody write an invoice in Xero by hand; return its id."""
        books = self.xero.books
        mine = next(iter(books.invoices.values()))
        own: dict[str, Any] = dict.fromkeys(("url", "reference", "created_by"), "")
        own |= {"invoice_id": new_id(), "number": "HAND-1"}
        other = replace(mine, payments=[], allocations=[], history=[], **own)
        books.invoices[other.invoice_id] = other
        return other.invoice_id

    async def notices(self) -> list[tuple[str, dict[str, object]]]:
        """Return what the channels are owed, in order."""
        async with self.database.sessions() as session:
            rows = await session.scalars(select(Notice).order_by(Notice.id))
            return [(row.kind.value, row.facts) for row in rows]

    async def exports(self) -> list[Export]:
        """Return every export."""
        async with self.database.sessions() as session:
            return list(await session.scalars(select(Export).order_by(Export.id)))

    async def payments(self) -> list[Payment]:
        """Return every payment that is known."""
        async with self.database.sessions() as session:
            return list(await session.scalars(select(Payment).order_by(Payment.id)))

    async def connection(self) -> Connection:
        """Return the connection as it is now."""
        async with self.database.sessions() as session:
            return await connections.get(session, self.connection_id)

    async def schedule(self, job: Job) -> Schedule:
        """Return one of the connection's jobs as it stands now."""
        return await schedule_of(self.database, self.connection_id, job)

    async def change(self, **values: object) -> None:
        """Change the connection's settings, and when its jobs are due."""
        times = times_in(values)
        async with self.database.sessions.begin() as session:
            row = await connections.get(session, self.connection_id)
            for name, value in values.items():
                setattr(row, name, value)
            for job, due_at in times.items():
                await set_due(session, self.connection_id, job, due_at)


Builder = Callable[[Database], Awaitable[Bridge]]


async def prepared(database: Database, name: tuple[str, ...], build: Builder) -> Bridge:
    """Build it where nothing of this name was built before; otherwise copy that."""
    file = await empty_file(database)
    if file is not None and name in BUILT:
        worlds, screen, connection_id, ledger_read_at = BUILT[name].copied_to(file)
        made = await Bridge.between(database, worlds, screen)
        made.connection_id = connection_id
        made.mirror.ledger_read_at.update(ledger_read_at)
        return made
    made = await build(database)
    if file is not None:
        worlds = (made.clock, made.xero, made.paymo)
        BUILT[name] = Built.of(
            file, (worlds, made.screen, made.connection_id, made.mirror.ledger_read_at)
        )
    return made


def built_once(build: Builder) -> Builder:
    """Have what this builds copied for every test after the first."""

    async def copied(database: Database) -> Bridge:
        return await prepared(database, (build.__module__, build.__name__), build)

    return copied


@built_once
async def _connected(database: Database) -> Bridge:
    clock = Clock()
    worlds = clock, XeroWorld(now=clock), PaymoWorld(now=clock)
    made = await Bridge.between(database, worlds)
    oauth = oauth_of(made.xero, made.served[0].url, clock)
    made.connection_id = await connect(database, worlds, oauth)
    await made.run()
    return made


def reply_to() -> ReplyTarget:
    """Return where answers go in these tests."""
    return ReplyTarget(workspace_id=1, user_id="U1", channel_id="C1", view_id="V1")


async def no_sleep(_: timedelta) -> None:
    """Wait no time at all."""
