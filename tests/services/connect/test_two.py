"""Two people of one workspace who connect at the same time."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from services.connect.links import LinkExpired
from services.errors import NotAllowed, ServiceError
from services.model.connection import ConnectionState
from services.model.wording import Member
from services.store.tables import AuditEntry, Connection, Grant, SlackInstallation
from tests.services import bridge
from tests.services.connecting import PLACE, Connecting, nonce_of

ANNA = replace(bridge.ANNA, name="anna", workspace="maple")
BEN = replace(bridge.BEN, name="ben", workspace="maple")


async def log_of(stand: Connecting) -> list[tuple[str, str, int]]:
    """Return who did what with which connection."""
    return [(each.user_id, each.what, each.connection_id) for each in await stand.rows(AuditEntry)]


async def test_each_has_an_attempt_of_their_own(stand: Connecting) -> None:
    mine, theirs = await asyncio.gather(stand.service.open(ANNA), stand.service.open(BEN))
    again = await stand.service.open(ANNA)
    shown = [
        await stand.links.invitation(nonce_of(each.xero_link), "xero") for each in (again, theirs)
    ]

    assert mine.connection_id == again.connection_id != theirs.connection_id
    assert [each.person for each in shown] == ["anna", "ben"]


async def test_a_person_has_one_attempt_however_often_they_begin(stand: Connecting) -> None:
    begun = [stand.service.open(ANNA), stand.service.add(ANNA), stand.service.open(ANNA)]
    made = {each.connection_id for each in await asyncio.gather(*begun)}
    (connection,) = await stand.rows(Connection)
    twin = Connection(
        workspace_id=connection.workspace_id,
        state=ConnectionState.PENDING,
        created_at=stand.clock(),
        owner_id="U1",
    )

    assert made == {connection.id}
    with pytest.raises(IntegrityError):
        async with stand.database.sessions.begin() as session:
            session.add(twin)


async def test_a_link_of_a_former_owner_is_dead(stand: Connecting) -> None:
    checklist = await stand.service.open(ANNA)
    await stand.change(await stand.connection(checklist.connection_id), owner_id="U2")
    with pytest.raises(LinkExpired):
        await stand.give_key(nonce_of(checklist.paymo_link))

    assert (await stand.connection(checklist.connection_id)).paymo_api_key is None


async def test_two_who_finish_with_different_pairs_own_one_connection_each(
    stand: Connecting,
) -> None:
    mine, theirs = await stand.service.open(ANNA), await stand.service.open(BEN)
    await stand.give_key(nonce_of(mine.paymo_link))
    await stand.give_key(nonce_of(theirs.paymo_link), "oak-key")
    await stand.press(nonce_of(theirs.xero_link), stand.oak)
    await stand.press(nonce_of(mine.xero_link), stand.maple)
    made = [await stand.connection(each.connection_id) for each in (mine, theirs)]

    assert [(each.state, each.owner_id) for each in made] == [
        (ConnectionState.ACTIVE, "U1"),
        (ConnectionState.ACTIVE, "U2"),
    ]
    assert await log_of(stand) == [
        ("U1", "paymo_connected", mine.connection_id),
        ("U2", "paymo_connected", theirs.connection_id),
        ("U2", "xero_connected", theirs.connection_id),
        ("U1", "xero_connected", mine.connection_id),
    ]


async def test_the_second_with_the_same_pair_is_told_by_whom_and_goes_on_with_another(
    stand: Connecting,
) -> None:
    mine, theirs = await stand.service.open(ANNA), await stand.service.open(BEN)
    await stand.give_key(nonce_of(theirs.paymo_link))
    await stand.give_key(nonce_of(mine.paymo_link))
    await stand.press(nonce_of(mine.xero_link), stand.maple)
    with pytest.raises(ServiceError, match="already connected with Maple Books in Xero, by anna"):
        await stand.press(nonce_of(theirs.xero_link), stand.maple, user="person-two")
    first = await stand.connection(mine.connection_id)
    assert (first.state, first.owner_id) == (ConnectionState.ACTIVE, "U1")
    assert [each.id for each in await stand.rows(Grant)] == [first.grant_id]

    again = await stand.service.open(BEN)
    assert (again.connection_id, again.company) == (theirs.connection_id, "Maple Studio")
    await stand.press(nonce_of(again.xero_link), stand.oak, user="person-two")
    second = await stand.connection(theirs.connection_id)

    assert (second.state, second.owner_id) == (ConnectionState.ACTIVE, "U2")
    assert ("U2", "xero_connected", second.id) in await log_of(stand)
    assert {each[0] for each in await log_of(stand) if each[2] == first.id} == {"U1"}


async def test_of_two_who_finish_the_same_pair_at_once_one_has_it(stand: Connecting) -> None:
    both = [await stand.service.open(person) for person in (ANNA, BEN)]
    for each in both:
        await stand.give_key(nonce_of(each.paymo_link))
    came = await asyncio.gather(
        *(stand.press(nonce_of(each.xero_link), stand.maple) for each in both),
        return_exceptions=True,
    )
    made = [await stand.connection(each.connection_id) for each in both]
    refused = [each for each in came if isinstance(each, ServiceError)]

    assert sorted(each.state for each in made) == [ConnectionState.ACTIVE, ConnectionState.PENDING]
    assert len(refused) == 1
    assert "in Xero, by" in str(refused[0])


async def test_who_has_only_looked_is_told_whom_to_ask_when_another_was_faster(
    stand: Connecting,
) -> None:
    await stand.service.open(BEN)
    await stand.connect(ANNA)
    with pytest.raises(NotAllowed, match=str(Member("U1"))):
        await stand.service.open(BEN)


async def test_a_link_dies_with_its_attempt(stand: Connecting) -> None:
    former = await stand.service.open(ANNA)
    latter = await stand.service.open(ANNA)
    for link, purpose in ((former.paymo_link, "paymo"), (former.xero_link, "xero")):
        with pytest.raises(LinkExpired):
            await stand.links.invitation(nonce_of(link), purpose)
    theirs = await stand.service.open(BEN)
    await stand.links.invitation(nonce_of(latter.xero_link), "xero")
    await stand.service.disconnect(ANNA, PLACE)
    with pytest.raises(LinkExpired):
        await stand.links.invitation(nonce_of(latter.xero_link), "xero")

    assert (await stand.links.invitation(nonce_of(theirs.xero_link), "xero")).person == "ben"


async def test_what_was_handed_out_for_a_side_dies_when_that_side_is_connected(
    stand: Connecting,
) -> None:
    checklist = await stand.service.open(ANNA)
    await stand.press(nonce_of(checklist.xero_link), stand.maple)
    _, redrawn = stand.screen.checklists[-1]
    await stand.give_key(nonce_of(redrawn.paymo_link))
    with pytest.raises(LinkExpired):
        await stand.give_key(nonce_of(checklist.paymo_link), "oak-key")
    connection = await stand.connection(checklist.connection_id)

    assert connection.paymo_company_name == "Maple Studio"


@pytest.mark.parametrize(
    ("installed", "workspace"), [(None, "T1"), ("Maple Studio HQ", "Maple Studio HQ")]
)
async def test_without_names_a_page_says_what_the_installation_says(
    stand: Connecting, installed: str | None, workspace: str
) -> None:
    async with stand.database.sessions.begin() as session:
        for grid, team_id, name in ((None, "T1", installed), (None, "T2", "2"), ("E1", None, "3")):
            if name is None:
                continue
            session.add(
                SlackInstallation(
                    client_id="1",
                    app_id="A1",
                    enterprise_id=grid,
                    team_id=team_id,
                    team_name=name,
                    user_id="U1",
                    installed_at=stand.clock(),
                )
            )
    checklist = await stand.service.open(bridge.ANNA)
    shown = await stand.links.invitation(nonce_of(checklist.xero_link), "xero")

    assert (shown.person, shown.workspace) == ("", workspace)


async def test_a_name_is_one_short_line_that_turns_nothing_around(stand: Connecting) -> None:
    hostile = replace(ANNA, name="an\u202ena\n of Xero" + "x" * 200)
    checklist = await stand.service.open(hostile)
    shown = await stand.links.invitation(nonce_of(checklist.xero_link), "xero")

    assert shown.person == "anna of Xero" + "x" * 68
