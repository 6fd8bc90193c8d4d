"""Xero's own Python SDK as a judge: it works against the stand-in as it does against Xero."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from xero_python.accounting import (
    Account,
    AccountingApi,
    Contact,
    Contacts,
    Invoice,
    Invoices,
    LineItem,
    Payment,
    PaymentDelete,
    Payments,
)
from xero_python.api_client import ApiClient
from xero_python.api_client.configuration import Configuration
from xero_python.api_client.oauth2 import OAuth2Token
from xero_python.exceptions import AccountingBadRequestException
from xero_python.identity import IdentityApi

from tests.xero_stand import ACCOUNTING, Stand, xero_stand


@dataclass(frozen=True, slots=True)
class Judge:
    """The SDK, signed in to one organisation."""

    stand: Stand
    accounting: Any
    identity: Any

    async def ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call the accounting API; the SDK blocks, so it gets a thread."""
        method: Callable[..., Any] = getattr(self.accounting, name)
        return await asyncio.to_thread(method, self.stand.books.tenant_id, *args, **kwargs)

    async def create_invoice(self, number: str = "INV-7", **fields: Any) -> Any:
        """Create an approved invoice for the first contact, with PUT."""
        contact = next(iter(self.stand.books.contacts))
        line = LineItem(
            description="Design", quantity=1.5, unit_amount=80.0, account_code="200", tax_amount=18
        )
        invoice = Invoice(
            type="ACCREC",
            status="AUTHORISED",
            contact=Contact(contact_id=contact),
            date=date(2026, 11, 20),
            due_date=date(2026, 12, 20),
            invoice_number=number,
            line_items=[line],
            **fields,
        )
        answer = await self.ask(
            "create_invoices", Invoices(invoices=[invoice]), summarize_errors=True
        )
        return answer.invoices[0]


@pytest.fixture
async def judge() -> AsyncIterator[Judge]:
    async with xero_stand() as stand:
        tokens = await stand.sign_in()
        kept = {
            "access_token": tokens.access_token,
            "refresh_token": tokens.refresh_token,
            "expires_in": 1800,
            "token_type": "Bearer",
            "scope": ["offline_access"],
        }
        pair = OAuth2Token(client_id=stand.world.client_id, client_secret=stand.world.client_secret)
        client = ApiClient(Configuration(oauth2_token=pair), oauth2_token_getter=lambda: kept)
        yield Judge(
            stand,
            AccountingApi(client, base_url=f"{stand.url}{ACCOUNTING}"),
            IdentityApi(client, base_url=stand.url),
        )
        client.rest_client.pool_manager.clear()


async def test_the_sdk_reads_the_organisation_and_its_settings(judge: Judge) -> None:
    [organisation] = (await judge.ask("get_organisations")).organisations
    accounts = (await judge.ask("get_accounts", where='Class=="REVENUE"')).accounts
    rates = (await judge.ask("get_tax_rates")).tax_rates
    currencies = (await judge.ask("get_currencies")).currencies

    assert (organisation.name, organisation.is_demo_company) == ("Harbour Studio", False)
    assert [(each.code, each.tax_type) for each in accounts] == [
        ("200", "OUTPUT2"),
        ("260", "NONE"),
    ]
    assert {each.tax_type: each.effective_rate for each in rates} == {
        "NONE": 0,
        "OUTPUT2": 15,
        "INPUT2": 15,
    }
    assert [each.code.value for each in currencies] == ["NZD"]


async def test_the_sdk_finds_adds_and_changes_contacts(judge: Judge) -> None:
    added = await judge.ask("create_contacts", Contacts(contacts=[Contact(name="Bright & Co")]))
    contact_id = added.contacts[0].contact_id
    changed = Contacts(contacts=[Contact(email_address="accounts@bright.example")])
    await judge.ask("update_contact", contact_id, changed)
    [found] = (await judge.ask("get_contacts", search_term="bright")).contacts

    assert (found.contact_id, found.name) == (contact_id, "Bright & Co")
    assert found.email_address == "accounts@bright.example"


async def test_the_sdk_creates_an_invoice_with_its_totals(judge: Judge) -> None:
    made = await judge.create_invoice(reference="#7 (paymo:98)")
    found = (await judge.ask("get_invoices", where='Reference=="#7 (paymo:98)"', page=1)).invoices[
        0
    ]

    assert (found.invoice_id, found.status) == (made.invoice_id, "AUTHORISED")
    assert (found.sub_total, found.total_tax, found.total) == (120, 18, 138)
    assert (found.date, found.due_date) == (date(2026, 11, 20), date(2026, 12, 20))
    assert found.line_items[0].line_amount == 120


async def test_the_sdk_understands_a_refusal(judge: Judge) -> None:
    await judge.create_invoice()
    with pytest.raises(AccountingBadRequestException) as refusal:
        await judge.create_invoice()

    said = refusal.value.error_data
    assert (said["ErrorNumber"], said["Type"]) == (10, "ValidationException")
    assert said["Elements"][0]["ValidationErrors"][0]["Message"] == "Invoice # must be unique."


async def test_the_sdk_pays_and_deletes_the_payment(judge: Judge) -> None:
    invoice_id = (await judge.create_invoice()).invoice_id
    payment = Payment(
        invoice=Invoice(invoice_id=invoice_id),
        account=Account(code="090"),
        date=date(2026, 11, 22),
        amount=138.0,
    )
    made = (await judge.ask("create_payments", Payments(payments=[payment]))).payments[0]
    paid = (await judge.ask("get_invoice", invoice_id)).invoices[0]
    await judge.ask("delete_payment", made.payment_id, PaymentDelete(status="DELETED"))
    deleted = (await judge.ask("get_payment", made.payment_id)).payments[0]
    listed = (await judge.ask("get_payments", order="UpdatedDateUTC ASC", page=1)).payments

    assert (made.status, paid.status, paid.amount_due) == ("AUTHORISED", "PAID", 0)
    assert (paid.payments[0].payment_id, paid.fully_paid_on_date) == (
        made.payment_id,
        date(2026, 11, 22),
    )
    assert [deleted.status, listed[0].status] == ["DELETED", "DELETED"]


async def test_the_sdk_voids_an_invoice_by_its_status(judge: Judge) -> None:
    invoice_id = (await judge.create_invoice()).invoice_id
    change = Invoices(invoices=[Invoice(invoice_id=invoice_id, status="VOIDED")])
    answer = await judge.ask("update_invoice", invoice_id, change)

    assert answer.invoices[0].status == "VOIDED"
    assert judge.stand.books.invoices[invoice_id].status == "VOIDED"


async def test_the_sdk_pages_through_a_list(judge: Judge) -> None:
    for number in range(4):
        judge.stand.books.add_contact(f"Client {number}")
    pages = [await judge.ask("get_contacts", page=page, page_size=2) for page in (1, 2, 3, 4)]

    assert [len(page.contacts) for page in pages] == [2, 2, 1, 0]
    assert (pages[0].pagination.page_count, pages[0].pagination.item_count) == (3, 5)


async def test_the_sdk_asks_for_what_changed(judge: Judge) -> None:
    await judge.create_invoice("INV-1")
    judge.stand.clock.forward(minutes=10)
    await judge.create_invoice("INV-2")
    asked = {"if_modified_since": "2026-11-25T09:05:00", "created_by_my_app": True}
    changed = (await judge.ask("get_invoices", **asked)).invoices
    without = (await judge.ask("get_invoices", statuses=["DRAFT"])).invoices

    assert [each.invoice_number for each in changed] == ["INV-2"]
    assert without == []


async def test_the_sdk_sees_credits_on_an_invoice(judge: Judge) -> None:
    invoice_id = (await judge.create_invoice()).invoice_id
    judge.stand.books.apply_credit(invoice_id, Decimal(38))
    judge.stand.books.apply_credit(invoice_id, Decimal(50), kind="overpayment")
    found = (await judge.ask("get_invoice", invoice_id)).invoices[0]

    assert (found.amount_credited, found.amount_due) == (88, 50)
    assert [each.total for each in found.credit_notes] == [38]
    assert [each.total for each in found.overpayments] == [50]


async def test_the_sdk_lists_connections_and_drops_one(judge: Judge) -> None:
    [link] = await asyncio.to_thread(judge.identity.get_connections)
    await asyncio.to_thread(judge.identity.delete_connection, link.id)

    assert (link.tenant_id, link.tenant_type) == (judge.stand.books.tenant_id, "ORGANISATION")
    assert await asyncio.to_thread(judge.identity.get_connections) == []
