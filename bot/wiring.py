"""Assembles the program: the one module that knows every part."""

import importlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from importlib import metadata
from typing import Any

from bot.browser import ConnectPages
from bot.clock import Clock, Keeping, SteadyTime
from bot.settings import Settings
from bot.slack_app import AfterAnswers
from bot.slack_clients import Slack, open_slack
from bot.telemetry import Metrics
from bot.work import Alarm, EmbeddedWork, Engine, Tasks
from handlers import register
from handlers.batch.listeners import SlackBatchScreen
from handlers.connect.listeners import SlackConnectScreen, SlackSyncScreen
from handlers.export.listeners import SlackExportScreen
from handlers.history.listeners import SlackDirectory
from handlers.home.listeners import SlackHomeScreen
from handlers.notices.listeners import SlackNoticeBoard
from handlers.reconcile.listeners import SlackReconcileScreen
from handlers.routing import Router
from services.automatic.service import AutoStep
from services.batch.groups import GroupSender
from services.batch.reading import TableReader
from services.batch.service import BatchService, BatchStep
from services.clients.http import open_http
from services.clients.paymo import PaymoClients
from services.clients.tokens import Tokens, XeroOAuth
from services.clients.xero import XeroClients
from services.connect.checklists import Checklists
from services.connect.consents import Consents, StoreVault
from services.connect.ending import EndingStep
from services.connect.links import PageLinks
from services.connect.pages import PaymoPage, XeroPages
from services.connect.service import ConnectService, PeopleService, WorkspaceService
from services.explain.service import ExplainService
from services.explain.worklist import HomeStep
from services.export.courtesies import AttachStep, BatchNotesStep, NoteStep
from services.export.drafts import ExportForms, PreviewStep
from services.export.existing import Contacts, ExistingInvoices
from services.export.recording import Recorder
from services.export.requests import ExportRequests
from services.export.sending import ExportStep, Preparer
from services.history.service import HistoryService, OwedService
from services.jobs.runner import Run, Runner, Step, Work, Worker
from services.matching.index import index_of
from services.matching.service import MatchingService
from services.mirror.service import MirrorService
from services.model.invoice import Links
from services.model.jobs import Job
from services.notices.delivery import CardStep, NoticeStep
from services.notices.health import HealthService
from services.notices.service import NoticeService
from services.reconcile.service import ReconcileService, ReconcileStep, RelinkStep
from services.settings.service import AccessService, SettingsService
from services.store import upkeep
from services.store.engine import Database
from services.store.sqlite import file_of
from services.sync.service import SyncService
from services.sync.sweep import SweepStep
from services.undo.restoring import RestoreService, RestoreStep
from services.undo.service import UndoService, UndoStep
from services.update.service import UpdateService, UpdateStep


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """Open the database that the settings name."""
    database = Database.open(settings.database_url.get_secret_value(), settings.keys)
    try:
        yield database
    finally:
        await database.close()


@dataclass(frozen=True, slots=True)
class Remote:
    """The clients of Xero and Paymo."""

    xero: XeroClients
    paymo: PaymoClients
    oauth: XeroOAuth
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Core:
    """Everything but the web server."""

    settings: Settings
    database: Database
    metrics: Metrics
    tasks: Tasks
    work: Engine
    after: AfterAnswers
    clock: Clock
    slack: Slack
    services: register.Services
    connect_pages: ConnectPages
    router: Router

    async def forget_installation(self, enterprise_id: str, team_id: str) -> None:
        """Delete the tokens of a workspace, unless the app is installed there again."""
        is_back = await self.services.workspaces.is_installed(enterprise_id, team_id)
        if self.slack.store is not None and not is_back:
            await self.slack.store.async_delete_all(
                enterprise_id=enterprise_id or None, team_id=team_id or None
            )


def open_remote(
    settings: Settings,
    database: Database,
    metrics: Metrics,
    stack: AsyncExitStack,
    now: Callable[[], datetime] = now,
) -> Remote:
    """Open the clients of Xero and Paymo; they are closed with the stack."""
    agent = f"paymo-xero/{metadata.version('paymo-xero')}"
    oauth = XeroOAuth(
        client_id=settings.xero_client_id,
        client_secret=settings.xero_client_secret.get_secret_value(),
        login_url=settings.xero_login_url,
        identity_url=settings.xero_identity_url,
        redirect_uri=f"{settings.public_url}/xero/callback",
        http_headers={"User-Agent": agent},
        now=now,
    )
    tokens = Tokens(StoreVault(database, now), oauth, now)
    xero = open_http(settings.xero_api_url, user_agent=agent)
    paymo = open_http(settings.paymo_api_url, user_agent=agent)
    for system, http in (("xero", xero), ("paymo", paymo)):
        metrics.watch(system, http)
        stack.push_async_callback(http.aclose)
    xeros = XeroClients(xero, tokens, client_id=settings.xero_client_id)
    return Remote(xeros, PaymoClients(paymo), oauth, tokens)


@dataclass(frozen=True)
class _Parts:
    """What services and steps are made of; each part is built once."""

    settings: Settings
    database: Database
    remote: Remote
    slack: Slack
    work: Work
    wake: Alarm
    now: Callable[[], datetime]

    def services(self) -> register.Services:
        """Every service."""
        database, work = self.database, self.work
        usual = (database, work, self.now)
        return register.Services(
            connect=self.connect,
            workspaces=WorkspaceService(database, self.now),
            people=self.people,
            matching=MatchingService(database, self.now),
            export_forms=ExportForms(database, work, self.links, self.now),
            export_requests=ExportRequests(database, work, self.links, self.now),
            batches=BatchService(*usual),
            sync=SyncService(*usual),
            notices=NoticeService(*usual),
            settings=SettingsService(*usual),
            reconcile=ReconcileService(*usual),
            undo=UndoService(database, work, self.links, self.now),
            update=UpdateService(*usual),
            restore=RestoreService(*usual),
            history=HistoryService(database),
            explain=self.explain,
            owed=OwedService(database, self.now),
            access=AccessService(*usual),
            support_email=self.settings.support_email,
            install_url=self.slack.install_url,
        )

    @cached_property
    def connect(self) -> ConnectService:
        """Connecting, and how connections are."""
        return ConnectService(
            self.database, self.work, self.connect_screen, self.checklists, self.now
        )

    @cached_property
    def people(self) -> PeopleService:
        """What people are called."""
        return PeopleService(self.database, SlackDirectory(self.slack.clients), self.now)

    @cached_property
    def explain(self) -> ExplainService:
        """What invoices wait for."""
        return ExplainService(self.database, self.links, self.work, self.now)

    @cached_property
    def links(self) -> Links:
        """Addresses of invoices in both systems."""
        return Links.from_settings(
            xero_login_url=self.settings.xero_login_url, paymo_api_url=self.settings.paymo_api_url
        )

    @cached_property
    def connect_screen(self) -> SlackConnectScreen:
        """The form of connecting."""
        return SlackConnectScreen(self.slack.clients)

    @cached_property
    def checklists(self) -> Checklists:
        """What that form shows."""
        return Checklists(self.settings.public_url, self.now)

    @cached_property
    def consents(self) -> Consents:
        """Access to Xero: kept, and given back."""
        remote = self.remote
        return Consents(self.database, remote.xero, remote.oauth, remote.tokens.vault)

    def connect_pages(self) -> ConnectPages:
        """What is behind the pages of connecting."""
        database, remote = self.database, self.remote
        links = PageLinks(database, self.work, self.connect_screen, self.checklists, self.now)
        return ConnectPages(
            PaymoPage(database, remote.paymo, links, self.now),
            XeroPages(database, remote.xero, remote.oauth, self.consents, links, self.now),
        )

    @cached_property
    def mirror(self) -> MirrorService:
        """The copies of both systems' lists."""
        reached = f"{self.settings.public_url}/webhooks/paymo"
        return MirrorService(
            database=self.database,
            paymo=self.remote.paymo,
            xero=self.remote.xero,
            read_names=index_of,
            now=self.now,
            webhook_address=reached if self.settings.has_paymo_webhooks else "",
        )

    def steps(self, runner: Runner) -> Sequence[Step[Any]]:
        """Every kind of job."""
        database, clients, links = self.database, self.slack.clients, self.links
        paymo, xero = self.remote.paymo, self.remote.xero
        board, screen = SlackNoticeBoard(clients), SlackSyncScreen(clients)
        interval = timedelta(seconds=self.settings.sync_interval_seconds)
        return (
            SweepStep(database, paymo, xero, screen, links, runner, interval, self.now),
            self.mirror,
            EndingStep(database, paymo, self.consents, self.connect_screen, self.now),
            NoticeStep(database, board, links, self.now, self.wake),
            CardStep(database, board, links, self.now),
            HomeStep(database, SlackHomeScreen(clients, self.connect, self.explain), self.now),
            *self._export_steps(),
            *self._task_steps(),
        )

    @cached_property
    def contacts(self) -> Contacts:
        """Xero's contacts, for exports and updates."""
        return Contacts(self.database, self.remote.xero, self.now)

    def _export_steps(self) -> Sequence[Step[Any]]:
        database, links, work = self.database, self.links, self.work
        paymo, xero, mirror = self.remote.paymo, self.remote.xero, self.mirror
        screen = SlackExportScreen(self.slack.clients)
        batch_screen = SlackBatchScreen(self.slack.clients)
        existing = ExistingInvoices(database, xero)
        recorder = Recorder(database, xero, work, screen, links, self.now)
        preparer = Preparer(database, paymo, mirror, self.contacts, links, self.now)
        reader = TableReader(database, paymo, xero, mirror, self.now)
        sender = GroupSender(
            database, paymo, xero, mirror, self.contacts, existing, recorder, links, self.now
        )
        return (
            PreviewStep(database, paymo, mirror, self.contacts, screen, recorder, self.now),
            ExportStep(database, xero, mirror, preparer, existing, recorder, self.now),
            BatchStep(database, work, batch_screen, reader, sender, recorder, self.now),
        )

    def _task_steps(self) -> Sequence[Step[Any]]:
        database, xero, paymo = self.database, self.remote.xero, self.remote.paymo
        clients, links = self.slack.clients, self.links
        told = (database, SlackExportScreen(clients), links, self.now)
        reconcile_screen = SlackReconcileScreen(clients, self.slack.install_url)
        both = (database, paymo, xero, reconcile_screen, links, self.now)
        return (
            UndoStep(*told, xero),
            UpdateStep(*told, xero, paymo, self.mirror, self.contacts),
            RestoreStep(database, SlackSyncScreen(clients), links, self.now, paymo),
            NoteStep(*told, xero, self.people),
            AttachStep(*told, xero, paymo),
            BatchNotesStep(database, xero, self.people, self.now),
            AutoStep(database, paymo, self.mirror, links, self.now),
            ReconcileStep(*both),
            RelinkStep(*both),
        )


def open_health(settings: Settings, database: Database) -> HealthService:
    """Build the watch over what goes wrong slowly."""
    file = file_of(settings.database_url.get_secret_value())
    return HealthService(
        database,
        now,
        file.absolute().parent if file is not None else None,
        has_xero_webhooks=bool(settings.xero_webhook_key.get_secret_value()),
    )


async def take_over(
    url: str, database: Database, stack: AsyncExitStack, *, is_brief: bool = False
) -> None:
    """Go on with what earlier processes left; hold a database file that no other process uses.

    Leases in such a file are released. Unanswered calls count as sent now, except for a brief
    command: it ends before they are over, and run every minute it would put them off forever.
    """
    held = upkeep.hold(url)
    if held is not None:
        stack.callback(held.close)
    async with database.sessions() as session:
        is_ready = await upkeep.is_current(session)
    if not is_ready:
        return
    async with database.sessions.begin() as session:
        if held is not None:
            await upkeep.release(session, now())
        if not is_brief:
            await upkeep.count_as_sent_now(session, now())


async def open_core(settings: Settings, stack: AsyncExitStack, *, is_brief: bool = False) -> Core:
    """Build everything, and close it with the stack; a brief command keeps its work to itself."""
    database = await stack.enter_async_context(open_database(settings))
    url = settings.database_url.get_secret_value()
    await take_over(url, database, stack, is_brief=is_brief)
    metrics, tasks, time = Metrics(), Tasks(), SteadyTime(now)
    remote = open_remote(settings, database, metrics, stack, time)
    slack = await open_slack(settings, database, stack)
    # Services nudge the work, and the work runs services: the table is filled when both exist.
    runners: dict[Job, Run] = {}
    run = metrics.measured(Worker(runners, metrics.count_bug).run)
    if database.is_postgres and not is_brief:
        distributed = importlib.import_module("bot.distributed")
        work: Engine = distributed.DistributedWork(settings.database_url.get_secret_value(), run)
    else:
        work = EmbeddedWork(run)
    after = AfterAnswers(work)
    parts = _Parts(settings, database, remote, slack, after, Alarm(work, tasks), time)
    runner = Runner(database, after, time)
    steps = parts.steps(runner)
    for job in Job:
        runners[job] = partial(runner.run_all, [each for each in steps if each.job is job])
    retention = timedelta(days=settings.retention_days)
    health = open_health(settings, database)
    keeping = Keeping(database, remote.tokens, after.remind, time, retention, health)
    services = parts.services()
    return Core(
        settings=settings,
        database=database,
        metrics=metrics,
        tasks=tasks,
        work=work,
        after=after,
        clock=Clock(keeping, metrics, tasks),
        slack=slack,
        services=services,
        connect_pages=parts.connect_pages(),
        router=register.router(services),
    )
