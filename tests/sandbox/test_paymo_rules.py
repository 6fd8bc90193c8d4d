"""Paymo's rules on its stand-in: what it adds up, what it lists, what it refuses."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from sandbox.paymo import Company, Invoice, PaymoWorld
from sandbox.serving import Served
from tests.xero_stand import Clock

KEY = "paymo-api-key"
CONSULTING = ("Consulting", "", 10, 120)
DESIGN = ("Design", "", "3.5", 80)
FARE = ("Train fare", "", 1, 150, False)
RATES: dict[str, Any] = {"tax": 5, "tax2": 8, "discount": 10}


@dataclass(slots=True)
class Stand:
    """One company on a socket, and a caller who holds its key."""

    world: PaymoWorld
    clock: Clock
    http: httpx.AsyncClient

    @property
    def company(self) -> Company:
        """The company."""
        return self.world.company

    def add_invoice(self, number: str = "#INV-1", **more: Any) -> Invoice:
        """Add a sent invoice of 1,630.00 before taxes; `more` may name other lines."""
        client = next(iter(self.company.clients.values()))
        lines = more.pop("lines", [CONSULTING, DESIGN, FARE])
        return self.company.add_invoice(number, client, lines, **({"status": "sent"} | more))

    async def get(self, path: str, **params: str) -> Any:
        """Read something, amounts as they stand on the wire."""
        answer = await self.http.get(path, params=params)
        return json.loads(answer.content, parse_float=Decimal)

    async def pay(self, invoice: Invoice, amount: object) -> httpx.Response:
        """Record a payment over the API."""
        body = {"invoice_id": invoice.id, "amount": amount, "date": "2026-11-22"}
        return await self.http.post("/invoicepayments", json=body)

    async def status_of(self, invoice: Invoice) -> str:
        """Return the status as the API tells it."""
        [found] = (await self.get(f"/invoices/{invoice.id}"))["invoices"]
        return str(found["status"])


@pytest.fixture
async def paymo() -> AsyncIterator[Stand]:
    clock = Clock()
    world = PaymoWorld(now=clock)
    world.add_company("North Agency", key=KEY).add_client("Acme", email="pay@acme.example")
    served = await Served.start(world.app())
    async with httpx.AsyncClient(base_url=f"{served.url}/api", auth=(KEY, "x")) as http:
        yield Stand(world, clock, http)
    await served.stop()


@pytest.mark.parametrize(
    ("more", "figures"),
    [
        ({}, ("1630", "0", "0", "0", "1630")),
        ({"tax": 5}, ("1630", "0", "74", "0", "1704")),
        (RATES | {"tax_on_tax": True}, ("1630", "163", "66.6", "111.89", "1645.49")),
        (RATES | {"tax_on_tax": False}, ("1630", "163", "66.6", "106.56", "1640.16")),
        (
            {"lines": [("Half", "", "0.5", "0.03")] * 2, "tax": 20},
            ("0.04", "0", "0.01", "0", "0.05"),
        ),
        ({"lines": [CONSULTING, ("Refund", "", 1, "-0.1")]}, ("1199.9", "0", "0", "0", "1199.9")),
    ],
)
async def test_amounts_follow_from_lines_rates_and_discount(
    paymo: Stand, more: dict[str, Any], figures: tuple[str, ...]
) -> None:
    invoice = paymo.add_invoice(**more)
    [found] = (await paymo.get(f"/invoices/{invoice.id}"))["invoices"]

    names = ("subtotal", "discount_amount", "tax_amount", "tax2_amount", "total")
    assert tuple(str(found[name]) for name in names) == figures


async def test_amounts_that_are_stated_are_sent_as_they_are(paymo: Stand) -> None:
    invoice = paymo.add_invoice(stated={"total": Decimal("99999999999999.99")})
    answer = await paymo.http.get(f"/invoices/{invoice.id}")

    assert b'"subtotal":1630,' in answer.content
    assert b'"total":99999999999999.99,' in answer.content
    assert (await paymo.pay(invoice, 2000)).status_code == 201


async def test_an_invoice_is_paid_when_nothing_is_left_and_not_before(paymo: Stand) -> None:
    invoice = paymo.add_invoice()
    await paymo.pay(invoice, 1629.99)
    before = await paymo.status_of(invoice)
    await paymo.pay(invoice, "0.01")

    assert (before, await paymo.status_of(invoice)) == ("sent", "paid")


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [
        ("DELETE", None, "viewed"),
        ("PUT", {"amount": "1629.99"}, "viewed"),
        ("POST", {"amount": 1630, "notes": "by card"}, "paid"),
    ],
)
async def test_a_paid_invoice_that_is_owed_again_is_viewed(
    paymo: Stand, method: str, body: dict[str, Any] | None, status: str
) -> None:
    invoice = paymo.add_invoice()
    payment_id = (await paymo.pay(invoice, 1630)).json()["invoicepayments"][0]["id"]
    await paymo.http.request(method, f"/invoicepayments/{payment_id}", json=body)

    assert await paymo.status_of(invoice) == status


async def test_a_part_of_the_payments_can_be_raised_to_the_whole(paymo: Stand) -> None:
    invoice = paymo.add_invoice()
    payment_id = (await paymo.pay(invoice, 10)).json()["invoicepayments"][0]["id"]
    too_much = await paymo.http.put(f"/invoicepayments/{payment_id}", json={"amount": 1630.01})
    await paymo.http.put(f"/invoicepayments/{payment_id}", json={"amount": 1630})

    assert too_much.status_code == 400
    assert await paymo.status_of(invoice) == "paid"


async def test_paid_by_hand_makes_no_payment(paymo: Stand) -> None:
    invoice = paymo.add_invoice()
    await paymo.http.put(f"/invoices/{invoice.id}", json={"status": "paid"})
    [found] = (await paymo.get(f"/invoices/{invoice.id}", include="invoicepayments"))["invoices"]

    assert (found["status"], found["invoicepayments"]) == ("paid", [])


async def test_a_deleted_invoice_is_gone_with_its_payments_and_frees_its_number(
    paymo: Stand,
) -> None:
    invoice = paymo.add_invoice()
    await paymo.pay(invoice, 10)
    await paymo.http.delete(f"/invoices/{invoice.id}")

    assert (await paymo.http.get(f"/invoices/{invoice.id}")).status_code == 404
    assert (await paymo.get("/invoicepayments"))["invoicepayments"] == []
    assert paymo.add_invoice().number == invoice.number


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"amount": 1}, "Missing required params: invoice_id"),
        ({"invoice_id": 1}, "Missing required params: amount"),
        ({"invoice_id": "one", "amount": 1}, "Invalid value for field 'invoice_id'"),
        ({"amount": "ten"}, "Invalid value for field 'amount'"),
        ({"amount": "NaN"}, "Invalid value for field 'amount'"),
        ({"amount": 0}, "Field 'amount' must be greater than 0"),
        ({"amount": 1, "date": "22/11/2026"}, "Invalid value for field 'date'"),
        ({"amount": "1630.01"}, "The payment amount is greater than the amount due"),
        ([1], "Decoding failed: Syntax error"),
    ],
)
async def test_a_payment_that_cannot_be_is_refused_with_the_reason(
    paymo: Stand, body: Any, words: str
) -> None:
    invoice = paymo.add_invoice()
    if isinstance(body, dict) and "Missing" not in words:
        body = {"invoice_id": invoice.id} | body
    answer = await paymo.http.post("/invoicepayments", json=body)

    assert (answer.status_code, answer.json()) == (400, {"message": words})
    assert paymo.company.payments == {}


@pytest.mark.parametrize(
    ("where", "numbers"),
    [
        ("status=draft", ["#B"]),
        ('status in ("draft","void")', ["#B", "#C"]),
        ("status not in (draft,void) and total>1", ["#A"]),
        ('number like "%b"', ["#B"]),
        ("total<=30.5", ["#B"]),
        ("total!=30.5 and date>2026-11-01", ["#C"]),
        ("updated_on>=1795597260", ["#C"]),
        ("tax_on_tax=true", []),
    ],
)
async def test_lists_hold_what_every_condition_fits(
    paymo: Stand, where: str, numbers: list[str]
) -> None:
    paymo.add_invoice("#A", issued=date(2026, 10, 1))
    paymo.add_invoice("#B", lines=[("Call", "", 1, "30.5")], status="draft")
    paymo.clock.forward(minutes=1)
    paymo.add_invoice("#C", status="void")
    found = (await paymo.get("/invoices", where=where))["invoices"]

    assert [each["number"] for each in found] == numbers


@pytest.mark.parametrize(
    "query",
    [
        {"where": "nonsense"},
        {"where": "colour=red"},
        {"where": "total>much"},
        {"where": "updated_on>=2026-11-01"},
        {"include": "colour"},
        {"page": "-1"},
        {"page_size": "all"},
    ],
)
async def test_a_list_that_cannot_be_is_refused(paymo: Stand, query: dict[str, str]) -> None:
    paymo.add_invoice()
    answer = await paymo.http.get("/invoices", params=query)

    assert answer.status_code == 400
    assert set(answer.json()) == {"message"}


async def test_pages_count_from_zero_and_end_with_a_short_one(paymo: Stand) -> None:
    for number in "ABC":
        paymo.add_invoice(number)
    pages = [
        (await paymo.get("/invoices", page=str(page), page_size="2"))["invoices"]
        for page in range(3)
    ]

    assert [[each["number"] for each in page] for page in pages] == [["A", "B"], ["C"], []]


async def test_lines_beyond_what_an_answer_holds_are_missing_without_a_word(paymo: Stand) -> None:
    for number in "AB":
        paymo.add_invoice(number, lines=[CONSULTING] * 1300)
    found = (await paymo.get("/invoices", include="invoiceitems"))["invoices"]

    assert [len(each["invoiceitems"]) for each in found] == [1300, 0]


async def test_only_what_is_asked_for_is_included(paymo: Stand) -> None:
    path = f"/invoices/{paymo.add_invoice().id}"
    [bare] = (await paymo.get(path))["invoices"]
    [more] = (await paymo.get(path, include="client.name,invoiceitems"))["invoices"]

    assert set(more) - set(bare) == {"client", "invoiceitems"}
    assert more["client"]["name"] == "Acme"
    assert "email" not in more["client"]


async def test_a_key_opens_its_own_company_only(paymo: Stand) -> None:
    invoice = paymo.add_invoice()
    paymo.world.add_company("South Agency", key="other-key")
    answers = {
        key: (await paymo.http.get(f"/invoices/{invoice.id}", auth=(key, "x"))).status_code
        for key in (KEY, "other-key", "apikey", "")
    }

    assert answers == {KEY: 200, "other-key": 404, "apikey": 401, "": 401}
    assert KEY not in repr(paymo.world)


async def test_beyond_the_limit_all_is_refused_until_the_window_is_over(paymo: Stand) -> None:
    paymo.world.limit.requests = 2
    answers = [await paymo.http.get("/me") for _ in range(4)]
    paymo.clock.forward(seconds=5)
    later = await paymo.http.get("/me")

    assert [each.status_code for each in answers] == [200, 200, 429, 429]
    assert [each.headers["X-Ratelimit-Remaining"] for each in answers] == ["1", "0", "0", "0"]
    assert answers[2].headers["Retry-After"] == answers[2].headers["X-Ratelimit-Decay-Period"]
    assert later.status_code == 200


async def act(paymo: Stand, name: str, /, **sent: Any) -> httpx.Response:
    """Do in a program's stead what a person does in Paymo."""
    root = paymo.http.base_url.copy_with(path="/_sandbox/")
    return await paymo.http.post(root.join(name), json=sent)


async def test_people_do_by_control_what_they_do_in_paymo(paymo: Stand) -> None:
    invoice = paymo.add_invoice()
    paid = await act(paymo, "pay", invoice_id=invoice.id, amount="1630.00", date="2026-11-22")
    refused = await act(paymo, "pay", invoice_id=invoice.id, amount="1")
    statuses = [await paymo.status_of(invoice)]
    await act(paymo, "edit_payment", payment_id=paid.json()["result"], amount="1000")
    statuses.append(await paymo.status_of(invoice))
    await act(paymo, "delete_payment", payment_id=paid.json()["result"])
    await act(paymo, "set_status", invoice_id=invoice.id, status="void")
    statuses.append(await paymo.status_of(invoice))
    await act(paymo, "delete_invoice", invoice_id=invoice.id)

    assert (refused.status_code, refused.json()["ok"]) == (400, False)
    assert statuses == ["paid", "viewed", "void"]
    assert paymo.company.invoices == {}


async def test_a_company_is_filled_by_control(paymo: Stand) -> None:
    company_id = (await act(paymo, "add_company", name="South", key="k2")).json()["result"]
    client_id = (await act(paymo, "add_client", company_id=company_id, name="Bo")).json()["result"]
    line = {"item": "Design", "quantity": "3.5", "price": 0.1, "taxed": False}
    sent = {"client_id": client_id, "number": "#9", "lines": [line], "tax": 15, "due": "2026-12-01"}
    made = await act(paymo, "add_invoice", company_id=company_id, **sent)
    again = await act(paymo, "add_invoice", company_id=company_id, **sent)
    nobody = await act(paymo, "add_invoice", client_id=client_id, number="#9", lines=[line])

    found = await paymo.http.get(f"/invoices/{made.json()['result']}", auth=("k2", "x"))
    assert b'"total":0.35,' in found.content
    assert found.json()["invoices"][0]["due_date"] == "2026-12-01"
    assert again.json() == {"ok": False, "message": "Invoice number already exists"}
    assert nobody.json() == {"ok": False, "message": f"Missing or unknown: {client_id}"}
