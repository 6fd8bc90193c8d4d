"""The door to the network: what is tried again, and how a no is told from silence."""

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from importlib.abc import MetaPathFinder

import httpx
import pytest

from sandbox.serving import Served
from sandbox.xero import XeroWorld
from services.clients.allowance import Allowance, Window
from services.clients.http import (
    Answer,
    ApiClient,
    open_http,
    sleep_for,
)
from services.clients.messages import messages_of
from services.clients.typed import objects_of
from services.errors import (
    Forbidden,
    NotConnected,
    NotFound,
    Rejected,
    ServiceError,
    Throttled,
    Unavailable,
)
from services.model.jobs import CALL_LIMIT
from services.model.wording import clean
from tests.xero_stand import Pauses

PATH = "/anything"
STATED = {"Date": "Wed, 25 Nov 2026 08:00:00 GMT"}


@dataclass(slots=True)
class Door:
    """A client, and the server that it talks to."""

    world: XeroWorld
    api: ApiClient
    pauses: Pauses

    @property
    def asked(self) -> int:
        """How many requests arrived."""
        return len(self.world.requests)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    world, pauses = XeroWorld(), Pauses()
    served = await Served.start(world.app())
    async with open_http(served.url, user_agent="test") as http:
        yield Door(world, ApiClient("Xero", http, explain=messages_of, sleep=pauses), pauses)
    await served.stop()


@dataclass(slots=True)
class Searches(MetaPathFinder):
    """Notes which modules are looked for; it finds none."""

    names: list[str] = field(default_factory=list)

    def find_spec(self, fullname: str, *_: object) -> None:
        """Note it."""
        self.names.append(fullname)


async def test_no_call_looks_for_a_module_on_the_disk(door: Door) -> None:
    door.world.faults.add(status=200, body="{}", times=2)
    await door.api.send("GET", PATH)
    searches = Searches()
    sys.meta_path.insert(0, searches)
    await door.api.send("GET", PATH)
    sys.meta_path.remove(searches)

    assert searches.names == []


@pytest.mark.parametrize("fault", [{"status": 503}, {"hang_up": "before"}])
async def test_a_question_is_asked_again(door: Door, fault: dict[str, object]) -> None:
    door.world.faults.add(**fault)
    door.world.faults.add(**fault)
    door.world.faults.add(status=200, body='{"fine": 1}')
    answer = await door.api.send("GET", PATH)

    assert objects_of(answer) == {"fine": 1}
    assert door.asked == 3
    assert door.pauses.asked[0] < door.pauses.asked[1] <= timedelta(seconds=1.6)


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
@pytest.mark.parametrize("fault", [{"status": 500}, {"hang_up": "before"}])
async def test_a_write_with_an_unknown_outcome_is_never_repeated(
    door: Door, method: str, fault: dict[str, object]
) -> None:
    door.world.faults.add(times=5, **fault)
    with pytest.raises(Unavailable) as refusal:
        await door.api.send(method, PATH, body={})

    assert door.asked == 1
    assert refusal.value.has_answered is ("status" in fault)
    assert "don't know what it did" in str(refusal.value)


async def test_a_write_that_does_no_harm_twice_is_repeated(door: Door) -> None:
    door.world.faults.add(status=500)
    door.world.faults.add(status=200, body="{}")
    await door.api.send("DELETE", PATH, repeatable=True)

    assert door.asked == 2


async def test_the_third_failure_is_final(door: Door) -> None:
    door.world.faults.add(times=9, status=503)
    with pytest.raises(Unavailable):
        await door.api.send("GET", PATH)

    assert door.asked == 3


async def test_what_could_not_be_sent_did_nothing_so_even_a_write_is_tried_again() -> None:
    served, pauses = await Served.start(XeroWorld().app()), Pauses()
    await served.stop()
    async with open_http(served.url, user_agent="test") as http:
        with pytest.raises(Unavailable, match="nothing was sent"):
            await ApiClient("Xero", http, sleep=pauses).send("PUT", PATH, body={})

    assert len(pauses.asked) == 2


async def test_an_answer_that_takes_too_long_is_an_unknown_outcome(door: Door) -> None:
    door.world.faults.add(delay=0.3, status=200)
    door.api.http.timeout = httpx.Timeout(0.05)
    with pytest.raises(Unavailable) as refusal:
        await door.api.send("PUT", PATH, body={})

    assert not refusal.value.has_answered
    assert door.asked == 1


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_an_answer_that_drips_is_given_up_as_a_whole(door: Door, method: str) -> None:
    door.world.faults.add(times=3, status=200, body='{"fine": 1}', drip=0.05)
    api = replace(door.api, limit=timedelta(milliseconds=200))
    with pytest.raises(Unavailable, match="don't know what it did"):
        await api.send(method, PATH)

    assert door.asked == (3 if method == "GET" else 1)


async def test_a_writes_limit_holds_for_all_its_tries_together(door: Door) -> None:
    door.world.faults.add(times=9, status=429, headers={"Retry-After": "1"})
    api = replace(door.api, limit=timedelta(milliseconds=100), sleep=sleep_for)
    with pytest.raises(Unavailable):
        await api.send("PUT", PATH, repeatable=True)

    assert door.asked == 1


def test_a_write_may_last_no_longer_than_others_wait_before_they_send_it_again() -> None:
    assert timedelta(0) < CALL_LIMIT <= timedelta(seconds=20)


async def test_a_short_wait_is_slept_through_whatever_the_method(door: Door) -> None:
    door.world.faults.add(status=429, headers={"Retry-After": "2"})
    door.world.faults.add(status=200, body="{}")
    await door.api.send("PUT", PATH, body={})

    assert door.pauses.asked == [timedelta(seconds=2)]
    assert door.asked == 2


@pytest.mark.parametrize(
    ("headers", "wait", "asked"),
    [
        ({"Retry-After": "60", "X-Rate-Limit-Problem": "Minute"}, timedelta(minutes=1), 1),
        ({"Retry-After": "30000", "X-Rate-Limit-Problem": "day"}, timedelta(seconds=30000), 1),
        ({"X-Rate-Limit-Problem": "concurrent"}, timedelta(minutes=1), 3),
        ({"Retry-After": "59.2"}, timedelta(minutes=1), 1),
        ({"Retry-After": "Wed, 25 Nov 2026 09:00:00 GMT", **STATED}, timedelta(hours=1), 1),
        ({"Retry-After": "Wed, 25 Nov 2026 07:00:00 GMT", **STATED}, timedelta(minutes=1), 3),
    ],
)
async def test_a_long_wait_is_given_back_with_its_limit(
    door: Door, headers: dict[str, str], wait: timedelta, asked: int
) -> None:
    door.world.faults.add(times=9, status=429, headers=headers)
    with pytest.raises(Throttled) as refusal:
        await door.api.send("PUT", PATH, body={})

    assert refusal.value.retry_after == wait
    assert refusal.value.problem == headers.get("X-Rate-Limit-Problem", "").lower()
    assert door.asked == asked


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [
        (400, Rejected, "Xero refused: No such thing."),
        (409, Rejected, "Xero refused: No such thing."),
        (401, NotConnected, "Connect it again. (No such thing.)"),
        (403, Forbidden, "this. (No such thing.) In Xero, check the plan and the role of"),
        (404, NotFound, "can't find this. It may have been deleted. (No such thing.)"),
        (410, NotFound, "can't find this"),
        (302, Unavailable, "don't know what it did"),
        (408, Unavailable, "don't know what it did"),
        (504, Unavailable, "busy or down (504)"),
    ],
)
async def test_every_status_becomes_one_kind_of_refusal(
    door: Door, status: int, kind: type[ServiceError], text: str
) -> None:
    door.world.faults.add(times=3, status=status, body='{"message": "No such thing."}')
    with pytest.raises(ServiceError) as refusal:
        await door.api.send("PUT", PATH, body={})

    assert type(refusal.value) is kind
    assert text in str(refusal.value)


async def test_what_is_said_without_a_full_stop_gets_one(door: Door) -> None:
    door.world.faults.add(status=400, body='{"message": "Invoice number already exists"}')
    with pytest.raises(Rejected) as refusal:
        await door.api.send("PUT", PATH, body={})

    assert str(refusal.value) == "Xero refused: Invoice number already exists."


@pytest.mark.parametrize("spelling", ["insufficient_scope", "insufficent_scope"])
async def test_a_missing_scope_is_not_mended_by_a_fresh_token(door: Door, spelling: str) -> None:
    door.world.faults.add(status=401, headers={"WWW-Authenticate": f'Bearer error="{spelling}"'})
    door.world.faults.add(status=401)
    kinds: list[type[ServiceError]] = []
    for _ in range(2):
        with pytest.raises(ServiceError) as refusal:
            await door.api.send("GET", PATH)
        kinds.append(type(refusal.value))

    assert kinds == [Forbidden, NotConnected]


@pytest.mark.parametrize("body", ['{"a": 1', "<html>", "[1]", "", "[" * 9999, "\udcff"])
def test_an_unreadable_answer_is_an_unknown_outcome(body: str) -> None:
    raw = body.encode(errors="surrogateescape")
    answer = Answer("Xero", 200, httpx.Headers(), raw)
    with pytest.raises(Unavailable, match=r"can't read|something other"):
        objects_of(answer)


async def test_amounts_go_out_and_come_in_to_the_last_digit(door: Door) -> None:
    amount = Decimal("1234567890.10")
    door.world.faults.add(status=200, body=f'{{"amount": {amount}}}')
    answer = await door.api.send("PUT", PATH, body={"amount": amount})

    assert door.world.requests[0].body == b'{"amount":1234567890.10}'
    assert str(objects_of(answer)["amount"]) == "1234567890.10"


async def test_what_is_left_is_read_from_every_answer_and_kept(door: Door) -> None:
    first = {
        "X-DayLimit-Remaining": "4000",
        "X-Ratelimit-Remaining": "9, 3",
        "X-Ratelimit-Decay-Period": "5, 60",
    }
    door.world.faults.add(status=200, headers=first)
    door.world.faults.add(status=404, headers={"X-DayLimit-Remaining": "3999"})
    await door.api.send("GET", PATH)
    with pytest.raises(NotFound):
        await door.api.send("GET", PATH)

    allowance = door.api.allowance
    assert allowance.day_left == 3999
    assert allowance.windows == (
        Window(9, timedelta(seconds=5)),
        Window(3, timedelta(minutes=1)),
    )


@pytest.mark.parametrize("none", ["0", "-1", "0.0", "0;w=5"])
def test_a_window_that_is_used_up_keeps_its_place_however_that_is_written(none: str) -> None:
    allowance = Allowance()
    said = {"X-Ratelimit-Remaining": f"{none}, 180", "X-Ratelimit-Decay-Period": "5, 60"}
    allowance.read(httpx.Headers(said))
    assert allowance.wait(1) == timedelta(seconds=5)


@pytest.mark.parametrize(
    ("said", "kept", "is_short"),
    [(["900", "199"], 200, True), (["900", "201"], 200, False), (["4990", "990"], 998, True)],
)
async def test_the_last_fifth_of_the_day_is_kept_for_exports(
    door: Door, said: list[str], kept: int, *, is_short: bool
) -> None:
    for left in said:
        door.world.faults.add(status=200, headers={"X-DayLimit-Remaining": left})
        await door.api.send("GET", PATH)

    allowance = door.api.allowance
    assert (allowance.kept_for_exports, allowance.is_short) == (kept, is_short)


async def test_nothing_new_is_an_answer(door: Door) -> None:
    door.world.faults.add(status=304)

    assert (await door.api.send("GET", PATH)).status == 304


def test_an_answers_body_does_not_show_when_printed() -> None:
    assert "secret" not in repr(Answer("Xero", 200, httpx.Headers(), b"secret"))


@pytest.mark.parametrize("status", [200, 400])
async def test_what_nobody_sees_is_out_of_every_answer_before_it_is_read(
    door: Door, status: int
) -> None:
    """Half a surrogate pair would make the whole answer unreadable; PostgreSQL refuses NUL."""
    body = (
        r'{"Message": "Acme \u0000\ud800\u202e\u0002<@U1>\u0003 \b\u200bLtd \ud83d\ude00 C:\\bin"}'
    )
    door.world.faults.add(status=status, body=body)
    seen = "Acme <@U1> Ltd \U0001f600 C:\\bin"

    if status == 200:
        assert objects_of(await door.api.send("GET", PATH)) == {"Message": seen}
    else:
        with pytest.raises(Rejected) as refusal:
            await door.api.send("GET", PATH)
        assert refusal.value.messages == (seen,)
        for plain in ("By \x02<@U1>\x03", r'"By \u0002<@U1>\u0003"'):
            door.world.faults.add(status=status, body=plain)
            with pytest.raises(Rejected) as refusal:
                await door.api.send("GET", PATH)
            assert refusal.value.messages == ("By <@U1>",)


@pytest.mark.parametrize("name", ["Acme\x02 \x1bLtd\x7f", "\x00Acme Ltd\x07", "Acm\xe9\x01 Ltd"])
async def test_controls_that_stand_raw_in_an_answer_are_out_of_it(door: Door, name: str) -> None:
    """JSON has none, but who answers may not know."""
    body = f'{{"Message": "{name}"}}'
    for status in (200, 400):
        door.world.faults.add(status=status, body=body.encode())
    assert objects_of(await door.api.send("GET", PATH)) == {"Message": clean(name)}
    with pytest.raises(Rejected) as refusal:
        await door.api.send("GET", PATH)
    assert refusal.value.messages == (clean(name),)


async def test_a_mark_of_byte_order_is_no_part_of_an_answer(door: Door) -> None:
    """Some programs write one before the first brace."""
    door.world.faults.add(status=200, body=b'\xef\xbb\xbf{"a": 1}')
    assert objects_of(await door.api.send("GET", PATH)) == {"a": 1}
