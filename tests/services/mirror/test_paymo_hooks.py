"""Paymo's webhooks: registered once, looked after, believed only as a hint to look."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from aiohttp import web

from sandbox.paymo import Company
from sandbox.paymo.webhooks import Hook, sign
from sandbox.serving import Served
from services.model.connection import ConnectionState
from services.model.invoice import InvoiceState
from services.model.jobs import Job
from services.store.engine import Database
from tests.databases import SQLITE_ALONE
from tests.services.bridge import Bridge

pytestmark = SQLITE_ALONE

PATTERNS = ["*.Invoice", "*.InvoicePayment"]


@dataclass(slots=True)
class Stand:
    """A connected pair with one exported invoice of 115.00, and the door for webhooks."""

    bridge: Bridge
    door: Served

    @property
    def company(self) -> Company:
        """The company in Paymo."""
        return self.bridge.paymo.company

    @property
    def hooks(self) -> list[Hook]:
        """What is registered in Paymo."""
        return list(self.company.hooks.values())

    @property
    def invoice_id(self) -> int:
        """The exported invoice."""
        return self.company.numbered("INV-1").id

    async def heard(self) -> None:
        """Let everything that Paymo tells arrive, and what it hints at be looked at."""
        await self.bridge.paymo.courier.settled()
        await self.bridge.wait(seconds=2)

    async def mirror(self, **wait: int) -> None:
        """Let the time for the next copy come."""
        self.bridge.clock.turn(**(wait or {"minutes": 5}))
        await self.bridge.run()

    async def tell(self, body: bytes, *, secret: str = "", signature: str = "") -> bool:
        """Send what Paymo may have sent; signed rightly unless told."""
        row = await self.bridge.connection()
        signed = signature or sign(body, secret or row.paymo_hook_secret or "")
        return await self.bridge.hints.from_paymo(row.paymo_hook_token or "", signed, body)

    async def told(self) -> list[str]:
        """Return the kinds of notices since the export."""
        return [kind for kind, _ in await self.bridge.notices()][1:]

    async def paid(self, amount: str = "40") -> int:
        """Pay in Xero, have it brought over, and return the copy's id in Paymo."""
        made = next(iter(self.bridge.xero.books.invoices.values()))
        day = self.bridge.clock().date()
        self.bridge.xero.books.pay(made.invoice_id, Decimal(amount), date=day)
        await self.bridge.look()
        await self.heard()
        return self.company.payments_of(self.invoice_id)[-1].id


@pytest.fixture
async def stand(database: Database) -> AsyncIterator[Stand]:
    """Paymo reaches the door over a socket; nothing is registered before the first copy."""
    bridge = await Bridge.open(database)

    async def receive(request: web.Request) -> web.Response:
        signature = request.headers.get("X-Paymo-Signature", "")
        body = await request.read()
        token = request.match_info["token"]
        is_ours = await bridge.hints.from_paymo(token, signature, body)
        return web.Response(status=200 if is_ours else 401)

    app = web.Application()
    app.router.add_post("/webhooks/paymo/{token}", receive)
    made = Stand(bridge, await Served.start(app))
    bridge.mirror = replace(bridge.mirror, webhook_address=f"{made.door.url}/webhooks/paymo")
    bridge.xero.books.add_contact("Acme Ltd")
    acme = made.company.add_client("Acme Ltd")
    for number in range(1, 4):
        made.company.add_invoice(f"INV-{number}", acme, [("Work", "", 1, "100")], tax=15)
    await made.mirror(hours=2)
    await bridge.export_it("INV-1")
    yield made
    await bridge.close()
    await made.door.stop()


def answers(stand: Stand) -> set[int]:
    """Return what was answered to all that Paymo told."""
    return {each.status for each in stand.bridge.paymo.courier.deliveries}


async def test_one_hook_for_each_pattern_with_an_address_nobody_guesses(stand: Stand) -> None:
    for _ in range(3):
        await stand.mirror()
    row = await stand.bridge.connection()

    assert [each.event for each in stand.hooks] == PATTERNS
    assert {each.target_url for each in stand.hooks} == {
        f"{stand.door.url}/webhooks/paymo/{row.paymo_hook_token}"
    }
    assert len(row.paymo_hook_token or "") >= 32
    assert {each.secret for each in stand.hooks} == {row.paymo_hook_secret}
    assert len(stand.bridge.paymo.calls("GET", "/hooks$")) == 1


async def test_nothing_is_registered_where_paymo_cannot_reach_the_program(
    database: Database,
) -> None:
    bridge = await Bridge.open(database)
    await bridge.wait(minutes=5)
    found = bridge.paymo.calls("", "/hooks")
    await bridge.close()

    assert found == []


@pytest.mark.parametrize("is_hinted", [False, True])
async def test_hooks_whose_answers_were_lost_are_adopted_soon(
    database: Database, *, is_hinted: bool
) -> None:
    """Within half a minute, also where somebody has the lists copied before that."""
    bridge = await Bridge.open(database)
    bridge.mirror = replace(bridge.mirror, webhook_address="https://bot.example/webhooks/paymo")
    bridge.paymo.faults.add(method="POST", path="/hooks$", hang_up="after")
    await bridge.wait(minutes=5)
    bridge.clock.turn(seconds=10)
    if is_hinted:
        await bridge.change(mirror_due_at=bridge.clock())
    await bridge.run()
    await bridge.wait(seconds=15)
    hooks = list(bridge.paymo.company.hooks.values())
    row = await bridge.connection()
    await bridge.close()

    assert [each.event for each in hooks] == PATTERNS
    assert {each.secret for each in hooks} == {row.paymo_hook_secret}
    assert row.paymo_mirrored_at is not None


async def test_once_a_day_what_is_missing_twice_or_elsewhere_is_put_right(stand: Stand) -> None:
    invoices, payments = stand.hooks
    stand.company.delete_hook(payments.id)
    body = {"event": "*.Invoice", "secret": "x"}
    stand.company.add_hook(body | {"target_url": invoices.target_url})
    former = invoices.target_url.replace("http://", "https://former.example/")
    stand.company.add_hook(body | {"target_url": former})
    foreign = stand.company.add_hook(body | {"target_url": "https://other.example/hook"})
    await stand.mirror(hours=23)
    before = len(stand.hooks)
    await stand.mirror(hours=2)

    assert before == 4
    assert foreign.id in stand.company.hooks
    ours = [each for each in stand.hooks if each is not foreign]
    assert sorted(each.event for each in ours) == PATTERNS
    assert {each.target_url for each in ours} == {invoices.target_url}


@pytest.mark.parametrize("status", [400, 403])
async def test_a_key_that_may_not_have_hooks_goes_on_with_the_clock(
    database: Database, status: int
) -> None:
    bridge = await Bridge.open(database)
    bridge.mirror = replace(bridge.mirror, webhook_address="https://bot.example/webhooks/paymo")
    bridge.paymo.faults.add(method="POST", path="/hooks$", status=status, times=99)
    for _ in range(4):
        await bridge.wait(minutes=5)
    row = await bridge.connection()
    asked = bridge.paymo.calls("POST", "/hooks$")
    await bridge.close()

    assert row.state is ConnectionState.ACTIVE
    assert len(asked) == 1


async def test_e64_a_payment_deleted_in_paymo_is_told_at_once_and_does_not_come_back(
    stand: Stand,
) -> None:
    copy_id = await stand.paid()
    stand.company.delete_payment(copy_id)
    await stand.heard()

    assert await stand.told() == ["payment_received", "payment_removed"]
    assert stand.company.payments_of(stand.invoice_id) == []
    assert answers(stand) == {200}


async def test_an_invoice_deleted_in_paymo_is_told_at_once_and_leaves_the_menus(
    stand: Stand,
) -> None:
    stand.company.delete_invoice(stand.invoice_id)
    await stand.heard()
    [export] = await stand.bridge.exports()
    form = await stand.bridge.form_for("INV-1")

    assert await stand.told() == ["invoice_deleted"]
    assert export.invoice_state is InvoiceState.GONE
    assert form.invoice is None
    assert [each.status for each in stand.bridge.xero.books.invoices.values()] == ["AUTHORISED"]


@pytest.mark.thorough
async def test_many_deletions_at_once_are_all_told_with_the_next_look(stand: Stand) -> None:
    acme = next(iter(stand.company.clients.values()))
    for number in range(20, 33):
        stand.company.add_invoice(f"INV-{number}", acme, [("Work", "", 1, "100")], tax=15)
        await stand.heard()
        await stand.bridge.export_it(f"INV-{number}")
    for made in list(stand.bridge.xero.books.invoices.values())[1:]:
        stand.bridge.xero.books.pay(made.invoice_id, Decimal(1), date=stand.bridge.clock().date())
    await stand.bridge.look()
    await stand.heard()
    copies = list(stand.company.payments)
    before = len(await stand.told())
    for copy_id in copies:
        stand.company.delete_payment(copy_id)
    await stand.heard()

    assert (await stand.told())[before:] == ["payment_removed"] * 13


async def test_our_own_writes_come_back_as_hints_and_there_it_ends(stand: Stand) -> None:
    await stand.paid("115")
    asked = len(stand.bridge.xero.calls("GET", "/Invoices"))
    writes = len(stand.bridge.paymo.calls("POST")) + len(stand.bridge.paymo.calls("PUT"))
    for _ in range(5):
        await stand.heard()

    assert len(stand.bridge.xero.calls("GET", "/Invoices")) == asked
    after = len(stand.bridge.paymo.calls("POST")) + len(stand.bridge.paymo.calls("PUT"))
    assert after == writes
    assert await stand.told() == ["payment_received"]


async def test_what_was_never_exported_costs_no_call_to_xero(stand: Stand) -> None:
    await stand.heard()
    asked = len(stand.bridge.xero.requests)
    stand.company.set_status(stand.company.numbered("INV-2").id, "sent")
    other = stand.company.numbered("INV-3")
    stand.company.pay(other.id, other.total)
    await stand.heard()
    form = await stand.bridge.form_for("INV-2")

    assert len(stand.bridge.xero.requests) == asked
    assert answers(stand) == {200}
    assert form.invoice is not None


async def test_hints_that_come_close_together_are_one_look(stand: Stand) -> None:
    await stand.heard()
    asked = len(stand.bridge.xero.calls("GET", "/Invoices"))
    for status in ("sent", "viewed", "sent", "viewed"):
        stand.company.set_status(stand.invoice_id, status)
    await stand.heard()

    assert len(stand.bridge.xero.calls("GET", "/Invoices")) == asked + 1


async def test_nothing_but_ids_is_believed(stand: Stand) -> None:
    body = json.dumps({"id": stand.invoice_id, "status": "void", "total": 1}).encode()
    assert await stand.tell(body)
    await stand.heard()

    assert await stand.told() == []
    assert stand.company.numbered("INV-1").status == "draft"


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"[]", b"{}", b'{"id": "x"}', b'{"id": 0}', b'{"id": 1e400}', b"\xff", b"[" * 9999],
)
async def test_e63_what_was_signed_and_cannot_be_read_is_taken_and_changes_nothing(
    stand: Stand, body: bytes
) -> None:
    before = await stand.bridge.schedule(Job.MIRROR)
    assert await stand.tell(body)
    assert await stand.tell(b'{"id": 99999999999999999999}')
    after = await stand.bridge.schedule(Job.MIRROR)
    assert after.due_at == before.due_at


@pytest.mark.parametrize("signature", ["sha1=", "sha1=" + "0" * 40, "\u00e9", "plain"])
async def test_e64_what_paymo_did_not_sign_is_refused_and_changes_nothing(
    stand: Stand, signature: str
) -> None:
    before = await stand.bridge.connection()
    due = [(await stand.bridge.schedule(job)).due_at for job in (Job.SWEEP, Job.MIRROR)]
    body = json.dumps({"id": stand.invoice_id}).encode()
    token = before.paymo_hook_token or ""
    right = sign(body, before.paymo_hook_secret or "")

    assert not await stand.tell(body, signature=signature)
    assert not await stand.tell(body, secret="another")
    assert not await stand.bridge.hints.from_paymo("unknown", sign(body, "unknown"), body)
    assert not await stand.bridge.hints.from_paymo(token, right.upper(), body)
    after = [(await stand.bridge.schedule(job)).due_at for job in (Job.SWEEP, Job.MIRROR)]
    assert after == due


async def test_a_hint_for_a_broken_connection_is_taken_and_waits(stand: Stand) -> None:
    await stand.heard()
    await stand.bridge.change(state=ConnectionState.BROKEN)
    asked = len(stand.bridge.xero.requests)
    stand.company.delete_invoice(stand.invoice_id)
    await stand.heard()

    assert answers(stand) == {200}
    assert len(stand.bridge.xero.requests) == asked
    await stand.bridge.change(state=ConnectionState.ACTIVE)
    await stand.bridge.look()
    assert await stand.told() == ["invoice_deleted"]


async def test_a_look_that_fails_does_not_lose_the_hint(stand: Stand) -> None:
    copy_id = await stand.paid()
    stand.bridge.paymo.faults.add(method="GET", path=r"/invoices/\d+$", status=503, times=3)
    stand.company.delete_payment(copy_id)
    await stand.heard()
    before = await stand.told()
    [export] = await stand.bridge.exports()
    await stand.bridge.look()

    assert before == ["payment_received"]
    assert export.paymo_checked_at is None
    assert await stand.told() == ["payment_received", "payment_removed"]


async def test_a_hint_during_a_copy_has_the_next_one_come_soon(stand: Stand) -> None:
    stand.bridge.clock.turn(minutes=5)
    stand.bridge.paymo.faults.add(path="/clients$", delay=0.3)
    asked = len(stand.bridge.paymo.calls("GET", "/clients$"))
    copying = asyncio.create_task(stand.bridge.copy())
    while len(stand.bridge.paymo.calls("GET", "/clients$")) == asked:
        await asyncio.sleep(0.01)
    assert await stand.tell(json.dumps({"id": stand.invoice_id}).encode())
    await copying
    row = await stand.bridge.schedule(Job.MIRROR)

    assert row.due_at == stand.bridge.clock() + timedelta(seconds=2)


async def test_hooks_added_while_the_connection_was_ended_are_taken_away(
    database: Database,
) -> None:
    bridge = await Bridge.open(database)
    bridge.mirror = replace(bridge.mirror, webhook_address="https://bot.example/webhooks/paymo")
    bridge.clock.turn(minutes=5)
    bridge.paymo.faults.add(method="POST", path="/hooks$", delay=0.3)
    copying = asyncio.create_task(bridge.copy())
    while not bridge.paymo.calls("POST", "/hooks$"):
        await asyncio.sleep(0.01)
    await bridge.change(state=ConnectionState.ENDING)
    await copying
    added = bridge.paymo.calls("POST", "/hooks$")
    left = dict(bridge.paymo.company.hooks)
    await bridge.close()

    assert ([each.status for each in added], left) == ([201], {})
