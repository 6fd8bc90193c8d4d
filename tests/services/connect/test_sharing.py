"""One Xero user's connections: what several of ours share goes only with the last of them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import update

from services.connect.service import WorkspaceService
from services.errors import NotAllowed, NotConnected, SeveralConnections, System
from services.lifecycle.connection import mark_broken
from services.model.connection import ConnectionState
from services.model.people import Person
from services.store.tables import Connection, Grant, Notice, Subscription
from tests.services.bridge import ANNA, BEN
from tests.services.connecting import PLACE, Connecting, nonce_of

ELSEWHERE = Person("", "T2", "U1", "C1")


async def oak_studio(stand: Connecting, person: Person, user: str = "person-one") -> Connection:
    """Connect the other company with the same organisation, as one of Xero's users."""
    checklist = await stand.service.add(person)
    await stand.press(nonce_of(checklist.xero_link), stand.maple, user=user)
    await stand.give_key(nonce_of(checklist.paymo_link), "oak-key")
    return await stand.connection(checklist.connection_id)


async def end(stand: Connecting, connection: Connection, person: Person = ANNA) -> str:
    """Disconnect; return what is said of Xero."""
    await stand.service.disconnect(replace(person, connection_id=connection.id), PLACE)
    await stand.end(connection)
    _, sentences = stand.screen.farewells[-1]
    return sentences[0]


async def works(stand: Connecting, connection: Connection) -> bool:
    """Say whether Xero still lets this connection read its organisation."""
    row = await stand.connection(connection.id)
    found = await stand.xero_page.xero.client(row.tenant_id, row.grant_id).organisation()
    return found.name == "Maple Books"


@pytest.mark.parametrize("person", [ANNA, ELSEWHERE], ids=["here", "in another workspace"])
async def test_ending_one_of_two_leaves_the_other_working_and_says_so(
    stand: Connecting, person: Person
) -> None:
    first, second = await stand.connect(), await oak_studio(stand, person)
    assert first.xero_connection_id == second.xero_connection_id
    farewell = await stand.service.farewell(replace(ANNA, connection_id=first.id))
    said = await end(stand, first)
    named = "Oak Studio with Maple Books"
    if person is ELSEWHERE:
        named = "a connection in another Slack workspace"

    assert farewell.others == (named,)
    assert f"Maple Books is disconnected here. Access to Xero stays for {named}" in said
    assert await works(stand, second)
    assert stand.xero.calls("DELETE", "/connections") == []
    assert stand.xero.calls("POST", "/connect/revocation") == []

    last = await end(stand, second, person)

    assert "no longer listed there" in last
    assert stand.xero.authority.connections == {}
    assert stand.xero.authority.refreshes == {}
    assert await stand.rows(Grant) == []


@pytest.mark.parametrize("is_same", [False, True], ids=["another", "the same"])
async def test_an_organisation_that_the_same_person_connects_elsewhere_keeps_the_consent(
    stand: Connecting, *, is_same: bool
) -> None:
    """Also while that connection has no company in Paymo yet."""
    connection = await stand.connect()
    checklist = await stand.service.open(ELSEWHERE)
    there = stand.maple if is_same else stand.oak
    await stand.press(nonce_of(checklist.xero_link), there)
    await end(stand, connection)
    left = [each.tenant_id for each in stand.xero.authority.connections.values()]

    assert left == [there.tenant_id]
    assert stand.xero.calls("POST", "/connect/revocation") == []


async def test_who_is_not_named_by_xero_shares_nothing_with_others(stand: Connecting) -> None:
    await stand.connect()
    checklist = await stand.service.open(ELSEWHERE)
    await stand.press(nonce_of(checklist.xero_link), stand.oak, user="person-two")
    async with stand.database.sessions.begin() as session:
        await session.execute(update(Grant).values(xero_user_id=""))

    assert (await stand.service.farewell(ANNA)).others == ()


async def test_another_person_of_xero_is_not_touched(stand: Connecting) -> None:
    first = await stand.connect()
    second = await oak_studio(stand, BEN, user="person-two")
    said = await end(stand, first)

    assert "no longer listed there" in said
    assert [each.user for each in stand.xero.authority.connections.values()] == ["person-two"]
    assert await works(stand, second)


async def test_two_that_end_at_once_leave_nothing_behind(stand: Connecting) -> None:
    both = [await stand.connect(), await oak_studio(stand, ANNA)]
    for each in both:
        await stand.service.disconnect(replace(ANNA, connection_id=each.id), PLACE)
    await asyncio.gather(*(stand.end(each) for each in both))

    assert (stand.xero.authority.connections, stand.xero.authority.refreshes) == ({}, {})
    assert {(await stand.connection(each.id)).state for each in both} == {ConnectionState.ENDED}


async def test_taking_the_app_out_of_one_workspace_leaves_the_other_working(
    stand: Connecting,
) -> None:
    first, second = await stand.connect(), await oak_studio(stand, ELSEWHERE)
    await WorkspaceService(stand.database, stand.clock).uninstalled("", "T1")
    await stand.end(first)

    assert (await stand.connection(first.id)).state is ConnectionState.ENDED
    assert await works(stand, second)
    # Nobody is there to be told.
    assert await stand.rows(Notice) == []


@pytest.mark.parametrize("user", ["person-one", "person-two"])
async def test_a_new_consent_in_place_of_a_former_one_leaves_what_others_use(
    stand: Connecting, user: str
) -> None:
    first, second = await stand.connect(), await oak_studio(stand, ANNA)
    async with stand.database.sessions.begin() as session:
        await mark_broken(session, first.id, NotConnected("Gone.", system="Xero"), stand.clock())
    checklist = await stand.service.open(replace(ANNA, connection_id=first.id))
    await stand.press(nonce_of(checklist.xero_link), stand.maple, user=user)

    assert await works(stand, first)
    assert await works(stand, second)
    assert len(await stand.rows(Grant)) == 2


async def test_a_consent_of_somebody_else_takes_the_former_one_away(stand: Connecting) -> None:
    first = await stand.connect()
    async with stand.database.sessions.begin() as session:
        await mark_broken(session, first.id, NotConnected("Gone.", system="Xero"), stand.clock())
    checklist = await stand.service.open(ANNA)
    await stand.press(nonce_of(checklist.xero_link), stand.maple, user="person-two")

    assert await works(stand, first)
    assert [each.user for each in stand.xero.authority.connections.values()] == ["person-two"]
    assert len(stand.xero.calls("POST", "/connect/revocation")) == 1
    assert len(await stand.rows(Grant)) == 1


async def refused(stand: Connecting, connection: Connection, side: System) -> NotConnected:
    """Call a side with what a connection had; return how it refuses."""
    xero = stand.xero_page.xero.client(connection.tenant_id, connection.grant_id)
    paymo = stand.paymo_page.paymo.client(connection.paymo_api_key)
    call: Callable[[], Awaitable[object]] = xero.organisation if side == "Xero" else paymo.company
    with pytest.raises(NotConnected) as refusal:
        await call()
    return refusal.value


@pytest.mark.parametrize("side", ["Xero", "Paymo"])
async def test_what_still_had_the_former_access_breaks_nothing_off(
    stand: Connecting, side: System
) -> None:
    """Somebody connects a side anew while a job is on its way."""
    before = await stand.connect()
    async with stand.database.sessions.begin() as session:
        await mark_broken(session, before.id, NotConnected("Gone.", system=side), stand.clock())
    checklist = await stand.service.open(ANNA)
    if side == "Xero":
        await stand.press(nonce_of(checklist.xero_link), stand.maple, user="person-two")
    else:
        stand.paymo.company.keys = {"new-key"}
        await stand.give_key(nonce_of(checklist.paymo_link), "new-key")
    refusal = await refused(stand, before, side)
    async with stand.database.sessions.begin() as session:
        assert not await mark_broken(session, before.id, refusal, stand.clock())
    assert (await stand.connection(before.id)).state is ConnectionState.ACTIVE

    refusal.access = None
    async with stand.database.sessions.begin() as session:
        assert await mark_broken(session, before.id, refusal, stand.clock())
    assert (await stand.connection(before.id)).state is ConnectionState.BROKEN


@pytest.mark.parametrize("is_ended", [False, True], ids=["connected", "ended"])
@pytest.mark.parametrize(
    "there", [ELSEWHERE, Person("E1", "T1", "U1", "C1")], ids=["workspace", "organisation"]
)
async def test_the_same_two_elsewhere_are_a_connection_of_its_own(
    stand: Connecting, there: Person, *, is_ended: bool
) -> None:
    """Somebody with the same id is another person there, and what they begin is theirs."""
    first = await stand.connect()
    begun = await stand.service.add(ANNA)
    if is_ended:
        await end(stand, first)
    state = (await stand.connection(first.id)).state
    second = await stand.connect(there)
    another = await stand.service.add(there)

    assert second.state is ConnectionState.ACTIVE
    assert second.workspace_id != first.workspace_id
    assert (await stand.connection(first.id)).state is state
    assert another.connection_id not in {begun.connection_id, second.id}
    with pytest.raises(NotConnected):
        await stand.service.confirm(there, first.id)


async def test_nobody_is_shown_or_asked_about_a_connection_without_a_role_in_it(
    stand: Connecting,
) -> None:
    """A channel that hears of one of two shows that one alone."""
    maple, oak = await stand.connect(), await oak_studio(stand, ANNA)
    heard = Subscription(connection_id=maple.id, channel_id="C1", topics=[], set_by="U1")
    heard.set_at = stand.clock()
    async with stand.database.sessions.begin() as session:
        session.add(heard)
    await stand.change(oak, viewers=["U2"])
    (shown,) = await stand.service.overviews(replace(BEN, user_id="U9"))

    assert shown.connection_id == maple.id
    with pytest.raises(SeveralConnections):
        await stand.service.farewell(replace(ANNA, channel_id="D1"))
    with pytest.raises(NotAllowed) as refusal:
        await stand.service.farewell(replace(BEN, channel_id="D1"))
    assert refusal.value.connection_id == oak.id
