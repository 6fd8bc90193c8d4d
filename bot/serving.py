"""Running the program: start, serve, and stop so that nothing that began is lost."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
import uvicorn
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier
from starlette.types import ASGIApp

from bot.browser import Browser
from bot.html import Pages
from bot.http import BoundedProtocol
from bot.install import Callbacks, Install, install_flow
from bot.settings import Settings
from bot.slack_app import PATIENCE, SlackDoor
from bot.slack_http import SlackEvents
from bot.slack_socket import SlackSocket
from bot.web import Health, Web, Webhooks, operators_app
from bot.wiring import Core, now, open_core
from services.store.slack import SlackStateStore
from services.sync.service import HintService

log = structlog.get_logger(__name__)

# Together less than the ten seconds that whoever stops a container waits.
_WORK_ENDS = timedelta(seconds=5)
_CONNECTIONS_END = timedelta(seconds=2)
_STATE_LIVES = timedelta(minutes=10)
_LONGEST_LINE = 2048


class CannotListen(Exception):
    """The address is taken, or not ours to take."""


class Server(uvicorn.Server):
    """Uvicorn without its own idea of signals: it would hang up before the work has ended."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the program."""
        yield


@dataclass(slots=True)
class Program:
    """The running program."""

    core: Core
    url: str
    metrics_url: str = ""
    socket: SlackSocket | None = None  # in Socket Mode
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def drain(self) -> None:
        """Begin nothing more, and let everything that began end; requests are still answered."""
        self.stopping.set()
        self.core.clock.stop()
        if self.socket is not None:
            self.socket.leave()
        await asyncio.gather(self.core.work.stop(_WORK_ENDS), self.core.tasks.drain(_WORK_ENDS))


@asynccontextmanager
async def running(settings: Settings, *, patience: timedelta = PATIENCE) -> AsyncIterator[Program]:
    """Run the program on its port; at the end it drains while it still answers.

    `patience` is how long Slack is made to wait for a handler's answer.

    Raises `CannotListen`.
    """
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listen(settings.host, settings.port))
        core = await open_core(settings, stack)
        program = Program(core, _address(listener))
        bolt = _door(core, patience).app()
        health = Health(core.database, core.metrics, core.clock, program.stopping.is_set)
        if settings.metrics_port is not None:
            other = stack.enter_context(listen(settings.metrics_host, settings.metrics_port))
            program.metrics_url = _address(other)
            await stack.enter_async_context(_serving(other, operators_app(health)))
        if settings.is_socket_mode:
            program.socket = _socket(core, bolt)
            stack.push_async_callback(program.socket.close)
        await stack.enter_async_context(_serving(listener, _web(program, bolt, health).app()))
        stack.push_async_callback(program.drain)
        await core.work.start()
        core.clock.start()
        if program.socket is not None:
            program.socket.start()
        log.info("listening", url=program.url)
        yield program


@asynccontextmanager
async def _serving(listener: socket.socket, app: ASGIApp) -> AsyncIterator[None]:
    server = Server(_config(app))
    task = asyncio.create_task(server.serve([listener]), name="server")
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def serve(settings: Settings) -> None:
    """Run until told to stop."""
    stop = told_to_stop()
    async with running(settings):
        await stop.wait()
        log.info("stopping")
    log.info("stopped")


def told_to_stop() -> asyncio.Event:
    """Listen for what ends the program: SIGTERM, and Ctrl+C."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    return stop


def _door(core: Core, patience: timedelta) -> SlackDoor:
    return SlackDoor(
        router=core.router,
        web=core.slack.web,
        seats=core.slack.seats,
        forget=core.forget_installation,
        tasks=core.tasks,
        metrics=core.metrics,
        patience=patience,
    )


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=BoundedProtocol,
        workers=1,  # else a variable of the environment says how many
        ws="none",
        log_config=None,
        access_log=False,  # addresses hold nonces
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=int(_CONNECTIONS_END.total_seconds()),
    )


def _web(program: Program, bolt: AsyncApp, health: Health) -> Web:
    core, settings = program.core, program.core.settings
    can_install = core.slack.store is not None
    pages = Pages(settings.public_url, can_install, settings.retention_days)
    slack = None
    if not settings.is_socket_mode:
        verifier = SignatureVerifier(settings.slack_signing_secret.get_secret_value())
        slack = SlackEvents(bolt, verifier, core.after)
    return Web(
        pages=pages,
        browser=Browser(core.connect_pages, pages),
        webhooks=Webhooks(
            settings.xero_webhook_key.get_secret_value(),
            HintService(core.database, now),
            core.tasks,
            core.metrics,
        ),
        health=health,
        slack=slack,
        install=_install(core, pages),
    )


def _install(core: Core, pages: Pages) -> Install | None:
    store = core.slack.store
    if store is None:
        return None
    callbacks = Callbacks(pages, core.slack.seats, core.services.workspaces.installed)
    states = SlackStateStore(core.database, now, _STATE_LIVES)
    flow = install_flow(core.settings, core.slack.web, store, states, callbacks)
    return Install(flow, pages)


def _socket(core: Core, bolt: AsyncApp) -> SlackSocket:
    token = core.settings.slack_app_token.get_secret_value()
    return SlackSocket(bolt, token, core.slack.web, core.tasks, core.after)


@contextlib.contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """Take the port; what is written to its connections leaves at once. Raises `CannotListen`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_LONGEST_LINE)
    except OSError as error:
        raise CannotListen(f"Cannot listen at {host}:{port}: {error.strerror}") from error
    with listener:
        # Connections inherit it. Else an answer's body waits until Slack has confirmed its head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def _address(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
