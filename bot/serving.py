"""Starts, serves, and stops without losing work that has begun."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
import uvicorn
from starlette.types import ASGIApp

from bot.http import BoundedProtocol
from bot.settings import Settings
from bot.slack_app import PATIENCE, SlackDoor
from bot.slack_socket import SlackSocket
from bot.web import Health, operators_app, web_app
from bot.wiring import Core, open_core

log = structlog.get_logger(__name__)

# Together less than the ten seconds that whoever stops a container waits.
_WORK_ENDS = timedelta(seconds=5)
_CONNECTIONS_END = timedelta(seconds=2)
_LONGEST_LINE = 2048
_NEW_OBJECTS = 10_000  # that are not freed by themselves, until garbage is searched for
_GENERATIONS = (10, 10)


class CannotListen(Exception):
    """The address is taken, or we may not listen there."""


class Server(uvicorn.Server):
    """Uvicorn without its signal handlers: they would hang up before the work has ended."""

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
        """Start no new work, and let running work end; requests are still answered."""
        self.stopping.set()
        self.core.clock.stop()
        if self.socket is not None:
            self.socket.leave()
        await asyncio.gather(self.core.work.stop(_WORK_ENDS), self.core.tasks.drain(_WORK_ENDS))


@asynccontextmanager
async def running(settings: Settings, *, patience: timedelta = PATIENCE) -> AsyncIterator[Program]:
    """Run the program on its port; at the end it drains while still answering.

    `patience` is how long Slack is made to wait for a handler's answer.

    Raises `CannotListen`.
    """
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listen(settings.host, settings.port))
        core = await open_core(settings, stack)
        program = Program(core, _address(listener))
        door = SlackDoor(
            router=core.router,
            web=core.slack.web,
            bots=core.slack.bots,
            forget=core.forget_installation,
            tasks=core.tasks,
            metrics=core.metrics,
            patience=patience,
        )
        health = Health(core.database, core.metrics, core.clock, program.stopping.is_set)
        if settings.metrics_port is not None:
            other = stack.enter_context(listen(settings.metrics_host, settings.metrics_port))
            program.metrics_url = _address(other)
            await stack.enter_async_context(_serving(other, operators_app(health)))
        if settings.is_socket_mode:
            token = settings.slack_app_token.get_secret_value()
            program.socket = SlackSocket(door, token, core.slack.web, core.tasks, core.after)
            stack.push_async_callback(program.socket.close)
        await stack.enter_async_context(_serving(listener, web_app(core, door, health)))
        stack.push_async_callback(program.drain)
        await core.work.start()
        core.clock.start()
        if program.socket is not None:
            program.socket.start()
        log.info("listening", url=program.url)
        yield program


@asynccontextmanager
async def _serving(listener: socket.socket, app: ASGIApp) -> AsyncIterator[None]:
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        workers=1,  # else a variable of the environment says how many
        ws="none",
        log_config=None,
        access_log=False,  # addresses hold nonces
        lifespan="off",
        proxy_headers=False,  # nothing asks for a request's host or scheme
        server_header=False,
        timeout_graceful_shutdown=int(_CONNECTIONS_END.total_seconds()),
    )
    server = Server(config)
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
        search_less()
        await stop.wait()
        log.info("stopping")
    log.info("stopped")


def search_less() -> None:
    """Have the garbage collector pass over what is loaded now, since that stays.

    Searching it every time takes a third of the time of Slack's requests; searching the rest
    after every 700 new objects, Python's default, a tenth.
    """
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *_GENERATIONS)


def told_to_stop() -> asyncio.Event:
    """Listen for what ends the program: SIGTERM, and Ctrl+C."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    return stop


@contextlib.contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """Open the listening socket, with TCP_NODELAY; `::` takes in IPv4. Raises `CannotListen`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    is_both = host == "::" and socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server(
            (host, port), family=family, backlog=_LONGEST_LINE, dualstack_ipv6=is_both
        )
    except OSError as error:
        reason = (error.strerror or "").partition(" (while ")[0]  # what follows repeats the address
        raise CannotListen(f"Cannot listen at {host}:{port}: {reason}") from error
    with listener:
        # Connections inherit it. Else an answer's body waits until Slack has confirmed its head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def _address(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
