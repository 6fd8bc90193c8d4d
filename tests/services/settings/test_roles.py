"""Who may do what: by name, by place, and never beyond."""

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from services.errors import AlreadyRequested, NotAllowed, NotConnected, NotFound, SeveralFit
from services.history.service import HistoryService
from services.model.notice import NoticeKind
from services.model.people import Person, ReplyTarget, Role
from services.model.wording import Command, Member, Typed
from services.settings.service import AccessService, SettingsService
from services.store import connections, people
from services.store.tables import AccessRequest, AuditEntry, Notice, Subscription
from tests.databases import BOTH_DATABASES, SQLITE_ALONE
from tests.services.bridge import ANNA, BEN, Bridge, Deaf
from tests.services.fixtures import bridge_of

pytestmark = SQLITE_ALONE

ELSEWHERE = "C9"
CARL = Person("", "T1", "U3", ELSEWHERE)


bridge = bridge_of(Bridge.open)


def access_on(bridge: Bridge) -> AccessService:
    """Return the service that asks and answers."""
    return AccessService(bridge.database, Deaf(), bridge.clock)


def settings_on(bridge: Bridge) -> SettingsService:
    """Return the service of the settings."""
    return SettingsService(bridge.database, Deaf(), bridge.clock)


async def role_of(bridge: Bridge, person: Person) -> Role:
    """Return what this person may do."""
    async with bridge.database.sessions() as session:
        connection = await connections.get(session, bridge.connection_id)
        return await people.role_of(session, connection, person)


async def told(bridge: Bridge, kind: NoticeKind) -> list[Notice]:
    """Return the messages of this kind that people are owed."""
    async with bridge.database.sessions() as session:
        found = await session.scalars(select(Notice).where(Notice.kind == kind))
        return list(found.all())


async def limit_channel(bridge: Bridge, **values: object) -> None:
    """Change what the subscribed channel hears."""
    async with bridge.database.sessions.begin() as session:
        await session.execute(update(Subscription).values(**values))


async def test_a_subscribed_channel_makes_viewers_there_and_nowhere_else(bridge: Bridge) -> None:
    assert await role_of(bridge, BEN) is Role.VIEWER
    assert await role_of(bridge, replace(BEN, channel_id=ELSEWHERE)) is Role.NOBODY
    assert await role_of(bridge, replace(BEN, channel_id="")) is Role.NOBODY

    await limit_channel(bridge, paused_because="The channel is archived.")
    assert await role_of(bridge, BEN) is Role.NOBODY

    await limit_channel(bridge, paused_because="")
    await bridge.change(channel_viewers=False)
    assert await role_of(bridge, BEN) is Role.NOBODY
    await bridge.change(viewers=["U2"])
    assert await role_of(bridge, replace(BEN, channel_id="")) is Role.VIEWER


async def test_a_channel_of_one_client_is_no_place_to_ask_about_others(bridge: Bridge) -> None:
    acme = bridge.paymo.company.add_client("Acme Ltd")
    other = bridge.paymo.company.add_client("Secret Ltd")
    for number, client in (("INV-1", acme), ("QUO-1", other), ("QUO-2", other), ("A-2", other)):
        bridge.paymo.company.add_invoice(number, client, [("Work", "", 1, "100")], tax=15)
    for each in (acme, other):
        bridge.xero.books.add_contact(each.name)
    await bridge.wait(hours=2)
    await bridge.export_it("INV-1")
    await bridge.export_it("QUO-1")

    await limit_channel(bridge, client_id=acme.id)
    for ask in (bridge.forms.card, HistoryService(bridge.database).newest):
        with pytest.raises(NotAllowed, match="one client only"):
            await ask(BEN, "QUO-1")
    assert await bridge.forms.card(BEN, "INV-1") is not None
    assert await bridge.forms.card(BEN, "1") is not None, "no other client's is offered"
    with pytest.raises(NotFound):
        await bridge.forms.card(BEN, "2")
    with pytest.raises(SeveralFit):
        await bridge.forms.card(ANNA, "1")
    await limit_channel(bridge, client_id=acme.id + 1)
    with pytest.raises(NotAllowed, match="one client only"):
        await bridge.forms.card(BEN, "INV-1")
    assert await bridge.forms.card(ANNA, "INV-1") is not None


async def test_viewers_cost_no_call_and_change_nothing(bridge: Bridge) -> None:
    reply_to = ReplyTarget(1, "U2", "C1")
    for refused in (
        bridge.sync.request(BEN, reply_to),
        bridge.reconcile.ask(BEN, "", reply_to),
        bridge.forms.open(BEN, ""),
        bridge.batches.open(BEN),
        bridge.matching.open(BEN),
        bridge.undo.find(BEN, "INV-1"),
    ):
        with pytest.raises(NotAllowed) as refusal:
            await refused
        assert (refusal.value.connection_id, refusal.value.wants) == (1, "exporter")


async def test_ten_syncs_are_one(bridge: Bridge) -> None:
    bridge.clock.turn(minutes=5)
    asked = [await bridge.sync.request(ANNA, ReplyTarget(1, "U1", "C1")) for _ in range(5)]
    assert [each.is_under_way for each in asked] == [False, True, True, True, True]
    await bridge.run()
    calls = len(bridge.xero.requests)

    assert (await bridge.sync.request(ANNA, ReplyTarget(1, "U1", "C1"))).is_fresh
    await bridge.run()
    assert len(bridge.xero.requests) == calls
    bridge.clock.turn(minutes=1)
    assert not (await bridge.sync.request(ANNA, ReplyTarget(1, "U1", "C1"))).is_fresh


@BOTH_DATABASES
@pytest.mark.parametrize("given", [Role.VIEWER, Role.EXPORTER])
async def test_the_owner_is_asked_once_and_answers_once(bridge: Bridge, given: Role) -> None:
    access = access_on(bridge)
    said = [await access.ask(CARL, Role.OWNER) for _ in range(3)]
    assert f"We've asked {Member('U1')}" in said[0]
    assert "before" in said[1]
    [notice] = await told(bridge, NoticeKind.ACCESS_ASKED)
    assert (notice.channel_id, notice.facts["by"], notice.facts["role"]) == ("U1", "U3", "exporter")
    request_id = notice.facts["request_id"]
    for other in (CARL, BEN, replace(ANNA, team_id="T2")):
        with pytest.raises((NotAllowed, NotConnected)):
            await access.allow(other, request_id)

    assert str(Member("U3")) in await access.allow(ANNA, request_id, given)
    for again in (access.allow(ANNA, request_id), access.decline(ANNA, request_id)):
        with pytest.raises(AlreadyRequested, match=f"{Member('U1')} already answered"):
            await again

    assert await role_of(bridge, CARL) is given
    [answer] = await told(bridge, NoticeKind.ACCESS_ANSWERED)
    assert (answer.channel_id, answer.facts["given"]) == ("U3", given.word)
    async with bridge.database.sessions() as session:
        act = await session.scalar(select(AuditEntry).where(AuditEntry.what == "access_given"))
    assert act is not None
    assert (act.user_id, act.after) == ("U1", {"people": ["U3"], "role": given.word})


async def test_who_is_declined_is_told_and_can_ask_again_the_next_day(bridge: Bridge) -> None:
    access = access_on(bridge)
    await access.ask(CARL, Role.VIEWER)
    [notice] = await told(bridge, NoticeKind.ACCESS_ASKED)
    await access.decline(ANNA, notice.facts["request_id"])

    assert await role_of(bridge, CARL) is Role.NOBODY
    [answer] = await told(bridge, NoticeKind.ACCESS_ANSWERED)
    assert (answer.channel_id, answer.facts["given"]) == ("U3", "")
    bridge.clock.turn(hours=23)
    assert "ask again tomorrow" in await access.ask(CARL, Role.VIEWER)
    bridge.clock.turn(hours=1)
    assert "We've asked" in await access.ask(CARL, Role.VIEWER)


async def test_settings_that_name_a_person_answer_their_request(bridge: Bridge) -> None:
    access, settings = access_on(bridge), settings_on(bridge)
    await access.ask(CARL, Role.VIEWER)
    form = await settings.open(ANNA)
    await settings.save(ANNA, replace(form, exporters=("U3",), viewers=("U1", "U2", "U3")))

    assert await role_of(bridge, CARL) is Role.EXPORTER
    assert (await settings.open(ANNA)).viewers == ("U2",)
    [answer] = await told(bridge, NoticeKind.ACCESS_ANSWERED)
    assert (answer.channel_id, answer.facts["given"]) == ("U3", "exporter")
    [asked] = await told(bridge, NoticeKind.ACCESS_ASKED)
    assert (asked.facts["done"]["by"], asked.facts["done"]["what"]) == ("U1", "allowed it")


async def test_the_owner_hands_over_and_requests_go_to_the_new_one(bridge: Bridge) -> None:
    access, settings = access_on(bridge), settings_on(bridge)
    await access.ask(CARL, Role.EXPORTER)
    await settings.save(ANNA, replace(await settings.open(ANNA), owner_id="U2"))

    assert await role_of(bridge, BEN) is Role.OWNER
    assert await role_of(bridge, ANNA) is Role.EXPORTER
    with pytest.raises(NotAllowed, match=str(Member("U2"))):
        await settings.open(ANNA)
    changed = await told(bridge, NoticeKind.OWNER_CHANGED)
    assert sorted(each.channel_id for each in changed) == ["U1", "U2"]
    first, second = await told(bridge, NoticeKind.ACCESS_ASKED)
    assert (first.channel_id, second.channel_id) == ("U1", "U2")
    assert (first.facts["done"]["by"], first.facts["done"]["what"]) == ("U2", "became the owner")
    assert "done" not in second.facts
    request_id = second.facts["request_id"]
    with pytest.raises(NotAllowed):
        await access.allow(ANNA, request_id)  # the button in the former owner's message
    await access.allow(BEN, request_id)
    assert await role_of(bridge, CARL) is Role.EXPORTER
    asked = await told(bridge, NoticeKind.ACCESS_ASKED)
    assert [each.facts["done"]["what"] for each in asked] == ["became the owner", "allowed it"]


async def test_ownership_that_comes_back_asks_the_owner_again(bridge: Bridge) -> None:
    access, settings = access_on(bridge), settings_on(bridge)
    await access.ask(CARL, Role.EXPORTER)
    for owner, heir in ((ANNA, "U2"), (BEN, "U1")):
        bridge.clock.turn(minutes=1)
        await settings.save(owner, replace(await settings.open(owner), owner_id=heir))

    asked = await told(bridge, NoticeKind.ACCESS_ASKED)
    assert [(each.channel_id, "done" in each.facts) for each in asked] == [
        ("U1", True),
        ("U2", True),
        ("U1", False),
    ]


async def test_an_exporter_asks_to_become_the_owner(bridge: Bridge) -> None:
    await bridge.change(exporters=["U3"])
    access = access_on(bridge)
    await access.ask(CARL, Role.OWNER)
    [notice] = await told(bridge, NoticeKind.ACCESS_ASKED)
    assert notice.facts["role"] == "owner"
    bridge.clock.turn(days=7)
    assert str(Typed(Command.CONNECT)) in await access.ask(CARL, Role.OWNER)

    await access.allow(ANNA, notice.facts["request_id"], Role.VIEWER)
    assert await role_of(bridge, CARL) is Role.OWNER
    async with bridge.database.sessions() as session:
        [request] = await session.scalars(select(AccessRequest))
    assert request.given == "owner"


async def test_a_no_holds_for_a_day_for_what_was_declined_and_a_yes_for_nothing(
    bridge: Bridge,
) -> None:
    """Whoever was given a role and lost it again may ask at once."""
    access = access_on(bridge)
    for role, given in ((Role.EXPORTER, False), (Role.VIEWER, True), (Role.VIEWER, True)):
        assert "We've asked" in await access.ask(CARL, role)
        request = (await told(bridge, NoticeKind.ACCESS_ASKED))[-1].facts["request_id"]
        await (access.allow(ANNA, request) if given else access.decline(ANNA, request))
        await bridge.change(viewers=[])
    assert "declined this" in await access.ask(CARL, Role.EXPORTER)
