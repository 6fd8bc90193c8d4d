"""What Paymo's stand-in tells by itself: to whom, in which shape, and how signed."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from aiohttp import web

from sandbox.paymo import Company, PaymoWorld
from sandbox.paymo.webhooks import sign, told_of
from sandbox.serving import Served
from tests.xero_stand import Clock

KEY = "paymo-api-key"
LINES = [("Design", "Logo", "3.5", "33.335"), ("Stamps", "", 1, 20, False)]


@dataclass(slots=True)
class Ear:
    """Something that listens, and answers as it is told to."""

    status: int = 200
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def hear(self, request: web.Request) -> web.Response:
        """Keep what came."""
        self.heard.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status)


@dataclass(slots=True)
class Stand:
    """A company, a caller who holds its key, and somebody who listens."""

    world: PaymoWorld
    http: httpx.AsyncClient
    ear: Ear
    ear_url: str

    @property
    def company(self) -> Company:
        """The company."""
        return self.world.company

    async def listen(self, event: str, **more: str) -> int:
        """Register the listener for what fits this pattern."""
        body = {"target_url": self.ear_url, "event": event, **more}
        answer = await self.http.post("/hooks", json=body)
        assert answer.status_code == 201
        return int(answer.json()["hooks"][0]["id"])

    async def hooks(self) -> list[dict[str, Any]]:
        """Return what is registered."""
        found: list[dict[str, Any]] = (await self.http.get("/hooks")).json()["hooks"]
        return found

    def invoice(self, number: str = "#INV-1") -> int:
        """Add an invoice of some client."""
        client = self.company.add_client("Acme")
        return self.company.add_invoice(number, client, LINES, status="sent", tax=5).id


@pytest.fixture
async def paymo() -> AsyncIterator[Stand]:
    world, ear = PaymoWorld(now=Clock()), Ear()
    world.add_company("North Agency", key=KEY)
    listener = web.Application()
    listener.router.add_post("/ear", ear.hear)
    served = [await Served.start(world.app()), await Served.start(listener)]
    async with httpx.AsyncClient(base_url=f"{served[0].url}/api", auth=(KEY, "x")) as http:
        yield Stand(world, http, ear, f"{served[1].url}/ear")
    for each in served:
        await each.stop()


async def test_what_happens_to_invoices_and_payments_is_told(paymo: Stand) -> None:
    await paymo.listen("*")
    invoice_id = paymo.invoice()
    total = paymo.company.invoices[invoice_id].total
    payment = paymo.company.pay(invoice_id, total)
    paymo.company.edit_payment(payment.id, "1")
    paymo.company.delete_payment(payment.id)
    paymo.company.delete_invoice(invoice_id)
    await paymo.world.courier.settled()
    bodies = [json.loads(body) for _, body in paymo.ear.heard]

    assert told_of(paymo.world.courier.deliveries) == [
        "model.insert.Invoice",
        "model.insert.InvoicePayment",
        "model.update.Invoice",
        "model.update.InvoicePayment",
        "model.update.Invoice",
        "model.delete.InvoicePayment",
        "model.delete.Invoice",
    ]
    assert bodies[0]["client"] == {"id": bodies[0]["client_id"], "name": "Acme"}
    assert [each["item"] for each in bodies[0]["invoiceitems"]] == ["Design", "Stamps"]
    assert (bodies[1]["id"], bodies[1]["invoice_id"]) == (payment.id, invoice_id)
    assert bodies[-2:] == [{"id": payment.id}, {"id": str(invoice_id)}]


async def test_only_what_fits_the_pattern_is_told_and_nothing_after_deleting(paymo: Stand) -> None:
    hook_id = await paymo.listen("model.delete.*")
    payment = paymo.company.pay(paymo.invoice(), "1")
    paymo.company.delete_payment(payment.id)
    await paymo.world.courier.settled()
    await paymo.http.delete(f"/hooks/{hook_id}")
    paymo.company.delete_invoice(payment.invoice_id)
    await paymo.world.courier.settled()

    assert told_of(paymo.world.courier.deliveries) == ["model.delete.InvoicePayment"]
    assert await paymo.hooks() == []


async def test_only_with_a_secret_is_it_signed_over_the_very_bytes(paymo: Stand) -> None:
    first = await paymo.listen("*.Invoice", secret="secret")
    second = await paymo.listen("model.insert.Invoice")
    paymo.invoice()
    await paymo.world.courier.settled()
    (signed, body), (plain, _) = paymo.ear.heard

    assert signed["X-Paymo-Signature"] == sign(body, "secret")
    assert (signed["X-Paymo-Webhook"], plain["X-Paymo-Webhook"]) == (str(first), str(second))
    assert "X-Paymo-Signature" not in plain
    assert sign(b'{"id":"1679584"}', "secret") == "sha1=dc03736e396e70138bf7af4ffaa2948cde42dcf1"


async def test_the_last_answer_is_kept_until_an_update_and_gone_ends_it(paymo: Stand) -> None:
    hook_id = await paymo.listen("*.Invoice", secret="s")
    paymo.ear.status = 401
    paymo.invoice("#INV-1")
    await paymo.world.courier.settled()
    [before] = await paymo.hooks()
    await paymo.http.put(f"/hooks/{hook_id}", json={"event": "model.insert.Invoice"})
    [after] = await paymo.hooks()
    paymo.ear.status = 410
    paymo.invoice("#INV-2")
    await paymo.world.courier.settled()

    assert (before["last_status_code"], after["last_status_code"]) == (401, None)
    assert "secret" not in before
    assert await paymo.hooks() == []


@pytest.mark.parametrize(
    "body",
    [
        {"event": "*"},
        {"target_url": "https://bot.example"},
        {"target_url": "bot", "event": "*"},
        {"target_url": "https://bot.example", "event": "Invoice"},
    ],
)
async def test_a_hook_without_sense_is_refused(paymo: Stand, body: dict[str, str]) -> None:
    assert (await paymo.http.post("/hooks", json=body)).status_code == 400
    assert await paymo.hooks() == []
