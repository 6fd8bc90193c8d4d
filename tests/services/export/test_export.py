"""Exporting, from the form to the invoice that stands in Xero."""

from dataclasses import replace
from decimal import Decimal

import pytest

from sandbox.serving import Fault
from sandbox.xero.model import new_id
from services.errors import AlreadyRequested, NotAccepted, NotAllowed
from services.model.actions import Action
from services.model.export import ExportState
from services.model.invoice import InvoiceState
from services.model.wording import Member
from services.store.engine import Database
from tests.services.bridge import ANNA, BEN, Bridge, built_once, reply_to
from tests.services.fixtures import bridge_of


@built_once
async def pair(database: Database) -> Bridge:
    """A connected pair with one client that is in Xero, and one that is not."""
    made = await Bridge.open(database)
    made.xero.books.add_contact("Acme Ltd", email="pay@acme.example")
    acme = made.paymo.company.add_client("ACME Ltd.", email="pay@acme.example")
    made.paymo.company.add_client("Kiwi Farm", email="farm@kiwi.example")
    lines = [("Design", "Pages", 10, "120.00"), ("Travel", "Train", 1, "33.33", False)]
    made.paymo.company.add_invoice("INV-1", acme, lines, tax=15)
    await made.wait(hours=2)
    return made


bridge = bridge_of(pair)


def kiwi_invoice(bridge: Bridge, number: str = "INV-2", **more: object) -> None:
    """Add an invoice for the client that Xero does not know."""
    client = next(
        each for each in bridge.paymo.company.clients.values() if each.name == "Kiwi Farm"
    )
    bridge.paymo.company.add_invoice(number, client, [("Seeds", "", 3, "19.99")], tax=15, **more)


async def test_an_invoice_arrives_in_xero_to_the_cent(bridge: Bridge) -> None:
    """The client is recognised, the account fits, and totals agree."""
    result = await bridge.export_it("INV-1")
    assert result.state is ExportState.EXPORTED, result.reason
    made = bridge.xero.invoices[result.xero_invoice_id]
    assert made.total == bridge.paymo.company.numbered("INV-1").total == Decimal("1413.33")
    assert (made.number, made.status) == ("INV-1", "AUTHORISED")
    kinds = [kind for kind, _ in await bridge.notices()]
    assert kinds == ["invoice_exported"]


async def test_an_invoice_that_is_new_in_paymo_stands_in_the_menu_of_the_next_form(
    bridge: Bridge,
) -> None:
    """Opening the form reads what changed, though all lists were copied a moment ago."""
    await bridge.change(paymo_mirrored_at=None, xero_mirrored_at=None)
    await bridge.look()
    kiwi_invoice(bridge)
    bridge.clock.turn(seconds=20)
    await bridge.forms.open(ANNA)
    await bridge.run()
    [menu] = await bridge.forms.invoice_options(ANNA, "INV-2")
    assert [each.text.split()[0] for each in menu.options] == ["INV-2"]


async def test_a_client_that_xero_lacks_is_added_once(bridge: Bridge) -> None:
    """The contact comes from the same menu, with the client's e-mail."""
    kiwi_invoice(bridge)
    result = await bridge.export_it("INV-2", contact_id="new")
    assert result.state is ExportState.EXPORTED, result.reason
    contact = next(each for each in bridge.xero.books.contacts.values() if each.name == "Kiwi Farm")
    assert contact.fields["EmailAddress"] == "farm@kiwi.example"
    kiwi_invoice(bridge, "INV-3")
    form = await bridge.form_for("INV-3")
    assert form.contact is not None
    assert form.contact.value == contact.contact_id
    assert form.contact_reason == "used before"


@pytest.mark.parametrize(("length", "goes_out"), [(22, True), (23, False)])
async def test_e13_a_number_goes_out_up_to_22_characters(
    bridge: Bridge, length: int, *, goes_out: bool
) -> None:
    """A longer one is left out, and stands in the reference; Xero links to Paymo for staff."""
    number = "Ü" * (length - 1) + "1"
    kiwi_invoice(bridge, number)
    result = await bridge.export_it(number, contact_id="new")
    assert result.state is ExportState.EXPORTED, result.reason
    made = bridge.xero.invoices[result.xero_invoice_id]
    assert (made.number == number) is goes_out
    assert made.reference == ("" if goes_out else number)
    paymo_id = bridge.paymo.company.numbered(number).id
    assert made.url == f"{bridge.links.paymo_app}/#accounting/invoices/{paymo_id}"
    assert result.is_number_left_out is not goes_out


async def test_e10_two_presses_are_one_invoice(bridge: Bridge) -> None:
    """The second is told who was faster."""
    form = await bridge.form_for("INV-1")
    choice = bridge.choice(form)
    await bridge.requests.request(ANNA, form.draft_id, choice, reply_to())
    with pytest.raises(AlreadyRequested, match="right now"):
        await bridge.requests.request(ANNA, form.draft_id, choice, reply_to())
    await bridge.run()
    with pytest.raises(AlreadyRequested, match="already exported"):
        await bridge.requests.request(ANNA, form.draft_id, choice, reply_to())
    assert len(bridge.xero.invoices) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(method="PUT", path="Invoices", hang_up="after"),
        Fault(method="PUT", path="Invoices", garbled=True),
        Fault(method="PUT", path="Invoices", status=503),
        Fault(method="PUT", path="Invoices", hang_up="before"),
    ],
)
async def test_e09_an_unknown_outcome_is_looked_up_before_it_is_sent_again(
    bridge: Bridge, fault: Fault
) -> None:
    """Whatever got lost, there is one invoice in the end."""
    bridge.xero.faults.waiting.append(fault)
    form = await bridge.form_for("INV-1")
    await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
    await bridge.run()
    for _ in range(5):
        await bridge.wait(seconds=20)
    (export,) = await bridge.exports()
    assert export.state is ExportState.EXPORTED, export.reason
    assert list(bridge.xero.invoices) == [export.xero_invoice_id]
    assert [kind for kind, _ in await bridge.notices()] == ["invoice_exported"]


async def test_e21_a_tax_that_differs_is_refused_with_the_accounts_that_fit(bridge: Bridge) -> None:
    """Both figures are said, nothing is sent."""
    other = next(each for each in bridge.xero.books.accounts.values() if each.code == "260")
    form = await bridge.form_for("INV-1")
    choice = bridge.choice(form, account_id=other.account_id)
    with pytest.raises(NotAccepted) as refusal:
        await bridge.requests.request(ANNA, form.draft_id, choice, reply_to())
    assert "0%" in refusal.value.fields["account"]
    assert "15%" in refusal.value.fields["account"]
    assert "Sales (200)" in refusal.value.fields["account"]
    assert not bridge.xero.invoices


async def test_only_exporters_export(bridge: Bridge) -> None:
    """Everybody else is told whom to ask."""
    with pytest.raises(NotAllowed, match=str(Member("U1"))):
        await bridge.forms.open(BEN, "INV-1")


async def test_e12_a_number_that_is_taken_is_never_written_over(bridge: Bridge) -> None:
    """It can be linked when it is the same, or exported without its number."""
    kiwi_invoice(bridge)
    first = await bridge.export_it("INV-2", contact_id="new")
    company = bridge.paymo.company
    company.edit(company.numbered("INV-2").id, number="INV-0")
    company.edit(company.numbered("INV-1").id, number="INV-2")
    await bridge.look()
    refused = await bridge.export_it("INV-2")
    assert refused.state is ExportState.FAILED
    assert refused.actions == ("without_number", "retry", "cancel")
    assert refused.rival_url.endswith(first.xero_invoice_id)
    await bridge.requests.act(ANNA, refused.export_id, reply_to(), Action.LINK_EXISTING)
    await bridge.run()
    assert "was exported from another invoice in Paymo" in bridge.screen.results[-1].reason
    await bridge.requests.act(ANNA, refused.export_id, reply_to(), Action.WITHOUT_NUMBER)
    await bridge.run()
    done = bridge.screen.results[-1]
    assert done.state is ExportState.EXPORTED, done.reason
    assert done.xero_number != "INV-2"
    assert bridge.xero.invoices[first.xero_invoice_id].number == "INV-2"


async def test_e33_an_invoice_changed_after_the_preview_waits_for_a_look(bridge: Bridge) -> None:
    """Retry then exports it as it is."""
    form = await bridge.form_for("INV-1")
    invoice = bridge.paymo.company.numbered("INV-1")
    bridge.paymo.company.edit(invoice.id, discount=Decimal(10))
    await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
    await bridge.run()
    refused = bridge.screen.results[-1]
    assert (refused.state, refused.actions) == (ExportState.FAILED, ("look_again", "retry"))
    await bridge.requests.act(ANNA, refused.export_id, reply_to(), Action.RETRY)
    await bridge.run()
    done = bridge.screen.results[-1]
    assert bridge.xero.invoices[done.xero_invoice_id].total == invoice.total


async def test_e06_a_broken_connection_parks_the_export(bridge: Bridge) -> None:
    """It goes on by itself once the connection is mended, and the owner is told once."""
    form = await bridge.form_for("INV-1")
    bridge.paymo.company.keys.clear()
    await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
    await bridge.run()
    (export,) = await bridge.exports()
    assert (export.state, export.invoice_state) == (ExportState.QUEUED, InvoiceState.LIVE)
    assert bridge.screen.results[-1].actions == ("reconnect",)
    kinds = [kind for kind, _ in await bridge.notices()]
    assert kinds == ["connection_broken", "connection_broken"]  # the channel and the owner


async def test_a_form_filled_in_at_once_goes_without_waiting_for_the_preview(
    bridge: Bridge,
) -> None:
    """Everything is looked at before it is sent; after another invoice was shown, first by eye."""
    shown = await bridge.form_for("INV-1")
    whole = bridge.choice(shown)
    fresh = await bridge.forms.open(ANNA)
    number = await bridge.requests.request(ANNA, fresh.draft_id, whole, reply_to())
    await bridge.run()
    assert number == "INV-1"
    assert bridge.screen.results[-1].state is ExportState.EXPORTED
    kiwi_invoice(bridge)
    await bridge.look()
    other = replace(whole, invoice_id=bridge.paymo.company.numbered("INV-2").id)
    with pytest.raises(NotAccepted, match="another invoice"):
        await bridge.requests.request(ANNA, shown.draft_id, other, reply_to())


@pytest.mark.parametrize(
    ("lines", "discount", "sent"),
    [
        # What Xero holds of each line: its text, quantity, unit amount, and what it comes to.
        (
            [("Work", "", 10, "100"), ("Deposit paid", "", 1, "-250")],
            "10",
            [("Work", "10", "100", "900"), ("1 × -250, discount included", "1", "-225", "-225")],
        ),
        (
            [("Work", "", 10, "100"), ("Deposit paid", "", -1, "250", False)],
            "0",
            [("Work", "10", "100", "1000"), ("Deposit paid", "1", "-250", "-250")],
        ),
        (
            [("Work", "", 10, "100"), ("Support, free", "", 0, "95")],
            "0",
            [("Work", "10", "100", "1000"), ("0 × 95", "1", "0", "0")],
        ),
        (
            [("Work", "", "0.3333333", "300"), ("Hosting", "", 3, "19.99555")],
            "0",
            [("0.3333333 × 300", "1", "100", "100"), ("3 × 19.99555", "1", "59.99", "59.99")],
        ),
    ],
)
async def test_lines_that_xero_would_refuse_arrive_to_the_cent_all_the_same(
    bridge: Bridge, lines: list[tuple[object, ...]], discount: str, sent: list[tuple[str, ...]]
) -> None:
    acme = next(iter(bridge.paymo.company.clients.values()))
    stated = bridge.paymo.company.add_invoice("INV-9", acme, lines, tax=15, discount=discount)

    result = await bridge.export_it("INV-9")

    assert result.state is ExportState.EXPORTED, result.reason
    made = bridge.xero.invoices[result.xero_invoice_id]
    assert (made.total, made.total_tax) == (stated.total, stated.amounts()["tax_amount"])
    for held, (text, *figures) in zip(made.lines, sent, strict=True):
        assert held.description.splitlines()[-1] == text
        assert [held.quantity, held.unit_amount, held.line_amount] == list(map(Decimal, figures))


@pytest.mark.parametrize(("tax", "total"), [(0, 100), (45, 145), (-15, 85)])
async def test_a_tax_that_its_rate_does_not_come_to_is_never_sent_as_that_rate(
    bridge: Bridge, tax: int, total: int
) -> None:
    acme = next(iter(bridge.paymo.company.clients.values()))
    bridge.paymo.company.add_invoice("INV-9", acme, [("Work", "", 1, "100")], tax=15)
    stated: dict[str, object] = {"invoices/0/tax_amount": tax, "invoices/0/total": total}
    bridge.paymo.faults.add(method="GET", path="/api/invoices/", alter=stated, times=99)

    with pytest.raises(NotAccepted, match=r"Paymo has a tax of .*, but its rate comes to"):
        await bridge.export_it("INV-9")

    assert not bridge.xero.invoices


async def test_an_invoice_without_a_link_is_not_ours_for_its_number_alone(bridge: Bridge) -> None:
    """Our app may have made it for another company."""
    first = await bridge.export_it("INV-1")
    books, company = bridge.xero.books, bridge.paymo.company
    acme = next(iter(company.clients.values()))
    company.add_invoice("INV-77", acme, [("Work", "", 1, "100")], tax=15)
    await bridge.wait(hours=2)
    mine, own_id = books.invoices[first.xero_invoice_id], new_id()
    other = replace(mine, invoice_id=own_id, number="INV-77", url="", history=[])
    other.sub_total += 1
    books.invoices[own_id] = other

    result = await bridge.export_it("INV-77")

    assert (result.state, result.xero_invoice_id) == (ExportState.FAILED, "")
