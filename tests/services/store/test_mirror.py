"""The mirror of both systems' lists, what menus find in it, and matches."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from services.store import contacts, matches, mirror
from services.store.engine import Database, Session
from services.store.tables import (
    Client,
    Contact,
    Currency,
    InvoiceHeader,
    Match,
)
from tests.databases import overheard
from tests.services.store_seeds import NOW, connected


def contact(contact_id: str, name: str, **values: Any) -> dict[str, Any]:
    return {"contact_id": contact_id, "name": name, "email": "", "is_active": True, **values}


def client(client_id: int, name: str, **values: Any) -> dict[str, Any]:
    return {"client_id": client_id, "name": name, "is_active": True, **values}


def header(invoice_id: int, number: str, client_id: int, day: int) -> dict[str, Any]:
    return {
        "invoice_id": invoice_id,
        "number": number,
        "client_id": client_id,
        "status": "sent",
        "currency": "EUR",
        "issued_on": date(2026, 11, day),
        "total": Decimal("10.10"),
        "updated_on": NOW,
    }


async def names(session: Session, connection_id: int) -> list[str]:
    found = await session.scalars(
        select(Contact.name).where(Contact.connection_id == connection_id).order_by(Contact.name)
    )
    return list(found)


async def test_a_complete_list_replaces_the_mirror_of_its_connection_alone(
    database: Database,
) -> None:
    mine, other = await connected(database, "T1"), await connected(database, "T2")
    async with database.sessions.begin() as session:
        for each in (mine, other):
            await mirror.replace(
                session, each.id, Contact, [contact("a", "Ant"), contact("b", "Bee")]
            )
        await mirror.replace(
            session, mine.id, Contact, [contact("b", "Bumblebee"), contact("c", "Cat")]
        )

        assert await names(session, mine.id) == ["Bumblebee", "Cat"]
        assert await names(session, other.id) == ["Ant", "Bee"]


async def test_a_part_of_a_list_leaves_the_rest_alone(database: Database) -> None:
    connection = await connected(database)
    async with database.sessions.begin() as session:
        await mirror.put(
            session, connection.id, Contact, [contact("a", "Ant"), contact("b", "Bee")]
        )
        await mirror.put(session, connection.id, Contact, [contact("b", "Bumblebee")])

        assert await names(session, connection.id) == ["Ant", "Bumblebee"]


async def test_a_list_far_longer_than_one_statement_takes_is_replaced(database: Database) -> None:
    connection = await connected(database)
    many = [contact(f"c{each:05}", f"Contact {each:05}") for each in range(1201)]
    async with database.sessions.begin() as session:
        await mirror.replace(session, connection.id, Contact, many)
        await mirror.replace(session, connection.id, Contact, many[:1])

        assert await names(session, connection.id) == ["Contact 00000"]


async def test_contacts_are_read_in_parts_each_once(database: Database) -> None:
    connection = await connected(database)
    rows = [contact(f"c{at}", "Acme", is_active=at != 7) for at in range(1001)]
    async with database.sessions.begin() as session:
        await mirror.replace(session, connection.id, Contact, rows)
    async with database.sessions() as session:
        parts = [some async for some in contacts.read_known(session, connection.id)]

    assert [len(some) for some in parts] == [500, 500]
    assert len({each.contact_id for some in parts for each in some}) == 1000


async def test_a_list_of_bare_codes_can_be_copied_twice(database: Database) -> None:
    connection = await connected(database)
    async with database.sessions.begin() as session:
        for codes in (["EUR", "USD"], ["EUR", "GBP"]):
            rows = [{"code": code} for code in codes]
            await mirror.replace(session, connection.id, Currency, rows)

        assert set(await mirror.list_currencies(session, connection.id)) == {"EUR", "GBP"}


@pytest.mark.parametrize(
    ("query", "limit", "found"),
    [
        ("2026-", 10, ["#2026-10", "2026-2", "2026-1"]),
        ("2026-", 2, ["#2026-10", "2026-2"]),
        ("#2026-1", 10, ["#2026-10", "2026-1"]),
        ("ärzte", 10, ["2026-2", "2026-1"]),
        ("", 1, ["#2026-10"]),
    ],
)
async def test_invoices_are_found_by_number_or_client_the_newest_first(
    database: Database, query: str, limit: int, found: list[str]
) -> None:
    connection = await connected(database)
    headers = [header(1, "2026-1", 1, 1), header(2, "2026-2", 1, 2), header(3, "#2026-10", 9, 3)]
    async with database.sessions.begin() as session:
        await mirror.replace(session, connection.id, Client, [client(1, "Die Ärzte")])
        await mirror.replace(session, connection.id, InvoiceHeader, headers)
        hits = await mirror.search_invoices(session, connection.id, query, limit)

    assert [each.number for each, _ in hits] == found


@pytest.mark.parametrize("typed", ["inv-7", "INV-7", "#INV-7", " inv-7 "])
async def test_a_number_is_found_however_it_was_typed(database: Database, typed: str) -> None:
    connection = await connected(database)
    async with database.sessions.begin() as session:
        rows = [header(7, "#Inv-7", 1, 7), header(70, "Inv-70", 1, 8)]
        await mirror.replace(session, connection.id, InvoiceHeader, rows)
        hit = await mirror.find_header_by_number(session, connection.id, typed)

    assert hit is not None
    assert (hit.invoice_id, hit.total) == (7, Decimal("10.10"))


async def test_clients_are_found_by_any_part_beginnings_first(database: Database) -> None:
    connection = await connected(database)
    rows = [client(1, "Big Öl"), client(2, "Öland"), client(3, "Ölig", is_active=False)]
    async with database.sessions.begin() as session:
        await mirror.replace(session, connection.id, Client, rows)
        hits = await mirror.search_clients(session, connection.id, "öl", 10)

    assert [each.name for each in hits] == ["Öland", "Big Öl"]


async def test_names_that_an_earlier_version_folded_otherwise_are_folded_anew(
    database: Database,
) -> None:
    connection = await connected(database)
    listed = [contact("a", "O’Brien")]
    async with database.sessions.begin() as session:
        await mirror.replace(session, connection.id, Contact, listed)
        await session.execute(update(Contact).values(folded_name="o’brien"))
        await mirror.replace(session, connection.id, Contact, listed)

        assert list(await session.scalars(select(Contact.folded_name))) == ["o'brien"]


def matched(connection_id: int, client_id: int, **values: Any) -> Match:
    return Match(
        connection_id=connection_id,
        tenant_id="tenant",
        client_id=client_id,
        set_by="U1",
        set_at=NOW,
        **values,
    )


async def unmatched(session: Session, connection_id: int, tenant_id: str) -> Sequence[str]:
    left = await matches.list_unmatched_clients(session, connection_id, tenant_id)
    return [each.name for each in left]


async def test_a_client_waits_for_its_match_until_its_contact_is_known(
    database: Database,
) -> None:
    connection = await connected(database)
    rows = [client(1, "Zoo"), client(2, "apiary"), client(3, "Gone", is_active=False)]
    async with database.sessions.begin() as session:
        await mirror.replace(session, connection.id, Client, rows)
        await matches.remember(session, matched(connection.id, 1, contact_id="z"))
        await matches.remember(session, matched(connection.id, 2, account_id="a"))

        assert await unmatched(session, connection.id, "tenant") == ["apiary"]
        assert await unmatched(session, connection.id, "another") == ["apiary", "Zoo"]


async def test_a_match_keeps_what_the_next_one_leaves_empty(database: Database) -> None:
    connection = await connected(database)
    later = matched(connection.id, 1, account_id="other")
    later.set_by, later.set_at = "U2", NOW + timedelta(days=1)
    async with database.sessions.begin() as session:
        await matches.remember(session, matched(connection.id, 1, contact_id="c", account_id="a"))
        await matches.remember(session, later)
        found = await matches.find(session, connection.id, "tenant", 1)

    assert found is not None
    assert (found.contact_id, found.account_id) == ("c", "other")
    assert (found.set_by, found.set_at) == ("U2", NOW + timedelta(days=1))


async def test_what_a_list_says_again_is_not_written_again(database: Database) -> None:
    mine = await connected(database)
    lists = (
        (Client, [client(1, "Ärger"), client(2, "Bee")]),
        (InvoiceHeader, [header(1, "1", 1, 2)]),
    )

    async def copy() -> None:
        for table, rows in lists:
            async with database.sessions.begin() as session:
                await mirror.replace(session, mine.id, table, rows)

    await copy()
    with overheard(database) as heard:
        await copy()
    assert [each for each, _ in heard if each.startswith("INSERT")] == []
    with overheard(database) as heard:
        async with database.sessions.begin() as session:
            await mirror.replace(session, mine.id, Client, [client(1, "Ant"), client(2, "Bee")])
            found = [each.name for each in await mirror.search_clients(session, mine.id, "", 9)]

    written = [each for each, _ in heard if each.startswith("INSERT")]
    assert (len(written), found) == (1, ["Ant", "Bee"])


async def test_what_is_chosen_in_one_connection_is_no_choice_of_another_with_the_same_books(
    database: Database,
) -> None:
    mine, other = await connected(database, "T1"), await connected(database, "T2")
    assert mine.tenant_id == other.tenant_id
    async with database.sessions.begin() as session:
        await mirror.put(session, mine.id, Client, [client(1, "Zoo")])
        await mirror.put(session, other.id, Contact, [contact("z", "Zoo")])
        await mirror.put(session, mine.id, Contact, [contact("zoo", "Zoo")])
        namesake = await mirror.find_namesake(session, mine.id, "Zoo", "")
        await matches.remember(session, matched(other.id, 1, contact_id="z", account_id="a"))
        await matches.remember_tax(session, other, ("20", "OUTPUT2"), by="U1", at=NOW)
        await matches.forget_account(session, mine, "a")
        kept = await matches.find(session, other.id, other.tenant_id, 1)

        assert await unmatched(session, mine.id, mine.tenant_id) == ["Zoo"]
        assert await matches.find_last_account(session, mine.id, mine.tenant_id) == ""
        assert await matches.list_tax_choices(session, mine) == {}
        assert await matches.list_tax_choices(session, other) == {"20": "OUTPUT2"}
        assert kept is not None
        assert kept.account_id == "a"
        assert namesake is not None
        assert namesake.contact_id == "zoo"
