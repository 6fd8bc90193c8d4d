"""Random invoices over HTTP: what Xero answers is what Paymo states, to the last unit."""

from datetime import UTC, date, datetime
from hashlib import shake_128

from services import money
from services.clients.http import open_http
from services.clients.paymo import Invoice, Item
from services.clients.tokens import Tokens
from services.clients.xero import XeroClients
from services.mapping.case import Target, new_invoice
from services.money import PaymoFigures
from services.store.tables import Account
from tests.services.random_invoices import LONGEST, invoice_of, is_spreadable
from tests.xero_stand import MemoryVault, Pauses, Stand, oauth_of, xero_stand

COUNT = 200


def paymo_invoice(place: int, figures: PaymoFigures) -> Invoice:
    items = tuple(
        Item(
            id=number,
            price_unit=each.unit_price,
            quantity=each.quantity,
            item=f"Work {number}",
            apply_tax=each.is_taxed,
        )
        for number, each in enumerate(figures.lines, start=1)
    )
    return Invoice(
        id=place,
        number=f"R-{place}",
        client_id=1,
        status="sent",
        currency=figures.currency,
        issued_on=date(2026, 11, 20),
        due_on=date(2026, 12, 20),
        subtotal=figures.subtotal,
        discount_amount=figures.discount_amount,
        tax_amount=figures.tax_amount,
        tax2_amount=figures.tax2_amount,
        total=figures.total,
        updated_on=datetime(2026, 11, 20, tzinfo=UTC),
        items=items,
    )


def target_of(stand: Stand) -> Target:
    account = Account(account_id="a", code="200", name="Sales", type="REVENUE", tax_type="OUTPUT2")
    contact_id = next(iter(stand.books.contacts))
    return Target(contact_id, account, xero_status="AUTHORISED", leave_out_number=False)


def random_invoices() -> list[Invoice]:
    drawn = (invoice_of(shake_128(bytes([place])).digest(LONGEST)) for place in range(250))
    kept = [figures for figures in drawn if is_spreadable(figures) and figures.total >= 0][:COUNT]
    return [paymo_invoice(place, figures) for place, figures in enumerate(kept, start=1)]


async def test_e26_two_hundred_random_invoices_have_paymos_totals_in_xero() -> None:
    async with xero_stand() as stand:
        for code in ("GBP", "USD", "EUR", "JPY", "KRW", "KWD"):
            stand.books.add_currency(code)
        pauses, target = Pauses(), target_of(stand)
        tokens = Tokens(MemoryVault(await stand.sign_in()), oauth_of(stand), stand.clock, pauses)
        async with open_http(stand.url, user_agent="test") as http:
            client = XeroClients(http, tokens, sleep=pauses).client(stand.books.tenant_id, 1)
            for invoice in random_invoices():
                stand.clock.forward(seconds=1)
                body = new_invoice(invoice, target).body()
                made = await client.create_invoice(body, key=f"k{invoice.id}")

                totals = money.expected_totals(invoice.figures)
                assert (made.sub_total, made.total_tax, made.total) == totals
        stated = {each.number: each.total for each in random_invoices()}
        held = {each.number: each.total for each in stand.books.invoices.values()}

    assert held == stated
    assert len(held) == COUNT
