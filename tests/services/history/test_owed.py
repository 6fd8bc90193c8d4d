"""What clients owe is answered from what the last sync has read, to whoever may see it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from services.errors import NotAllowed, NotFound, ServiceError
from services.history.service import OwedService
from services.model.export import ExportState
from services.model.invoice import InvoiceState
from services.model.people import Person
from services.store.engine import Database
from services.store.mirror import folded_name
from services.store.tables import Client, Connection, Subscription
from tests.databases import SQLITE_ALONE
from tests.services.prepared import Clock
from tests.services.store_seeds import connected, export_of

pytestmark = SQLITE_ALONE

OWNER, VIEWER = Person("", "T1", "U1", "C9"), Person("", "T1", "U5", "C9")
STRANGER, HEARER = Person("", "T1", "U9", "C9"), Person("", "T1", "U9", "C1")


@pytest.fixture
async def service(database: Database) -> OwedService:
    """Two clients: the first owes two invoices and has paid one, the second owes one."""
    clock = Clock()
    connection = await connected(
        database, organisation_name="Maple Books", viewers=["U5"], channel_viewers=True
    )
    rows = [("AUTHORISED", 40, 5), ("AUTHORISED", -3, 5), ("PAID", 9, 5), ("AUTHORISED", 2, 6)]
    rows += [("DRAFT", 70, 5), ("VOIDED", 70, 5)]
    async with database.sessions.begin() as session:
        for number, (status, late, client_id) in enumerate(rows, 1):
            export = export_of(connection, state=ExportState.EXPORTED, paymo_invoice_id=number)
            export.number, export.client_id, export.currency = f"INV-{number}", client_id, "NZD"
            export.total = export.xero_total = export.xero_due = Decimal(115)
            export.xero_seen_status, export.xero_invoice_id = status, f"x{number}"
            export.due_on = clock().date() - timedelta(days=late)
            if status == "VOIDED":
                export.invoice_state = InvoiceState.VOIDED
            session.add(export)
        for client_id, name in ((5, "Acme Ltd"), (6, "Acorn"), (7, "Acorn Two")):
            row = Client(connection_id=connection.id, client_id=client_id, name=name)
            row.folded_name = folded_name(name)
            session.add(row)
        session.add(
            Subscription(
                connection_id=connection.id,
                channel_id="C1",
                topics=["payments"],
                client_id=6,
                set_by="U1",
                set_at=clock(),
            )
        )
    return OwedService(database, clock)


async def test_open_invoices_come_the_longest_due_first_and_viewers_read_them(
    service: OwedService,
) -> None:
    for person in (OWNER, VIEWER):
        found = await service.overdue(person)
        assert [(each.number, each.days_late) for each in found.open] == [
            ("INV-1", 40),
            ("INV-4", 2),
            ("INV-2", -3),
        ]


async def test_one_client_is_found_by_a_part_of_its_name(service: OwedService) -> None:
    found = await service.of_client(VIEWER, "acme")

    assert found.client == "Acme Ltd"
    assert [each.number for each in found.open] == ["INV-1", "INV-2"]
    assert [each.number for each in found.paid] == ["INV-3"]
    assert (await service.of_client(VIEWER, "ACORN")).client == "Acorn"
    with pytest.raises(ServiceError, match="Several clients fit “aco”: Acorn and Acorn Two"):
        await service.of_client(VIEWER, "aco")
    with pytest.raises(NotFound, match="“Zoo”"):
        await service.of_client(VIEWER, "Zoo")


async def add_clients(service: OwedService, *rows: tuple[int, str, bool]) -> None:
    async with service.database.sessions.begin() as session:
        connection_id = await session.scalar(select(Connection.id))
        for client_id, name, is_active in rows:
            row = Client(client_id=client_id, name=name, is_active=is_active)
            row.connection_id, row.folded_name = connection_id or 0, folded_name(name)
            session.add(row)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Acme Ltd", "\u201cAcme Ltd\u201d"),
        ("Acme Ltd", '"acme"'),
        ("Smith's Bakery", "smith\u2019s"),
        ("Smith\u2019s Bakery", "Smith's bakery"),
        ("North\u2013South", "north-south"),
        ('The "Barn"', "the \u201cbarn\u201d"),
    ],
)
async def test_a_client_is_found_whatever_quotes_and_dashes_a_phone_types(
    service: OwedService, name: str, typed: str
) -> None:
    if name != "Acme Ltd":
        await add_clients(service, (8, name, True))

    assert (await service.of_client(VIEWER, typed)).client == name


async def test_a_client_that_paymo_archived_owes_as_before(service: OwedService) -> None:
    await add_clients(service, (8, "Zebra Yoga", False), (9, "Acme Ltd", False))

    assert (await service.of_client(VIEWER, "zebra")).client == "Zebra Yoga"
    assert (await service.of_client(VIEWER, "Acme Ltd")).open  # the one that isn't archived


async def test_among_many_clients_a_channel_s_own_is_found(service: OwedService) -> None:
    await add_clients(service, *((100 + each, f"Aco {each:02}", True) for each in range(20)))

    assert (await service.of_client(HEARER, "aco")).client == "Acorn"


async def test_before_paymos_clients_were_read_it_says_so(database: Database) -> None:
    await connected(database, organisation_name="Maple Books")

    with pytest.raises(NotFound, match="haven't read any clients from Paymo yet"):
        await OwedService(database, Clock()).of_client(OWNER, "acme")


async def test_nobody_reads_more_than_they_may_see(service: OwedService) -> None:
    """Without a role nothing; in a channel that hears of one client, that client alone."""
    with pytest.raises(NotAllowed):
        await service.overdue(STRANGER)
    with pytest.raises(NotAllowed):
        await service.of_client(STRANGER, "acme")
    heard = await service.overdue(HEARER)

    assert [each.number for each in heard.open] == ["INV-4"]
    with pytest.raises(NotFound):
        await service.of_client(HEARER, "acme")
