"""Every request that a walk through the whole product sends, held against the specifications."""

import os
import re
from collections.abc import Iterable
from decimal import Decimal

import pytest
import yaml
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest

from sandbox.serving import Seen
from services.clients.paymo import PaymoClient
from services.clients.xero import XeroClient
from services.model.export import NEW_CONTACT
from tests.databases import SQLITE_ALONE
from tests.services import batching
from tests.services.bridge import ANNA, Bridge, reply_to
from tests.services.fixtures import acme, bridge_of
from tests.services.prepared import KEY
from tests.skips import SHARED

SPECS = SHARED / "specs"
# They are no part of the repository, so where skipping is forbidden there is nothing to run.
__test__ = SPECS.is_dir() or "FORBID_SKIPS" not in os.environ
pytestmark = [
    SQLITE_ALONE,
    pytest.mark.filterwarnings("ignore:Unsupported scheme type:UserWarning"),  # OAuth 2 is not held
    pytest.mark.skipif(not SPECS.is_dir(), reason="the specifications are not at hand"),
]
ZONELESS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
XERO, PAYMO = "https://api.xero.com", "https://app.paymoapp.com"
# What Paymo's specification, which is our own, does not tell of yet.
UNTOLD = ("/api/projects", "/api/entries", "/api/expenses")
UNTOLD_PART = ",invoiceitems.entries"
BESIDE = ("/History", "/Attachments")  # nor does the part of Xero's that is kept here


@pytest.fixture(scope="module")
def accounting() -> OpenAPI:
    return OpenAPI.from_file_path(str(SPECS / "xero-accounting.yaml"))


@pytest.fixture(scope="module")
def identity() -> OpenAPI:
    text = (SPECS / "xero-identity.yaml").read_text(encoding="utf-8")
    return OpenAPI.from_dict(yaml.safe_load(text.replace("format: date-time", "")))


@pytest.fixture(scope="module")
def paymo_spec() -> OpenAPI:
    return OpenAPI.from_file_path(str(SPECS / "paymo.yaml"))


bridge = bridge_of(acme("INV-1", "INV-2", "INV-3", "INV,4", "INV-5"))


def check(spec: OpenAPI, host: str, asked: Iterable[Seen]) -> set[tuple[str, str]]:
    """Hold requests against a specification; return which methods and resources there were."""
    checked = set()
    for seen in asked:
        headers = {**seen.headers, "Authorization": "Basic aGlkZGVuOng="}
        # Xero passes a time with a zone over without a word, though its specification wants one.
        since = headers.pop("If-Modified-Since", "2026-11-25T09:00:00")
        assert ZONELESS.fullmatch(since)
        kind = seen.headers.get("Content-Type", "application/json")
        request = MockRequest(
            host,
            seen.method.lower(),
            seen.path,
            args={name: text.replace(UNTOLD_PART, "") for name, text in seen.query.items()},
            headers=headers,
            data=seen.body or None,
            content_type=kind,
        )
        spec.validate_request(request)
        checked.add((seen.method, seen.path.split("/")[3 if "xro" in seen.path else 2]))
    return checked


async def export_and_pay(bridge: Bridge) -> None:
    """Export with and without a contact of Xero's, pay, delete, undo and restore."""
    company = bridge.paymo.company
    new = company.add_client("Néw & Co", email="new@co.example")
    company.add_invoice("INV-6", new, [("Work", "", 3, "33.335")], tax=15)
    for number in ("INV-1", "INV-2", "INV-3", "INV,4"):
        await bridge.export_it(number)
    await bridge.export_it("INV-6", contact_id=NEW_CONTACT)
    books = bridge.xero.books
    by_number = {each.number: each for each in bridge.xero.invoices.values()}
    payment = books.pay(by_number["INV-1"].invoice_id, Decimal(15), date=bridge.clock().date())
    await bridge.look()
    books.remove_payment(payment.payment_id)
    books.void(by_number["INV-3"].invoice_id)
    await bridge.look()
    [export] = [each for each in await bridge.exports() if each.number == "INV-2"]
    await bridge.undo.undo(ANNA, export.id, reply_to())
    await bridge.look()


async def ask_the_rest(xero: XeroClient, paymo: PaymoClient, invoice_id: str) -> None:
    """Ask what a walk without a fault does not come to."""
    await xero.add_note(invoice_id, "Exported by Anna", key="note")
    await xero.find_by_number("INV-1")
    await xero.contact_named("Acme Ltd")
    await xero.invoice(invoice_id)
    await paymo.hooks()
    hook = await paymo.add_hook("https://bot.example/t", "*.Invoice", "secret")
    await paymo.delete_hook(hook.id)
    await paymo.headers_of([1, 2])
    await paymo.try_invoices()


async def test_every_request_of_a_walk_is_as_specified(
    bridge: Bridge, accounting: OpenAPI, identity: OpenAPI, paymo_spec: OpenAPI
) -> None:
    await export_and_pay(bridge)
    company = bridge.paymo.company
    company.set_status(company.numbered("INV-5").id, "sent")
    await batching.export_all(bridge)
    await bridge.reconcile.ask(ANNA, "", reply_to())
    await bridge.wait(hours=25)
    connection = await bridge.connection()
    clients = bridge.xeros
    xero = clients.client(connection.tenant_id, connection.grant_id)
    await ask_the_rest(xero, bridge.paymos.client(KEY), next(iter(bridge.xero.invoices)))
    await clients.tenants(connection.grant_id or 0)

    asked = bridge.xero.requests
    told = [each for each in bridge.paymo.requests if not each.path.startswith(UNTOLD)]
    in_xero = check(accounting, XERO, [each for each in asked if is_told_of(each.path)])
    check_links(identity, [each for each in asked if each.path.startswith("/connections")])
    in_paymo = check(paymo_spec, PAYMO, told)

    assert {
        ("PUT", "Invoices"),
        ("POST", "Invoices"),
        ("PUT", "Contacts"),
        ("GET", "Payments"),
        ("GET", "TaxRates"),
    } <= in_xero
    assert {("POST", "invoicepayments"), ("DELETE", "invoicepayments")} <= in_paymo
    assert {("PUT", "invoices"), ("POST", "hooks"), ("GET", "clients")} <= in_paymo


def is_told_of(path: str) -> bool:
    """Say whether the accounting specification knows this path."""
    return "api.xro" in path and not any(part in path for part in BESIDE)


def check_links(spec: OpenAPI, asked: Iterable[Seen]) -> None:
    """Hold requests about connections; the specification writes their path with a capital."""
    for seen in asked:
        path = seen.path.replace("/connections", "/Connections")
        headers = {**seen.headers, "Authorization": "Bearer hidden"}
        spec.validate_request(
            MockRequest(XERO, seen.method.lower(), path, args=seen.query, headers=headers)
        )
