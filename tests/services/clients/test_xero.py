"""Calls to one Xero organisation, against the stand-in and its faults."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from sandbox.xero import Invoice
from services.clients.http import open_http
from services.clients.tokens import Tokens, auth_event_id
from services.clients.xero import (
    NewContact,
    NewInvoice,
    NewLine,
    XeroClient,
    XeroClients,
    applied_credits,
)
from services.errors import (
    Forbidden,
    NotConnected,
    NotFound,
    Rejected,
    Throttled,
    Unavailable,
)
from tests.xero_stand import MemoryVault, Pauses, Stand, oauth_of, xero_stand

SINCE = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)


@dataclass(slots=True)
class Bench:
    """A client of the first organisation, and what stands behind it."""

    stand: Stand
    clients: XeroClients
    client: XeroClient
    vault: MemoryVault

    @property
    def refreshes(self) -> int:
        """How often the token address was asked."""
        return len(self.stand.world.calls("POST", "/connect/token"))


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with xero_stand() as stand:
        vault, pauses = MemoryVault(await stand.sign_in()), Pauses()
        stand.world.requests.clear()
        tokens = Tokens(vault, oauth_of(stand), stand.clock, sleep=pauses)
        async with open_http(stand.url, user_agent="test") as http:
            clients = XeroClients(http, tokens, sleep=pauses)
            yield Bench(stand, clients, clients.client(stand.books.tenant_id, 1), vault)


def new_invoice(stand: Stand, reference: str = "") -> NewInvoice:
    line = NewLine("Design", Decimal("1.5"), Decimal("85.505"), "OUTPUT2", Decimal("19.24"), "200")
    return NewInvoice(
        contact_id=next(iter(stand.books.contacts)),
        status="AUTHORISED",
        issued_on=date(2026, 11, 20),
        due_on=date(2026, 12, 20),
        number="INV-7",
        reference=reference,
        currency="NZD",
        lines=[line],
    )


async def test_a_write_waits_for_its_turn_no_longer_than_its_limit(bench: Bench) -> None:
    brief = replace(bench.clients, limit=timedelta(milliseconds=100), gates={})
    client = brief.client(bench.stand.books.tenant_id, 1)
    for _ in range(5):
        await client.at_once.acquire()
    with pytest.raises(Unavailable, match="didn't answer"):
        await client.create_invoice(new_invoice(bench.stand).body(), key="k1")

    assert bench.stand.world.requests == []


def add_invoices(stand: Stand, count: int, *, seconds_apart: int = 0) -> None:
    """Write invoices of the app's own straight into the books."""
    contact_id = next(iter(stand.books.contacts))
    for place in range(count):
        updated = stand.clock() + timedelta(seconds=place * seconds_apart)
        day = date(2026, 11, 20)
        invoice = Invoice(contact_id, f"N-{place}", day, "NZD", updated, created_by="xero-client")
        stand.books.invoices[invoice.invoice_id] = invoice


async def test_an_invoice_is_created_exactly_and_found_by_its_number(bench: Bench) -> None:
    made = await bench.client.create_invoice(new_invoice(bench.stand).body(), key="k1")
    [found] = await bench.client.find_own("INV-7", "", SINCE)
    [numbered] = await bench.client.find_by_number("INV-7")

    assert (made.sub_total, made.total_tax, made.total) == (
        Decimal("128.26"),
        Decimal("19.24"),
        Decimal("147.50"),
    )
    assert made.invoice_id == found.invoice_id == numbered.invoice_id
    assert bench.stand.books.invoices[made.invoice_id].lines[0].unit_amount == Decimal("85.505")


@pytest.mark.parametrize("combines", [True, False])
@pytest.mark.parametrize(
    "text",
    ["INV-2026-0042", "7, second", '7" & "more"', "A\\7", "7 🎉  b", "O'Neill+7", " RÉ–7", "a"],
)
async def test_what_the_app_sent_is_found_whatever_xero_made_of_it(
    bench: Bench, text: str, *, combines: bool
) -> None:
    bench.stand.books.combines_filters = combines
    body = new_invoice(bench.stand).body()
    numbered = await bench.client.create_invoice(body | {"InvoiceNumber": text}, key="k1")
    del body["InvoiceNumber"]
    referred = await bench.client.create_invoice(body | {"Reference": text}, key="k2")
    by_number = await bench.client.find_own(text, "", SINCE)
    by_reference = await bench.client.find_own("", text, SINCE)
    assert numbered.invoice_id in {each.invoice_id for each in by_number}
    assert referred.invoice_id in {each.invoice_id for each in by_reference}
    [alone] = await bench.client.find_by_number(text)
    assert alone.invoice_id == numbered.invoice_id


async def test_a_void_invoice_and_one_that_another_made_are_not_found_again(bench: Bench) -> None:
    made = await bench.client.create_invoice(new_invoice(bench.stand).body(), key="k1")
    bench.stand.books.invoices[made.invoice_id].created_by = ""
    assert list(await bench.client.find_own("INV-7", "", SINCE)) == []
    bench.stand.books.invoices[made.invoice_id].created_by = bench.stand.world.client_id
    bench.stand.books.void(made.invoice_id)

    assert list(await bench.client.find_own("INV-7", "", SINCE)) == []
    assert list(await bench.client.find_own("INV,7", "", SINCE)) == []
    assert list(await bench.client.find_by_number("INV-7")) == []
    assert (await bench.client.invoice(made.invoice_id)).status == "VOIDED"


@pytest.mark.parametrize(
    ("longest", "calls"), [(3, 1), (4, 1), (5, 1), (12, 2), (13, 3), (18, 3), (22, 4)]
)
async def test_three_hundred_numbers_are_asked_for_in_questions_that_xero_takes(
    bench: Bench, longest: int, calls: int
) -> None:
    """A question that is too long finds nothing at all; commas count once, as they are."""
    numbers = [f"{nth}".rjust(longest, "0") for nth in range(300)]
    for number in (numbers[0], numbers[-1], "7/A"):
        body = new_invoice(bench.stand).body() | {"InvoiceNumber": number}
        await bench.client.create_invoice(body, key=number)
    holders = await bench.client.holders_of([*numbers, "7/A"])

    assert set(holders) == {numbers[0], numbers[-1], "7/a"}
    assert len(bench.stand.world.calls("GET", "/Invoices$")) == calls


async def test_a_refusal_carries_all_of_xeros_texts(bench: Bench) -> None:
    body = new_invoice(bench.stand).body()
    await bench.client.create_invoice(body, key="k1")
    with pytest.raises(Rejected) as refusal:
        await bench.client.create_invoice(body, key="k2")

    assert refusal.value.messages == ("Invoice # must be unique.",)
    assert str(refusal.value) == "Xero refused: Invoice # must be unique."


@pytest.mark.parametrize(
    ("fault", "has_answered", "exists"),
    [
        ({"hang_up": "before"}, False, False),
        ({"hang_up": "after"}, False, True),
        ({"garbled": True}, False, True),
        ({"status": 500}, True, False),
        ({"status": 200, "body": "{}"}, False, False),
        ({"status": 200, "body": '{"Invoices": []}'}, False, False),
        ({"status": 200, "body": '{"Invoices": [{}]}'}, False, False),
    ],
)
async def test_a_lost_answer_is_unknown_and_the_put_is_not_repeated(
    bench: Bench, fault: dict[str, object], *, has_answered: bool, exists: bool
) -> None:
    bench.stand.world.faults.add(method="PUT", **fault)
    with pytest.raises(Unavailable) as refusal:
        await bench.client.create_invoice(new_invoice(bench.stand).body(), key="k1")

    assert refusal.value.has_answered is has_answered
    assert len(bench.stand.world.calls("PUT")) == 1
    assert bool(await bench.client.find_own("INV-7", "", SINCE)) is exists


async def test_the_same_key_after_a_lost_answer_creates_nothing_twice(bench: Bench) -> None:
    bench.stand.world.faults.add(method="PUT", hang_up="after")
    body = new_invoice(bench.stand).body()
    with pytest.raises(Unavailable):
        await bench.client.create_invoice(body, key="k1")
    made = await bench.client.create_invoice(body, key="k1")

    assert list(bench.stand.books.invoices) == [made.invoice_id]


async def test_a_contact_is_added_with_our_id_and_a_taken_name_refused(bench: Bench) -> None:
    contact = NewContact("Bright & Co", "paymo:5", email="pay@bright.example", phone="555")
    made = await bench.client.add_contact(contact, key="k1")
    found = await bench.client.contact_named("bright & CO")
    with pytest.raises(Rejected, match="already assigned to another contact"):
        await bench.client.add_contact(contact, key="k2")

    assert found is not None
    assert (found.contact_id, found.contact_number) == (made.contact_id, "paymo:5")


async def test_the_settings_are_read_with_what_decides_an_export(bench: Bench) -> None:
    books = bench.stand.books
    books.period_lock_date = date(2026, 10, 31)
    organisation = await bench.client.organisation()
    rates = {each.tax_type: each.effective_rate for each in await bench.client.tax_rates()}
    accounts = {each.code: each.class_ for each in await bench.client.accounts()}

    assert (organisation.name, organisation.base_currency) == ("Harbour Studio", "NZD")
    assert (organisation.period_lock_on, organisation.year_lock_on) == (date(2026, 10, 31), None)
    assert (rates["OUTPUT2"], accounts["200"]) == (Decimal(15), "REVENUE")
    assert [each.code for each in await bench.client.currencies()] == ["NZD"]


async def test_payments_and_credits_come_with_their_invoice(bench: Bench) -> None:
    books = bench.stand.books
    made = await bench.client.create_invoice(new_invoice(bench.stand).body(), key="k1")
    payment = books.pay(made.invoice_id, Decimal("47.50"), date=date(2026, 11, 22))
    for kind in ("credit_note", "overpayment", "prepayment"):
        books.apply_credit(made.invoice_id, Decimal(10), kind=kind)
    found = await bench.client.invoice(made.invoice_id)
    books.remove_payment(payment.payment_id)
    removed = await bench.client.payment(payment.payment_id)

    assert [(each.amount, each.paid_on) for each in found.payments] == [
        (Decimal("47.50"), date(2026, 11, 22))
    ]
    credited = applied_credits(found)
    assert [each.amount for each in credited] == [Decimal(10)] * 3
    assert credited[0].number == "CN-0001"
    assert (found.amount_due, removed.status) == (Decimal(70), "DELETED")


async def test_all_contacts_come_archived_ones_too(bench: Bench) -> None:
    for place in range(1004):
        bench.stand.books.add_contact(f"Client {place}")
    bench.stand.books.archive_contact(next(iter(bench.stand.books.contacts)))
    contacts = await bench.client.contacts()

    assert len({each.contact_id for each in contacts}) == 1005
    assert [each.name for each in contacts if each.contact_status == "ARCHIVED"] == ["Acme Ltd"]


async def test_half_a_list_is_never_returned(bench: Bench) -> None:
    for place in range(1004):
        bench.stand.books.add_contact(f"Client {place}")
    listing = asyncio.create_task(bench.client.contacts())
    while not bench.stand.world.calls("GET", "Contacts"):
        await asyncio.sleep(0)
    # The first page is being answered; every later one fails.
    bench.stand.world.faults.add(path="Contacts", times=9, status=500)
    with pytest.raises(Unavailable):
        await listing


@pytest.mark.parametrize("seconds_apart", [0, 1])
async def test_e59_changes_come_completely_however_close_together(
    bench: Bench, *, seconds_apart: int
) -> None:
    add_invoices(bench.stand, 1103, seconds_apart=seconds_apart)
    since = bench.stand.clock() - timedelta(minutes=5)
    pages = [page async for page in bench.client.invoices_since(since)]
    found = [each.invoice_number for page in pages for each in page]

    assert sorted(found) == sorted(f"N-{place}" for place in range(1103))


async def test_a_look_at_what_changed_is_one_call_when_nothing_did(bench: Bench) -> None:
    add_invoices(bench.stand, 3)
    bench.stand.clock.forward(minutes=20)
    pages = [page async for page in bench.client.invoices_since(bench.stand.clock())]

    [asked] = bench.stand.world.calls("GET", "Invoices")
    assert [list(page) for page in pages] == [[]]
    assert asked.headers["If-Modified-Since"] == "2026-11-25T09:20:00"


async def test_nothing_new_may_also_be_said_with_304(bench: Bench) -> None:
    bench.stand.world.faults.add(path="Invoices", status=304)

    assert [list(page) async for page in bench.client.invoices_since(datetime.now(UTC))] == [[]]


async def test_many_ids_are_asked_for_in_parts(bench: Bench) -> None:
    add_invoices(bench.stand, 45)
    ids = list(bench.stand.books.invoices)
    found = await bench.client.invoices_by_id([*ids, "00000000-0000-0000-0000-00000000000f"])

    assert {each.invoice_id for each in found} == set(ids)
    assert len(bench.stand.world.calls("GET", "Invoices")) == 2


async def test_every_call_names_its_organisation(bench: Bench) -> None:
    other = bench.stand.world.add_organisation("Other Books")
    await bench.client.organisation()
    with pytest.raises(NotConnected):
        await bench.clients.client(other.tenant_id, 1).organisation()

    tenants = [
        each.headers["Xero-Tenant-Id"] for each in bench.stand.world.calls("GET", "Organisation")
    ]
    assert tenants == [bench.stand.books.tenant_id, other.tenant_id]


async def test_e04_an_expired_token_is_renewed_once_and_the_call_repeated(bench: Bench) -> None:
    bench.stand.world.authority.expire_access()
    answers = await asyncio.gather(*(bench.client.organisation() for _ in range(5)))

    assert {each.name for each in answers} == {"Harbour Studio"}
    assert bench.refreshes == 1


async def test_a_refusal_that_a_fresh_token_does_not_mend_is_final(bench: Bench) -> None:
    bench.stand.world.faults.add(path="Organisation|connections", times=9, status=401)
    with pytest.raises(NotConnected) as refusal:
        await bench.client.organisation()

    assert refusal.value.system == "Xero"
    assert bench.refreshes == 1
    assert len(bench.stand.world.calls("GET", "Organisation")) == 2


async def test_a_missing_scope_says_so_and_refreshes_nothing(bench: Bench) -> None:
    bench.vault.tokens = await bench.stand.sign_in(scope="offline_access accounting.contacts")
    before = bench.refreshes
    with pytest.raises(Forbidden, match=r"allow our connection to do this.*Connect Xero again"):
        await bench.client.organisation()

    assert bench.refreshes == before


async def test_no_more_than_five_calls_are_under_way_at_once(bench: Bench) -> None:
    bench.stand.world.faults.add(path="Organisation", times=12, delay=0.02)
    await asyncio.gather(*(bench.client.organisation() for _ in range(12)))

    assert {each.status for each in bench.stand.world.requests} == {200}


async def test_the_minute_that_is_used_up_is_given_back_with_its_wait(bench: Bench) -> None:
    bench.stand.world.limits.per_minute = 1
    await bench.client.organisation()
    with pytest.raises(Throttled) as refusal:
        await bench.client.create_invoice(new_invoice(bench.stand).body(), key="k1")

    assert refusal.value.retry_after == timedelta(minutes=1)
    assert refusal.value.problem == "minute"
    assert bench.stand.books.invoices == {}


async def test_an_unknown_object_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound):
        await bench.client.invoice("00000000-0000-0000-0000-00000000000f")


async def test_a_consents_own_organisations_are_listed_and_unlinked(bench: Bench) -> None:
    other = bench.stand.world.add_organisation("Other Books")
    code = await bench.stand.consent(tenant=other.tenant_id)
    token = (await bench.stand.exchange(code))["access_token"]
    bench.vault.tokens = replace(bench.vault.tokens, access_token=token)
    [found] = await bench.clients.tenants(1, auth_event_id(token))
    for _ in range(2):
        await bench.clients.delete_connection(1, found.id)

    assert found.tenant_id == other.tenant_id
    assert [each.tenant_name for each in await bench.clients.tenants(1)] == ["Harbour Studio"]


async def test_a_call_shows_no_secret_in_logs_or_when_printed(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bench.stand.world.authority.expire_access()
    old = bench.vault.tokens
    await bench.client.create_invoice(new_invoice(bench.stand).body(), key="k1")
    new = bench.vault.tokens

    told = f"{caplog.text} {bench.client!r} {bench.clients!r} {new!r}"
    secrets = {bench.stand.world.client_secret}
    secrets |= {each for pair in (old, new) for each in (pair.access_token, pair.refresh_token)}
    assert len(secrets) == 5
    assert [each for each in secrets if each in told] == []
