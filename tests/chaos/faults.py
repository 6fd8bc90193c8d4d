"""What goes wrong: on the wires, in the processes, on the machine, at the remote sides."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aiohttp import web

from sandbox.serving import Fault
from sandbox.webhooks import Delivery, post
from tests.chaos.acts import Step
from tests.chaos.people import Person
from tests.chaos.stage import ROOM, Stage
from tests.databases import Cluster

_ANYWHERE = frozenset({"xero", "paymo", "slack", "token"})
_MEETS = 15  # seconds in which a call must come that the fault can strike
RETRIES = "Slack's retries"
UNWRITTEN = "SIGKILL before a step is written"
WRITTEN = "SIGKILL once a step is written"
_JSON = {"Content-Type": "application/json"}
_HTML = {"Content-Type": "text/html"}
_PAGE = "<!doctype html><title>Sorry</title><h1>We are down for maintenance</h1>"

Over = Callable[[], Awaitable[float | None]]  # when it was over; None: it struck nothing


@dataclass(slots=True, kw_only=True)
class Blow(Fault):
    """A fault on the wire that notes when it struck."""

    strikes: list[float] = field(default_factory=list)

    async def wait(self, request: web.Request) -> None:
        """Note the time first."""
        self.strikes.append(time.monotonic())
        await Fault.wait(self, request)


@dataclass(slots=True, kw_only=True)
class Kill(Blow):
    """Ends the process that sends a request, `pause` seconds before or after it is answered."""

    stage: Stage
    is_answered: bool = False
    is_kind: bool = False
    pause: float = 0
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    async def wait(self, request: web.Request) -> None:
        """Kill, and let the request take effect afterwards, or be killed soon after the answer."""
        await request.read()
        await Blow.wait(self, request)
        peer = request.transport.get_extra_info("peername") if request.transport else None
        ending = self._end(peer[1] if peer else 0)
        if self.is_answered or self.is_kind:
            self.tasks.append(asyncio.create_task(ending))
        else:
            await ending
        if not self.is_answered:
            await asyncio.sleep(self.pause)

    async def _end(self, port: int) -> None:
        for each in self.stage.workers:
            if each.runs and each.has_connection(port):
                if self.is_answered:
                    await asyncio.sleep(self.pause)
                await each.end(kindly=self.is_kind)
                # What was sent doesn't wait for that.
                self.tasks.append(asyncio.create_task(_instead(self.stage)))


async def _instead(stage: Stage) -> None:
    """Start a process again where none is left."""
    if not any(each.runs for each in stage.workers):
        await stage.workers[0].ready()


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault."""

    name: str
    inflict: Callable[[Stage, Random, Step], Awaitable[Over]]
    systems: frozenset[str] = _ANYWHERE
    fits: Callable[[Stage], bool] = lambda _: True
    is_alone: bool = False
    weight: int = 2


def _arm(stage: Stage, step: Step, blow: Blow, *, rest: float = 0) -> Over:
    """Have a call suffer; `rest` is for how long after the blow nothing can be expected."""
    system, blow.method, blow.path = step
    faults = getattr(stage, "xero" if system == "token" else system).faults
    if system == "token":
        stage.xero.authority.expire_access()
    faults.waiting.append(blow)

    async def over() -> float | None:
        wanted, end = blow.times, time.monotonic() + _MEETS
        while len(blow.strikes) < wanted and time.monotonic() < end:
            await asyncio.sleep(0.1)
        if blow in faults.waiting:
            faults.waiting.remove(blow)
        while isinstance(blow, Kill) and (left := [each for each in blow.tasks if not each.done()]):
            await asyncio.gather(*left)
        if blow.strikes and _may_repeat(blow):
            stage.repeats_allowed += len(blow.strikes)
        slow = blow.pause if isinstance(blow, Kill) and blow.is_kind else rest
        return blow.strikes[-1] + slow if blow.strikes else None

    return over


def _may_repeat(blow: Blow) -> bool:
    """Say whether Slack may have said yes to a message, and the program not have heard it."""
    is_cut = blow.hang_up == "after" or blow.garbled or blow.cut or blow.is_done or blow.drip
    return isinstance(blow, Kill) or (bool(is_cut) and "chat" in blow.path)


def _wire(
    name: str,
    make: Callable[[Random], tuple[dict[str, Any], float]],
    *systems: str,
) -> Kind:
    async def inflict(stage: Stage, rng: Random, step: Step) -> Over:
        fields, rest = make(rng)
        return _arm(stage, step, Blow(**fields), rest=rest)

    chosen = frozenset(systems) or _ANYWHERE
    return Kind(name, inflict, chosen)


def _failing(rng: Random) -> tuple[dict[str, Any], float]:
    return {"status": rng.choice([500, 502, 503, 504]), "times": rng.choice([1, 1, 2, 4])}, 0


def _late(rng: Random) -> tuple[dict[str, Any], float]:
    seconds = rng.uniform(2, 9)
    return {"delay": seconds}, seconds


def _unheard(rng: Random) -> tuple[dict[str, Any], float]:
    seconds = rng.uniform(10, 16)  # what left takes effect within CALL_LIMIT, or never
    return {"delay": seconds, "hang_up": "after"}, seconds


def _limited(problem: str, shortest: int, longest: int, headers: dict[str, str]) -> Any:
    def make(rng: Random) -> tuple[dict[str, Any], float]:
        seconds = rng.randint(shortest, longest)
        sent = {"Retry-After": str(seconds), "X-Rate-Limit-Problem": problem, **headers}
        body = '{"ok": false, "error": "ratelimited"}' if not problem else ""
        return {"status": 429, "headers": sent, "body": body}, seconds

    return make


def _always(rest: float = 0, **fields: Any) -> Any:
    return lambda _: (fields, rest)


def _kill(name: str, **fields: Any) -> Kind:
    async def inflict(stage: Stage, rng: Random, step: Step) -> Over:
        chosen = {**fields}
        if "pause" in chosen:
            chosen["pause"] = rng.uniform(*chosen["pause"])
        return _arm(stage, step, Kill(stage=stage, **chosen))

    return Kind(name, inflict, weight=3)


def _kill_at(name: str, *, is_written: bool) -> Kind:
    async def inflict(stage: Stage, _: Random, step: Step) -> Over:
        armed, steps = asyncio.Event(), stage.host.steps
        struck = steps.kill_at(step, stage.workers, armed, is_written=is_written)
        killing = asyncio.create_task(asyncio.wait_for(struck, _MEETS))
        waiting = asyncio.create_task(armed.wait())
        await asyncio.wait([killing, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

        async def over() -> float | None:
            with contextlib.suppress(TimeoutError):
                if (at := await killing) is not None:
                    stage.repeats_allowed += 1
                    await _instead(stage)
                    return at
            return None

        return over

    def fits(stage: Stage) -> bool:
        return is_written or stage.host.steps.knows_unwritten

    return Kind(name, inflict, frozenset({"step"}), fits, weight=5)


async def _expired(stage: Stage, _: Random, __: Step) -> Over:
    stage.xero.authority.expire_access()
    return _at_once


async def _at_once() -> float:
    return time.monotonic()


async def _revoked(stage: Stage, _: Random, __: Step) -> Over:
    """Somebody removes the app in Xero; the owner connects again once the channel says so."""
    last = stage.slack.messages(ROOM)[-1].ts
    authority, anna = stage.xero.authority, Person(stage)
    authority.refreshes.clear()
    authority.connections.clear()
    authority.accesses.clear()
    stage.told["connection_broken"] += 2  # in the channel, and to the owner
    stage.told["connection_restored"] += 1

    async def over() -> float | None:
        if await anna.glance(lambda: anna.told("connection_broken", after=last), 60) is None:
            return None
        await anna.reconnect()
        return time.monotonic()

    return over


async def _restarted(stage: Stage, rng: Random, _: Step) -> Over:
    pause = rng.uniform(0.5, 5)

    async def over() -> float:
        cluster = stage.host.cluster
        if cluster is not None:
            await asyncio.to_thread(cluster.stop)
            await asyncio.sleep(pause)
            await _serve(cluster)
        return time.monotonic()

    return over


async def _serve(cluster: Cluster) -> None:
    """Have the database serve, as soon as its disk has room."""
    end = time.monotonic() + 60
    while True:
        try:
            await asyncio.to_thread(cluster.revive)
        except RuntimeError:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(1)
        else:
            return


async def _full(stage: Stage, rng: Random, _: Step) -> Over:
    stage.host.disk.fill()
    pause = rng.uniform(3, 8)

    async def over() -> float:
        await asyncio.sleep(pause)
        stage.host.disk.free()
        if stage.host.cluster is not None:  # it may have ended itself
            await _serve(stage.host.cluster)
        return time.monotonic()

    return over


async def _turned(stage: Stage, rng: Random, _: Step) -> Over:
    stage.host.clock.turn(rng.choice([-1, 1]) * rng.randint(20, 240))
    pause = rng.uniform(2, 6)

    async def over() -> float:
        await asyncio.sleep(pause)
        stage.host.clock.turn(0)
        return time.monotonic()

    return over


async def _doubled(stage: Stage, rng: Random, _: Step) -> Over:
    queues = (stage.xero.webhooks.deliveries, stage.paymo.courier.deliveries)
    before = [len(each) for each in queues]

    async def over() -> float:
        await asyncio.sleep(3)
        sent: list[Delivery] = []
        for queue, count in zip(queues, before, strict=True):
            sent += 2 * queue[count:]
        rng.shuffle(sent)
        for each in sent:
            await post(each.url, each.headers, each.body)
        return time.monotonic()

    return over


async def _deaf(stage: Stage, _: Random, __: Step) -> Over:
    """No webhook of Xero's arrives."""
    url, stage.xero.webhooks.url = stage.xero.webhooks.url, ""

    async def over() -> float:
        await asyncio.sleep(3)
        stage.xero.webhooks.url = url
        return time.monotonic()

    return over


async def _retried(stage: Stage, rng: Random, _: Step) -> Over:
    before = len(stage.slack.answers)

    async def over() -> float:
        await asyncio.sleep(3)
        again = [each for each in stage.slack.answers[before:] if each.sent]
        rng.shuffle(again)
        for each in again[:6]:
            await stage.slack.resend(each)
        return time.monotonic()

    return over


async def _archived(stage: Stage, _: Random, __: Step) -> Over:
    """The channel is archived; once the owner was told of it, it is not, and is resumed."""
    room, anna = stage.slack.channel(ROOM), Person(stage)
    direct = stage.slack.direct("Anna")
    count, room.archived = len(direct.messages), True

    async def over() -> float | None:
        def told() -> Any:
            new = direct.messages[count:]
            return next((each for each in new if "resume_channel" in str(each.blocks)), None)

        found = await anna.glance(told, _MEETS)
        room.archived = False
        if found is None:
            return None
        stage.told["channel_paused"] += 1
        await anna.press(
            lambda: found, "resume_channel", lambda: "resume_channel" not in str(found.blocks)
        )
        return time.monotonic()

    return over


KINDS = (
    _kill("SIGKILL, the request is lost", hang_up="before"),
    _kill("SIGKILL, the work is done", hang_up="after"),
    _kill("SIGKILL, the work is done late", hang_up="after", pause=(1, 8)),
    _kill("SIGKILL right after the answer", is_answered=True, pause=(0, 0.05)),
    _kill_at(UNWRITTEN, is_written=False),
    _kill_at(WRITTEN, is_written=True),
    _kill("SIGTERM during a slow call", is_kind=True, pause=(2, 12)),
    _wire("hang-up before the work", _always(hang_up="before")),
    _wire("hang-up after the work", _always(hang_up="after")),
    _wire("5xx", _failing),
    _wire("5xx after the work", _always(status=503, is_done=True)),
    _wire("429 by the minute", _limited("minute", 3, 15, {}), "xero"),
    _wire("429 by the day", _limited("day", 10, 20, {}), "xero"),
    _wire("429 of Paymo", _limited("paymo", 3, 15, {}), "paymo"),
    _wire("429 of Slack", _limited("", 2, 10, _JSON), "slack"),
    _wire("slow", _late),
    _wire("byte by byte", _always(20, drip=0.03)),
    _wire("no answer, the work is done late", _unheard, "xero", "paymo"),
    _wire("garbled", _always(garbled=True)),
    _wire("truncated", _always(cut=True)),
    _wire("wrong content type", _always(status=200, headers=_HTML, body=_PAGE, is_done=True)),
    Kind("token expired", _expired),
    _wire("a refresh whose answer is lost", _always(hang_up="after"), "token"),
    Kind("token revoked", _revoked, is_alone=True),
    Kind("database restarted", _restarted, fits=lambda stage: stage.shape.is_postgres),
    Kind("disk full", _full, fits=lambda stage: stage.host.disk.is_own),
    Kind("clock turned", _turned, fits=lambda stage: bool(stage.host.clock.settings)),
    Kind("webhooks doubled and reordered", _doubled),
    Kind("webhooks lost", _deaf),
    Kind(RETRIES, _retried),
    Kind("channel archived", _archived, frozenset({"slack"}), is_alone=True),
)
