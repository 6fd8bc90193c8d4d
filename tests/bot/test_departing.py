"""Slack has its answer before anything that a listener asked for begins, over HTTP and a socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
import uvicorn
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette
from starlette.routing import Route

from bot.http import BoundedProtocol, SlackEvents
from bot.serving import Server, listen
from bot.slack_app import AfterAnswers, SlackDoor
from bot.slack_clients import OneBot, SlackWeb
from bot.slack_socket import SlackSocket
from bot.telemetry import Metrics
from bot.work import EmbeddedWork, Tasks
from handlers import reply
from handlers.blocks import Block, modal, paragraphs
from handlers.guarding import guarded
from handlers.routing import Handler, Router, SlackRequest
from sandbox.slack import SlackWorld, View
from services.errors import NotFound
from services.model.jobs import Job
from tests.walk import text_in

PATIENCE = 60
WRITTEN: list[bytes] = []  # what the server wrote, piece by piece
Answering = Callable[["Stage", SlackRequest], Awaitable[None]]


def screen(words: str) -> Block:
    return modal("form", "Form", paragraphs([words]), submit="Go")


HOURGLASS = {"response_action": "update", "view": screen("one moment")}


@dataclass
class Stage:
    """Anna before a form, our door, and a job that draws its result in no time at all."""

    slack: SlackWorld
    web: SlackWeb
    tasks: Tasks
    view_id: str = ""
    runs: list[int] = field(default_factory=list)
    work: EmbeddedWork = field(init=False)
    after: AfterAnswers = field(init=False)

    def __post_init__(self) -> None:
        """Put the work together."""
        self.work = EmbeddedWork(self._run)
        self.after = AfterAnswers(self.work)

    async def _run(self, _job: Job, key: int) -> None:
        self.runs.append(key)
        token = self.slack.team.bot_token
        with contextlib.suppress(SlackApiError):  # the form may be closed
            await self.web.client(token).views_update(view_id=self.view_id, view=screen("done"))

    async def ask(self, key: int = 1) -> None:
        """Do what a service does for a listener; on a quick machine the job has ended by then."""
        await self.after.nudge(Job.EXPORT, key)
        await self.work.settle()

    async def shown(self, words: str) -> View:
        """Wait until the modal on top says this."""

        def says() -> View | None:
            view = self.slack.top_view("Anna")
            return view if view and words in text_in(view.payload) else None

        return await self.slack.wait_for(says, PATIENCE)

    async def settled(self) -> str:
        """Return what the modal says when nothing goes on any more."""
        await self.tasks.drain(timedelta(seconds=PATIENCE))
        await self.work.settle()
        view = self.slack.top_view("Anna")
        return text_in(view.payload) if view else ""


@asynccontextmanager
async def stage(over: str, answer: Answering, **door: Any) -> AsyncIterator[Stage]:
    """Open a form whose submission this listener answers."""
    slack = SlackWorld()
    slack.add_user("Anna")
    slack.add_channel("invoices")
    slack.state.trigger_life, slack.door.patience = timedelta(seconds=PATIENCE), PATIENCE
    async with AsyncExitStack() as stack:
        served = await slack.start()
        stack.push_async_callback(served.stop)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        made = Stage(slack, SlackWeb(f"{served.url}/api/", session), Tasks())

        async def opens(request: SlackRequest) -> None:
            trigger_id = request.body["trigger_id"]
            answer = await request.client.views_open(trigger_id=trigger_id, view=screen("fill in"))
            made.view_id = answer["view"]["id"]

        async def submitted(request: SlackRequest) -> None:
            await answer(made, request)

        await _open_door(made, over, _door(made, opens, submitted, **door), stack)
        await slack.command("Anna", "invoices", "x")
        await made.shown("fill in")
        yield made
        await made.settled()


def _door(made: Stage, opens: Handler, submitted: Handler, **more: Any) -> SlackDoor:
    async def forget(_enterprise_id: str, _team_id: str) -> None:
        """Nobody leaves here."""

    return SlackDoor(
        router=Router(commands={"/paymo-xero": opens}, submissions={"form": submitted}),
        web=made.web,
        bots=OneBot(made.slack.team.bot_token, made.web),
        forget=forget,
        tasks=made.tasks,
        metrics=Metrics(),
        **more,
    )


class Wire:
    """A transport that remembers what is written."""

    def __init__(self, transport: asyncio.Transport) -> None:
        """Wrap it."""
        self.transport = transport

    def __getattr__(self, name: str) -> Any:
        """Return what the transport itself has."""
        return getattr(self.transport, name)

    def write(self, data: bytes) -> None:
        """Remember it, and send it."""
        WRITTEN.append(data)
        self.transport.write(data)


class Watched(BoundedProtocol):
    """The server's protocol on such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Watch it."""
        super().connection_made(Wire(transport))  # type: ignore[arg-type]


async def _open_door(made: Stage, over: str, door: SlackDoor, stack: AsyncExitStack) -> None:
    if over == "socket":
        link = SlackSocket(door, "xapp-1-test", made.web, made.tasks, made.after)
        stack.push_async_callback(link.close)
        link.start()
        await made.slack.wait_for(lambda: made.slack.sockets.open, PATIENCE)
        return
    events = SlackEvents(door, SignatureVerifier(made.slack.signing_secret), made.after)
    web = Starlette(routes=[Route("/slack/events", events, methods=["POST"])])
    server = Server(uvicorn.Config(web, http=Watched, log_config=None, lifespan="off"))
    listener = stack.enter_context(listen("127.0.0.1", 0))
    stack.push_async_callback(_stop, server, asyncio.create_task(server.serve([listener])))
    made.slack.connect_app(f"http://127.0.0.1:{listener.getsockname()[1]}/slack/events")


async def _stop(server: Server, serving: asyncio.Task[None]) -> None:
    server.should_exit = True
    await serving


both = pytest.mark.parametrize("over", ["http", "socket"])


@both
async def test_the_result_of_the_quickest_job_stands_over_the_answers_hourglass(over: str) -> None:
    async def answer(made: Stage, request: SlackRequest) -> None:
        await made.ask()
        assert made.runs == []
        await request.ack(HOURGLASS)

    async with stage(over, answer) as made:
        assert (await made.slack.submit("Anna", made.view_id)).ok

        await made.shown("done")
        assert "done" in await made.settled()


async def test_an_answer_leaves_in_one_piece() -> None:
    async def answer(_made: Stage, request: SlackRequest) -> None:
        await request.ack(HOURGLASS)

    async with stage("http", answer) as made:
        WRITTEN.clear()
        await made.slack.submit("Anna", made.view_id)

        [answered] = WRITTEN
        assert answered.startswith(b"HTTP/1.1 200 OK")
        assert b"one moment" in answered


@both
async def test_a_handler_that_goes_on_has_its_jobs_at_once(over: str) -> None:
    ended = asyncio.Event()

    async def answer(made: Stage, request: SlackRequest) -> None:
        await request.ack(HOURGLASS)
        await made.ask(2)
        assert made.runs == [2]
        ended.set()

    async with stage(over, answer) as made:
        assert (await made.slack.submit("Anna", made.view_id)).ok

        await asyncio.wait_for(ended.wait(), PATIENCE)
        assert "done" in await made.settled()


@both
@pytest.mark.parametrize("end", ["silent", "slow", "broken", "broken after the answer"])
async def test_however_a_handler_ends_what_it_asked_for_is_done_once(over: str, end: str) -> None:
    async def answer(made: Stage, request: SlackRequest) -> None:
        for _ in range(2):
            await made.ask(3)
        if end == "slow":
            await made.slack.wait_for(lambda: made.runs, PATIENCE)
        if end == "broken after the answer":
            await request.ack(HOURGLASS)
        if end.startswith("broken"):
            raise RuntimeError("a bug")

    async with stage(over, answer, patience=timedelta(milliseconds=50)) as made:
        await made.slack.submit("Anna", made.view_id)

        await made.slack.wait_for(lambda: made.runs, PATIENCE)
        await made.settled()
        assert made.runs == [3]


@both
@pytest.mark.parametrize("failure", [NotFound("This invoice is gone."), RuntimeError("a bug")])
async def test_what_comes_too_late_for_a_form_is_written_to_the_person(
    over: str, failure: Exception
) -> None:
    closed = asyncio.Event()

    async def answer(_made: Stage, request: SlackRequest) -> None:
        async def fail(_request: SlackRequest) -> None:
            await closed.wait()
            raise failure

        await guarded(fail)(request)

    async with stage(over, answer, patience=timedelta(milliseconds=50)) as made:
        submitted = await made.slack.submit("Anna", made.view_id)
        closed.set()

        assert submitted.ok
        await made.slack.wait_for(lambda: made.slack.direct("Anna").messages, PATIENCE)
        [told] = made.slack.direct("Anna").messages
        assert ("This invoice is gone." in told.text) is isinstance(failure, NotFound)
        assert ("Nothing is lost." in told.text) is isinstance(failure, RuntimeError)


@both
@pytest.mark.parametrize("is_late", [False, True])
async def test_a_forms_answer_is_drawn_in_time_and_else_written_to_the_person(
    over: str, *, is_late: bool
) -> None:
    closed = asyncio.Event()

    async def answer(_made: Stage, request: SlackRequest) -> None:
        if is_late:
            await closed.wait()
        await reply.confirm(request, screen("saved"), "It is saved.")

    patience = timedelta(milliseconds=50) if is_late else timedelta(seconds=PATIENCE)
    async with stage(over, answer, patience=patience) as made:
        assert (await made.slack.submit("Anna", made.view_id)).ok
        closed.set()

        assert ("saved" in await made.settled()) is not is_late
        told = [each.text for each in made.slack.direct("Anna").messages]
        assert told == (["It is saved."] if is_late else [])


async def test_what_was_asked_for_is_done_when_slack_has_hung_up() -> None:
    asked, hung_up = asyncio.Event(), asyncio.Event()

    async def answer(made: Stage, request: SlackRequest) -> None:
        await made.ask(4)
        asked.set()
        await hung_up.wait()
        await request.ack(HOURGLASS)

    async with stage("http", answer) as made:
        submitting = asyncio.create_task(made.slack.submit("Anna", made.view_id))
        await asked.wait()
        submitting.cancel()
        await asyncio.wait([submitting])
        hung_up.set()

        await made.slack.wait_for(lambda: made.runs, PATIENCE)


async def test_an_answer_that_is_lost_on_a_socket_goes_before_the_result_all_the_same() -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def answer(made: Stage, request: SlackRequest) -> None:
        await made.ask(5)
        asked.set()
        await go.wait()
        await request.ack(HOURGLASS)

    async with stage("socket", answer) as made:
        submitting = asyncio.create_task(made.slack.submit("Anna", made.view_id))
        await asyncio.wait_for(asked.wait(), PATIENCE)
        made.slack.faults.add(path="^/api/apps.connections.open$", delay=0.2)
        await made.slack.sockets.drop()
        go.set()

        assert (await submitting).ok
        await made.shown("done")
        assert (made.runs, "done" in await made.settled()) == ([5], True)


@both
async def test_the_clock_does_not_go_before_an_answer_either(over: str) -> None:
    async def answer(made: Stage, request: SlackRequest) -> None:
        await made.ask(8)
        for key in (8, 9):  # the row of the first stands in the database by now
            await made.after.remind(Job.EXPORT, key)
        await made.work.settle()
        assert made.runs == [9]
        await request.ack(HOURGLASS)

    async with stage(over, answer) as made:
        assert (await made.slack.submit("Anna", made.view_id)).ok

        await made.shown("done")
        await made.after.remind(Job.EXPORT, 8)
        assert "done" in await made.settled()
        assert (made.runs, made.after.open) == ([9, 8, 8], set())


@both
async def test_answers_do_not_wait_for_each_other(over: str) -> None:
    go = asyncio.Event()

    async def answer(made: Stage, request: SlackRequest) -> None:
        if not go.is_set():
            go.set()
            await made.ask(6)
            await made.slack.wait_for(lambda: made.runs == [7], PATIENCE)
        else:
            await made.ask(7)
        await request.ack(HOURGLASS)

    async with stage(over, answer) as made:
        first = asyncio.create_task(made.slack.submit("Anna", made.view_id))
        await asyncio.wait_for(go.wait(), PATIENCE)
        await made.slack.submit("Anna", made.view_id)
        await first

        await made.settled()
        assert made.runs == [7, 6]
