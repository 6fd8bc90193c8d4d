"""Matching: which contact a client may be, why, and what a person chose."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from handlers.matching.views import match_view
from services.errors import NotAccepted, NotAllowed, ServiceError
from services.matching.service import MatchChoice, MatchingService
from services.model.export import NEW_CONTACT
from services.model.people import Option, Person
from services.model.wording import Member
from services.store import mirror
from services.store.engine import Database
from services.store.tables import Account, AuditEntry, Base, Client, Connection, Contact, TaxRate
from tests.databases import SQLITE_ALONE
from tests.services.store_seeds import NOW, connected

pytestmark = SQLITE_ALONE

OWNER, STRANGER = Person("", "T1", "U1", "C1"), Person("", "T1", "U3", "C1")
ACME: dict[str, Any] = {
    "client_id": 1,
    "name": "Acmé Ltd",
    "email": "pay@acme.example",
    "tax_number": "NZ 12-345",
}


async def fill(
    database: Database, connection: Connection, table: type[Base], *rows: dict[str, Any]
) -> None:
    """Put rows into the mirror as a full reading of the lists does."""
    async with database.sessions.begin() as session:
        await mirror.replace(session, connection.id, table, rows)


def contact(contact_id: str, name: str, **values: Any) -> dict[str, Any]:
    """Return a contact as Xero lists it."""
    usual = {"email": "", "tax_number": "", "is_active": True}
    return {"contact_id": contact_id, "name": name, **usual, **values}


def client(client_id: int, name: str, **values: Any) -> dict[str, Any]:
    """Return a client as Paymo lists it."""
    usual = {"email": "", "tax_number": "", "is_active": True}
    return {"client_id": client_id, "name": name, **usual, **values}


def account(account_id: str, name: str, **values: Any) -> dict[str, Any]:
    """Return an account as Xero lists it."""
    usual = {"code": "200", "type": "REVENUE", "tax_type": "OUTPUT2", "is_usable": True}
    return {"account_id": account_id, "name": name, **usual, **values}


@pytest.fixture(autouse=True)
async def connection(database: Database) -> Connection:
    """A connection with one client and a few accounts."""
    made = await connected(database, organisation_name="Maple Books")
    await fill(database, made, Client, client(**ACME))
    rate = {"tax_type": "OUTPUT2", "name": "GST", "effective_rate": Decimal(15), "is_usable": True}
    await fill(database, made, TaxRate, rate)
    await fill(
        database,
        made,
        Account,
        account("sales", "Sales"),
        account("old", "Old sales", is_usable=False),
        account("other", "Interest", code="270", type="OTHERINCOME", tax_type="NONE"),
    )
    return made


@pytest.fixture
def service(database: Database) -> MatchingService:
    """The service with a clock that stands."""
    return MatchingService(database, lambda: NOW)


async def menu(service: MatchingService, query: str = "") -> dict[str, list[tuple[str, str]]]:
    """Return the contact menu for the client, as values and descriptions under their labels."""
    groups = await service.contact_options(OWNER, query, client_id=1)
    return {
        each.label: [(option.value, option.description) for option in each.options]
        for each in groups
    }


@pytest.mark.parametrize(
    "case",
    [
        ("ACME LTD", {}, "same name", True),
        ("Quite Other", {"tax_number": "nz12345"}, "same tax number", True),
        ("Acmee Limited", {"email": " Pay@Acme.example "}, "same e-mail", True),
        ("Quite Other", {"email": " Pay@Acme.example "}, "same e-mail", False),
        ("Acme, Limited", {}, "similar name", True),
        ("Acmee", {}, "similar name", False),
    ],
    ids=["name", "tax number", "e-mail", "e-mail alone", "legal form", "typing mistake"],
)
async def test_a_contact_is_suggested_with_its_reason_and_selected_when_sure(
    database: Database,
    connection: Connection,
    service: MatchingService,
    case: tuple[str, dict[str, str], str, bool],
) -> None:
    name, values, reason, is_selected = case
    await fill(
        database, connection, Contact, contact("c1", name, **values), contact("c2", "Zebra Zoo")
    )
    form = await service.open(OWNER)
    shown = await menu(service)

    assert shown["Suggested"] == [("c1", reason)]
    assert [value for value, _ in shown["In Maple Books"]] == ["c2"]
    selected = (form.contact.value, form.contact_reason) if form.contact else None
    assert selected == (("c1", reason) if is_selected else None)


async def test_numbers_that_nobody_filled_in_are_not_alike(
    database: Database, connection: Connection, service: MatchingService
) -> None:
    await fill(database, connection, Client, client(1, "Acme", tax_number="--"))
    await fill(database, connection, Contact, contact("c1", "Zebra Zoo"), contact("c2", "Ltd"))

    assert "Suggested" not in await menu(service)
    assert (await service.open(OWNER)).contact is None


async def test_of_two_that_are_equally_sure_none_is_selected(
    database: Database, connection: Connection, service: MatchingService
) -> None:
    twins = [contact(each, f"Branch {each}", email=ACME["email"]) for each in ("c1", "c2")]
    await fill(database, connection, Contact, *twins)
    undecided = await service.open(OWNER)
    await fill(database, connection, Contact, *twins, contact("c3", "Acme Ltd"))
    decided = await service.open(OWNER)

    assert (undecided.contact, undecided.contact_reason) == (None, "")
    assert decided.contact == Option("c3", "Acme Ltd", "")
    suggested = (await menu(service))["Suggested"]
    assert [value for value, _ in suggested] == ["c3", "c1", "c2"]


async def test_a_client_can_be_added_only_under_a_name_that_xero_does_not_have(
    database: Database, connection: Connection, service: MatchingService
) -> None:
    await fill(database, connection, Contact, contact("c1", "Zebra Zoo"))
    free = await menu(service, "zebra")
    await fill(database, connection, Contact, contact("c1", "Zebra Zoo"), contact("c2", "acme ltd"))
    taken = [await menu(service, query) for query in ("", "zebra", "no such")]
    await fill(database, connection, Client, client(1, "Acme <Ltd>"))
    written_otherwise = await menu(service)

    assert [value for value, _ in free["Not in Xero yet?"]] == [NEW_CONTACT]
    assert free["In Maple Books"] == [("c1", "")]
    assert all("Not in Xero yet?" not in each for each in (*taken, written_otherwise))


async def test_a_choice_is_remembered_and_the_next_client_comes_up(
    database: Database, connection: Connection, service: MatchingService
) -> None:
    await fill(
        database,
        connection,
        Client,
        client(**ACME),
        client(2, "Birch"),
        client(3, "Gone", is_active=False),
    )
    await fill(database, connection, Contact, contact("c1", "Zebra Zoo"))
    first = await service.open(OWNER)
    second = await service.save(OWNER, MatchChoice(1, "c1", "sales"))
    third = await service.save(OWNER, MatchChoice(2, NEW_CONTACT, "other"))
    again, new = await service.open(OWNER, 1), await service.open(OWNER, 2)
    async with database.sessions() as session:
        audit = [(each.user_id, each.what) for each in await session.scalars(select(AuditEntry))]

    assert [each.client.text if each.client else "" for each in (first, second, third)] == [
        "Acmé Ltd",
        "Birch",
        "",
    ]
    assert [(each.unmatched, each.total) for each in (first, second, third)] == [
        (2, 2),
        (1, 2),
        (0, 2),
    ]
    assert (again.contact, again.contact_reason) == (Option("c1", "Zebra Zoo", ""), "used before")
    assert again.account == Option("sales", "Sales (200)", "GST · 15%")
    assert new.contact is not None
    assert (new.contact.value, new.contact.text) == (NEW_CONTACT, "Add “Birch” to Xero")
    assert audit == [("U1", "matched")] * 2


async def test_the_history_names_the_contact_and_the_one_before(
    database: Database, connection: Connection, service: MatchingService
) -> None:
    await fill(database, connection, Contact, contact("c1", "Acme Inc"), contact("c2", "Acme Ltd"))
    for contact_id, account_id in (("c1", ""), ("c2", "sales")):
        await service.save(OWNER, MatchChoice(1, contact_id, account_id))
    async with database.sessions() as session:
        first, second = (await session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()

    chosen = {"client_id": 1, "client": "Acm\u00e9 Ltd"}
    assert first.before == {}
    assert first.after == {**chosen, "contact_id": "c1", "account_id": "", "contact": "Acme Inc"}
    assert second.before == {"contact": "Acme Inc"}
    assert (second.after["contact"], second.after["account"]) == ("Acme Ltd", "Sales (200)")


@pytest.mark.parametrize("is_read", [False, True])
async def test_every_client_is_matched_only_once_all_were_read(
    database: Database, connection: Connection, service: MatchingService, *, is_read: bool
) -> None:
    """An export copies the client of its invoice before the others are read."""
    await fill(database, connection, Contact, contact("c1", "Zebra Zoo"))
    async with database.sessions.begin() as session:
        held = await session.get_one(Connection, connection.id)
        held.paymo_mirrored_at = NOW if is_read else None
    last = await service.save(OWNER, MatchChoice(1, "c1", "sales"))
    said = str(match_view(last, said="Matched."))

    assert ("Every client is matched" in said, "still reading" in said) == (is_read, not is_read)


async def test_what_was_chosen_but_is_archived_since_is_not_shown_as_chosen(
    database: Database, connection: Connection, service: MatchingService
) -> None:
    await fill(database, connection, Contact, contact("c1", "Zebra Zoo"))
    await service.save(OWNER, MatchChoice(1, "c1", "sales"))
    await fill(database, connection, Contact, contact("c1", "Zebra Zoo", is_active=False))
    await fill(database, connection, Account, account("sales", "Sales", is_usable=False))
    form = await service.open(OWNER, 1)

    assert (form.contact, form.contact_reason, form.account) == (None, "", None)


async def test_what_the_lists_do_not_hold_is_refused_at_its_field_and_not_remembered(
    database: Database, connection: Connection, service: MatchingService
) -> None:
    await fill(database, connection, Contact, contact("c1", "Zebra Zoo", is_active=False))
    with pytest.raises(NotAccepted) as archived:
        await service.save(OWNER, MatchChoice(1, "c1", "old"))
    with pytest.raises(NotAccepted) as unknown:
        await service.save(OWNER, MatchChoice(404, "c9", "a9"))
    with pytest.raises(ServiceError, match="client"):
        await service.open(OWNER, 404)

    assert sorted(archived.value.fields) == ["account", "contact"]
    assert "archived" in archived.value.fields["contact"]
    assert sorted(unknown.value.fields) == ["account", "client", "contact"]
    assert (await service.open(OWNER)).unmatched == 1


async def test_accounts_for_sales_are_found_by_name_or_code_with_their_tax(
    service: MatchingService,
) -> None:
    everything = await service.account_options(OWNER, "")
    by_code = await service.account_options(OWNER, "270")
    found = {each.label: each.options for each in everything}

    assert found["Revenue"] == (Option("sales", "Sales (200)", "GST · 15%"),)
    assert found["Other income"] == (Option("other", "Interest (270)", "no tax rate"),)
    assert [option.value for each in by_code for option in each.options] == ["other"]


async def test_who_may_not_export_is_shown_nothing_to_match(service: MatchingService) -> None:
    assert [each.text for each in await service.client_options(OWNER, "acme")] == ["Acmé Ltd"]
    with pytest.raises(NotAllowed, match=str(Member("U1"))):
        await service.open(STRANGER)
    with pytest.raises(NotAllowed):
        await service.client_options(STRANGER, "")
    with pytest.raises(NotAllowed):
        await service.contact_options(STRANGER, "", client_id=1)
    with pytest.raises(NotAllowed):
        await service.account_options(STRANGER, "")
    with pytest.raises(NotAllowed):
        await service.save(STRANGER, MatchChoice(1, NEW_CONTACT))
