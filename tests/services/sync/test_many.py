"""Many new payments at once: each is in Paymo once, whatever happens to some of them."""

from datetime import date
from decimal import Decimal

import pytest

from sandbox.paymo.company import Company
from services.lifecycle import payment
from services.model.invoice import PaymentState
from services.model.jobs import Job
from services.store import exports
from services.store.engine import Database
from tests.services.beside import beside, held, look_now, start_anew
from tests.services.bridge import ANNA, Bridge
from tests.services.fixtures import bridge_of, exported, in_paymo, in_xero, paid

DAY = date(2026, 11, 20)
ADDITION = ("POST", "/invoicepayments$")
SINGLE = ("GET", r"/invoices/\d+$")
LIST = ("GET", "/invoices$")
NUMBERS = [f"INV-{nth}" for nth in range(1, 9)]
_OTHERS = (Job.MIRROR,)
WHOLE, PART, REST = Decimal(115), Decimal(40), Decimal(75)

bridge = bridge_of(exported(len(NUMBERS)))


def pay(bridge: Bridge, amount: Decimal, *numbers: str) -> None:
    """Pay invoices in Xero."""
    for number in numbers:
        bridge.xero.books.pay(in_xero(bridge, number).invoice_id, amount, date=DAY)


def company_of(bridge: Bridge) -> Company:
    """Return the company, whose invoices are sent by now."""
    company = bridge.paymo.company
    for number in NUMBERS:
        company.set_status(in_paymo(bridge, number).id, "sent")
    return company


async def pay_all(bridge: Bridge) -> None:
    """Have every invoice compared, pay all of them, and let the time for the next look come."""
    company_of(bridge)
    await bridge.look()
    pay(bridge, WHOLE, *NUMBERS)
    bridge.clock.turn(minutes=6)


async def states(bridge: Bridge) -> list[PaymentState]:
    """Return how far each payment has come."""
    return [row.state for row in await bridge.payments()]


async def told(bridge: Bridge) -> list[object]:
    """Return of which invoices a payment was told, in order."""
    found = await bridge.notices()
    return [facts["number"] for kind, facts in found if kind == "payment_received"]


def in_paymo_once(bridge: Bridge, *but: str) -> bool:
    """Say whether each payment stands in Paymo once."""
    return all(paid(bridge, each) == [WHOLE] for each in NUMBERS if each not in but)


async def test_many_cost_one_read_and_one_write_each(bridge: Bridge) -> None:
    """A draft is made sent by one more write; the other read is the comparison with Paymo."""
    await pay_all(bridge)
    bridge.paymo.company.set_status(in_paymo(bridge, "INV-3").id, "draft")
    reads, lists = len(bridge.paymo.calls(*SINGLE)), len(bridge.paymo.calls(*LIST))
    await bridge.run(but=[*_OTHERS])
    assert in_paymo_once(bridge)
    assert len(bridge.paymo.calls(*ADDITION)) == len(NUMBERS)
    assert len(bridge.paymo.calls("PUT", "/invoices/")) == 1
    assert len(bridge.paymo.calls(*SINGLE)) == reads
    assert len(bridge.paymo.calls(*LIST)) == lists + 2
    assert await told(bridge) == NUMBERS
    assert await states(bridge) == [PaymentState.RECORDED] * len(NUMBERS)


async def test_two_payments_of_one_invoice_are_told_as_they_came(bridge: Bridge) -> None:
    """The first leaves something to pay, the second nothing; a draft is made sent once."""
    pay(bridge, PART, *NUMBERS[:2])
    pay(bridge, REST, *NUMBERS[:2])
    await bridge.look()
    assert [paid(bridge, each) for each in NUMBERS[:2]] == [[PART, REST]] * 2
    assert len(bridge.paymo.calls("PUT", "/invoices/")) == 2
    news = [facts for kind, facts in await bridge.notices() if kind == "payment_received"]
    first = [facts for facts in news if facts["number"] == "INV-1"]
    assert [Decimal(str(facts["left"])) for facts in first] == [REST, 0]
    assert [facts["is_paid"] for facts in first] == [False, True]


@pytest.mark.parametrize("hang_up", ["before", "after"])
async def test_a_lost_answer_keeps_no_other_waiting(bridge: Bridge, hang_up: str) -> None:
    """It is looked up by itself before it is sent again."""
    await pay_all(bridge)
    bridge.paymo.faults.add(method="POST", path="/invoicepayments$", skip=3, hang_up=hang_up)
    await bridge.run()
    assert (await states(bridge)).count(PaymentState.RECORDED) == len(NUMBERS) - 1
    await bridge.wait(seconds=30)
    await bridge.look()
    assert in_paymo_once(bridge)
    assert sorted(map(str, await told(bridge))) == NUMBERS


async def test_a_limit_stops_all_that_follow_and_loses_nothing(bridge: Bridge) -> None:
    """Paymo is left alone as long as it asks for, and what was added before is recorded."""
    await pay_all(bridge)
    headers = {"Retry-After": "60", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Decay-Period": "60"}
    bridge.paymo.faults.add(
        method="POST", path="/invoicepayments$", skip=2, times=9, status=429, headers=headers
    )
    await bridge.run()
    asked = len(bridge.paymo.calls(*ADDITION))
    added = (await states(bridge)).count(PaymentState.RECORDED)
    assert added == sum(paid(bridge, each) == [WHOLE] for each in NUMBERS) == 2
    assert asked <= 2 + 5
    await bridge.wait(seconds=50)
    assert len(bridge.paymo.calls(*ADDITION)) == asked
    bridge.paymo.faults.clear()
    await bridge.wait(seconds=20)
    assert in_paymo_once(bridge)
    assert sorted(map(str, await told(bridge))) == NUMBERS


@pytest.mark.parametrize("status", [400, 500])
async def test_lists_that_always_fail_hold_up_nothing(bridge: Bridge, status: int) -> None:
    """Each invoice is read by itself then, for payments and to see what changed in Paymo."""
    await pay_all(bridge)
    bridge.paymo.faults.add(method="GET", path="/invoices$", times=999, status=status, body="{}")
    await bridge.run(but=[*_OTHERS])
    assert in_paymo_once(bridge)
    assert await states(bridge) == [PaymentState.RECORDED] * len(NUMBERS)
    company = bridge.paymo.company
    company.delete_invoice(in_paymo(bridge, "INV-4").id)
    await bridge.look()
    assert ("invoice_deleted", "INV-4") in [
        (kind, facts.get("number")) for kind, facts in await bridge.notices()
    ]


async def test_without_any_answer_all_are_tried_again_together(bridge: Bridge) -> None:
    """Where a single invoice can't be read either, each has the same number of tries."""
    await pay_all(bridge)
    bridge.paymo.faults.add(method="GET", path="/invoices", times=999, status=500)
    await bridge.run(but=[*_OTHERS])
    assert await states(bridge) == [PaymentState.ADDING] * len(NUMBERS)
    assert {row.tries for row in await bridge.payments()} == {1}
    bridge.paymo.faults.clear()
    bridge.clock.turn(seconds=30)
    await bridge.run(but=[*_OTHERS])
    assert in_paymo_once(bridge)


async def test_what_is_odd_is_asked_about_and_the_rest_goes_on(bridge: Bridge) -> None:
    """A twin that somebody typed, a refusal, a void invoice, one that is gone."""
    await pay_all(bridge)
    company = bridge.paymo.company
    company.pay(in_paymo(bridge, "INV-1").id, WHOLE, paid_on=DAY)
    company.set_status(in_paymo(bridge, "INV-2").id, "void")
    company.delete_invoice(in_paymo(bridge, "INV-3").id)
    body = '{"message": "Amount is too large"}'
    bridge.paymo.faults.add(method="POST", path="/invoicepayments$", status=400, body=body)
    await bridge.run()
    found = await states(bridge)
    assert found[:3] == [PaymentState.ASKED, PaymentState.ASKED, PaymentState.PARKED]
    assert sorted(found[3:]) == [PaymentState.ASKED] + [PaymentState.RECORDED] * 4
    assert len(await told(bridge)) == len(NUMBERS)


@pytest.mark.parametrize("numbers", [["INV-1"], NUMBERS], ids=["one", "many"])
async def test_a_payment_that_paymo_stores_and_refuses_is_recorded_and_nobody_is_asked(
    bridge: Bridge, numbers: list[str]
) -> None:
    company_of(bridge)
    await bridge.look()
    pay(bridge, WHOLE, *numbers)
    bridge.clock.turn(minutes=6)
    body = '{"message": "Amount is too large"}'
    bridge.paymo.faults.add(
        method="POST", path="/invoicepayments$", status=400, body=body, is_done=True
    )
    await bridge.run(but=[*_OTHERS])
    assert await states(bridge) == [PaymentState.RECORDED] * len(numbers)
    assert all(paid(bridge, each) == [WHOLE] for each in numbers)
    received = [facts for kind, facts in await bridge.notices() if kind == "payment_received"]
    assert [facts["asked"] for facts in received] == [""] * len(numbers)


@pytest.mark.parametrize("is_listed", [True, False])
async def test_of_two_payments_the_second_counts_with_the_first_one_taken_off(
    bridge: Bridge, *, is_listed: bool
) -> None:
    """Else more seems to be left than there is, and Paymo refuses what is a cent too much.

    So it is where Paymo's list leaves out the first one, which was recorded before.
    """
    company_of(bridge).pay(in_paymo(bridge).id, "0.01")
    await bridge.look()
    pay(bridge, PART, "INV-1")
    if not is_listed:
        await bridge.look()
    pay(bridge, REST, "INV-1")
    pay(bridge, WHOLE, "INV-2")
    left_out: dict[str, object] = {"invoices/0/invoicepayments": []}
    bridge.paymo.faults.add(
        method=LIST[0], path=LIST[1], alter=left_out, times=0 if is_listed else 9
    )
    await bridge.look()
    assert sum(paid(bridge)) == WHOLE
    assert in_paymo_once(bridge, "INV-1", *NUMBERS[2:])


async def test_an_invoice_that_goes_in_between_is_seen_to_by_itself(bridge: Bridge) -> None:
    """It stood in the list, and Paymo knows it no more when its payment comes."""
    await pay_all(bridge)
    company = bridge.paymo.company
    async with held(bridge.paymo.faults.hold(*ADDITION), bridge.run()) as worker:
        company.delete_invoice(in_paymo(bridge, "INV-8").id)
        await worker.let_go()
    assert (await states(bridge))[-1] in {PaymentState.PARKED, PaymentState.RECORDED}
    assert (await states(bridge)).count(PaymentState.RECORDED) >= len(NUMBERS) - 1


async def test_one_of_which_something_else_is_wanted_meanwhile_ends_no_sweep(
    bridge: Bridge, database: Database
) -> None:
    """Its export is taken back just when Paymo refuses it; the rest is written down."""
    await pay_all(bridge)
    refusing = bridge.paymo.faults.hold(*ADDITION)
    refusing.status, refusing.body = 400, '{"message": "Amount is too large"}'
    async with held(refusing, beside(bridge, database).run(but=[*_OTHERS])) as worker:
        async with database.sessions.begin() as session:
            export = await exports.get(session, (await bridge.payments())[0].export_id)
            await payment.check_all(session, export, bridge.clock())
        await worker.let_go()
    assert (await bridge.connection()).swept_at == bridge.clock()
    assert in_paymo_once(bridge)
    assert await states(bridge) == [PaymentState.RECORDED] * len(NUMBERS)


@pytest.mark.parametrize("is_killed", [False, True])
async def test_what_is_deleted_in_xero_in_between_does_not_stay(
    bridge: Bridge, database: Database, *, is_killed: bool
) -> None:
    """Another process sees it while the additions are on their way."""
    first, other = beside(bridge, database), beside(bridge, database)
    await pay_all(bridge)
    hold = bridge.paymo.faults.hold(*ADDITION)
    async with held(hold, first.run(but=[*_OTHERS])) as worker:
        invoice = in_xero(bridge, "INV-5")
        bridge.xero.books.remove_payment(invoice.payments[0].payment_id)
        await look_now(other)
        if is_killed:
            await worker.kill()
        else:
            await worker.let_go()
    for _ in range(4):
        bridge.clock.turn(seconds=30)
        await look_now(other)
    assert paid(bridge, "INV-5") == []
    assert in_paymo_once(bridge, "INV-5")
    assert sorted({*map(str, await told(bridge))} | {"INV-5"}) == NUMBERS


async def test_a_killed_process_leaves_nothing_twice_and_nothing_out(
    bridge: Bridge, database: Database
) -> None:
    """Some calls were answered, some had left, and some had not begun."""
    first, other = beside(bridge, database), beside(bridge, database)
    await pay_all(bridge)
    bridge.paymo.faults.add(method="POST", path="/invoicepayments$", times=3)
    hold = bridge.paymo.faults.hold(*ADDITION)
    async with held(hold, first.run(but=[*_OTHERS])) as worker:
        await worker.kill()
        await start_anew(other)
        await worker.arrive(lambda: sum(bool(paid(bridge, each)) for each in NUMBERS) > 3)
    bridge.clock.turn(seconds=30)
    await look_now(other)
    assert in_paymo_once(bridge)
    assert await states(bridge) == [PaymentState.RECORDED] * len(NUMBERS)
    assert sorted(map(str, await told(bridge))) == NUMBERS


@pytest.mark.parametrize("numbers", [NUMBERS[:1], NUMBERS[:4]])
@pytest.mark.parametrize("side", ["Paymo", "Xero"])
async def test_what_is_paid_in_another_currency_than_paymos_invoice_asks_a_person(
    bridge: Bridge, side: str, numbers: list[str]
) -> None:
    """The same figure in another currency is another amount."""
    company, moved = company_of(bridge), numbers[0]
    await bridge.look()
    former = in_paymo(bridge, moved).currency
    if side == "Paymo":
        company.edit(in_paymo(bridge, moved).id, currency="EUR")
    else:
        in_xero(bridge, moved).currency = "EUR"
    pay(bridge, PART, *numbers)
    await bridge.look()

    (asked,) = [facts["asked"] for _, facts in await bridge.notices() if facts.get("asked")]
    here, there = ("EUR", former) if side == "Paymo" else (former, "EUR")
    assert asked == f"The invoice is in {here} in Paymo and in {there} in Xero."
    assert [paid(bridge, each) for each in numbers] == [[], *([PART] for _ in numbers[1:])]

    company.edit(in_paymo(bridge, moved).id, currency=there)
    (row,) = [each for each in await bridge.payments() if each.state is PaymentState.ASKED]
    await bridge.sync.bring_back(ANNA, row.id)
    await bridge.run()
    assert [paid(bridge, each) for each in numbers] == [[PART] for _ in numbers]


async def test_none_is_gone_where_paymo_shows_no_invoice_at_all(bridge: Bridge) -> None:
    """Whoever has the API key sees them no longer; once they do again, everything follows."""
    company_of(bridge)
    pay(bridge, PART, "INV-1")
    await bridge.look()
    (first,) = bridge.xero.books.payments
    for path, fault in (
        ("/invoices$", {"status": 200, "body": '{"invoices": []}'}),
        (r"/invoices/\d+$", {"status": 404}),
        (r"/invoicepayments", {"status": 404}),
    ):
        bridge.paymo.faults.add(path=path, times=999, **fault)
    before = len(await bridge.notices())
    bridge.xero.books.remove_payment(first)
    pay(bridge, PART, "INV-2", "INV-4")
    bridge.xero.books.void(in_xero(bridge, "INV-3").invoice_id)
    for _ in range(4):
        await bridge.look()
    told = [kind for kind, _ in (await bridge.notices())[before:]]
    assert set(told) <= {"payment_received"}  # that it waits
    assert "Paymo shows no invoices any more" in (await bridge.schedule(Job.SWEEP)).problem

    bridge.paymo.faults.clear()
    for _ in range(3):
        await bridge.wait(hours=1)
    assert [paid(bridge, each) for each in NUMBERS[:4]] == [[], [PART], [], [PART]]
    assert in_paymo(bridge, "INV-3").status == "void"
    told = [kind for kind, facts in (await bridge.notices())[before:] if not facts.get("waits")]
    received = ["payment_received"] * 2
    assert sorted(told) == ["invoice_voided", *received, "payment_removed"]


async def test_what_a_person_deleted_is_gone_while_paymo_shows_another_invoice(
    bridge: Bridge,
) -> None:
    company = company_of(bridge)
    acme = next(iter(company.clients.values()))
    company.add_invoice("INV-99", acme, [("Work", "", 1, "1")])
    await bridge.look()
    for each in NUMBERS:
        company.delete_invoice(in_paymo(bridge, each).id)
    for _ in range(3):
        await bridge.look()
    told = [kind for kind, _ in await bridge.notices()]
    assert told.count("invoice_deleted") == len(NUMBERS)
