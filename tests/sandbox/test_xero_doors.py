"""Who gets in to Xero, how often, and what is remembered: tokens, limits, keys, signatures."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from sandbox.serving import Served
from sandbox.xero.webhooks import sign
from tests.xero_stand import REDIRECT, Stand, messages, xero_stand


@pytest.fixture
async def xero() -> AsyncIterator[Stand]:
    async with xero_stand() as stand:
        yield stand


async def refresh(xero: Stand, token: str, **form: str) -> Any:
    answer = await xero.ask_token(grant_type="refresh_token", refresh_token=token, **form)
    return answer.json()


async def test_a_code_works_once(xero: Stand) -> None:
    code = await xero.consent()
    first, second = await xero.exchange(code), await xero.exchange(code)

    assert first["expires_in"] == 1800
    assert second == {"error": "invalid_grant"}


async def test_a_code_dies_after_five_minutes(xero: Stand) -> None:
    code = await xero.consent()
    xero.clock.forward(minutes=5, seconds=1)

    assert await xero.exchange(code) == {"error": "invalid_grant"}


@pytest.mark.parametrize("verifier", ["", "another"])
async def test_a_code_that_was_asked_for_with_a_challenge_needs_its_verifier(
    xero: Stand, verifier: str
) -> None:
    digest = hashlib.sha256(b"the verifier").digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    asked = {"code_challenge": challenge, "code_challenge_method": "S256"}
    wrong = await xero.exchange(await xero.consent(**asked), code_verifier=verifier)
    right = await xero.exchange(await xero.consent(**asked), code_verifier="the verifier")

    assert wrong == {"error": "invalid_grant"}
    assert "access_token" in right


async def test_a_code_is_bound_to_its_redirect(xero: Stand) -> None:
    code = await xero.consent()

    assert await xero.exchange(code, redirect_uri=f"{REDIRECT}/else") == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    "asked",
    [
        {"scope": "accounting.transactions"},
        {"client_id": "somebody"},
        {"redirect_uri": "http://bot.example/"},
        {"response_type": "token"},
    ],
)
async def test_a_wrong_question_gets_no_consent(xero: Stand, asked: dict[str, str]) -> None:
    usual = {
        "response_type": "code",
        "client_id": xero.world.client_id,
        "redirect_uri": REDIRECT,
        "scope": "accounting.contacts",
        "auto": "allow",
    }
    answer = await xero.http.get("/identity/connect/authorize", params={**usual, **asked})

    assert answer.status_code == 400


async def test_a_refresh_token_is_replaced_and_works_half_an_hour_longer(xero: Stand) -> None:
    old = (await xero.sign_in()).refresh_token
    new = (await refresh(xero, old))["refresh_token"]
    xero.clock.forward(minutes=29)
    within = await refresh(xero, old)
    xero.clock.forward(minutes=2)
    after = await refresh(xero, old)

    assert new != old
    assert "access_token" in within
    assert after == {"error": "invalid_grant"}
    assert "access_token" in await refresh(xero, new)


async def test_a_refresh_with_another_list_of_scopes_is_refused(xero: Stand) -> None:
    token = (await xero.sign_in()).refresh_token

    assert await refresh(xero, token, scope="accounting.contacts") == {"error": "invalid_grant"}


async def test_sixty_quiet_days_end_a_consent(xero: Stand) -> None:
    token = (await xero.sign_in()).refresh_token
    xero.clock.forward(days=61)

    assert await refresh(xero, token) == {"error": "invalid_grant"}


async def test_an_expired_token_and_a_missing_scope_are_two_kinds_of_401(xero: Stand) -> None:
    await xero.sign_in(scope="offline_access accounting.contacts.read")
    lacking = await xero.put_invoice()
    reading = await xero.send("GET", "Contacts")
    xero.clock.forward(minutes=31)
    expired = await xero.send("GET", "Contacts")

    assert (lacking.status_code, reading.status_code, expired.status_code) == (401, 200, 401)
    assert "insufficient_scope" in lacking.headers["WWW-Authenticate"]
    assert "WWW-Authenticate" not in expired.headers
    assert expired.json()["Detail"].startswith("TokenExpired: token expired at")


async def test_an_organisation_that_is_not_connected_is_forbidden(xero: Stand) -> None:
    other = xero.world.add_organisation("Other Books")
    foreign = await xero.send("GET", "Contacts", headers={"Xero-Tenant-Id": other.tenant_id})
    xero.world.disconnect(xero.books.tenant_id)
    removed = await xero.send("GET", "Contacts")

    assert [foreign.status_code, removed.status_code] == [403, 403]
    assert removed.json()["Detail"] == "AuthenticationUnsuccessful"


async def test_a_connection_is_deleted_by_its_own_id(xero: Stand) -> None:
    headers = {"Authorization": f"Bearer {xero.token}"}
    [link] = (await xero.http.get("/connections", headers=headers)).json()
    by_tenant = await xero.http.delete(f"/connections/{link['tenantId']}", headers=headers)
    by_id = await xero.http.delete(f"/connections/{link['id']}", headers=headers)

    assert [by_tenant.status_code, by_id.status_code] == [403, 204]
    assert (await xero.http.get("/connections", headers=headers)).json() == []


async def test_the_same_key_creates_once_and_gets_the_same_answer(xero: Stand) -> None:
    first = await xero.put_invoice(key="k1")
    second = await xero.put_invoice(key="k1")

    assert first.content == second.content
    assert len(xero.books.invoices) == 1


async def test_a_key_is_forgotten_after_six_minutes(xero: Stand) -> None:
    await xero.put_invoice(key="k1", InvoiceNumber=None)
    xero.clock.forward(minutes=6)
    await xero.put_invoice(key="k1", InvoiceNumber=None)

    assert len(xero.books.invoices) == 2


async def test_a_key_used_with_another_body_is_refused(xero: Stand) -> None:
    await xero.put_invoice(key="k1")
    other = await xero.put_invoice(key="k1", InvoiceNumber="INV-8")

    assert other.json()["Message"] == "Idempotency Key: k1 is used with a different request."


@pytest.mark.parametrize("is_crash", [False, True])
async def test_errors_are_remembered_under_their_key_too(xero: Stand, *, is_crash: bool) -> None:
    if is_crash:
        xero.world.faults.add(method="PUT", status=500)
    fields = {} if is_crash else {"CurrencyCode": "EUR"}
    first = await xero.put_invoice(key="k1", **fields)
    xero.books.add_currency("EUR")
    again = await xero.put_invoice(key="k1", **fields)
    anew = await xero.put_invoice(key="k2", **fields)

    assert first.status_code == (500 if is_crash else 400)
    assert again.status_code == first.status_code
    assert anew.status_code == 200


async def test_every_answer_says_what_is_left_and_the_minute_ends(xero: Stand) -> None:
    xero.world.limits.per_minute, xero.world.limits.per_day = 2, 10
    left = [(await xero.send("GET", "Contacts")).headers["X-MinLimit-Remaining"] for _ in "12"]
    xero.clock.forward(seconds=20)
    over = await xero.send("GET", "Contacts")
    xero.clock.forward(seconds=40)
    after = await xero.send("GET", "Contacts")

    assert left == ["1", "0"]
    assert (over.status_code, over.content) == (429, b"")
    assert "Content-Type" not in over.headers
    assert over.headers["X-Rate-Limit-Problem"] == "minute"
    assert over.headers["Retry-After"] == "40"
    assert (after.status_code, after.headers["X-DayLimit-Remaining"]) == (200, "7")


async def test_the_day_and_the_sixth_call_at_once_have_limits_too(xero: Stand) -> None:
    gate = asyncio.Event()
    xero.world.faults.add(path="Contacts", times=5, gate=gate)
    calls = [asyncio.create_task(xero.send("GET", "Contacts")) for _ in range(6)]
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    gate.set()
    answers = await asyncio.gather(*calls)
    xero.world.limits.per_day = 1
    over = await xero.send("GET", "Contacts")

    problems = [each.headers.get("X-Rate-Limit-Problem") for each in answers]
    assert sorted(problems, key=str) == [*([None] * 5), "concurrent"]
    assert (over.headers["X-Rate-Limit-Problem"], over.headers["Retry-After"]) == ("day", "86400")


async def test_an_answer_without_being_asked_for_json_is_xml(xero: Stand) -> None:
    answer = await xero.send("GET", "Contacts", headers={"Accept": "*/*"})

    assert answer.headers["Content-Type"].startswith("text/xml")


async def test_an_unknown_id_is_an_empty_page_and_a_broken_body_an_exception(xero: Stand) -> None:
    unknown = await xero.send("GET", "Invoices/00000000-0000-0000-0000-00000000000f")
    broken = await xero.put_invoice(Date="2026-11-22 00:00:00")

    assert (unknown.status_code, unknown.content) == (404, b"")
    assert unknown.headers["Content-Type"].startswith("text/html")
    assert broken.json()["Type"] == "PostDataInvalidException"


async def test_a_question_that_is_too_long_finds_nothing(xero: Stand) -> None:
    asked = "Invoices?Statuses=DRAFT&InvoiceNumbers="
    room = 2048 - len(asked.partition("?")[2])
    answers = [await xero.send("GET", asked + "7" * length) for length in (room, room + 1)]

    assert [each.status_code for each in answers] == [200, 404]


async def test_failed_elements_are_told_one_by_one_when_errors_are_not_summarised(
    xero: Stand,
) -> None:
    body = {"Contacts": [{"Name": "New"}, {"Name": "Acme Ltd"}]}
    whole = await xero.send("PUT", "Contacts", body)
    each = await xero.send("PUT", "Contacts", body, params={"summarizeErrors": "false"})

    assert len(messages(whole)) == 1
    assert [row["StatusAttributeString"] for row in each.json()["Contacts"]] == ["OK", "ERROR"]
    assert len(xero.books.contacts) == 2


class Listener:
    """An app that checks webhooks with Xero's own vector, and answers 200 or 401."""

    def __init__(self) -> None:
        """Start with nothing heard."""
        self.heard: list[Any] = []

    async def hear(self, request: web.Request) -> web.Response:
        """Check the signature over the raw body."""
        body = await request.read()
        if request.headers["x-xero-signature"] != sign(body, "key"):
            return web.Response(status=401)
        self.heard += (await request.json())["events"]
        return web.Response()


@pytest.fixture
async def listener(xero: Stand) -> AsyncIterator[Listener]:
    found = Listener()
    app = web.Application()
    app.router.add_post("/hook", found.hear)
    served = await Served.start(app)
    xero.world.webhooks.url, xero.world.webhooks.key = f"{served.url}/hook", "key"
    yield found
    await served.stop()


def test_a_signature_is_that_of_the_key_as_text() -> None:
    body = (
        b'{"events":[],"firstEventSequence": 0,"lastEventSequence": 0, '
        b'"entropy": "ABCDEFGHIJKLMNOPQRST"}'
    )

    assert sign(body, "test-key") == "4dNbd9t3WxSP2tY/GhdsXADFL03/b0Mptcf/RYhmOKo="


async def test_a_created_invoice_is_told_with_its_id_alone(xero: Stand, listener: Listener) -> None:
    await xero.put_invoice()
    await xero.world.webhooks.settled()

    [event] = listener.heard
    assert event["resourceId"] in xero.books.invoices
    assert (event["eventCategory"], event["eventType"]) == ("INVOICE", "CREATE")
    assert event["tenantId"] == xero.books.tenant_id
    assert "data" not in event


@pytest.mark.usefixtures("listener")
async def test_the_intent_to_receive_tries_wrong_signatures(xero: Stand) -> None:
    assert await xero.world.webhooks.intent_to_receive()

    xero.world.webhooks.key = "another"
    assert not await xero.world.webhooks.intent_to_receive()


async def test_what_was_not_taken_is_delivered_again_in_order(
    xero: Stand, listener: Listener
) -> None:
    right, xero.world.webhooks.key = xero.world.webhooks.key, "wrong"
    await xero.put_invoice()
    await xero.world.webhooks.settled()
    xero.world.webhooks.key = right
    await xero.world.webhooks.redeliver()

    assert [each.status for each in xero.world.webhooks.deliveries] == [401, 401, 200]
    assert len(listener.heard) == 1
