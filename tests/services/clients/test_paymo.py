"""Calls to one Paymo account, against the stand-in and its faults."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest

from sandbox.paymo import PaymoWorld
from sandbox.paymo.server import Limit
from sandbox.serving import Served
from services.clients.http import open_http
from services.clients.paymo import Company, PaymoClient, PaymoClients
from services.errors import NotConnected, NotFound, Rejected, Throttled, Unavailable
from tests.xero_stand import Clock, Pauses

KEY = "paymo-api-key"
DESIGN = ("Design", "Logo", 3, "33.335")
STAMPS = ("Stamps", "", 1, "20", False)


@dataclass(slots=True)
class Bench:
    """A client of one company, and what stands behind it."""

    world: PaymoWorld
    clock: Clock
    clients: PaymoClients
    client: PaymoClient
    pauses: Pauses

    def add_invoice(self, number: str = "INV-7") -> int:
        """Add an invoice of 100.01 with tax, and 20 without; return its id."""
        company = self.world.company
        client = company.add_client("Acme", email="pay@acme.example")
        return company.add_invoice(number, client, [DESIGN, STAMPS], tax=15, status="sent").id


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    clock, pauses = Clock(), Pauses()
    world = PaymoWorld(now=clock)
    world.add_company("North Agency", key=KEY)
    served = await Served.start(world.app())
    async with open_http(f"{served.url}/api", user_agent="test") as http:
        clients = PaymoClients(http, sleep=pauses)
        yield Bench(world, clock, clients, clients.client(KEY), pauses)
    await served.stop()


async def pay(bench: Bench, invoice_id: int, amount: str = "5") -> int:
    payment = await bench.client.add_payment(
        invoice_id, amount=Decimal(amount), paid_on=date(2026, 11, 22), notes="Xero payment p1"
    )
    return payment.id


async def test_a_key_says_which_company_it_opens(bench: Bench) -> None:
    assert (await bench.client.company()).name == "North Agency"


@pytest.mark.parametrize("key", ["another", "", None])
async def test_a_wrong_key_or_none_is_no_connection(bench: Bench, key: str | None) -> None:
    with pytest.raises(NotConnected) as refusal:
        await bench.clients.client(key).company()

    assert refusal.value.system == "Paymo"


async def test_an_invoice_comes_with_lines_payments_and_client_exactly(bench: Bench) -> None:
    invoice_id = bench.add_invoice()
    bench.world.company.pay(invoice_id, "0.10", notes="by hand")
    found = await bench.client.invoice(invoice_id)

    assert [(each.item, each.price_unit, each.apply_tax) for each in found.items] == [
        ("Design", Decimal("33.335"), True),
        ("Stamps", Decimal(20), False),
    ]
    assert (found.subtotal, found.tax_amount, found.total) == (
        Decimal("120.01"),
        Decimal(15),
        Decimal("135.01"),
    )
    assert (found.client_name, found.paid, found.left) == (
        "Acme",
        Decimal("0.10"),
        Decimal("134.91"),
    )


async def test_a_kept_invoice_is_read_back_to_the_last_digit(bench: Bench) -> None:
    found = await bench.client.invoice(bench.add_invoice())

    assert type(found).from_json(found.as_json()) == found


async def test_a_write_waits_for_its_turn_no_longer_than_its_limit(bench: Bench) -> None:
    client = replace(bench.clients, limit=timedelta(milliseconds=100)).client(KEY)
    async with client.turnstile.lock:
        with pytest.raises(Unavailable, match="didn't answer"):
            await pay(replace(bench, client=client), 1)

    assert bench.world.requests == []


async def test_lists_are_read_to_their_end(bench: Bench) -> None:
    company = bench.world.company
    for place in range(205):
        company.add_client(f"Client {place}", active=place % 2 == 0)
    clients = await bench.client.clients()

    assert sorted(each.name for each in clients) == sorted(f"Client {n}" for n in range(205))
    assert [each.query["page"] for each in bench.world.calls("GET", "clients")] == ["0", "1", "2"]


async def test_what_moves_to_a_page_that_was_read_is_asked_for_by_its_id(bench: Bench) -> None:
    company = bench.world.company
    known = [company.add_client(f"Client {place}").id for place in range(205)]
    gate = asyncio.Event()
    second = bench.world.faults.add(path="clients", skip=1, gate=gate)
    listing = asyncio.create_task(bench.client.clients(known))
    await second.came.wait()
    del company.clients[known[3]]
    gate.set()

    assert {each.id for each in await listing} == {*known}
    assert len(bench.world.calls("GET", "clients")) == 3 + 1


async def test_a_page_that_fails_fails_the_whole_list(bench: Bench) -> None:
    for place in range(150):
        bench.world.company.add_client(f"Client {place}")
    listing = asyncio.create_task(bench.client.clients())
    while not bench.world.calls("GET", "clients"):
        await asyncio.sleep(0)
    # The first page is being answered; every later one fails.
    bench.world.faults.add(path="clients", times=9, status=500)
    with pytest.raises(Unavailable):
        await listing


async def test_only_what_changed_since_a_time_is_listed(bench: Bench) -> None:
    bench.add_invoice("INV-1")
    bench.clock.forward(minutes=10)
    since = bench.clock()
    bench.add_invoice("INV-2")
    changed = await bench.client.headers(updated_since=since)

    assert [each.number for each in changed] == ["INV-2"]
    assert len(await bench.client.headers()) == 2


async def test_a_payment_is_added_with_its_marker_and_deleted(bench: Bench) -> None:
    invoice_id = bench.add_invoice()
    payment_id = await pay(bench, invoice_id, "135.01")
    [kept] = (await bench.client.invoice(invoice_id)).payments
    paid = bench.world.company.invoices[invoice_id].status
    await bench.client.delete_payment(payment_id)

    assert (kept.id, kept.amount, kept.paid_on) == (
        payment_id,
        Decimal("135.01"),
        date(2026, 11, 22),
    )
    assert (kept.notes, paid) == ("Xero payment p1", "paid")
    assert bench.world.company.payments == {}


async def test_more_than_is_left_is_refused_in_paymos_words(bench: Bench) -> None:
    with pytest.raises(Rejected, match="Paymo refused: The payment amount is greater than"):
        await pay(bench, bench.add_invoice(), "135.02")


@pytest.mark.parametrize(
    ("fault", "is_there"),
    [
        ({"status": 500}, False),
        ({"hang_up": "before"}, False),
        ({"hang_up": "after"}, True),
        ({"garbled": True}, True),
        ({"status": 200, "body": '{"invoicepayments": []}'}, False),
    ],
)
async def test_a_payment_with_an_unknown_outcome_is_not_added_again(
    bench: Bench, fault: dict[str, object], *, is_there: bool
) -> None:
    invoice_id = bench.add_invoice()
    bench.world.faults.add(method="POST", **fault)
    with pytest.raises(Unavailable):
        await pay(bench, invoice_id)

    assert len(bench.world.calls("POST")) == 1
    assert bool((await bench.client.invoice(invoice_id)).payments) is is_there


async def test_setting_a_status_is_repeated_and_deleting_is_not(bench: Bench) -> None:
    invoice_id = bench.add_invoice()
    bench.world.faults.add(method="PUT", status=502)
    await bench.client.set_status(invoice_id, "void")
    status = bench.world.company.invoices[invoice_id].status
    bench.world.faults.add(method="DELETE", hang_up="after")
    with pytest.raises(Unavailable):
        await bench.client.delete_invoice(invoice_id)

    assert status == "void"
    assert len(bench.world.calls("DELETE")) == 1
    with pytest.raises(NotFound):
        await bench.client.delete_invoice(invoice_id)


async def test_calls_with_one_key_stand_in_line(bench: Bench) -> None:
    bench.world.faults.add(path="company", times=6, delay=0.01)
    under_way: list[int] = []

    async def watch() -> None:
        while True:
            under_way.append(sum(1 for each in bench.world.requests if not each.status))
            await asyncio.sleep(0)

    watcher = asyncio.create_task(watch())
    await asyncio.gather(*(bench.clients.client(KEY).company() for _ in range(6)))
    watcher.cancel()

    assert (max(under_way), len(bench.world.requests)) == (1, 6)


async def test_a_used_up_window_is_waited_for_before_anything_is_refused(bench: Bench) -> None:
    bench.world.limit.requests = 2
    for _ in range(2):
        await bench.client.company()
    bench.clock.forward(seconds=5)
    await bench.client.company()

    assert bench.pauses.asked == [timedelta(seconds=5)]
    assert {each.status for each in bench.world.requests} == {200}


@pytest.mark.parametrize(
    ("narrow", "wide", "waits"),
    [((4, 5), (180, 60), 5), ((60, 5), (4, 60), 60), ((4, 5), (4, 60), 60), ((4, 10), None, 10)],
)
async def test_of_several_windows_the_one_that_is_used_up_is_waited_for(
    bench: Bench, narrow: tuple[int, int], wide: tuple[int, int] | None, waits: int
) -> None:
    """Counts and spans belong together by their place; patience is for the copying."""
    limit = bench.world.limit
    limit.requests, limit.window = narrow[0], timedelta(seconds=narrow[1])
    if wide:
        limit.wider = Limit(bench.clock, wide[0], timedelta(seconds=wide[1]))
    for _ in range(4):
        await bench.client.company()
    bench.clock.forward(seconds=waits)
    await bench.clients.client(KEY, patience=timedelta(minutes=1)).company()

    assert bench.pauses.asked == [timedelta(seconds=waits)]
    assert {each.status for each in bench.world.requests} == {200}


async def test_a_long_window_is_given_back(bench: Bench) -> None:
    bench.world.limit.requests, bench.world.limit.window = 1, timedelta(minutes=5)
    await bench.client.company()
    with pytest.raises(Throttled) as refusal:
        await bench.client.company()

    assert refusal.value.retry_after == timedelta(minutes=5)
    assert len(bench.world.requests) == 1


async def test_the_key_shows_nowhere(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await bench.client.company()

    assert KEY not in f"{caplog.text} {bench.client!r} {bench.clients!r}"


async def test_heads_cost_one_question_and_a_page_that_is_cut_short_is_asked_on(
    bench: Bench,
) -> None:
    """How large a page may be is not documented, so less than was asked for is not the end."""
    company = bench.world.company
    owner = company.add_client("Acme")
    ids = [company.add_invoice(f"INV-{nth}", owner, [STAMPS]).id for nth in range(250)]
    heads = await bench.client.headers_of(ids)
    assert [each.id for each in heads] == ids
    assert len(bench.world.calls("GET", "/invoices")) == 1

    first = await bench.client.headers_of(ids[:100])
    cut = {"invoices": [msgspec.to_builtins(each) for each in first]}
    bench.world.faults.add(path="/invoices", status=200, body=msgspec.json.encode(cut).decode())
    found = await bench.client.headers_of([*ids, 999_999])
    assert {each.id for each in found} == set(ids)
    assert len(bench.world.calls("GET", "/invoices")) == 5


@pytest.mark.parametrize("body", ["{}", '{"invoicepayments": []}', ""])
async def test_a_deletion_that_paymo_only_says_it_did_is_a_refusal(bench: Bench, body: str) -> None:
    payment_id = await pay(bench, bench.add_invoice())
    bench.world.faults.add(method="DELETE", status=200, body=body)

    with pytest.raises(Rejected, match="still there"):
        await bench.client.delete_payment(payment_id)

    await bench.client.delete_payment(payment_id)
    assert bench.world.company.payments == {}


@pytest.mark.parametrize(
    ("reminders", "due", "may_remind", "next_on"),
    [
        (("7", "14", "30"), date(2026, 11, 20), True, date(2026, 11, 27)),
        (("7", "14", "30"), date(2026, 11, 10), True, date(2026, 11, 24)),  # today
        (("30", "7", "14"), date(2026, 11, 1), True, date(2026, 12, 1)),
        (("7", "14", None), date(2026, 11, 1), False, None),  # they are past
        (("0", "", None), date(2026, 11, 20), False, None),
        (("7", "0", "0"), None, True, None),
        (("-3", "soon", "0"), date(2026, 11, 1), True, None),
        (("999999999999", "0", "0"), date.max, False, None),
    ],
)
def test_paymo_reminds_some_days_after_the_due_date(
    reminders: tuple[str | None, ...], due: date | None, next_on: date | None, *, may_remind: bool
) -> None:
    texts = {f"payment_reminder_{nth}": each for nth, each in enumerate(reminders, 1)}
    company, today = msgspec.convert({"id": 1, **texts}, Company), date(2026, 11, 24)

    assert company.may_remind(due, today) is may_remind
    assert company.next_reminder(due, today) == next_on
