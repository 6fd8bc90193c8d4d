"""Putting the program together: the one place that knows every part."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import metadata
from typing import Any

from bot.browser import ConnectPages
from bot.clock import Clock
from bot.departing import AfterAnswers
from bot.keeping import Keeping
from bot.metrics import Metrics
from bot.settings import Settings
from bot.slack_clients import Slack, open_slack
from bot.tasks import Tasks
from bot.work_distributed import DistributedWork
from bot.work_embedded import EmbeddedWork
from handlers import register
from handlers.batch.listeners import SlackBatchScreen
from handlers.connect.listeners import SlackConnectScreen, SlackSyncScreen
from handlers.export.listeners import SlackExportScreen
from handlers.notices.listeners import SlackNoticeBoard
from handlers.reconcile.listeners import SlackReconcileScreen
from handlers.routing import Router
from services.automatic.service import AutoStep
from services.batch.running import BatchStep
from services.batch.service import BatchService
from services.clients.http import open_http
from services.clients.paymo import PaymoClients
from services.clients.tokens import Tokens, XeroOAuth
from services.clients.xero import XeroClients
from services.connect.checklists import Checklists
from services.connect.consents import Consents, StoreVault
from services.connect.ending import EndingStep
from services.connect.links import PageLinks
from services.connect.pages import PaymoPage, XeroPages
from services.connect.service import ConnectService, WorkspaceService
from services.explain.service import ExplainService
from services.export.courtesies import AttachStep, BatchNotesStep, NoteStep
from services.export.kit import Kit as ExportKit
from services.export.previews import PreviewStep
from services.export.sending import ExportStep
from services.export.service import ExportService
from services.history.service import HistoryService
from services.jobs.runner import Run, Runner, Step, Work, Worker
from services.matching.index import index_of
from services.matching.service import MatchingService
from services.mirror.service import MirrorService
from services.model.invoice import Links
from services.model.jobs import Job
from services.notices.delivery import CardStep, NoticeStep
from services.notices.service import NoticeService
from services.reconcile.service import ReconcileService, ReconcileStep
from services.settings.access import AccessService
from services.settings.service import SettingsService
from services.store import upkeep
from services.store.engine import Database
from services.sync.service import SyncService
from services.sync.sweep import SweepStep
from services.undo.restoring import RestoreService, RestoreStep
from services.undo.service import UndoService, UndoStep
from services.update.service import UpdateService, UpdateStep

Engine = EmbeddedWork | DistributedWork


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def open_database(settings: Settings) -> Database:
    """Return the database that the settings name."""
    return Database.open(settings.database_url.get_secret_value(), settings.keys)


@dataclass(frozen=True, slots=True)
class Remote:
    """The ways to Xero and Paymo."""

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
        """Throw away the tokens of a workspace, unless the app is there again."""
        is_back = await self.services.workspaces.is_installed(enterprise_id, team_id)
        if self.slack.store is not None and not is_back:
            await self.slack.store.async_delete_all(
                enterprise_id=enterprise_id or None, team_id=team_id or None
            )


def open_remote(
    settings: Settings, database: Database, metrics: Metrics, stack: AsyncExitStack
) -> Remote:
    """Return the ways to Xero and Paymo; they are closed with the stack."""
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


@dataclass(frozen=True, slots=True)
class _Parts:
    """What services are made of."""

    settings: Settings
    database: Database
    remote: Remote
    slack: Slack
    work: Work

    def services(self) -> tuple[register.Services, MirrorService, ConnectPages]:
        """Return every service."""
        database = self.database
        mirror = self._mirror()
        connect, pages = self._connect()
        export_kit = self._export_kit(mirror)
        made = register.Services(
            connect=connect,
            workspaces=WorkspaceService(database, now),
            matching=MatchingService(database, now),
            export=ExportService.of(export_kit),
            batches=BatchService(database, self.work, now),
            sync=SyncService(database, self.work, now),
            notices=NoticeService(database, self.work, now),
            settings=SettingsService(database, self.work, now),
            reconcile=ReconcileService(database, self.work, now),
            undo=UndoService(database, self.work, self._links(), now),
            update=UpdateService(database, self.work, now),
            restore=RestoreService(database, self.work, now),
            history=HistoryService(database),
            explain=ExplainService(database, self._links(), self.work, now),
            access=AccessService(database, self.work, now),
        )
        return made, mirror, pages

    def _mirror(self) -> MirrorService:
        reached = f"{self.settings.public_url}/webhooks/paymo"
        return MirrorService(
            database=self.database,
            paymo=self.remote.paymo,
            xero=self.remote.xero,
            read_names=index_of,
            now=now,
            webhook_address=reached if self.settings.has_paymo_webhooks else "",
        )

    def _connect(self) -> tuple[ConnectService, ConnectPages]:
        database, remote, work = self.database, self.remote, self.work
        screen = SlackConnectScreen(self.slack.clients)
        checklists = Checklists(self.settings.public_url, now)
        links = PageLinks(database, work, screen, checklists, now)
        pages = ConnectPages(
            links,
            PaymoPage(database, remote.paymo, links, now),
            XeroPages(database, remote.xero, remote.oauth, self._consents(), links, now),
        )
        return ConnectService(database, work, screen, checklists, now), pages

    def _consents(self) -> Consents:
        remote = self.remote
        return Consents(self.database, remote.xero, remote.oauth, remote.tokens.vault)

    def _ending(self) -> EndingStep:
        screen = SlackConnectScreen(self.slack.clients)
        return EndingStep(self.database, self.remote.paymo, self._consents(), screen, now)

    def _export_kit(self, mirror: MirrorService) -> ExportKit:
        return ExportKit(
            database=self.database,
            paymo=self.remote.paymo,
            xero=self.remote.xero,
            mirror=mirror,
            work=self.work,
            screen=SlackExportScreen(self.slack.clients),
            links=self._links(),
            now=now,
        )

    def _sweep(self, runner: Runner) -> SweepStep:
        return SweepStep(
            database=self.database,
            paymo=self.remote.paymo,
            xero=self.remote.xero,
            screen=SlackSyncScreen(self.slack.clients),
            links=self._links(),
            runner=runner,
            interval=timedelta(seconds=self.settings.sync_interval_seconds),
            now=now,
        )

    def _links(self) -> Links:
        return Links.from_settings(
            xero_login_url=self.settings.xero_login_url, paymo_api_url=self.settings.paymo_api_url
        )

    def steps(
        self, services: register.Services, mirror: MirrorService, runner: Runner
    ) -> Sequence[Step[Any]]:
        """Return every kind of job."""
        board = SlackNoticeBoard(self.slack.clients)
        return (
            PreviewStep(services.export),
            ExportStep(services.export),
            self._sweep(runner),
            mirror,
            self._ending(),
            NoticeStep(self.database, board, now),
            CardStep(self.database, board, self._links()),
            BatchStep(services.export, SlackBatchScreen(self.slack.clients)),
            *self._task_steps(services.export),
        )

    def _task_steps(self, exporting: ExportKit) -> Sequence[Step[Any]]:
        database, xero, paymo = self.database, self.remote.xero, self.remote.paymo
        links = self._links()
        told = (database, exporting.screen, links, now)
        return (
            UndoStep(*told, xero),
            UpdateStep(*told, xero, exporting),
            RestoreStep(database, SlackSyncScreen(self.slack.clients), links, now, paymo),
            NoteStep(*told, xero),
            AttachStep(*told, xero, paymo),
            BatchNotesStep(database, xero, now),
            AutoStep(database, paymo, exporting.mirror, links, now),
            ReconcileStep(
                database, paymo, xero, SlackReconcileScreen(self.slack.clients), links, now
            ),
        )


def _runners(steps: Sequence[Step[Any]], runner: Runner) -> dict[Job, Run]:
    return {
        job: partial(runner.run_all, [each for each in steps if each.job is job]) for job in Job
    }


async def take_over(url: str, database: Database, stack: AsyncExitStack) -> None:
    """Free what is taken in a database file that no other process works on; hold it from then."""
    held = upkeep.hold(url)
    if held is None:
        return
    stack.callback(held.close)
    async with database.sessions() as session:
        is_ready = await upkeep.is_current(session)
    if is_ready:
        async with database.sessions.begin() as session:
            await upkeep.release(session, datetime.now(UTC))


async def open_core(settings: Settings, stack: AsyncExitStack, *, is_alone: bool = False) -> Core:
    """Put everything together, and close it with the stack; `is_alone` shares work with nobody."""
    database = open_database(settings)
    stack.push_async_callback(database.close)
    await take_over(settings.database_url.get_secret_value(), database, stack)
    metrics, tasks = Metrics(), Tasks()
    remote = open_remote(settings, database, metrics, stack)
    slack = await open_slack(settings, database, stack)
    # Services nudge the work, and the work runs services: the table is filled when both exist.
    runners: dict[Job, Run] = {}
    run = metrics.measured(Worker(runners, metrics.count_bug).run)
    if database.is_postgres and not is_alone:
        work: Engine = DistributedWork(settings.database_url.get_secret_value(), run)
    else:
        work = EmbeddedWork(run)
    after = AfterAnswers(work)
    parts = _Parts(settings, database, remote, slack, after)
    services, mirror, pages = parts.services()
    retention = timedelta(days=settings.retention_days)
    keeping = Keeping(database, remote.tokens, after.remind, now, retention)
    runner = Runner(database, after, now)
    runners.update(_runners(parts.steps(services, mirror, runner), runner))
    clock = Clock(keeping.find_due, now, keeping.tidy, keeping.keep_tokens, metrics.beat.set, tasks)
    return Core(
        settings=settings,
        database=database,
        metrics=metrics,
        tasks=tasks,
        work=work,
        after=after,
        clock=clock,
        slack=slack,
        services=services,
        connect_pages=pages,
        router=register.router(services),
    )
