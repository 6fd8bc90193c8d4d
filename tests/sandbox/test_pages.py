"""Tests of Paymo's and Xero's pages: what a person does in a browser is done in the books."""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

import httpx
import pytest
from playwright.async_api import Page, async_playwright, expect

from sandbox.paymo import Company, Invoice, PaymoWorld
from sandbox.paymo.pages import KIT
from sandbox.paymo.pages import PAGE as PAYMO_PAGE
from sandbox.serving import Served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """Return an empty page of a browser, and fail on errors in its scripts."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    troubles: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        yield page
        await browser.close()
    assert troubles == []


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


@pytest.fixture
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

    for words in ("Discount 10 % -100.00", "Tax 15 % 135.00", "Total NZD 1,035.00"):
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


async def test_the_pages_are_whole_by_themselves(paymo: Paymo) -> None:
    """Every file is served and small, and none names an address outside."""
    files = [(paymo.url, "page", PAYMO_PAGE), (paymo.url, "kit", KIT)]
    async with httpx.AsyncClient() as http:
        for url, prefix, folder in files:
            for file in folder.iterdir():
                text = file.read_text(encoding="utf-8")
                assert (await http.get(f"{url}/{prefix}/{file.name}")).text == text
                assert re.findall(r"https?://", text) == []
                assert len(text.splitlines()) < 300
