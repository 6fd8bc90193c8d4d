"""One answer releases every invoice that it was blocking, and follows what became of a contact."""

from decimal import Decimal
from typing import Any

import pytest

from services.errors import NotAccepted
from services.export.recording import ExportResult
from services.matching.service import MatchChoice
from services.model.actions import Action
from services.model.export import ExportState
from tests.databases import BOTH_DATABASES, SQLITE_ALONE
from tests.services.bridge import ANNA, Bridge, reply_to
from tests.services.fixtures import acme, bridge_of

pytestmark = SQLITE_ALONE


bridge = bridge_of(acme("INV-1", "INV-2", "INV-3"))


def acme_id(bridge: Bridge) -> str:
    return next(iter(bridge.xero.books.contacts))


async def ask_all(bridge: Bridge, *numbers: str) -> None:
    """Ask for exports of invoices that were all shown before anything went wrong."""
    for form in [await bridge.form_for(number) for number in numbers]:
        await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())


async def states(bridge: Bridge) -> list[ExportState]:
    return [each.state for each in await bridge.exports()]


@BOTH_DATABASES
async def test_e14_one_match_releases_all_that_an_archived_contact_held_up(
    bridge: Bridge,
) -> None:
    """Whoever asked is told of each; what was changed in Paymo meanwhile waits for a look."""
    await ask_all(bridge, "INV-1", "INV-2", "INV-3")
    bridge.xero.books.archive_contact(acme_id(bridge))
    await bridge.run()
    assert "is archived in Xero" in bridge.screen.results[-1].reason
    assert bridge.screen.results[-1].actions == ("look_again", "retry")
    other = bridge.xero.books.add_contact("Acme Group")
    await bridge.wait(hours=2)
    company = bridge.paymo.company
    company.edit(company.numbered("INV-3").id, discount=Decimal(5))
    bridge.screen.results.clear()

    client_id = next(iter(company.clients))
    await bridge.matching.save(ANNA, MatchChoice(client_id, other.contact_id, ""))
    await bridge.run()

    assert await states(bridge) == [ExportState.EXPORTED, ExportState.EXPORTED, ExportState.FAILED]
    assert {each.contact_id for each in bridge.xero.invoices.values()} == {other.contact_id}
    told: list[ExportResult] = bridge.screen.results
    assert [each.number for each in told] == ["INV-1", "INV-2", "INV-3"]
    assert "was changed in Paymo" in told[-1].reason


async def test_e14_restoring_the_contact_in_xero_is_an_answer_too(bridge: Bridge) -> None:
    await ask_all(bridge, "INV-1", "INV-2")
    bridge.xero.books.archive_contact(acme_id(bridge))
    await bridge.run()
    bridge.xero.books.restore_contact(acme_id(bridge))
    await bridge.wait(hours=2)

    assert await states(bridge) == [ExportState.EXPORTED, ExportState.EXPORTED]


@BOTH_DATABASES
async def test_e28_enabling_the_currency_releases_what_waited_for_it(bridge: Bridge) -> None:
    bridge.xero.books.add_currency("EUR")
    company = bridge.paymo.company
    for number in ("INV-1", "INV-2"):
        company.edit(company.numbered(number).id, currency="EUR")
    await bridge.wait(hours=2)
    await ask_all(bridge, "INV-1", "INV-2")
    del bridge.xero.books.currencies["EUR"]
    await bridge.wait(minutes=2)
    assert await states(bridge) == [ExportState.FAILED, ExportState.FAILED]
    bridge.xero.books.add_currency("EUR")
    await bridge.wait(hours=2)

    assert await states(bridge) == [ExportState.EXPORTED, ExportState.EXPORTED]
    assert {each.currency for each in bridge.xero.invoices.values()} == {"EUR"}


async def test_e21_an_account_put_right_in_xero_releases_what_waited_for_it(
    bridge: Bridge,
) -> None:
    """The tax of the account is given back, and both invoices go out with it."""
    await ask_all(bridge, "INV-1", "INV-2")
    sales = next(each for each in bridge.xero.books.accounts.values() if each.code == "200")
    sales.tax_type = "NONE"
    await bridge.wait(minutes=2)
    assert await states(bridge) == [ExportState.FAILED, ExportState.FAILED]
    sales.tax_type = "OUTPUT2"
    await bridge.wait(hours=2)

    assert await states(bridge) == [ExportState.EXPORTED, ExportState.EXPORTED]


async def test_e15_a_merged_contact_is_followed_and_said(bridge: Bridge) -> None:
    """On the way out by the job; the next form knows it already."""
    group = bridge.xero.books.add_contact("Acme Group")
    await ask_all(bridge, "INV-1")
    bridge.xero.books.merge_contact(acme_id(bridge), into=group.contact_id)
    await bridge.run()

    done = bridge.screen.results[-1]
    assert done.state is ExportState.EXPORTED
    assert "Acme Ltd was merged into Acme Group" in done.reason
    assert bridge.xero.invoices[done.xero_invoice_id].contact_id == group.contact_id
    again = await bridge.form_for("INV-2")
    assert (again.contact and again.contact.value) == group.contact_id


async def test_e15_a_merge_that_the_lists_know_is_said_in_the_form(bridge: Bridge) -> None:
    await bridge.export_it("INV-1")
    group = bridge.xero.books.add_contact("Acme Group")
    bridge.xero.books.merge_contact(acme_id(bridge), into=group.contact_id)
    await bridge.wait(hours=2)
    form = await bridge.form_for("INV-2")

    assert (form.contact and form.contact.value) == group.contact_id
    assert "Acme Ltd was merged into Acme Group" in " ".join(each.text for each in form.checks)


async def test_e14_a_renamed_contact_stays_the_same_one(bridge: Bridge) -> None:
    await ask_all(bridge, "INV-1")
    bridge.xero.books.rename_contact(acme_id(bridge), "Acme & Sons")
    await bridge.run()

    done = bridge.screen.results[-1]
    assert bridge.xero.invoices[done.xero_invoice_id].contact_id == acme_id(bridge)


@pytest.mark.parametrize("name", ["KIWI farm", "Kiwi Farm"])
async def test_e16_a_name_that_is_taken_is_offered_and_nothing_added(
    bridge: Bridge, name: str
) -> None:
    """Before the export and after it, one press uses the contact that is there."""
    result = await _new_client(bridge, name, archived=False)
    assert "contact called" in result.reason
    assert result.actions == ("use_contact", "look_again", "retry")
    await bridge.requests.act(ANNA, result.export_id, reply_to(), Action("use_contact"))
    await bridge.run()

    done = bridge.screen.results[-1]
    assert done.state is ExportState.EXPORTED, done.reason
    assert sum(each.name.casefold() == "kiwi farm" for each in _contacts(bridge)) == 1
    form = await bridge.form_for("INV-8")
    assert (form.contact and form.contact.text) == name


async def test_e16_a_name_that_an_archived_contact_has_is_refused_with_the_way_out(
    bridge: Bridge,
) -> None:
    result = await _new_client(bridge, "Kiwi Farm", archived=True)

    assert "it's archived. Restore it in Xero under Contacts → Archived" in result.reason
    assert sum(each.name == "Kiwi Farm" for each in _contacts(bridge)) == 1


async def _new_client(bridge: Bridge, name: str, *, archived: bool) -> ExportResult:
    """Ask for a client's first export while somebody adds the same client in Xero."""
    company = bridge.paymo.company
    kiwi = company.add_client("Kiwi Farm")
    for number in ("INV-7", "INV-8"):
        company.add_invoice(number, kiwi, [("Work", "", 1, "100.00")], tax=15)
    await bridge.look()
    form = await bridge.form_for("INV-7")
    choice = bridge.choice(form, contact_id="new")
    await bridge.requests.request(ANNA, form.draft_id, choice, reply_to())
    taken = bridge.xero.books.add_contact(name)
    if archived:
        bridge.xero.books.archive_contact(taken.contact_id)
    await bridge.run()
    return bridge.screen.results[-1]


def _contacts(bridge: Bridge) -> list[Any]:
    return list(bridge.xero.books.contacts.values())


@pytest.mark.parametrize(
    ("name", "email", "there", "kept"),
    [
        ("<b>Fern</b> & Co", "pay@fern.example", "b Fern /b & Co", "pay@fern.example"),
        ("Fern", "pay at fern", "Fern", None),
        ("F" * 300, "", "F" * 255, None),
    ],
)
async def test_e17_odd_names_and_addresses_are_said_before_they_are_trimmed(
    bridge: Bridge, name: str, email: str, there: str, kept: str | None
) -> None:
    """What Xero refuses is left out, and the form says so."""
    company = bridge.paymo.company
    fern = company.add_client(name, email=email)
    company.add_invoice("INV-7", fern, [("Work", "", 1, "100.00")], tax=15)
    await bridge.look()
    form = await bridge.form_for("INV-7")
    seen = await bridge.forms.choose(form.draft_id, ANNA, bridge.choice(form, contact_id="new"))
    said = next(each.text for each in seen.checks if each.name == "contact")
    assert there in said or name == there
    assert ("doesn't accept as an e-mail" in said) is (email == "pay at fern")
    result = await bridge.export_it("INV-7", contact_id="new")

    assert result.state is ExportState.EXPORTED, result.reason
    made = next(each for each in _contacts(bridge) if each.name == there)
    assert made.fields.get("EmailAddress") == kept


async def test_e17_a_refused_export_adds_no_contact(bridge: Bridge) -> None:
    """Everything is looked at before anything is written to Xero."""
    result = await _locked_out(bridge)

    assert result.state is ExportState.FAILED
    assert "is locked up to" in result.reason
    assert [each.name for each in _contacts(bridge)] == ["Acme Ltd"]


async def _locked_out(bridge: Bridge) -> ExportResult:
    company = bridge.paymo.company
    fern = company.add_client("Fern")
    company.add_invoice("INV-7", fern, [("Work", "", 1, "100.00")], tax=15)
    await bridge.look()
    form = await bridge.form_for("INV-7")
    choice = bridge.choice(form, contact_id="new")
    await bridge.requests.request(ANNA, form.draft_id, choice, reply_to())
    bridge.xero.books.period_lock_date = company.numbered("INV-7").issued
    await bridge.wait(minutes=2)
    return bridge.screen.results[-1]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([("Work", "", 1, "0.00")], "nothing to export"),
        ([("Work", "", 1, "-20.00")], "nothing to export"),
        ([], "no lines"),
        ([("", "", 1, "20.00")], "has no description"),
    ],
)
async def test_e29_nothing_to_pay_nothing_said_nothing_sent(
    bridge: Bridge, lines: list[Any], said: str
) -> None:
    company = bridge.paymo.company
    acme = next(iter(company.clients.values()))
    company.add_invoice("INV-7", acme, lines, tax=0)
    await bridge.look()
    form = await bridge.form_for("INV-7")
    with pytest.raises(NotAccepted, match=said):
        await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())

    assert not bridge.xero.invoices


async def test_e26_a_discount_goes_out_as_an_amount_for_each_line(bridge: Bridge) -> None:
    """A rate would be rounded line by line; amounts come to Paymo's total to the cent."""
    company = bridge.paymo.company
    acme = next(iter(company.clients.values()))
    lines = [(f"Part {place}", "", 1, "33.33") for place in range(5)]
    company.add_invoice("INV-7", acme, lines, tax=15, discount="7.5")
    await bridge.look()
    result = await bridge.export_it("INV-7")

    made = bridge.xero.invoices[result.xero_invoice_id]
    assert made.total == company.numbered("INV-7").total
    assert [each.discount_rate for each in made.lines] == [None] * 5
    assert all(each.discount_amount for each in made.lines)
