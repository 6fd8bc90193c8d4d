"""Every refusal, caused with two invoices in its way: one answer lets both of them go."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from sandbox.xero.model import Account, Contact
from sandbox.xero.organisation import Organisation
from services.matching.service import MatchChoice
from services.model.actions import Action
from services.model.export import ExportState
from services.store.engine import Database
from services.store.tables import Export
from tests.databases import SQLITE_ALONE
from tests.services.bridge import ANNA, TODAY, Bridge, reply_to

pytestmark = [SQLITE_ALONE, pytest.mark.thorough]  # every row takes a moment

BOTH = ("INV-1", "INV-2")
ISSUED = date(2026, 11, 20)
FAILED, EXPORTED = ExportState.FAILED, ExportState.EXPORTED

Cause = Callable[[Bridge], None]
Cure = Callable[[Bridge, Export], Awaitable[None]]


@pytest.fixture
async def bridge(database: Database) -> AsyncIterator[Bridge]:
    """A connected pair with two invoices of one client that is in Xero."""
    made = await Bridge.with_acme(database, *BOTH)
    made.paymo.company.due_interval = "21"
    for number in BOTH:
        edit(number, issued=ISSUED, due=ISSUED + timedelta(days=14))(made)
    yield made
    await made.close()


def books(bridge: Bridge) -> Organisation:
    return bridge.xero.books


def account(bridge: Bridge, name: str = "Sales") -> Account:
    return next(each for each in books(bridge).accounts.values() if each.name == name)


def acme(bridge: Bridge) -> Contact:
    return next(each for each in books(bridge).contacts.values() if each.name == "Acme Ltd")


async def ask(bridge: Bridge, contact_id: str) -> None:
    """Fill both forms in at once, as hurried people do: the jobs look at everything."""
    await bridge.look()
    account_id = account(bridge).account_id
    for number in BOTH:
        form = await bridge.forms.open(ANNA, number)
        choice = bridge.choice(form, contact_id=contact_id, account_id=account_id)
        await bridge.requests.request(ANNA, form.draft_id, choice, reply_to())
    await bridge.run()


# ---- what stands in the way


def edit(*numbers: str, **values: object) -> Cause:
    """Have invoices changed in Paymo."""

    def cause(bridge: Bridge) -> None:
        company = bridge.paymo.company
        for number in numbers or BOTH:
            company.edit(company.numbered(number).id, **values)

    return cause


def lock(day: date | None) -> Cause:
    """Have the lock date moved."""

    def cause(bridge: Bridge) -> None:
        books(bridge).period_lock_date = day

    return cause


def put(**values: object) -> Cause:
    """Have the account changed in Xero."""

    def cause(bridge: Bridge) -> None:
        for name, value in values.items():
            setattr(account(bridge), name, value)

    return cause


def codes_alone(bridge: Bridge) -> None:
    """Let Xero insist on the code that the account does not have."""
    books(bridge).takes_account_ids = False
    put(code="")(bridge)


def contact(status: str) -> Cause:
    """Have the contact archived, or restored."""

    def cause(bridge: Bridge) -> None:
        move = (
            books(bridge).archive_contact if status == "ARCHIVED" else books(bridge).restore_contact
        )
        move(acme(bridge).contact_id)

    return cause


def rename(bridge: Bridge) -> None:
    books(bridge).rename_contact(acme(bridge).contact_id, "Somebody Else")


def approvals(left: int | None) -> Cause:
    """Have the plan let this many invoices be approved."""

    def cause(bridge: Bridge) -> None:
        books(bridge).approvals_left = left

    return cause


def euros(bridge: Bridge) -> None:
    edit(currency="EUR")(bridge)


def no_euros_in_locked_books(bridge: Bridge) -> None:
    euros(bridge)
    lock(ISSUED)(bridge)


def enable_euros(bridge: Bridge) -> None:
    books(bridge).add_currency("EUR")


def untaxed_line(bridge: Bridge) -> None:
    del books(bridge).tax_rates["NONE"]
    for number in BOTH:
        items = bridge.paymo.company.numbered(number).items
        items.append(replace(items[0], apply_tax=False))
    edit()(bridge)


def zero_rate(bridge: Bridge) -> None:
    books(bridge).add_tax_rate("NONE", "No Tax", Decimal(0))


# ---- what people do about it


def press(cure: str) -> Cure:
    """Press the button under the first refusal."""

    async def act(bridge: Bridge, first: Export) -> None:
        await bridge.requests.act(ANNA, first.id, reply_to(), Action(cure))

    return act


def in_xero(*changes: Cause) -> Cure:
    """Have it put right where it is wrong; the next look at the lists finds it."""

    async def act(bridge: Bridge, _: Export) -> None:
        for change in changes:
            change(bridge)
            await bridge.wait(hours=2)

    return act


def tried_again(change: Cause) -> Cure:
    """Have it put right, and press Try Again under the first refusal."""

    async def act(bridge: Bridge, first: Export) -> None:
        change(bridge)
        bridge.clock.turn(minutes=2)
        await bridge.requests.act(ANNA, first.id, reply_to(), Action.RETRY)

    return act


def then(*cures: Cure) -> Cure:
    """Do one thing after the other."""

    async def act(bridge: Bridge, first: Export) -> None:
        for cure in cures:
            await cure(bridge, first)
            await bridge.run()

    return act


def looked_again(**chosen: str) -> Cure:
    """Press Look Again, choose something else in the form, and export."""

    async def act(bridge: Bridge, first: Export) -> None:
        other = books(bridge).add_contact("Acme Group").contact_id
        form = await bridge.forms.reopen(ANNA, first.id)
        await bridge.forms.refresh(form.draft_id, ANNA)
        await bridge.run()
        choice = replace(
            bridge.choice(form),
            contact_id=other if "contact" in chosen else first.contact_id,
            account_id=account(bridge, chosen.get("account", "Sales")).account_id,
            tax_type=chosen.get("tax_type", ""),
        )
        await bridge.forms.choose(form.draft_id, ANNA, choice)
        await bridge.requests.request(ANNA, form.draft_id, choice, reply_to())

    return act


async def matched(bridge: Bridge, first: Export) -> None:
    """Choose another contact and account for the client."""
    other = books(bridge).add_contact("Acme Group").contact_id
    spare = account(bridge, "Projects").account_id
    await bridge.wait(hours=2)
    await bridge.matching.save(ANNA, MatchChoice(first.client_id or 0, other, spare))


@dataclass(frozen=True, slots=True)
class Row:
    """A refusal, by its name, what causes it, and what cures it."""

    problem: str
    cause: Cause
    cure: Cure
    day: date = ISSUED
    status: str = "AUTHORISED"
    is_new: bool = False  # the client is to be added to Xero


OPEN = ISSUED + timedelta(days=1)
WITHOUT_DUE = edit(due=None)
NO_TAX, GIVEN_BACK = put(tax_type="NONE"), put(tax_type="OUTPUT2")

ROWS = {
    "e30 first open day": Row("locked", lock(ISSUED), press("first_open_day"), OPEN),
    "e30 today": Row("locked", lock(ISSUED), press("today"), TODAY),
    "e30 draft": Row("locked", lock(ISSUED), press("as_draft"), status="DRAFT"),
    "e30 moved back": Row("locked", lock(ISSUED), in_xero(lock(ISSUED - timedelta(days=1)))),
    "e30 lifted": Row("locked", lock(ISSUED), tried_again(lock(None))),
    "e31 at once": Row("due", WITHOUT_DUE, press("due_at_once")),
    "e31 terms": Row("due", WITHOUT_DUE, press("due_by_terms")),
    "e31 draft": Row("due", WITHOUT_DUE, press("as_draft"), status="DRAFT"),
    "e31 before": Row("due", edit(due=ISSUED - timedelta(days=3)), press("due_at_once")),
    "e32 draft": Row("plan_limit", approvals(0), press("as_draft"), status="DRAFT"),
    "e32 raised": Row("plan_limit", approvals(0), tried_again(approvals(None))),
    "e28 enabled": Row("currency", euros, in_xero(enable_euros)),
    "e28 tried again": Row("currency", euros, tried_again(enable_euros)),
    "e14 another": Row("contact", contact("ARCHIVED"), looked_again(contact="other")),
    "e14 matched": Row("contact", contact("ARCHIVED"), matched),
    "e14 restored": Row("contact", contact("ARCHIVED"), in_xero(contact("ACTIVE"))),
    "e14 tried again": Row("contact", contact("ARCHIVED"), tried_again(contact("ACTIVE"))),
    "e16 used": Row("contact_taken", lambda _: None, press("use_contact"), is_new=True),
    "e16 restored": Row(
        "contact_taken", contact("ARCHIVED"), in_xero(contact("ACTIVE")), is_new=True
    ),
    "e16 renamed": Row("contact_taken", contact("ARCHIVED"), in_xero(rename), is_new=True),
    "e18 another": Row("account", put(status="ARCHIVED"), looked_again(account="Projects")),
    "e18 matched": Row("account", put(status="ARCHIVED"), matched),
    "e18 restored": Row("account", put(status="ARCHIVED"), in_xero(put(status="ACTIVE"))),
    "e19 tried again": Row("account", put(kind="EXPENSE"), tried_again(put(kind="REVENUE"))),
    "e20 code": Row("account", codes_alone, in_xero(put(code="200"))),
    "e21 account": Row("tax", NO_TAX, looked_again(account="Projects")),
    "e21 matched": Row("tax", NO_TAX, matched),
    "e21 given back": Row("tax", NO_TAX, in_xero(GIVEN_BACK)),
    "e21 tried again": Row("tax", NO_TAX, tried_again(GIVEN_BACK)),
    "e22 rate": Row("tax", NO_TAX, looked_again(tax_type="OUTPUT2")),
    "e24 zero rate": Row("untaxed", untaxed_line, in_xero(zero_rate)),
    "two things, by two looks": Row(
        "currency,locked", no_euros_in_locked_books, in_xero(enable_euros, lock(None))
    ),
    "two things, by a press and a look": Row(
        "currency,locked",
        no_euros_in_locked_books,
        then(press("first_open_day"), in_xero(enable_euros)),
        OPEN,
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
async def test_one_answer_lets_both_invoices_go(bridge: Bridge, row: Row) -> None:
    """Both are in Xero at the end, each once, with what was decided for the first."""
    books(bridge).add_account("210", "Projects", tax_type="OUTPUT2")
    row.cause(bridge)
    await ask(bridge, "new" if row.is_new else acme(bridge).contact_id)
    refused = await bridge.exports()
    assert [(each.state, ",".join(each.refusals)) for each in refused] == [
        (FAILED, row.problem)
    ] * 2

    await row.cure(bridge, refused[0])
    await bridge.run()

    told = [(each.state, each.reason) for each in await bridge.exports()]
    assert [state for state, _ in told] == [EXPORTED, EXPORTED], told
    made = bridge.xero.invoices.values()
    assert sorted(each.number for each in made) == list(BOTH)
    assert {(each.day, each.status) for each in made} == {(row.day, row.status)}
    assert len({each.contact_id for each in made}) == 1


@pytest.mark.parametrize(
    ("spoil", "mend", "problem"),
    [
        (edit(status="void"), edit(status="sent"), "status"),
        (edit(discount=Decimal(100)), edit(discount=Decimal(0)), "figures"),
    ],
    ids=["e33 void", "e29 nothing to pay"],
)
async def test_what_is_put_right_in_paymo_waits_for_a_look(
    bridge: Bridge, spoil: Cause, mend: Cause, problem: str
) -> None:
    """Each was changed since it was refused, so each goes only when a person has looked at it."""
    spoil(bridge)
    await ask(bridge, acme(bridge).contact_id)
    first, second = await bridge.exports()
    assert (first.refusals, second.refusals) == ([problem], [problem])
    assert bridge.screen.results[-1].actions == ("look_again", "retry")
    mend(bridge)
    await bridge.wait(hours=2)
    await bridge.requests.act(ANNA, first.id, reply_to(), Action.RETRY)
    await bridge.run()

    assert [each.state for each in await bridge.exports()] == [EXPORTED, FAILED]
