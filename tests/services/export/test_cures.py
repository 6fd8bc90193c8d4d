"""Every refusal has its cure, and the cure works when it is pressed."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sandbox.xero.model import Invoice as XeroInvoice
from services.errors import NotAccepted, NotAllowed, ServiceError
from services.export.recording import ExportResult
from services.model.actions import Action
from services.model.export import ExportState
from services.model.wording import Member
from services.store.engine import Database
from services.store.tables import Export
from tests.databases import SQLITE_ALONE
from tests.services.bridge import ANNA, BEN, TODAY, Bridge, built_once, reply_to
from tests.services.fixtures import audited, bridge_of

LOCKED = date(2026, 10, 31)

pytestmark = SQLITE_ALONE


@built_once
async def pair(database: Database) -> Bridge:
    """A connected pair with one client that is in Xero."""
    made = await Bridge.open(database)
    made.xero.books.add_contact("Acme Ltd", email="pay@acme.example")
    acme = made.paymo.company.add_client("Acme Ltd", email="pay@acme.example")
    made.paymo.company.add_invoice("INV-1", acme, [("Design", "", 10, "120.00")], tax=15)
    await made.wait(hours=2)
    return made


bridge = bridge_of(pair)


async def add(bridge: Bridge, number: str, client: str = "Acme Ltd", **more: Any) -> None:
    """Add an invoice of 100 in Paymo, and have the app read it."""
    company = bridge.paymo.company
    found = next((each for each in company.clients.values() if each.name == client), None)
    found = found or company.add_client(client)
    company.add_invoice(number, found, [("Work", "", 1, "100.00")], **({"tax": 15} | more))
    await bridge.look()


def account(bridge: Bridge, code: str) -> str:
    """Return the id of an account."""
    accounts = bridge.xero.books.accounts.values()
    return next(each.account_id for each in accounts if each.code == code)


async def press(bridge: Bridge, cure: str, export_id: int) -> ExportResult:
    """Press a button below a refusal, and return what came of it."""
    await bridge.requests.act(ANNA, export_id, reply_to(), Action(cure))
    await bridge.run()
    return bridge.screen.results[-1]


def in_xero(bridge: Bridge, result: ExportResult) -> XeroInvoice:
    """Return the invoice that came of it."""
    assert result.state is ExportState.EXPORTED, result.reason
    return bridge.xero.invoices[result.xero_invoice_id]


async def refused(bridge: Bridge, number: str, **choice: Any) -> ExportResult:
    """Ask for an export that becomes impossible on its way, and return the refusal."""
    result = await bridge.export_it(number, **choice)
    assert result.state is ExportState.FAILED
    return result


async def test_e21_the_owner_lets_one_invoice_go_with_a_tax_that_differs(bridge: Bridge) -> None:
    """Both figures are noted, with who decided; the next invoice is refused again."""
    form = await bridge.form_for("INV-1")
    choice = bridge.choice(form, account_id=account(bridge, "260"))
    seen = await bridge.forms.choose(form.draft_id, ANNA, choice)
    assert "override_tax" in seen.actions
    await bridge.forms.act(form.draft_id, ANNA, Action("override_tax"))
    await bridge.requests.request(ANNA, form.draft_id, choice, reply_to())
    await bridge.run()

    made = in_xero(bridge, bridge.screen.results[-1])
    assert (made.total, made.total_tax) == (Decimal(1380), Decimal(180))
    assert made.lines[0].tax_type == "NONE"
    [entry] = await audited(bridge, "tax_overridden")
    assert (entry.user_id, entry.before["xero"], entry.after["paymo"]) == ("U1", "0%", "15%")
    await add(bridge, "INV-2")
    with pytest.raises(NotAccepted, match="has 0%"):
        await bridge.export_it("INV-2", account_id=account(bridge, "260"))


async def test_e21_others_are_told_whom_to_ask(bridge: Bridge) -> None:
    """The button is not theirs, before an export and after it."""
    await bridge.change(exporters=["U2"])
    form = await bridge.form_for("INV-1", BEN)
    choice = bridge.choice(form, account_id=account(bridge, "260"))
    seen = await bridge.forms.choose(form.draft_id, BEN, choice)

    assert "override_tax" not in seen.actions
    assert seen.ask == "U1"
    with pytest.raises(NotAllowed, match=str(Member("U1"))):
        await bridge.forms.act(form.draft_id, BEN, Action("override_tax"))
    decided = await bridge.form_for("INV-1")  # by the owner, in a form of theirs
    await bridge.forms.act(decided.draft_id, ANNA, Action.OVERRIDE_TAX)
    with pytest.raises(ServiceError, match="open for too long"):
        await bridge.requests.request(BEN, decided.draft_id, choice, reply_to())


async def test_e21_a_tax_that_changed_on_the_way_is_let_go_from_the_refusal(
    bridge: Bridge,
) -> None:
    """The owner presses; somebody else who tries again has not decided anything."""
    await bridge.change(exporters=["U2"])
    form = await bridge.form_for("INV-1")
    bridge.xero.books.accounts[account(bridge, "200")].tax_type = "NONE"
    bridge.clock.turn(minutes=2)
    await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
    await bridge.run()
    result = bridge.screen.results[-1]
    assert result.actions == ("override_tax", "look_again", "retry")
    async with bridge.database.sessions.begin() as session:  # Xero refused it once more
        (await session.get_one(Export, result.export_id)).override_tax = True
    await bridge.requests.act(BEN, result.export_id, reply_to(), Action.RETRY)
    await bridge.run()
    assert list(bridge.xero.books.invoices) == []

    done = await press(bridge, "override_tax", result.export_id)

    assert in_xero(bridge, done).total == Decimal("1380.00")


@pytest.mark.parametrize("is_seen", [True, False])
async def test_e21_a_rate_that_xero_deleted_offers_only_what_helps(
    bridge: Bridge, *, is_seen: bool
) -> None:
    """The owner can't go past it either: Xero takes no line with that rate, whoever wants it."""
    bridge.xero.books.add_tax_rate("TAX9", "GST Special", Decimal(15))
    form = await bridge.forms.refresh((await bridge.form_for("INV-1")).draft_id, ANNA)
    await bridge.run()
    bridge.xero.books.tax_rates["OUTPUT2"].status = "DELETED"
    if is_seen:
        bridge.clock.turn(minutes=61)
    await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
    await bridge.run()
    result = bridge.screen.results[-1]

    assert result.actions == ("look_again", "retry")
    assert ("Choose a tax rate" if is_seen else "another account") in result.reason
    again = await bridge.forms.reopen(ANNA, result.export_id)
    await bridge.run()
    seen = await bridge.forms.form(again.draft_id, ANNA)
    assert [each.value for each in seen.tax_options] == ["TAX9"]
    choice = replace(bridge.choice(seen), tax_type="TAX9")
    await bridge.requests.request(ANNA, again.draft_id, choice, reply_to())
    await bridge.run()
    assert in_xero(bridge, bridge.screen.results[-1]).lines[0].tax_type == "TAX9"


async def test_e22_a_rate_is_chosen_once_and_used_again(bridge: Bridge) -> None:
    """Several rates of 15% fit and the account's own is another: a person chooses, once."""
    bridge.xero.books.add_tax_rate("TAX9", "GST Special", Decimal(15))
    other = account(bridge, "260")
    form = await bridge.forms.refresh((await bridge.form_for("INV-1")).draft_id, ANNA)
    await bridge.run()
    choice = bridge.choice(form, account_id=other)
    seen = await bridge.forms.choose(form.draft_id, ANNA, choice)
    assert [each.value for each in seen.tax_options] == ["OUTPUT2", "TAX9"]
    assert seen.tax is None

    chosen = replace(choice, tax_type="TAX9")
    await bridge.forms.choose(form.draft_id, ANNA, chosen)
    await bridge.requests.request(ANNA, form.draft_id, chosen, reply_to())
    await bridge.run()
    assert in_xero(bridge, bridge.screen.results[-1]).lines[0].tax_type == "TAX9"

    await add(bridge, "INV-2")
    again = await bridge.form_for("INV-2")  # the account was remembered with the client
    assert (again.tax and again.tax.value, again.tax_reason) == ("TAX9", "used before")
    result = await bridge.export_it("INV-2", tax_type="")
    assert in_xero(bridge, result).lines[0].tax_type == "TAX9"


@pytest.mark.parametrize(
    ("cure", "issued", "status"),
    [
        ("first_open_day", LOCKED + timedelta(days=1), "AUTHORISED"),
        ("today", TODAY + timedelta(days=1), "AUTHORISED"),
        ("as_draft", date(2026, 10, 20), "DRAFT"),
    ],
)
@pytest.mark.parametrize("where", ["form", "refusal"])
async def test_e30_a_date_in_a_locked_period_has_three_ways_out(
    bridge: Bridge, cure: str, issued: date, status: str, where: str
) -> None:
    """Paymo's own date stays; the due date never comes before the date. Today is the books' day."""
    bridge.xero.books.timezone = "NEWZEALANDSTANDARDTIME"  # it is past midnight there
    bridge.clock.turn(hours=2)
    await add(bridge, "INV-2", issued=date(2026, 10, 20))
    if where == "form":
        bridge.xero.books.period_lock_date = LOCKED
        bridge.clock.turn(minutes=11)
    form = await bridge.form_for("INV-2")
    if where == "form":
        assert cure in form.actions
        form = await bridge.forms.act(form.draft_id, ANNA, Action(cure))
    bridge.xero.books.period_lock_date = LOCKED
    bridge.clock.turn(minutes=2)
    await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
    await bridge.run()
    result = bridge.screen.results[-1]
    if where == "refusal":
        assert cure in result.actions
        result = await press(bridge, cure, result.export_id)

    made = in_xero(bridge, result)
    assert (made.day, made.status) == (issued, status)
    assert made.due is not None
    assert made.due >= made.day or status == "DRAFT"
    assert bridge.paymo.company.numbered("INV-2").issued == date(2026, 10, 20)


@pytest.mark.parametrize(
    ("cure", "days", "status"),
    [
        ("due_by_terms", 21, "AUTHORISED"),
        ("due_at_once", 0, "AUTHORISED"),
        ("as_draft", 21, "DRAFT"),
    ],
)
async def test_e31_a_missing_due_date_is_settled_by_a_press(
    bridge: Bridge, cure: str, days: int, status: str
) -> None:
    """What the client has no days for, the company's stand for."""
    bridge.paymo.company.due_interval = "21"
    await add(bridge, "INV-2", due=None)
    form = await bridge.form_for("INV-2")
    assert form.days == {"due_on": TODAY + timedelta(days=21)}
    form = await bridge.forms.act(form.draft_id, ANNA, Action(cure))
    await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
    await bridge.run()

    made = in_xero(bridge, bridge.screen.results[-1])
    assert made.due == made.day + timedelta(days=days)
    assert made.status == status


async def test_e32_what_the_plan_lets_nobody_approve_goes_as_a_draft(bridge: Bridge) -> None:
    bridge.xero.books.approvals_left = 0
    result = await refused(bridge, "INV-1")
    assert "plan" in result.reason
    assert result.actions == ("as_draft", "retry")

    done = await press(bridge, "as_draft", result.export_id)

    assert in_xero(bridge, done).status == "DRAFT"


async def test_e28_a_currency_is_enabled_in_xero_and_never_replaced(bridge: Bridge) -> None:
    """It goes out in its own currency once that is enabled."""
    await add(bridge, "INV-2", currency="EUR")
    form = await bridge.form_for("INV-2")
    with pytest.raises(NotAccepted, match="Accounting → Advanced → Currencies"):
        await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())

    bridge.xero.books.add_currency("EUR")
    await bridge.forms.refresh(form.draft_id, ANNA)
    await bridge.run()
    result = await bridge.export_it("INV-2")

    assert in_xero(bridge, result).currency == "EUR"


async def test_e20_an_account_without_a_code_is_named_by_its_id(bridge: Bridge) -> None:
    """An id never goes out as a code."""
    plain = bridge.xero.books.add_account("", "Consulting", tax_type="OUTPUT2")
    await bridge.wait(hours=2)
    result = await bridge.export_it("INV-1", account_id=plain.account_id)

    [line] = in_xero(bridge, result).lines
    assert (line.account_id, line.account_code) == (plain.account_id, "")


async def test_e19_accounts_that_take_no_sales_are_no_choice(bridge: Bridge) -> None:
    offered = {
        each.text
        for group in await bridge.matching.account_options(ANNA, "")
        for each in group.options
    }

    assert offered == {"Sales (200)", "Other Revenue (260)"}


async def test_accounts_for_advance_payments_are_offered_last_and_exported_to(
    bridge: Bridge,
) -> None:
    """Neither Xero's own liabilities nor archived ones, and none is proposed by itself."""
    books = bridge.xero.books
    books.add_account("825", "Income in Advance", kind="CURRLIAB", tax_type="OUTPUT2")
    books.add_account("826", "Deposits", kind="LIABILITY", tax_type="OUTPUT2")
    books.add_account("827", "Loan", kind="TERMLIAB", tax_type="OUTPUT2", status="ARCHIVED")
    books.add_account("820", "GST", kind="CURRLIAB", tax_type="OUTPUT2", system_account="GST")
    books.accounts[account(bridge, "200")].status = "ARCHIVED"
    await bridge.wait(hours=2)
    groups = await bridge.matching.account_options(ANNA, "")
    form = await bridge.form_for("INV-1")

    assert [(each.label, [row.text for row in each.options]) for each in groups] == [
        ("Other income", ["Other Revenue (260)"]),
        ("For advance payments (liabilities)", ["Income in Advance (825)", "Deposits (826)"]),
    ]
    assert form.account is None
    result = await bridge.export_it("INV-1", account_id=account(bridge, "825"))
    [line] = in_xero(bridge, result).lines
    assert (line.account_code, line.tax_type) == ("825", "OUTPUT2")
    again = await bridge.form_for("INV-1")
    assert again.account is not None
    assert again.account.text == "Income in Advance (825)"


async def test_e18_an_account_archived_since_is_said_and_not_proposed_again(
    bridge: Bridge,
) -> None:
    spare = bridge.xero.books.add_account("210", "Projects", tax_type="OUTPUT2")
    await bridge.wait(hours=2)
    await bridge.export_it("INV-1", account_id=spare.account_id)
    spare.status = "ARCHIVED"
    await add(bridge, "INV-2")
    await bridge.wait(hours=2)

    form = await bridge.form_for("INV-2")
    assert "Projects (210) is archived in Xero" in " ".join(each.text for each in form.checks)
    again = await bridge.form_for("INV-2")
    assert (again.account and again.account.text) == "Sales (200)"


async def test_what_a_form_does_not_show_just_then_stays_chosen(bridge: Bridge) -> None:
    """While the invoice is read again there are no fields, and a press comes without them."""
    form = await bridge.form_for("INV-1")
    first = next(iter(bridge.xero.books.accounts))
    chosen = bridge.choice(form, account_id=first, xero_status="DRAFT")
    await bridge.forms.choose(form.draft_id, ANNA, chosen)

    seen = await bridge.forms.choose(
        form.draft_id, ANNA, replace(chosen, contact_id="", account_id="", xero_status="")
    )

    assert seen.contact is not None
    assert (seen.contact.value, seen.xero_status) == (chosen.contact_id, "DRAFT")
    assert seen.account is not None
