"""What must not happen to an export: going twice, going elsewhere, or taking over another one."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from handlers.blocks import render_plain
from handlers.export.views import result_view
from handlers.home.text import work_text
from handlers.notices.views import card_of
from sandbox.paymo import Invoice
from sandbox.xero.model import new_id
from services.connect.checklists import overview_of
from services.errors import ServiceError
from services.model.actions import Action
from services.model.connection import ConnectionState
from services.model.export import ExportState
from services.model.jobs import Job
from services.model.people import Role
from services.reconcile.report import Outcome
from services.store import upkeep
from services.store.tables import Connection
from tests.services.bridge import ANNA, TODAY, Bridge, reply_to
from tests.services.fixtures import acme, bridge_of

# Without a number in Xero, nothing but the reference keeps an invoice from being there twice.
LONG = "INV-2026-11-25-00000001"
WEEK = timedelta(days=7)


bridge = bridge_of(acme("INV-1", LONG))


async def press(bridge: Bridge, number: str) -> None:
    """Ask for an export, and do what is due now."""
    form = await bridge.form_for(number)
    await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
    await bridge.run()


def copies(bridge: Bridge, number: str) -> list[Decimal]:
    """Return the amounts of an invoice's payments in Paymo."""
    company = bridge.paymo.company
    return sorted(each.amount for each in company.payments_of(company.numbered(number).id))


async def let_hours_pass(bridge: Bridge) -> None:
    """Do what comes due in the next hours."""
    for _ in range(4):
        await bridge.wait(minutes=40)


@pytest.mark.parametrize("status", [400, 404])
async def test_a_look_up_that_xero_does_not_let_us_make_is_said_and_ends(
    bridge: Bridge, status: int
) -> None:
    """The invoice may be there, so it is not sent again until a person says so."""
    bridge.xero.faults.add(method="PUT", path="Invoices", hang_up="after")
    bridge.xero.faults.add(method="GET", path="Invoices", status=status, times=2)
    await press(bridge, "INV-1")
    await bridge.wait(seconds=20)
    said = bridge.screen.results[-1]
    assert said.state is ExportState.FAILED
    assert said.actions == ("link_existing", "retry", "cancel")
    assert "Look for it in Maple Books" in said.reason
    await let_hours_pass(bridge)
    await bridge.requests.act(ANNA, said.export_id, reply_to(), Action.RETRY)
    await bridge.run()
    (export,) = await bridge.exports()
    assert export.state is ExportState.EXPORTED, export.reason
    assert list(bridge.xero.invoices) == [export.xero_invoice_id]


@pytest.mark.parametrize("combines", [True, False])
@pytest.mark.parametrize(
    "number",
    ["INV-2041", "7, second", 'A"7', "A\\7", "INV 🎉  7", " ❤️  INV-2026-0000-0001-0002 🎉 "],
)
async def test_what_was_sent_unheard_is_found_by_its_number_whatever_xero_made_of_it(
    bridge: Bridge, number: str, *, combines: bool
) -> None:
    """One invoice in Xero, and the export knows it."""
    company = bridge.paymo.company
    invoice = company.numbered("INV-1")
    bridge.xero.books.combines_filters = combines
    company.edit(invoice.id, number=number)
    await bridge.look()
    bridge.xero.faults.add(method="PUT", path="Invoices", hang_up="after")
    await press(bridge, number)
    await bridge.wait(seconds=3)
    (export,) = await bridge.exports()
    assert export.state is ExportState.EXPORTED, export.reason
    assert list(bridge.xero.invoices) == [export.xero_invoice_id]
    await bridge.look()
    assert [kind for kind, _ in await bridge.notices()] == ["invoice_exported"]


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("hours", [1, 72])
async def test_what_was_sent_unheard_is_found_by_a_clock_that_is_ahead(
    bridge: Bridge, hours: int, *, is_first: bool
) -> None:
    """Xero filters no such reference, and remembers for some minutes only what it was sent."""
    company, number = bridge.paymo.company, f"{LONG}, A"
    company.edit(company.numbered("INV-1").id, number=number)
    bridge.xero.books.now = lambda: bridge.clock() - timedelta(hours=hours)
    if not is_first:
        await bridge.export_it(LONG)
    await bridge.look()
    bridge.xero.faults.add(method="PUT", path="Invoices", hang_up="after")
    await press(bridge, number)
    bridge.xero.replays.remembered.clear()
    await let_hours_pass(bridge)
    assert list(bridge.xero.invoices) == [each.xero_invoice_id for each in await bridge.exports()]


async def test_what_was_paid_before_an_unheard_export_is_found_reaches_paymo(
    bridge: Bridge,
) -> None:
    """Syncs went on meanwhile, past the payment and the credit of an invoice unknown to them."""
    await bridge.export_it(LONG)
    bridge.xero.faults.add(method="PUT", path="Invoices", hang_up="after")
    bridge.xero.faults.add(method="GET", path="Invoices", status=503)
    await press(bridge, "INV-1")
    (former, found), books = bridge.xero.invoices, bridge.xero.books
    books.pay(found, Decimal(40), date=TODAY)
    books.apply_credit(found, Decimal(25))
    await bridge.wait(but=[Job.EXPORT], minutes=20)
    books.pay(former, Decimal(10), date=TODAY)
    await bridge.wait(but=[Job.EXPORT], minutes=6)
    await bridge.wait(but=[Job.EXPORT], minutes=6)
    assert len(copies(bridge, "INV-1")) == 0
    await bridge.run()

    assert copies(bridge, "INV-1") == [Decimal(25), Decimal(40)]
    assert copies(bridge, LONG) == [Decimal(10)]
    for _ in range(3):
        await bridge.look()
    kinds = Counter(kind for kind, _ in await bridge.notices())
    assert kinds == {"invoice_exported": 2, "payment_received": 3}


async def test_one_given_up_unheard_is_found_by_a_retry_after_later_starts(bridge: Bridge) -> None:
    """A start counts calls as sent now, but what was given up is looked for from its own time."""
    company, number = bridge.paymo.company, f"{LONG}, A"
    company.edit(company.numbered("INV-1").id, number=number)
    await bridge.look()
    async with bridge.database.sessions.begin() as session:
        await session.execute(update(Connection).values(created_at=bridge.clock() - WEEK))
    bridge.xero.faults.add(method="PUT", path="Invoices", hang_up="after")
    bridge.xero.faults.add(method="GET", path="Invoices", status=503, times=99)
    await press(bridge, number)
    while (await bridge.exports())[0].state is not ExportState.FAILED:
        await bridge.wait(minutes=10)
    bridge.xero.faults.clear()
    bridge.xero.replays.remembered.clear()
    for _ in range(5):
        bridge.clock.turn(hours=20)
        async with bridge.database.sessions.begin() as session:
            await upkeep.count_as_sent_now(session, bridge.clock())
    await bridge.export_it(LONG)
    await bridge.look()
    await bridge.requests.act(ANNA, 1, reply_to(), Action.RETRY)
    await let_hours_pass(bridge)
    known = {each.xero_invoice_id for each in await bridge.exports()}
    assert set(bridge.xero.invoices) == known


async def test_the_link_decides_between_two_that_are_alike(bridge: Bridge) -> None:
    """Same long number, client and total: each has its own invoice in Xero."""
    company = bridge.paymo.company
    company.edit(company.numbered("INV-1").id, number=f"{LONG} 🎉")
    await bridge.look()
    for _ in range(2):
        bridge.xero.faults.add(method="PUT", path="Invoices", hang_up="after")
    await press(bridge, LONG)
    await press(bridge, f"{LONG} 🎉")
    await let_hours_pass(bridge)
    found = {each.xero_invoice_id for each in await bridge.exports()}
    assert found == set(bridge.xero.invoices)
    assert len(found) == 2


@pytest.mark.parametrize(
    "words", ["Url must be a valid URL", "The source link you provided is not allowed."]
)
@pytest.mark.parametrize("is_heard", [True, False])
async def test_an_invoice_goes_without_the_link_where_xero_refuses_it(
    bridge: Bridge, words: str, *, is_heard: bool
) -> None:
    """Under another key; without the link, contact, total and currency tell which it is."""
    bridge.xero.books.url_refusal = words
    if not is_heard:
        bridge.xero.faults.add(method="PUT", path="Invoices", hang_up="after", skip=1)
    await press(bridge, LONG)
    await let_hours_pass(bridge)
    (export,) = await bridge.exports()
    assert export.state is ExportState.EXPORTED, export.reason
    (made,) = bridge.xero.invoices.values()
    assert (made.url, made.invoice_id) == ("", export.xero_invoice_id)
    keys = [each.headers["Idempotency-Key"] for each in bridge.xero.calls("PUT", "Invoices")]
    assert len(keys) == len(set(keys)) == 2


async def test_without_a_link_another_total_is_another_invoice(bridge: Bridge) -> None:
    """Nothing is taken for ours that only carries the same words."""
    bridge.xero.books.url_refusal = "Url must be a valid URL"
    first = await bridge.export_it("INV-1")
    other = bridge.xero.invoices[first.xero_invoice_id]
    other.reference, other.total_tax = LONG, other.total_tax + 1
    bridge.xero.faults.add(method="PUT", path="Invoices", hang_up="before", skip=1)
    await press(bridge, LONG)
    await let_hours_pass(bridge)
    assert (await bridge.exports())[1].xero_invoice_id != first.xero_invoice_id


async def test_what_may_have_left_is_looked_up_even_after_xero_asked_us_to_wait(
    bridge: Bridge,
) -> None:
    """A first request that arrives late is found, however long the second one had to wait."""
    first = await bridge.export_it("INV-1")
    bridge.xero.faults.add(method="PUT", path="Invoices", hang_up="before")
    bridge.xero.faults.add(
        method="PUT", path="Invoices", status=429, headers={"Retry-After": "3600"}
    )
    await press(bridge, LONG)
    await bridge.wait(seconds=3)
    export = (await bridge.exports())[1]
    template = bridge.xero.invoices[first.xero_invoice_id]
    url = bridge.links.paymo(export.paymo_invoice_id)
    late = replace(template, invoice_id=new_id(), number="X-1", reference=LONG, url=url)
    bridge.xero.books.invoices[late.invoice_id] = late
    await let_hours_pass(bridge)
    assert (await bridge.exports())[1].xero_invoice_id == late.invoice_id
    carrying = [each for each in bridge.xero.invoices.values() if each.reference == late.reference]
    assert carrying == [late]


async def test_e11_the_same_invoice_written_in_xero_by_hand_is_linked_by_a_person_only(
    bridge: Bridge,
) -> None:
    """Same number, contact and total: it is offered, never taken over in silence."""
    first = await bridge.export_it("INV-1")
    template = bridge.xero.invoices.pop(first.xero_invoice_id)
    by_hand = replace(template, invoice_id=new_id(), number="INV-9", url="", created_by="")
    bridge.xero.books.invoices[by_hand.invoice_id] = by_hand
    company = bridge.paymo.company
    acme = next(iter(company.clients.values()))
    company.add_invoice("INV-9", acme, [("Work", "", 1, "100")], tax=15)
    await bridge.look()
    await press(bridge, "INV-9")
    refused = bridge.screen.results[-1]
    assert refused.state is ExportState.FAILED
    assert "link_existing" in refused.actions
    await bridge.requests.act(ANNA, refused.export_id, reply_to(), Action.LINK_EXISTING)
    await bridge.run()
    export = (await bridge.exports())[-1]
    assert (export.xero_invoice_id, export.is_linked) == (by_hand.invoice_id, True)
    told, card = bridge.screen.results[-1], await bridge.forms.card(ANNA, "INV-9")
    assert card is not None
    shown = [str(result_view(told)), str(card_of(card[0]))]
    assert "Invoice INV-9 was linked to the one in" in shown[0]
    assert "Linked to the invoice in" in shown[1]
    assert not any("'undo'" in each for each in shown)  # Xero had it before


async def made_again(bridge: Bridge, price: str = "100", currency: str = "NZD") -> Invoice:
    """Have somebody delete INV-1 in Paymo and make it again; press *Export*."""
    company = bridge.paymo.company
    acme = next(iter(company.clients.values()))
    company.delete_invoice(company.numbered("INV-1").id)
    lines = [("Work", "", 1, price)]
    made = company.add_invoice("INV-1", acme, lines, tax=15, currency=currency)
    await bridge.wait(hours=2)
    await press(bridge, "INV-1")
    return made


async def test_an_invoice_made_again_in_paymo_is_linked_and_gets_its_payments(
    bridge: Bridge,
) -> None:
    """Its former one was exported, paid in part in Xero, and deleted in Paymo."""
    first = await bridge.export_it("INV-1")
    bridge.xero.books.pay(first.xero_invoice_id, Decimal(40), date=TODAY)
    await bridge.look()
    made = await made_again(bridge)
    refused = bridge.screen.results[-1]
    assert refused.actions == ("link_existing", "without_number", "retry", "cancel")

    await bridge.requests.act(ANNA, refused.export_id, reply_to(), Action.LINK_EXISTING)
    await bridge.run(but=[Job.SWEEP])
    first_card = await bridge.forms.card(ANNA, "INV-1")
    await bridge.look()
    bridge.xero.books.pay(first.xero_invoice_id, Decimal(75), date=TODAY)
    await bridge.look()

    copies = bridge.paymo.company.payments_of(made.id)
    assert [each.amount for each in copies] == [Decimal(40), Decimal(75)]
    assert made.status == "paid"
    assert list(bridge.xero.invoices) == [first.xero_invoice_id]
    assert first_card is not None
    assert "*Part paid* · INV-1 · Acme Ltd · $115.00, $75.00 left" in str(card_of(first_card[0]))
    async with bridge.database.sessions() as session:
        overview = await overview_of(session, await bridge.connection(), Role.OWNER)
    assert work_text(overview) == "*Invoices:* 1 in Xero"
    await bridge.reconcile.ask(ANNA, "", reply_to())
    await bridge.run()
    assert [each.outcome for each in bridge.screen.reports[-1].rows] == [Outcome.AGREES]


@pytest.mark.parametrize("otherwise", [{"price": "120"}, {"currency": "USD"}])
async def test_an_invoice_made_again_otherwise_says_what_differs_and_what_to_do(
    bridge: Bridge, otherwise: dict[str, str]
) -> None:
    bridge.xero.books.add_currency("USD")
    first = await bridge.export_it("INV-1")
    await made_again(bridge, **otherwise)

    refused = bridge.screen.results[-1]

    assert refused.actions == ("without_number", "retry", "cancel")
    assert "that was deleted in Paymo, and differs: Acme Ltd" in refused.reason
    assert list(bridge.xero.invoices) == [first.xero_invoice_id]


async def test_what_is_exported_from_another_invoice_is_linked_once_that_one_is_gone(
    bridge: Bridge,
) -> None:
    """Paymo fails, so nobody knows yet that the former one was deleted."""
    await bridge.export_it("INV-1")
    former = bridge.paymo.company.numbered("INV-1").id
    bridge.paymo.faults.add(method="GET", path=f"/invoices/{former}$", status=500, times=50)
    await made_again(bridge)
    refused = bridge.screen.results[-1]
    assert "was exported from another invoice in Paymo" in refused.reason

    bridge.paymo.faults.clear()
    await bridge.wait(minutes=1)
    await bridge.requests.act(ANNA, refused.export_id, reply_to(), Action.RETRY)
    await bridge.run()

    assert "link_existing" in bridge.screen.results[-1].actions


async def test_e08_a_form_of_one_organisation_sends_nothing_to_another(bridge: Bridge) -> None:
    """What was shown for one pair is not exported after the workspace connected another."""
    form = await bridge.form_for("INV-1")
    other = bridge.xero.add_organisation("Other Books", country="NZ", currency="NZD")
    other.add_usual_books()
    mine = await bridge.connection()
    async with bridge.database.sessions.begin() as session:
        former = await session.get_one(Connection, mine.id)
        former.state = ConnectionState.ENDED
        session.add(
            Connection(
                workspace_id=mine.workspace_id,
                state=ConnectionState.ACTIVE,
                created_at=bridge.clock(),
                owner_id=mine.owner_id,
                paymo_company_id=mine.paymo_company_id,
                paymo_api_key=mine.paymo_api_key,
                grant_id=mine.grant_id,
                tenant_id=other.tenant_id,
                organisation_name=other.name,
            )
        )
    with pytest.raises(ServiceError, match="too long"):
        await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
    assert await bridge.exports() == []


async def test_retrying_after_the_connection_ended_promises_nothing(bridge: Bridge) -> None:
    """The row would wait for ever, so the person is told to connect first."""
    bridge.xero.faults.add(method="PUT", path="Invoices", status=400, body="{}")
    await press(bridge, "INV-1")
    (failed,) = await bridge.exports()
    assert failed.state is ExportState.FAILED
    await bridge.change(state=ConnectionState.ENDED)
    with pytest.raises(ServiceError, match="connect"):
        await bridge.requests.act(ANNA, failed.id, reply_to(), Action.RETRY)
    assert (await bridge.exports())[0].state is ExportState.FAILED


async def test_a_long_wait_is_told_with_the_time_when_it_ends(bridge: Bridge) -> None:
    """Xero's day can be used up; nobody looks at a form that says nothing for hours."""
    headers = {"Retry-After": "7200", "X-Rate-Limit-Problem": "day"}
    bridge.xero.faults.add(method="PUT", path="Invoices", status=429, headers=headers)
    await press(bridge, "INV-1")
    waiting = bridge.screen.results[-1]
    assert waiting.state is ExportState.QUEUED
    assert "We'll go on at 13:00 UTC" in render_plain(waiting.reason)
    await bridge.wait(hours=3)
    assert bridge.screen.results[-1].state is ExportState.EXPORTED
