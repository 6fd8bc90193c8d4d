"""An owner who does not answer: after seven days an exporter takes over, with their consent."""

from collections.abc import AsyncIterator

import pytest

from services.connect.checklists import Checklist
from services.errors import NotAllowed, ServiceError
from services.model.connection import ConnectionState
from services.model.export import ExportState
from services.model.notice import NoticeKind
from services.model.people import Role
from services.model.wording import Member
from services.settings.service import AccessService
from services.store.engine import Database
from services.store.tables import AccessRequest, AuditEntry, Connection, Export, Notice
from tests.services.bridge import ANNA, BEN, Deaf
from tests.services.connecting import Connecting, nonce_of
from tests.services.store_seeds import export_of

DAYS = 7


@pytest.fixture
async def stand(database: Database) -> AsyncIterator[Connecting]:
    """Anna has connected Maple Books, and Ben may export."""
    made = await Connecting.open(database)
    connection = await made.connect()
    await made.change(connection, exporters=["U2"])
    yield made
    await made.close()


def access_on(stand: Connecting) -> AccessService:
    """Return the service that asks and answers."""
    return AccessService(stand.database, Deaf(), stand.clock)


async def waited(stand: Connecting, days: int = DAYS) -> None:
    """Ben asks to become the owner, and waits."""
    await access_on(stand).ask(BEN, Role.OWNER)
    stand.clock.turn(days=days)


async def the_one(stand: Connecting) -> Connection:
    """Return the only connection."""
    [connection] = await stand.rows(Connection)
    return connection


async def opened(stand: Connecting) -> Checklist:
    """Ben opens the checklist as who takes over."""
    checklist = await stand.service.open(BEN)
    assert (checklist.takes_over, checklist.paymo_link) == (True, "")
    return checklist


@pytest.mark.parametrize("state", [ConnectionState.ACTIVE, ConnectionState.BROKEN])
async def test_an_exporter_who_waited_becomes_the_owner_and_the_former_is_told(
    stand: Connecting, state: ConnectionState
) -> None:
    side = "Xero" if state is ConnectionState.BROKEN else ""
    await stand.change(await the_one(stand), state=state, broken_side=side)
    await waited(stand)
    checklist = await opened(stand)
    async with stand.database.sessions.begin() as session:
        session.add(export_of(await the_one(stand), state=ExportState.AWAITING, due_at=None))
    await stand.press(nonce_of(checklist.xero_link), stand.maple, user="person-two")

    connection = await the_one(stand)
    [waiting] = await stand.rows(Export)
    assert waiting.state is ExportState.QUEUED  # whoever may approve it now is asked
    assert (connection.owner_id, connection.exporters) == ("U2", ["U1"])
    assert connection.state is ConnectionState.ACTIVE
    told = [each for each in await stand.rows(Notice) if each.kind is NoticeKind.OWNER_CHANGED]
    assert sorted(each.channel_id for each in told) == ["U1", "U2"]
    [act] = [each for each in await stand.rows(AuditEntry) if each.what == "owner_changed"]
    assert (act.user_id, act.before["owner"], act.after["by_way"]) == ("U2", "U1", "taken")
    with pytest.raises(NotAllowed, match=str(Member("U2"))):
        await stand.service.open(ANNA)


async def test_before_that_and_without_asking_nobody_takes_over(stand: Connecting) -> None:
    with pytest.raises(NotAllowed) as refusal:
        await stand.service.open(BEN)
    assert refusal.value.wants == "owner"
    await waited(stand, DAYS - 1)
    with pytest.raises(NotAllowed):
        await stand.service.open(BEN)
    stand.clock.turn(days=1)
    await stand.change(await the_one(stand), exporters=[])  # no exporter any more
    with pytest.raises(NotAllowed):
        await stand.service.open(BEN)


async def test_an_answer_that_comes_while_xero_is_open_counts(stand: Connecting) -> None:
    await waited(stand)
    checklist = await opened(stand)
    [request] = await stand.rows(AccessRequest)
    await access_on(stand).decline(ANNA, request.id)
    with pytest.raises(NotAllowed):
        await stand.press(nonce_of(checklist.xero_link), stand.maple, user="person-two")

    assert (await the_one(stand)).owner_id == "U1"
    with pytest.raises(NotAllowed):
        await stand.service.open(BEN)


async def test_an_account_that_does_not_reach_the_organisation_takes_nothing(
    stand: Connecting,
) -> None:
    await waited(stand)
    checklist = await opened(stand)
    with pytest.raises(ServiceError, match="This connection is with Maple Books"):
        await stand.press(nonce_of(checklist.xero_link), stand.oak, user="person-two")

    connection = await the_one(stand)
    assert (connection.owner_id, connection.organisation_name) == ("U1", "Maple Books")


async def test_two_who_waited_do_not_take_it_from_one_another(stand: Connecting) -> None:
    await stand.change(await the_one(stand), exporters=["U2", "U3"])
    carl = BEN.__class__("", "T1", "U3", "C1")
    await access_on(stand).ask(carl, Role.OWNER)
    await waited(stand)
    first, second = await opened(stand), await stand.service.open(carl)
    await stand.press(nonce_of(first.xero_link), stand.maple, user="person-two")
    with pytest.raises(ServiceError):
        await stand.press(nonce_of(second.xero_link), stand.maple, user="person-three")

    assert (await the_one(stand)).owner_id == "U2"
