"""Slack's requests: who is let in, what is refused, and how soon the answer leaves."""

import hmac
import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from structlog.testing import capture_logs

from sandbox.slack.fields import find_field
from tests.bot.town import PATIENCE, Town
from tests.walk import Walk, walking

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


async def post(town: Town, body: bytes, kind: str = FORM, **headers: str) -> httpx.Response:
    """Send a signed body, with these headers over the signed ones."""
    signed = town.slack.door.sign(body, kind).headers
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await town.http.post("/slack/events", content=body, headers={**signed, **names})


def command(town: Town, text: str = "help") -> bytes:
    fields = town.slack.payloads.command(town.anna, town.room, "/paymo-xero", text)
    return urlencode(fields).encode()


async def test_a_signed_command_is_answered(town: Town) -> None:
    answer = await post(town, command(town))

    assert answer.status_code == 200
    assert town.slack.failures == []


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Slack_Signature": "v0=" + "0" * 64},
        {"X_Slack_Signature": ""},
        {"X_Slack_Signature": "v0=é"},
        {"X_Slack_Request_Timestamp": "yesterday"},
        {"X_Slack_Request_Timestamp": ""},
        {"X_Slack_Request_Timestamp": "-1"},
        {"X_Slack_Request_Timestamp": "١٢٣"},
        {"X_Slack_Request_Timestamp": "9" * 40},
        {"X_Slack_Request_Timestamp": "1"},
    ],
    ids=lambda headers: " ".join(headers.values())[:20] or "empty",
)
async def test_what_slack_did_not_sign_just_now_is_refused(
    town: Town, headers: dict[str, str]
) -> None:
    signed = town.slack.door.sign(command(town), FORM).headers
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in {**signed, **changed}.items()]

    answer = await town.http.post("/slack/events", content=command(town), headers=raw)

    assert (answer.status_code, answer.content) == (401, b"")


async def test_a_good_signature_of_five_minutes_ago_is_refused(town: Town) -> None:
    body = command(town)
    stamp = str(int(time.time()) - 301)
    base = f"v0:{stamp}:".encode() + body
    made = hmac.digest(town.slack.signing_secret.encode(), base, "sha256").hex()

    answer = await post(town, body, X_Slack_Request_Timestamp=stamp, X_Slack_Signature=f"v0={made}")

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FORM),
        (b"\xff\xfe", FORM),
        (b"payload=", FORM),
        (b"payload=%7Bnot", FORM),
        (b"payload=[]", FORM),
        (b"{", JSON),
        (b"[]", JSON),
        (b"null", JSON),
        (b'{"type": 7}', JSON),
        (b'{"type": "block_actions", "actions": {}}', JSON),
        (b'{"type": "block_actions", "actions": ["x"]}', JSON),
        (b'{"type": "block_actions", "actions": []}', JSON),
        (b'{"type": "view_submission", "view": "V1"}', JSON),
        (b'{"type": "event_callback", "event": []}', JSON),
        (b'{"type": "event_callback", "authorizations": [1]}', JSON),
        (b"command=%2Fpaymo-xero&view=x", FORM),
        (b'{"command": "/paymo-xero", "team_id": "T0001", "event": null}', JSON),
        (b"[" * 100_000, JSON),
    ],
)
async def test_a_malformed_body_is_a_bad_request_and_never_a_failure(
    town: Town, body: bytes, kind: str
) -> None:
    assert (await post(town, body, kind)).status_code == 400


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"type": "block_actions"},
        {"type": "block_actions", "actions": [{}], "user": {}},
        {"type": "view_submission", "view": {}},
        {"type": "block_suggestion"},
        {"type": "event_callback", "event": {}},
        {"type": "event_callback", "event": {"type": "app_home_opened"}},
        {"type": "something_new", "team": {"id": "T1"}},
    ],
)
async def test_a_signed_body_that_nobody_knows_is_never_a_failure(
    town: Town, payload: dict[str, Any]
) -> None:
    answer = await post(town, json.dumps(payload).encode(), JSON)

    assert answer.status_code < 500


def without_one(payload: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what Slack sends without each of its parts, and those of these."""
    for name, part in payload.items():
        rest = {each: payload[each] for each in payload if each != name}
        yield name, rest
        inner = part[0] if isinstance(part, list) and part else part
        for each in inner if isinstance(inner, dict) else ():
            less = {one: inner[one] for one in inner if one != each}
            yield f"{name}.{each}", {**payload, name: [less] if isinstance(part, list) else less}


async def sent_by(walk: Walk) -> list[tuple[str, dict[str, Any]]]:
    """Return one of each kind of payload, as Slack sends it."""
    slack, anna, made = walk.town.slack, walk.town.anna, walk.town.slack.payloads
    await walk.connect()
    form = await walk.form("INV-1")
    contact, shown = (find_field(form.blocks, "", each) for each in ("contact", "show_checks"))
    home = {"type": "app_home_opened", "user": anna.id, "channel": "D1", "tab": "home"}
    said = slack.say("Ben", "invoices", "INV-1")
    return [
        (FORM, made.command(anna, walk.town.room, "/paymo-xero", "export INV-1")),
        (FORM, made.action(anna, form, shown, {})),
        (FORM, made.suggestion(anna, form, contact, "a")),
        (FORM, made.submission(anna, form)),
        (FORM, made.closing(anna, form, everything=False)),
        (FORM, made.shortcut(anna, "export_invoices")),
        (FORM, made.message_shortcut(anna, said, "export_from_message")),
        (JSON, made.event(slack.team, home)),
    ]


async def test_what_lacks_a_part_that_slack_always_sends_is_refused_in_a_line(
    sqlite_url: str,
) -> None:
    refused = Counter[str]()
    async with walking(sqlite_url) as walk:
        for kind, payload in await sent_by(walk):
            for lack, less in without_one(payload):
                form = less if "command" in payload else {"payload": json.dumps(less)}
                body = json.dumps(less) if kind is JSON else urlencode(form)
                with capture_logs() as logs:
                    answer = await post(walk.town, body.encode(), kind)
                    await walk.town.program.core.tasks.drain(PATIENCE)
                assert [each for each in logs if "exc_info" in each] == [], (payload, lack)
                lines = [each for each in logs if each["event"] == "slack_body_incomplete"]
                assert len(lines) == (answer.status_code == 400), (payload, lack)
                refused.update(f"{payload.get('type', 'command')} {lack}" for _ in lines)
    assert {"command user_id", "event_callback event.user", "view_closed view.type"} < set(refused)


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(town: Town) -> None:
    answer = await post(town, b"payload=" + b"x" * 1_100_000)

    assert answer.status_code == 413


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
async def test_slack_can_verify_the_address(town: Town, connection: str) -> None:
    asked = {"type": "url_verification", "challenge": "abc", "token": "x"}

    answer = await post(town, json.dumps(asked).encode(), JSON, Connection=connection)

    assert (answer.status_code, answer.json()) == (200, {"challenge": "abc"})
    assert ("close" in answer.headers.get("Connection", "")) is (connection == "close")


async def test_slack_can_check_the_certificate(town: Town) -> None:
    answer = await post(town, b"token=x&ssl_check=1")

    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_menu_that_nobody_fills_is_empty_and_a_press_that_nobody_knows_is_taken(
    town: Town,
) -> None:
    who = {"team": {"id": town.slack.team.id}, "user": {"id": town.anna.id}}
    menu = {"type": "block_suggestion", "action_id": "x", "value": "", **who}
    press = {"type": "block_actions", "actions": [{"action_id": "x", "type": "button"}], **who}

    options = await post(town, urlencode({"payload": json.dumps(menu)}).encode())
    pressed = await post(town, urlencode({"payload": json.dumps(press)}).encode())

    assert (options.status_code, options.json()) == (200, {"options": []})
    assert (pressed.status_code, pressed.content) == (200, b"")


async def test_without_a_trigger_a_command_that_needs_no_form_is_answered(
    sqlite_url: str,
) -> None:
    """Slack always sends one; who doesn't gets the button in place of the form."""
    async with walking(sqlite_url) as walk:
        await walk.connect()
        for text, said in (("status", "Xero"), ("export INV-1", "Slack couldn't open the form")):
            made = walk.town.slack.payloads.command(
                walk.town.anna, walk.town.room, "/paymo-xero", text
            )
            answer = await post(walk.town, urlencode({**made, "trigger_id": ""}).encode(), FORM)
            assert answer.status_code == 200
            await walk.town.program.core.tasks.drain(PATIENCE)
            await walk.ephemeral(said)
