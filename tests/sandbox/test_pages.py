"""Tests of Paymo's and Xero's pages: what a person does in a browser is done in the books."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from sandbox.paymo import Company, Invoice, PaymoWorld
from sandbox.paymo.pages import KIT
from sandbox.paymo.pages import PAGE as PAYMO_PAGE
from sandbox.serving import Served
from sandbox.xero import Invoice as XeroInvoice
from sandbox.xero.pages import PAGE as XERO_PAGE
from tests.browser import fits, opened
from tests.xero_stand import Stand, line_body, xero_stand

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """Return an empty page of the browser."""
    async with opened(browser) as page:
        yield page


@dataclass(frozen=True, slots=True)
class Paymo:
    """A company with one invoice of 1,035.00, and where its page stands."""

    url: str
    company: Company
    invoice: Invoice

    @property
    def address(self) -> str:
        """Return the invoice's page, as the app links to it."""
        return f"{self.url}/#accounting/invoices/{self.invoice.id}"


@asynccontextmanager
async def _open_paymo() -> AsyncIterator[Paymo]:
    world = PaymoWorld()
    company = world.add_company("Studio North", key="key-of-studio-north")
    client = company.add_client("Acme <b>Ltd</b>", email="office@acme.example")
    lines = [("Design", "Logo", "10", "100"), ("Hosting", "", "1", "0", False)]
    invoice = company.add_invoice("#8", client, lines, tax=15, discount=10, status="sent")
    served = await Served.start(world.app())
    yield Paymo(served.url, company, invoice)
    await served.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def paymo() -> AsyncIterator[Paymo]:
    async with _open_paymo() as paymo:
        yield paymo


async def test_a_payment_is_typed_and_deleted_in_paymo(paymo: Paymo, page: Page) -> None:
    await page.goto(paymo.url)
    await page.get_by_role("link", name="#8").click()
    form = page.get_by_role("form", name="Add payment")
    await expect(form.get_by_label("Amount")).to_have_value("1035.00")
    await form.get_by_label("Date").fill("2026-11-20")
    await form.get_by_label("Notes").fill("By bank")
    await form.get_by_role("button", name="Add payment").click()
    await expect(page.get_by_role("heading", name="Invoice #8")).to_contain_text("paid")
    payment = paymo.company.payments_of(paymo.invoice.id)[0]
    assert (payment.amount, payment.notes) == (Decimal("1035.00"), "By bank")
    assert payment.paid_on.isoformat() == "2026-11-20"

    row = page.get_by_role("row", name="By bank")
    await row.get_by_role("button", name="Delete payment").click()
    await expect(row).to_have_count(0)

    assert paymo.company.payments_of(paymo.invoice.id) == []


async def test_the_paymo_page_says_why_a_payment_is_refused(paymo: Paymo, page: Page) -> None:
    await page.goto(paymo.address)
    form = page.get_by_role("form", name="Add payment")
    for amount, why in (("1035.01", "greater than the amount due"), ("ten", "not readable")):
        await form.get_by_label("Amount").fill(amount)
        await form.get_by_role("button", name="Add payment").click()
        await expect(page.get_by_role("alert")).to_contain_text(why)
        await expect(form.get_by_label("Amount")).to_have_value(amount)

    assert paymo.company.payments == {}


async def test_what_the_app_does_appears_while_a_person_types(paymo: Paymo, page: Page) -> None:
    await page.goto(paymo.address)
    notes = page.get_by_role("form", name="Add payment").get_by_label("Notes")
    await notes.fill("half typed")
    paymo.company.pay(paymo.invoice.id, "35", notes="xero:1")

    await expect(page.get_by_role("row", name="xero:1")).to_contain_text("35.00")
    await expect(page.get_by_label("Amount")).to_have_value("1000.00")
    await expect(notes).to_have_value("half typed")
    await expect(notes).to_be_focused()


async def test_the_paymo_invoice_shows_what_adds_up(paymo: Paymo, page: Page) -> None:
    await page.goto(paymo.address)
    lines = page.get_by_role("table", name="Lines")

    for words in ("Discount 10% -100.00", "Tax 15% 135.00", "Total NZD 1,035.00"):
        await expect(lines.get_by_role("row", name=words)).to_be_visible()
    await expect(page.get_by_text("Acme <b>Ltd</b>")).to_be_visible()


async def test_a_paymo_invoice_is_voided_then_deleted(paymo: Paymo, page: Page) -> None:
    await page.goto(paymo.address)
    await page.get_by_role("button", name="Mark as void").click()
    await expect(page.get_by_role("heading", name="Invoice #8")).to_contain_text("void")
    assert paymo.invoice.status == "void"
    await page.get_by_role("button", name="Delete invoice").click()

    await expect(page.get_by_role("heading", name="Invoice not found")).to_be_visible()
    assert paymo.company.invoices == {}


async def test_the_api_key_is_read_off_the_paymo_page(paymo: Paymo, page: Page) -> None:
    await page.goto(paymo.url)
    await page.get_by_role("link", name="API keys").click()

    await expect(page.get_by_role("definition")).to_have_text("key-of-studio-north")


@pytest_asyncio.fixture(loop_scope="module")
async def xero() -> AsyncIterator[Stand]:
    async with xero_stand() as stand:
        yield stand


async def open_invoice(xero: Stand, page: Page, **fields: Any) -> XeroInvoice:
    """Put an invoice of 115.00 into Xero, and open it as the app links to it."""
    made = await xero.put_invoice(**fields)
    invoice_id = made.json()["Invoices"][0]["InvoiceID"]
    address = f"{xero.url}/app/{xero.books.short_code}/invoicing/view/{invoice_id}"
    await page.goto(address)
    return xero.books.invoices[invoice_id]


def status_on(page: Page) -> Any:
    return expect(page.get_by_role("heading", name="Invoice INV-7"))


async def test_an_invoice_is_paid_in_xero_and_the_payment_removed(xero: Stand, page: Page) -> None:
    invoice = await open_invoice(xero, page)
    form = page.get_by_role("form", name="Add payment")
    await form.get_by_label("Account").select_option("090 Business Bank Account")
    await form.get_by_label("Date").fill("2026-11-24")
    await expect(form.get_by_label("Amount")).to_have_value("115.00")
    await form.get_by_role("button", name="Add payment").click()
    await status_on(page).to_contain_text("Paid")
    assert (invoice.status, invoice.payments[0].amount) == ("PAID", Decimal("115.00"))
    assert invoice.payments[0].day.isoformat() == "2026-11-24"
    await expect(form).to_have_count(0)
    await page.get_by_role("button", name="Remove payment").click()
    await status_on(page).to_contain_text("Awaiting payment")

    assert (invoice.status, invoice.payments) == ("AUTHORISED", [])
    await expect(page.get_by_role("row", name="Payment removed")).to_be_visible()


async def test_money_on_an_invoice_keeps_it_from_being_voided(xero: Stand, page: Page) -> None:
    invoice = await open_invoice(xero, page)
    form = page.get_by_role("form", name="Apply credit note")
    await form.get_by_label("Amount").fill("15")
    await form.get_by_role("button", name="Apply credit note").click()
    await expect(page.get_by_role("row", name="Amount due NZD 100.00")).to_be_visible()
    await page.get_by_role("button", name="Void").click()
    await expect(page.get_by_role("alert")).to_contain_text("has payments or credit notes")
    assert invoice.status == "AUTHORISED"
    await page.get_by_role("button", name="Remove credit").click()
    await expect(page.get_by_role("button", name="Remove credit")).to_have_count(0)
    await page.get_by_role("button", name="Void").click()

    await status_on(page).to_contain_text("Voided")
    assert invoice.status == "VOIDED"
    await expect(page.get_by_role("alert")).to_be_empty()


@pytest.mark.parametrize(
    ("button", "words", "status"),
    [("Delete", "Deleted", "DELETED"), ("Approve", "Awaiting payment", "AUTHORISED")],
)
async def test_a_draft_is_deleted_or_approved_in_xero(
    xero: Stand, page: Page, button: str, words: str, status: str
) -> None:
    invoice = await open_invoice(xero, page, Status="DRAFT")
    await expect(page.get_by_role("button", name="Void")).to_have_count(0)
    await page.get_by_role("button", name=button).click()

    await status_on(page).to_contain_text(words)
    assert invoice.status == status


async def test_the_xero_invoice_shows_account_tax_and_that_it_was_sent(
    xero: Stand, page: Page
) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    invoice = await open_invoice(xero, page, LineItems=[line_body("1234.5", Description=hostile)])
    words = f"{hostile} 1 1234.5 200 Sales 15% Tax on Income 185.18 1,234.50"
    await expect(page.get_by_role("row", name=words)).to_be_visible()
    await page.get_by_role("button", name="Mark as sent").click()

    await status_on(page).to_contain_text("Sent")
    assert invoice.sent


async def test_what_the_app_exports_appears_on_the_dashboard(xero: Stand, page: Page) -> None:
    await page.goto(xero.url)
    await expect(page.get_by_role("heading", name="Harbour Studio")).to_be_visible()
    await xero.put_invoice()

    await expect(page.get_by_role("region", name="Awaiting payment")).to_contain_text("NZD 115.00")
    await page.get_by_role("link", name="INV-7").click()
    await status_on(page).to_contain_text("Awaiting payment")
    await page.get_by_role("link", name="Chart of accounts").click()
    row = page.get_by_role("row", name="200 Sales REVENUE 15% Tax on Income")
    await expect(row).to_be_visible()


def consent_address(xero: Stand) -> str:
    """Return the consent page as the app sends people to it; the answer comes to the dashboard."""
    asked = {
        "response_type": "code",
        "client_id": xero.world.client_id,
        "redirect_uri": f"{xero.url}/",
        "scope": "offline_access accounting.invoices accounting.settings.read",
        "state": "s1",
    }
    return f"{xero.url}/identity/connect/authorize?{urlencode(asked)}"


async def test_a_person_reads_what_is_asked_chooses_and_allows(xero: Stand, page: Page) -> None:
    second = xero.world.add_organisation("Second & Sons")
    await page.goto(consent_address(xero))
    allowed = page.get_by_role("list", name="What it may do")
    await expect(allowed).to_contain_text("read and write your invoices")
    await expect(allowed).to_contain_text(
        re.compile("(?<!write )read your organisation.s settings")
    )
    await page.get_by_role("group", name="Choose an organisation").get_by_label("Second").check()
    await page.get_by_role("button", name="Allow access").click()
    await page.wait_for_url(f"{xero.url}/?*")
    answer = parse_qs(urlsplit(page.url).query)

    assert answer["state"] == ["s1"]
    tokens = await xero.exchange(answer["code"][0], redirect_uri=f"{xero.url}/")
    assert tokens["scope"].split()[0] == "offline_access"
    tenants = [link.tenant_id for link in xero.world.authority.connections.values()]
    assert tenants[-1] == second.tenant_id


async def test_a_person_cancels_the_consent(xero: Stand, page: Page) -> None:
    await page.goto(consent_address(xero))
    await page.get_by_role("button", name="Cancel").click()
    await page.wait_for_url(f"{xero.url}/?*")

    assert parse_qs(urlsplit(page.url).query) == {"error": ["access_denied"], "state": ["s1"]}


async def test_a_person_disconnects_the_app_in_xero(xero: Stand, page: Page) -> None:
    await page.goto(f"{xero.url}/app/{xero.books.short_code}/apps")
    await page.get_by_role("button", name="Disconnect").click()

    await expect(page.get_by_text("No app is connected")).to_be_visible()
    assert (await xero.send("GET", "Organisation")).status_code == 403


@pytest.mark.parametrize("place", ["", "#clients", "#settings/api-keys", "#accounting/invoices/1"])
async def test_every_page_of_paymo_fits(paymo: Paymo, page: Page, place: str) -> None:
    paymo.company.pay(paymo.invoice.id, "35", notes="xero:" + "1" * 32)
    gone = place.endswith("/1")
    for address in (f"{paymo.url}/{place}", *([paymo.address] if gone else [])):
        await page.goto(address)
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await fits(page, page.url)


@pytest.mark.parametrize("place", ["dashboard", "invoicing/list", "contacts", "accounts", "apps"])
async def test_every_page_of_xero_fits(xero: Stand, page: Page, place: str) -> None:
    await xero.put_invoice(Reference="HLS-2026-WINTERFAIR-007")
    await page.goto(f"{xero.url}/app/{xero.books.short_code}/{place}")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()

    await fits(page, page.url)


async def test_the_page_of_an_invoice_and_of_the_consent_fit(xero: Stand, page: Page) -> None:
    await open_invoice(xero, page, LineItems=[line_body("1234.5", Description="W" * 60)])
    await expect(page.get_by_role("form", name="Add payment")).to_be_visible()
    await fits(page, page.url)
    await page.goto(consent_address(xero))

    await fits(page, page.url)


async def test_an_empty_organisation_invites(browser: Browser) -> None:
    async with xero_stand() as xero, opened(browser) as page:
        await page.goto(f"{xero.url}/app/{xero.books.short_code}/invoicing/list")

        await expect(page.get_by_role("table")).to_contain_text("/paymo-xero export")


async def test_the_pages_are_whole_by_themselves(paymo: Paymo, xero: Stand) -> None:
    """Every file is served and small, and none names an address outside."""
    files = [(paymo.url, "page", PAYMO_PAGE), (xero.url, "page", XERO_PAGE)]
    files += [(paymo.url, "kit", KIT), (xero.url, "kit", KIT)]
    async with httpx.AsyncClient() as http:
        for url, prefix, folder in files:
            for file in folder.iterdir():
                text = file.read_text(encoding="utf-8")
                assert (await http.get(f"{url}/{prefix}/{file.name}")).text == text
                assert re.findall(r"https?://", text) == []
                assert len(text.splitlines()) < 300
