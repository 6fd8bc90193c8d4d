"""The services between stand-ins of Xero and Paymo on real sockets, with a clock to turn."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from sandbox.paymo import Company, PaymoWorld
from sandbox.serving import Served
from sandbox.xero import XeroWorld
from sandbox.xero.model import new_id
from sandbox.xero.oauth import Request
from sandbox.xero.organisation import Organisation
from services.automatic.service import AutoExportService
from services.batch.service import BatchService
from services.batch.table import BatchForm
from services.clients.http import open_http
from services.clients.paymo import PaymoClients
from services.clients.tokens import SCOPES, Tokens, TokenSet, XeroOAuth
from services.clients.xero import XeroClients
from services.connect.consents import StoreVault
from services.export.service import ExportService
from services.export.shapes import ExportChoice, ExportForm, ExportResult
from services.matching.index import index_of
from services.matching.service import MatchingService
from services.mirror.service import MirrorService
from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.model.links import Links
from services.model.people import Person, ReplyTarget, Said
from services.reconcile.report import Report
from services.reconcile.service import ReconcileService
from services.store import connections, due
from services.store.engine import Database
from services.store.tables import (
    Connection,
    Export,
    Grant,
    Notice,
    Payment,
    Subscription,
    Workspace,
)
from services.sync.service import SyncService
from services.sync.shapes import Swept
from services.undo.restoring import RestoreService
from services.undo.service import UndoService
from services.update.service import UpdateService

ANNA = Person("", "T1", "U1", "C1")
BEN = Person("", "T1", "U2", "C1")
KEY = "paymo-key"
_ROUNDS = 20


@dataclass(slots=True)
class Clock:
    """A clock that tests turn."""

    time: datetime = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.time

    def turn(self, **by: int) -> None:
        """Turn it forward."""
        self.time += timedelta(**by)


@dataclass(slots=True)
class Notebook:
    """A screen that keeps what was drawn on it."""

    forms: list[ExportForm] = field(default_factory=list)
    results: list[ExportResult] = field(default_factory=list)
    swept: list[Swept] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    files: list[tuple[str, Report]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    sayings: list[Said] = field(default_factory=list)
    batches: list[BatchForm] = field(default_factory=list)
    ended: list[BatchForm] = field(default_factory=list)

    async def show_form(self, _: ReplyTarget, form: ExportForm) -> None:
        """Keep a form."""
        self.forms.append(form)

    async def show_result(self, _: ReplyTarget, result: ExportResult) -> None:
        """Keep a result."""
        self.results.append(result)

    async def say(self, _: ReplyTarget, said: Said) -> None:
        """Keep what was said."""
        self.sayings.append(said)

    async def show_swept(self, _: ReplyTarget, swept: Swept) -> None:
        """Keep a report."""
        self.swept.append(swept)

    async def show_report(self, _: ReplyTarget, report: Report) -> None:
        """Keep a comparison."""
        self.reports.append(report)

    async def send_file(self, reply_to: ReplyTarget, report: Report) -> None:
        """Keep who got which file."""
        self.files.append((reply_to.user_id, report))

    async def show_wait(self, _: ReplyTarget, reason: str) -> None:
        """Keep why a comparison waits."""
        self.said.append(reason)

    async def show_refusal(self, _: ReplyTarget, reason: str) -> None:
        """Keep why there is no comparison."""
        self.said.append(reason)

    async def show_batch(self, _: ReplyTarget, form: BatchForm) -> None:
        """Keep a batch as it stands."""
        self.batches.append(form)

    async def show_ended(self, _: ReplyTarget, form: BatchForm) -> None:
        """Keep the report of a batch."""
        self.ended.append(form)


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
    export: ExportService
    batches: BatchService
    sync: SyncService
    mirror: MirrorService
    matching: MatchingService
    reconcile: ReconcileService
    served: list[Served]
    connection_id: int = 0

    @property
    def undo(self) -> UndoService:
        """Takes exports back."""
        return UndoService.of(self.export)

    @property
    def automatic(self) -> AutoExportService:
        """Exports what became sent."""
        return AutoExportService(self.export)

    @property
    def restore(self) -> RestoreService:
        """Makes invoices again in Paymo."""
        return RestoreService.of(self.sync)

    @property
    def update(self) -> UpdateService:
        """Brings Xero after what was edited in Paymo."""
        return UpdateService.of(self.export)

    @classmethod
    async def open(cls, database: Database) -> "Bridge":
        """Serve both stand-ins and put the services between them."""
        clock = Clock()
        xero, paymo = XeroWorld(now=clock), PaymoWorld(now=clock)
        served = [await Served.start(xero.app()), await Served.start(paymo.app())]
        at_xero, at_paymo = (each.url for each in served)
        oauth = _oauth_of(xero, at_xero, clock)
        tokens = Tokens(StoreVault(database, clock), oauth, clock)
        xeros = XeroClients(open_http(at_xero, user_agent="test"), tokens, sleep=no_sleep)
        paymos = PaymoClients(open_http(f"{at_paymo}/api", user_agent="test"), sleep=no_sleep)
        links = Links(xero_app=at_xero, paymo_app=at_paymo)
        screen, work = Notebook(), Deaf()
        mirror = MirrorService(database, paymos, xeros, index_of, clock)
        kit = (database, paymos, xeros, mirror, work, screen, links, clock)
        made = cls(
            database=database,
            clock=clock,
            xero=xero,
            paymo=paymo,
            screen=screen,
            export=ExportService(*kit),
            batches=BatchService(ExportService(*kit), screen),
            sync=SyncService(
                database, paymos, xeros, work, screen, links, timedelta(minutes=5), clock
            ),
            mirror=mirror,
            matching=MatchingService(database, clock),
            reconcile=ReconcileService(database, paymos, xeros, work, screen, links, clock),
            served=served,
        )
        await made._connect(oauth)
        return made

    @classmethod
    async def with_acme(cls, database: Database, *numbers: str) -> "Bridge":
        """Open it with the client Acme Ltd, whom Xero knows, and invoices of 115.00 in Paymo."""
        made = await cls.open(database)
        made.xero.books.add_contact("Acme Ltd")
        acme = made.paymo.company.add_client("Acme Ltd")
        for number in numbers:
            made.paymo.company.add_invoice(number, acme, [("Work", "", 1, "100")], tax=15)
        made.clock.turn(hours=2)
        await made.run()
        return made

    async def _connect(self, oauth: XeroOAuth) -> None:
        books = self.xero.add_organisation("Maple Books", country="NZ", currency="NZD")
        books.add_usual_books()
        company = self.paymo.add_company("Maple Studio", key=KEY)
        asked = Request(redirect_uri=oauth.redirect_uri, scopes=tuple(SCOPES.split()))
        code = self.xero.authority.allow(asked, "anna", [(books.tenant_id, books.name)])
        tokens = await oauth.exchange(code, verifier="v" * 64)
        async with self.database.sessions.begin() as session:
            grant = _grant_of(tokens)
            workspace = Workspace(team_id="T1", created_at=self.clock())
            session.add_all([grant, workspace])
            await session.flush()
            connection = self._row(workspace.id, grant.id, company, books)
            session.add(connection)
            await session.flush()
            self.connection_id = connection.id
            heard = Subscription(
                connection_id=connection.id,
                channel_id="C1",
                topics=["exports", "payments", "deletions", "failures"],
                set_by="U1",
                set_at=self.clock(),
            )
            session.add(heard)
        await self.run()

    def _row(
        self, workspace_id: int, grant_id: int, company: Company, books: Organisation
    ) -> Connection:
        now = self.clock()
        return Connection(
            workspace_id=workspace_id,
            state=ConnectionState.ACTIVE,
            created_at=now,
            owner_id="U1",
            paymo_company_id=company.id,
            paymo_company_name=company.name,
            paymo_api_key=KEY,
            grant_id=grant_id,
            tenant_id=books.tenant_id,
            organisation_name=books.name,
            base_currency=books.currency,
            short_code=books.short_code,
            sweep_due_at=now,
            mirror_due_at=now,
        )

    async def close(self) -> None:
        """Let go of the sockets."""
        await self.export.paymo.http.aclose()
        await self.export.xero.http.aclose()
        for each in self.served:
            await each.stop()

    async def run(self) -> None:
        """Do everything that is due, as the clock would, until nothing is."""
        runners = {
            Job.EXPORT: self.export.run_export,
            Job.PREVIEW: self.export.run_preview,
            Job.SWEEP: self.sync.run_sweep,
            Job.MIRROR: self.mirror.run_mirror,
            Job.RECONCILE: self.reconcile.run_reconcile,
            Job.UNDO: self.undo.run_undo,
            Job.RESTORE: self.restore.run_restore,
            Job.AUTO: self.automatic.run_auto,
            Job.BATCH: self.batches.run_batch,
            Job.UPDATE: self.update.run_update,
        }
        for _ in range(_ROUNDS):
            async with self.database.sessions() as session:
                found = [
                    each for each in await due.list_due(session, self.clock()) if each[0] in runners
                ]
            if not found:
                return
            for job, key in found:
                await runners[job](key)
        raise AssertionError(f"Still due after {_ROUNDS} rounds: {found}")

    async def look(self) -> None:
        """Let the time for the next look at Xero come, and do what is due."""
        self.clock.turn(minutes=6)
        await self.run()

    async def form_for(self, number: str, person: Person = ANNA) -> ExportForm:
        """Open the form for an invoice and wait until it was read."""
        form = await self.export.open(person, number)
        await self.export.attach_view(person, form.draft_id, f"V{form.draft_id}")
        await self.run()
        return await self.export.form(form.draft_id, person)

    async def export_it(self, number: str, **choice: str) -> ExportResult:
        """Export an invoice as a person does, choosing what the form proposes unless told."""
        form = await self.form_for(number)
        await self.export.request(ANNA, form.draft_id, self.choice(form, **choice), reply_to())
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

    def foreign_invoice(self, books: Organisation) -> str:
        """Have somebody write an invoice in Xero by hand; return its id."""
        mine = next(iter(books.invoices.values()))
        own: dict[str, Any] = {"payments": [], "allocations": [], "history": [], "url": ""}
        own |= {"reference": "", "created_by": ""}
        other = replace(mine, invoice_id=new_id(), number="HAND-1", **own)
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

    async def change(self, **values: object) -> None:
        """Change the connection's settings."""
        async with self.database.sessions.begin() as session:
            row = await connections.get(session, self.connection_id)
            for name, value in values.items():
                setattr(row, name, value)


def _oauth_of(xero: XeroWorld, address: str, clock: Clock) -> XeroOAuth:
    return XeroOAuth(
        client_id=xero.client_id,
        client_secret=xero.client_secret,
        login_url=address,
        identity_url=address,
        redirect_uri="http://localhost:8000/xero/callback",
        http_headers={},
        now=clock,
    )


def _grant_of(tokens: TokenSet) -> Grant:
    return Grant(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_at=tokens.expires_at,
    )


def reply_to() -> ReplyTarget:
    """Return where answers go in these tests."""
    return ReplyTarget(workspace_id=1, user_id="U1", channel_id="C1", view_id="V1")


async def no_sleep(_: timedelta) -> None:
    """Wait no time at all."""


def money(text: str) -> Decimal:
    """Read an amount."""
    return Decimal(text)


TODAY = date(2026, 11, 25)
