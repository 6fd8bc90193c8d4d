"""Ending a connection on both sides, and coming back to what was exported."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.connect.links import LinkExpired
from services.errors import NotAllowed, NotConnected, ServiceError
from services.model.connection import ConnectionState
from services.model.export import ExportState
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.wording import Member
from services.store import links, mirror
from services.store.tables import (
    AuditEntry,
    Card,
    Connection,
    Contact,
    Export,
    Grant,
    Notice,
    OneTimeLink,
    Subscription,
)
from tests.services.bridge import ANNA, BEN
from tests.services.connecting import PLACE, Connecting, nonce_of
from tests.services.prepared import KEY
from tests.services.store_seeds import export_of


async def exported(stand: Connecting, connection: Connection, **values: object) -> None:
    """Note that an invoice went to Xero."""
    usual: dict[str, object] = {"state": ExportState.EXPORTED, "xero_invoice_id": "X1"}
    async with stand.database.sessions.begin() as session:
        session.add(export_of(connection, due_at=None, **{**usual, **values}))


async def end(stand: Connecting, connection: Connection) -> None:
    """Disconnect, and have the job run."""
    await stand.service.disconnect(replace(ANNA, connection_id=connection.id), PLACE)
    await stand.end(connection)


async def test_only_the_owner_ends_it_and_only_when_there_is_something(stand: Connecting) -> None:
    with pytest.raises(NotConnected):
        await stand.service.farewell(ANNA)
    await stand.connect()
    with pytest.raises(NotAllowed, match=str(Member("U1"))):
        await stand.service.farewell(BEN)
    with pytest.raises(NotAllowed, match=str(Member("U1"))):
        await stand.service.disconnect(BEN, replace(PLACE, user_id="U2"))
    farewell = await stand.service.farewell(ANNA)

    assert (farewell.company, farewell.organisation) == ("Maple Studio", "Maple Books")
    assert farewell.others == ()


async def test_ending_tells_xero_forgets_secrets_and_keeps_what_was_exported(
    stand: Connecting,
) -> None:
    connection = await stand.connect()
    await exported(stand, connection, paymo_invoice_id=7)
    await exported(stand, connection, paymo_invoice_id=8, state=ExportState.QUEUED)
    async with stand.database.sessions.begin() as session:
        acme = {"contact_id": "a", "name": "Acme", "email": "", "is_active": True}
        await mirror.put(session, connection.id, Contact, [acme])
        session.add(Card(export_id=1, channel_id="C1", posted_in="C1", ts="1.1"))
    await stand.service.disconnect(ANNA, PLACE)
    assert stand.work.made[-1] == (Job.DISCONNECT, connection.id)
    with pytest.raises(NotConnected):
        await stand.service.disconnect(ANNA, PLACE)
    for _ in range(2):
        await stand.end(connection)
    after = await stand.connection(connection.id)
    states = [each.state for each in await stand.rows(Export)]
    ((reply_to, sentences),) = stand.screen.farewells

    assert (stand.xero.authority.connections, stand.xero.authority.refreshes) == ({}, {})
    assert (after.state, after.paymo_api_key, after.grant_id) == (
        ConnectionState.ENDED,
        None,
        None,
    )
    for forgotten in (Grant, OneTimeLink, Contact):
        assert await stand.rows(forgotten) == []
    assert [each.due_at for each in await stand.rows(Card)] == [stand.clock()]  # drawn again
    assert states == [ExportState.EXPORTED, ExportState.FAILED]
    assert reply_to == PLACE
    assert "Maple Books is disconnected" in sentences[0]
    assert "Maple Studio" in sentences[1]
    assert sentences[2].startswith("Exported invoices stay in Paymo and Xero: 1.")
    assert "disconnected" in [each.what for each in await stand.rows(AuditEntry)]


async def test_every_subscribed_channel_is_told_who_ended_it_each_time(stand: Connecting) -> None:
    connection = await stand.connect()
    heard = {"C1": (["digest"], ""), "C2": (["exports"], ""), "C3": (["failures"], "archived")}
    async with stand.database.sessions.begin() as session:
        for channel_id, (topics, paused) in heard.items():
            session.add(
                Subscription(
                    connection_id=connection.id,
                    channel_id=channel_id,
                    topics=topics,
                    set_by="U1",
                    set_at=stand.clock(),
                    paused_because=paused,
                )
            )
    await end(stand, connection)
    stand.clock.turn(hours=1)
    await end(stand, await stand.connect())
    told = [
        (each.channel_id, each.facts["by"])
        for each in await stand.rows(Notice)
        if each.kind is NoticeKind.CONNECTION_ENDED
    ]

    # C3 is paused, so whoever subscribed it hears of it.
    assert told == [("C1", "U1"), ("C2", "U1"), ("U1", "U1")] * 2
    assert (Job.NOTICES, connection.workspace_id) in stand.work.made


@pytest.mark.parametrize("paymo_is_down", [False, True])
async def test_our_webhooks_go_and_no_others_and_an_outage_of_paymo_holds_nothing_up(
    stand: Connecting, *, paymo_is_down: bool
) -> None:
    connection = await stand.connect()
    await stand.change(
        connection, paymo_hook_digest="d", paymo_hook_token="t", paymo_hook_secret="s"
    )
    for target in ("https://bot.example/webhooks/paymo/t", "https://other.example/hook"):
        stand.paymo.company.add_hook({"target_url": target, "event": "*.Invoice"})
    if paymo_is_down:
        stand.paymo.faults.add(path="/hooks", status=503, times=99)
    await end(stand, connection)
    after = await stand.connection(connection.id)
    left = [each.target_url for each in stand.paymo.company.hooks.values()]
    ((_, sentences),) = stand.screen.farewells

    assert after.state is ConnectionState.ENDED
    assert (after.paymo_hook_digest, after.paymo_hook_token, after.paymo_hook_secret) == (
        None,
        None,
        None,
    )
    assert len(left) == (2 if paymo_is_down else 1)
    assert left[-1] == "https://other.example/hook"
    assert ("refuse them unread" in sentences[1]) is paymo_is_down
    assert "API key of Maple Studio is deleted" in sentences[1]


async def test_an_outage_of_xero_is_tried_again_and_in_the_end_left_to_a_person(
    stand: Connecting,
) -> None:
    connection = await stand.connect()
    stand.xero.faults.add(method="DELETE", status=503, times=1000)
    await stand.service.disconnect(ANNA, PLACE)
    waits = []
    while not stand.screen.farewells:
        await stand.end(connection)
        after = await stand.connection(connection.id)
        due_at = (await stand.schedule(connection, Job.DISCONNECT)).due_at
        if due_at is not None:
            assert after.paymo_api_key == KEY
            waits.append(due_at - stand.clock())
            stand.clock.time = due_at
    ((_, sentences),) = stand.screen.farewells

    assert len(waits) == 7
    assert waits == sorted(waits)
    assert "Remove it in Xero" in sentences[0]
    assert (after.state, after.paymo_api_key) == (ConnectionState.ENDED, None)


@pytest.mark.parametrize("gone", ["the connection", "the consent"])
async def test_what_is_gone_at_xero_already_ends_all_the_same(stand: Connecting, gone: str) -> None:
    connection = await stand.connect()
    stand.xero.disconnect(stand.maple.tenant_id)
    if gone == "the consent":
        stand.xero.authority.refreshes.clear()
        stand.xero.authority.expire_access()
        stand.clock.turn(hours=1)
    await end(stand, connection)
    ((_, sentences),) = stand.screen.farewells

    assert (await stand.connection(connection.id)).state is ConnectionState.ENDED
    assert "Remove it" not in sentences[0]


async def test_the_same_two_connected_again_go_on_where_they_stopped(stand: Connecting) -> None:
    connection = await stand.connect()
    await exported(stand, connection)
    await end(stand, connection)
    again = await stand.connect()
    (kept,) = await stand.rows(Export)
    (overview,) = await stand.service.overviews(ANNA)

    assert (again.id, again.state) == (connection.id, ConnectionState.ACTIVE)
    assert (kept.connection_id, overview.exported) == (connection.id, 1)
    assert (Job.SWEEP, connection.id) in stand.work.made


async def test_another_pair_after_an_end_begins_anew(stand: Connecting) -> None:
    """A connection that nobody completed isn't named as the former one."""
    connection = await stand.connect()
    await end(stand, connection)
    half = await stand.service.open(ANNA)
    await stand.give_key(nonce_of(half.paymo_link), "oak-key")
    await end(stand, await stand.connection(half.connection_id))
    assert await stand.service.former(ANNA) == "Maple Studio → Maple Books"
    assert await stand.service.former(BEN) == ""
    checklist = await stand.service.open(ANNA)
    await stand.give_key(nonce_of(checklist.paymo_link), "oak-key")
    await stand.press(nonce_of(checklist.xero_link), stand.maple)
    begun = await stand.connection(checklist.connection_id)

    assert begun.id != connection.id
    assert (begun.state, begun.paymo_company_name) == (ConnectionState.ACTIVE, "Oak Studio")


async def test_a_page_that_is_finished_during_the_end_changes_nothing(stand: Connecting) -> None:
    connection = await stand.connect()
    waiting = OneTimeLink(purpose="paymo", connection_id=connection.id, user_id="U1")
    async with stand.database.sessions.begin() as session:
        nonce = links.add(session, waiting, stand.clock())
    await stand.service.disconnect(ANNA, PLACE)
    with pytest.raises(NotConnected):
        await stand.service.open(ANNA)
    with pytest.raises(LinkExpired):
        await stand.give_key(nonce, KEY)
    await stand.end(connection)

    assert (await stand.connection(connection.id)).paymo_api_key is None


async def test_what_may_have_been_sent_before_the_end_is_looked_up_when_connected_again(
    stand: Connecting,
) -> None:
    connection = await stand.connect()
    later = stand.clock() + timedelta(hours=1)
    row = export_of(connection, state=ExportState.UNKNOWN, due_at=later)
    async with stand.database.sessions.begin() as session:
        session.add(row)
    await end(stand, connection)
    await stand.connect()
    (kept,) = await stand.rows(Export)

    assert kept.due_at is not None
    assert kept.due_at <= stand.clock()


async def test_no_end_overtakes_a_webhook_on_its_way(stand: Connecting) -> None:
    """One that arrived afterwards would stay in Paymo for good."""
    connection = await stand.connect()
    await stand.change(
        connection,
        paymo_hook_digest="d",
        paymo_hook_token="t",
        paymo_hook_secret="s",
        sent_at=stand.clock(),
    )
    await end(stand, connection)
    before = await stand.connection(connection.id)
    ours = {"target_url": "https://bot.example/webhooks/paymo/t", "event": "*.Invoice"}
    stand.paymo.company.add_hook(ours)
    stand.clock.turn(seconds=20)
    await stand.end(connection)

    assert before.state is ConnectionState.ENDING
    assert (await stand.connection(connection.id)).state is ConnectionState.ENDED
    assert stand.paymo.company.hooks == {}


async def test_the_same_two_are_not_connected_again_while_they_are_being_ended(
    stand: Connecting,
) -> None:
    await stand.connect()
    again = await stand.service.add(ANNA)
    await stand.service.disconnect(ANNA, PLACE)
    await stand.give_key(nonce_of(again.paymo_link))
    with pytest.raises(ServiceError, match="already connected"):
        await stand.press(nonce_of(again.xero_link), stand.maple)

    assert (await stand.connection(again.connection_id)).state is ConnectionState.PENDING
