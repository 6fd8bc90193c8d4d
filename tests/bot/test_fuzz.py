"""Whatever comes in: no 500, no hang, no bug, and nothing that grows; signed or not.

Short here; `make test-all` tries ten times as many examples.
"""

import asyncio
import base64
import hmac
import json
import queue
import shutil
import string
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from handlers import words
from services.clients.allowance import largest
from services.model import days, numbers, wording
from services.model.actions import Action
from services.model.invoice import Links
from services.model.wording import Command
from tests.bot.program import WEBHOOK_KEY
from tests.bot.test_http_limits import exchange
from tests.bot.town import Town
from tests.bot.town import town as open_town
from tests.properties import tried
from tests.services.store_seeds import NOW, connected

LONGEST = 30  # seconds for one answer, on a machine that does much else
LINKS = Links("https://go.xero.com", "https://app.paymoapp.com")
ROUTES = (
    "/",
    "/healthz",
    "/readyz",
    "/privacy",
    "/support",
    "/style.css",
    "/slack/events",
    "/slack/install",
    "/slack/oauth_redirect",
    "/paymo/connect",
    "/xero/connect",
    "/xero/callback",
    "/xero/organisation",
    "/webhooks/xero",
    "/webhooks/paymo/token",
)
FIELDS = ("nonce", "state", "code", "error", "api_key", "tenant_id", "is_me", "payload", "x")
VIEWS = ("connect", "export", "export_all", "match", "subscribe", "settings", "disconnect", "x")

anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
texts = st.text(max_size=60) | st.text(string.printable, max_size=60)
fields = st.dictionaries(st.sampled_from(FIELDS), texts, max_size=4)
raw = st.binary(max_size=300)
bodies = (
    raw
    | fields.map(lambda each: urlencode(each, errors="surrogatepass").encode())
    | anything.map(lambda each: json.dumps(each).encode())
)
header_values = st.text(string.printable[:-5], max_size=60).map(str.strip)
headers = st.dictionaries(
    st.sampled_from(
        "content-type cookie x-slack-signature x-slack-request-timestamp x-xero-signature "
        "x-paymo-signature origin x-forwarded-proto range".split()
    ),
    header_values,
    max_size=4,
)
# Nothing is shrunk: each example runs through the whole program.
few = tried(
    60,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@dataclass(frozen=True, slots=True, repr=False)
class Door:
    """The running program, and the loop that it runs in, in a thread of its own."""

    loop: asyncio.AbstractEventLoop
    town: Town

    def run(self, asked: Coroutine[Any, Any, Any]) -> Any:
        """Wait for something that happens there."""
        return asyncio.run_coroutine_threadsafe(asked, self.loop).result(2 * LONGEST)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send one request, and hold what must hold of every answer."""
        began = time.monotonic()
        asked = self.town.http.request(method, path, follow_redirects=False, **more)
        answer: httpx.Response = self.run(_soon(asked))
        assert answer.status_code < 500 or answer.status_code == 503, answer.text
        assert time.monotonic() - began < LONGEST
        return answer

    def is_well(self) -> bool:
        """Say whether no handler and no job has stumbled."""
        metrics = self.town.program.core.metrics
        counted = [*metrics.handler_bugs.collect(), *metrics.job_bugs.collect()]
        return not sum(
            sample.value
            for each in counted
            for sample in each.samples
            if sample.name.endswith("_total")
        )


async def _soon(asked: Coroutine[Any, Any, Any]) -> Any:
    async with asyncio.timeout(LONGEST):
        return await asked


@pytest.fixture(scope="module")
def door(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """The program in its town, for all examples."""
    file = tmp_path_factory.mktemp("fuzz") / "app.db"
    shutil.copy(sqlite_template, file)
    loop, doors, over = asyncio.new_event_loop(), queue.Queue[Door](), asyncio.Event()

    async def live() -> None:
        async with open_town(f"sqlite+aiosqlite:///{file}") as town:
            database, team = town.program.core.database, town.slack.team.id
            await connected(database, team, owner_id=town.anna.id, created_at=NOW)
            doors.put(Door(loop, town))
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(live(),))
    thread.start()
    yield doors.get(timeout=2 * LONGEST)
    loop.call_soon_threadsafe(over.set)
    thread.join()
    loop.close()


@few
@given(
    st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS"]),
    st.tuples(st.sampled_from(ROUTES), st.text(string.ascii_letters + "/.%-_~", max_size=12)),
    st.tuples(fields, headers, bodies),
)
def test_every_route_answers_whatever_strangers_send(
    door: Door,
    method: str,
    place: tuple[str, str],
    sent: tuple[dict[str, str], dict[str, str], bytes],
) -> None:
    (path, more), (query, named, body) = place, sent
    asked = urlencode(query, errors="surrogatepass")
    head = {name: value.encode() for name, value in named.items()}
    door.ask(method, f"{path}{more and '/' + more}?{asked}", headers=head, content=body)
    door.ask(method, f"{path}?{asked}", headers=head, content=body)
    assert door.is_well()


@few
@given(st.lists(raw | st.sampled_from([b"GET / HTTP/1.1\r\n", b"\r\n", b":", b"\0"]), max_size=6))
def test_bytes_that_are_no_request_end_the_connection(door: Door, parts: list[bytes]) -> None:
    closing = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    answer = door.run(_soon(exchange(door.town.url, *parts, closing)))

    assert b" 500 " not in answer[:20]
    assert door.ask("GET", "/healthz").status_code == 200


# ---- what is signed, and yet not what it should be


def usual(door: Door) -> dict[str, Any]:
    """Return what Slack sends with everything."""
    slack, anna = door.town.slack, door.town.anna
    return {
        "team": {"id": slack.team.id, "domain": "acme"},
        "user": {"id": anna.id, "username": "anna", "team_id": slack.team.id},
        "channel": {"id": door.town.room.id, "name": "invoices"},
        "trigger_id": "1.2.3",
        "response_url": "",
        "api_app_id": "A1",
    }


def view(callback_id: str, values: Any, metadata: str) -> dict[str, Any]:
    return {
        "id": "V1",
        "hash": "1.a",
        "type": "modal",
        "title": {"type": "plain_text", "text": "Title"},
        "callback_id": callback_id,
        "private_metadata": metadata,
        "state": {"values": values},
        "blocks": [],
    }


KINDS: dict[str, Callable[[str, str, Any], dict[str, Any]]] = {
    "view_submission": lambda name, text, some: {"view": view(name, some, text)},
    "block_actions": lambda name, text, some: {
        "actions": [{"action_id": name, "block_id": text, "value": text, "type": "button"}],
        "container": some if isinstance(some, dict) else {},
        "message": {"ts": "1.2", "blocks": some if isinstance(some, list) else []},
    },
    "block_suggestion": lambda name, text, some: {
        "action_id": name,
        "block_id": name,
        "value": text,
        "view": view(name, some, text),
    },
    "shortcut": lambda name, text, _some: {"callback_id": name, "action_ts": text},
    "message_action": lambda name, text, some: {
        "callback_id": name,
        "message": {"text": text, "ts": "1.2", "blocks": some},
    },
    "event_callback": lambda name, text, some: {
        "event": {"type": name, "user": text, "links": some, "view": some},
        "team_id": "T0001",
    },
}
names = (
    st.sampled_from([each.value for each in Action])
    | st.sampled_from([*VIEWS, "export_invoices", "export_from_message", "invoice", "contact"])
    | st.sampled_from(["app_home_opened", "link_shared", "tokens_revoked", "message"])
    | st.text(max_size=20)
)


def signed(door: Door, body: bytes, kind: str) -> httpx.Response:
    sent = door.town.slack.door.sign(body, kind)
    return door.ask("POST", "/slack/events", content=sent.body, headers=sent.headers)


@few
@given(st.sampled_from(sorted(KINDS)), names, texts, anything)
def test_whatever_slack_signs_is_answered_and_no_handler_stumbles(
    door: Door, kind: str, name: str, text: str, some: Any
) -> None:
    payload = {"type": kind, **usual(door), **KINDS[kind](name, text, some)}
    if isinstance(some, dict):
        payload |= some
    signed(
        door,
        urlencode({"payload": json.dumps(payload)}).encode(),
        "application/x-www-form-urlencoded",
    )
    assert door.is_well()


HUGE, ODD = "9" * 18, '{"draft_id": 1e300}'
# What a database of another kind would refuse: larger keys, other types, and U+0000.
UNFIT: tuple[dict[str, Any], ...] = (
    {"type": "block_actions", **KINDS["block_actions"](Action.UNDO, HUGE, {})},
    {"type": "block_actions", **KINDS["block_actions"](Action.AS_DRAFT, HUGE, {})},
    {"type": "block_actions", "actions": [{"action_id": "contact", "selected_option": "x"}]},
    {"type": "view_submission", **KINDS["view_submission"]("export", ODD, {})},
    {"type": "view_submission", **KINDS["view_submission"]("export", '{"draft_id": "x"}', {})},
    {"type": "view_submission", **KINDS["view_submission"]("export_all", '{"batch_id": {}}', {})},
    {
        "type": "view_submission",
        **KINDS["view_submission"]("connect", '{"channel_id": "\\u0000"}', {}),
    },
    {
        "type": "view_submission",
        **KINDS["view_submission"](
            "subscribe", "", {"events": {"events": {"selected_options": [None, {}]}}}
        ),
    },
    {"type": "block_suggestion", **KINDS["block_suggestion"]("contact", ODD, {})},
    {"type": "block_actions", **KINDS["block_actions"]("why", "1", {}), "team": {"id": "T\0"}},
    {"command": "/paymo-xero", "text": "status", "channel_id": "C\0"},
)


@pytest.mark.databases("postgres")
async def test_what_postgresql_would_refuse_does_not_reach_it(database_url: str) -> None:
    async with open_town(database_url) as town:
        door = Door(asyncio.get_running_loop(), town)
        await connected(
            town.program.core.database, town.slack.team.id, owner_id=town.anna.id, created_at=NOW
        )
        usually = usual(door)
        for unfit in UNFIT:
            if "command" in unfit:
                body = urlencode({"team_id": town.slack.team.id, "user_id": town.anna.id, **unfit})
            else:
                body = urlencode({"payload": json.dumps({**usually, **unfit})})
            sent = town.slack.door.sign(body.encode(), "application/x-www-form-urlencoded")
            answer = await _soon(
                town.http.post("/slack/events", content=sent.body, headers=sent.headers)
            )
            assert answer.status_code < 500
        await _soon(town.program.core.tasks.drain(timedelta(seconds=LONGEST)))
        assert door.is_well()


@few
@given(st.sampled_from(["", *Command]), texts, fields)
def test_whatever_is_typed_behind_the_command_is_answered(
    door: Door, verb: str, text: str, more: dict[str, str]
) -> None:
    form = {
        "command": "/paymo-xero",
        "text": f"{verb} {text}",
        "team_id": door.town.slack.team.id,
        "user_id": door.town.anna.id,
        "channel_id": door.town.room.id,
        "trigger_id": "1.2.3",
        "response_url": "",
        **more,
    }
    body = urlencode(form, errors="replace").encode()
    signed(door, body, "application/x-www-form-urlencoded")
    assert door.is_well()


@few
@given(bodies | anything.map(lambda each: json.dumps({"events": each}).encode()))
def test_webhooks_are_only_hints_whatever_they_hold(door: Door, body: bytes) -> None:
    made = base64.b64encode(hmac.digest(WEBHOOK_KEY.encode(), body, "sha256")).decode()
    answer = door.ask("POST", "/webhooks/xero", content=body, headers={"x-xero-signature": made})
    assert answer.status_code == 200
    sha1 = hmac.digest(b"token", body, "sha1").hex()
    head = {"x-paymo-signature": f"sha1={sha1}"}
    assert door.ask("POST", "/webhooks/paymo/token", content=body, headers=head).status_code == 401


def test_a_body_is_never_held_whole_beyond_its_limit(door: Door) -> None:
    for path in ("/slack/events", "/webhooks/xero", "/webhooks/paymo/token", "/paymo/connect"):
        answer = door.ask("POST", path, content=b"x" * 1_100_000)
        assert answer.status_code in {400, 401, 413}, path


# ---- what is read of typed text, links and headers


@few
@given(st.text(max_size=400))
def test_readers_of_text_take_anything(text: str) -> None:
    assert words.parse(text).verb
    assert isinstance(numbers.mentioned(text), tuple)
    assert isinstance(numbers.parts(text), tuple)
    numbers.amount(text)
    LINKS.read(text)
    Links.paymo_id(text)
    wording.one_line(wording.clean(text))


@few
@given(st.text(max_size=60), st.text(max_size=60))
def test_readers_of_headers_take_anything(one: str, other: str) -> None:
    days.until(one, other)
    days.read_day(one)
    days.read_moment(other)
    assert (largest(one) or 0) >= 0
