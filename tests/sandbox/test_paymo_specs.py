"""Exchanges of the app's own Paymo client with the stand-in, held against Paymo's specification."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.testing import MockRequest, MockResponse
from werkzeug.datastructures import Headers

from sandbox.paymo import PaymoWorld
from sandbox.serving import Served
from services.clients.http import BoundedClient
from services.clients.paymo import PaymoClient, PaymoClients
from services.errors import NotConnected, NotFound, Rejected, Throttled
from tests.bot.program import free_port
from tests.skips import SHARED
from tests.xero_stand import Clock, Pauses

SPEC = SHARED / "specs" / "paymo.yaml"
# It is no part of the repository, so where skipping is forbidden there is nothing to run.
__test__ = SPEC.is_file() or "FORBID_SKIPS" not in os.environ
pytestmark = pytest.mark.skipif(not SPEC.is_file(), reason="the specification is not at hand")
HOST = "https://app.paymoapp.com"
KEY = "paymo-api-key"
LINES = [("Design", "Logo\r\nand <b>icons</b>", "3.5", "33.335"), ("Stamps", "", 1, 20, False)]


@pytest.fixture(scope="module")
def spec() -> OpenAPI:
    return OpenAPI.from_file_path(str(SPEC))


class Overhearing(BoundedClient):
    """The app's own client; it keeps every answer, on which its request hangs."""

    def __init__(self, **options: Any) -> None:
        """Keep nothing yet."""
        super().__init__(**options)
        self.answers: list[httpx.Response] = []

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Ask, and keep the answer."""
        answer = await super().send(request, **options)
        self.answers.append(answer)
        return answer


@dataclass(slots=True)
class Overheard:
    """The stand-in, the app's client of it, and every answer that came back."""

    world: PaymoWorld
    http: "Overhearing"
    client: PaymoClient

    def add_invoice(self, number: str, **more: Any) -> int:
        """Add an invoice with lines, rates and one payment, and return its id."""
        company = self.world.company
        client = company.add_client("Acme", email="pay@acme.example")
        rates = {"tax": 5, "tax2": "7.5", "tax_on_tax": True, "discount": 10}
        invoice = company.add_invoice(number, client, LINES, status="sent", **rates, **more)
        company.pay(invoice.id, "0.35", notes="by hand")
        return invoice.id

    def check(self, spec: OpenAPI) -> list[int]:
        """Hold every exchange against the specification, and return the statuses."""
        for answer in self.http.answers:
            _check(spec, answer)
        return [answer.status_code for answer in self.http.answers]


def _check(spec: OpenAPI, answer: httpx.Response) -> None:
    sent = answer.request
    asked = MockRequest(
        HOST,
        sent.method.lower(),
        sent.url.path,
        args=dict(sent.url.params),
        headers=dict(sent.headers),
        data=sent.content or None,
    )
    given = MockResponse(
        answer.content,
        status_code=answer.status_code,
        headers=dict(answer.headers),
        content_type=answer.headers["Content-Type"].split(";")[0],
    )
    spec.validate_request(asked)
    spec.validate_response(asked, given)


class Told:
    """A delivery, as the specification's reader wants it."""

    name = "paymoNotification"
    method = "post"
    content_type = "application/json"

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        """Keep what was sent."""
        self.parameters = RequestParameters(header=Headers(headers))
        self.body = body


@pytest.fixture
async def paymo() -> AsyncIterator[Overheard]:
    world = PaymoWorld(now=Clock())
    world.add_company("North Agency", key=KEY)
    served = await Served.start(world.app())
    headers = {"User-Agent": "test"}
    async with Overhearing(base_url=f"{served.url}/api", headers=headers) as http:
        paymo = Overheard(world, http, PaymoClients(http, sleep=Pauses()).client(KEY))
        yield paymo
    await served.stop()


async def test_what_the_app_reads_is_as_specified(paymo: Overheard, spec: OpenAPI) -> None:
    invoice_id = paymo.add_invoice("#INV-1", due=None)
    await paymo.client.company()
    await paymo.client.clients()
    await paymo.client.headers()
    await paymo.client.headers(updated_since=paymo.world.now())
    await paymo.client.invoice(invoice_id)

    assert paymo.check(spec) == [200] * 5


async def test_what_the_app_writes_is_as_specified(paymo: Overheard, spec: OpenAPI) -> None:
    invoice_id = paymo.add_invoice("#INV-1")
    paid = await paymo.client.add_payment(
        invoice_id, amount=Decimal("20.1"), paid_on=date(2026, 11, 22), notes="Xero payment p1"
    )
    await paymo.client.delete_payment(paid.id)
    await paymo.client.set_status(invoice_id, "void")
    await paymo.client.delete_invoice(invoice_id)

    # After each deletion the app looks whether it is gone.
    assert paymo.check(spec) == [201, 200, 404, 200, 200, 404]


async def test_webhooks_are_registered_listed_and_deleted_as_specified(
    paymo: Overheard, spec: OpenAPI
) -> None:
    hook = await paymo.client.add_hook("https://bot.example/t", "*.InvoicePayment", "secret")
    assert await paymo.client.hooks() == (hook,)
    await paymo.client.delete_hook(hook.id)
    with pytest.raises(NotFound):
        await paymo.client.delete_hook(hook.id)

    assert paymo.check(spec) == [201, 200, 200, 404]


async def test_what_paymo_tells_by_itself_is_as_specified(paymo: Overheard, spec: OpenAPI) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/t"
    await paymo.client.add_hook(nobody, "*", "secret")
    invoice_id = paymo.add_invoice("#INV-1")
    paymo.world.company.set_status(invoice_id, "viewed")
    paymo.world.company.delete_payment(next(iter(paymo.world.company.payments)))
    paymo.world.company.delete_invoice(invoice_id)
    await paymo.world.courier.settled()
    for each in paymo.world.courier.deliveries:
        spec.validate_webhook_request(Told(each.headers, each.body))

    assert [each.status for each in paymo.world.courier.deliveries] == [0] * 5


async def test_what_the_app_is_refused_is_as_specified(paymo: Overheard, spec: OpenAPI) -> None:
    invoice_id = paymo.add_invoice("#INV-1")
    with pytest.raises(Rejected):
        await paymo.client.add_payment(
            invoice_id, amount=Decimal(9999), paid_on=date(2026, 11, 22), notes=""
        )
    with pytest.raises(NotFound):
        await paymo.client.invoice(invoice_id + 999)
    with pytest.raises(NotConnected):
        await PaymoClients(paymo.http).client("another").company()
    paymo.world.limit.requests = 0
    with pytest.raises(Throttled):
        await paymo.client.add_payment(
            invoice_id, amount=Decimal(1), paid_on=date(2026, 11, 22), notes=""
        )

    assert set(paymo.check(spec)) == {400, 401, 404, 429}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "me", None),
        ("GET", "clients/{client}", None),
        ("GET", 'clients?where=active=true and name like "Ac%25"', None),
        ("GET", 'invoices?where=status in ("sent","viewed")&include=client.name', None),
        ("GET", "invoicepayments?where=invoice_id={invoice}&page=0&page_size=1", None),
        ("GET", "invoicepayments/{payment}", None),
        ("PUT", "invoicepayments/{payment}", {"amount": 1, "date": "2026-11-23"}),
        ("POST", "invoicepayments/{payment}", {"notes": "moved"}),
        ("POST", "invoices/{invoice}", {"status": "viewed"}),
    ],
)
async def test_what_others_ask_is_as_specified(
    paymo: Overheard, spec: OpenAPI, method: str, path: str, body: dict[str, Any] | None
) -> None:
    invoice_id = paymo.add_invoice("#INV-1")
    ids = {
        "invoice": invoice_id,
        "client": next(iter(paymo.world.company.clients)),
        "payment": next(iter(paymo.world.company.payments)),
    }
    await paymo.http.request(method, f"/{path.format(**ids)}", json=body, auth=(KEY, "x"))

    assert paymo.check(spec) == [200]
