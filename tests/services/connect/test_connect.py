"""Connecting both sides: links, keys, consents, and coming back after a break."""

import asyncio
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy.exc import IntegrityError

from services.connect.links import ConsentRefused, LinkExpired
from services.connect.pages import Return
from services.connect.service import WorkspaceService
from services.errors import NotAllowed, NotConnected, ServiceError, System, Unavailable
from services.lifecycle.connection import mark_broken
from services.model.connection import ConnectionState
from services.model.export import BatchState
from services.model.jobs import Job, TaskState
from services.model.notice import NoticeKind
from services.model.people import Role
from services.model.wording import Member
from services.store.tables import (
    AuditEntry,
    Batch,
    Connection,
    Export,
    Grant,
    Notice,
    OneTimeLink,
    Subscription,
    Task,
)
from services.store.types import Leased
from tests.services.bridge import ANNA, BEN
from tests.services.connecting import HERE, Connecting, nonce_of
from tests.services.prepared import KEY
from tests.services.store_seeds import connected, export_of


async def broken(stand: Connecting, side: System) -> Connection:
    """Connect both sides, and let one of them refuse us."""
    connection = await stand.connect()
    async with stand.database.sessions.begin() as session:
        await mark_broken(session, connection.id, NotConnected("Gone.", system=side), stand.clock())
    return connection


async def test_both_sides_connected_start_the_work(stand: Connecting) -> None:
    checklist = await stand.service.open(ANNA)
    await stand.service.attach_view(ANNA, checklist.connection_id, "V1")
    company = await stand.give_key(nonce_of(checklist.paymo_link), f"  {KEY}\n")
    half_way = list(stand.work.made)
    consent = await stand.press(nonce_of(checklist.xero_link), stand.maple)
    connection = await stand.connection(checklist.connection_id)
    (_, first), (reply_to, last) = stand.screen.checklists

    assert (company, half_way) == ("Maple Studio", [])
    assert consent.organisation is not None
    assert (consent.organisation.name, consent.organisation.is_demo) == ("Maple Books", True)
    assert (connection.state, connection.base_currency) == (ConnectionState.ACTIVE, "NZD")
    due = [(await stand.schedule(connection, job)).due_at for job in (Job.SWEEP, Job.MIRROR)]
    assert due == [stand.clock()] * 2
    assert (Job.MIRROR, connection.id) in stand.work.made
    assert (Job.SWEEP, connection.id) in stand.work.made
    assert (reply_to.view_id, reply_to.user_id) == ("V1", "U1")
    assert (first.company, first.paymo_link, first.organisation) == ("Maple Studio", "", None)
    assert (last.paymo_link, last.xero_link, last.state) == ("", "", ConnectionState.ACTIVE)


async def test_a_key_that_does_not_work_leaves_the_page_to_try_another(
    stand: Connecting,
) -> None:
    nonce = nonce_of((await stand.service.open(ANNA)).paymo_link)
    for wrong in ("", "   ", "not-a-key"):
        with pytest.raises(ServiceError, match="key"):
            await stand.give_key(nonce, wrong)
    stand.paymo.faults.add(path="/company", status=503, times=3)
    with pytest.raises(Unavailable):
        await stand.give_key(nonce, KEY)
    assert (await stand.links.invitation(nonce, "paymo")).organisation == ""
    await stand.give_key(nonce, KEY)

    with pytest.raises(LinkExpired):
        await stand.give_key(nonce, KEY)
    with pytest.raises(LinkExpired):
        await stand.links.invitation(nonce, "paymo")


async def test_a_key_that_may_not_read_invoices_is_refused_with_what_it_lacks(
    stand: Connecting,
) -> None:
    nonce = nonce_of((await stand.service.open(ANNA)).paymo_link)
    body = '{"message": "Your role has no invoices"}'
    stand.paymo.faults.add(path="/invoices", status=403, body=body)
    with pytest.raises(ServiceError, match=r"read invoices.*Your role has no invoices"):
        await stand.give_key(nonce)
    blocked = {"status": 403, "body": "<html>", "headers": {"Content-Type": "text/html"}}
    stand.paymo.faults.add(path="/company", **blocked)
    with pytest.raises(ServiceError, match="doesn't allow our connection to do this"):
        await stand.give_key(nonce)
    await stand.give_key(nonce)


async def test_links_are_for_one_purpose_and_for_ten_minutes(stand: Connecting) -> None:
    checklist = await stand.service.open(ANNA)
    paymo, xero = nonce_of(checklist.paymo_link), nonce_of(checklist.xero_link)
    with pytest.raises(LinkExpired):
        await stand.xero_page.start_consent(paymo, HERE)
    with pytest.raises(LinkExpired):
        await stand.links.invitation(xero, "paymo")
    stand.clock.turn(minutes=10)
    with pytest.raises(LinkExpired):
        await stand.give_key(paymo, KEY)
    with pytest.raises(LinkExpired):
        await stand.xero_page.start_consent(xero, HERE)
    with pytest.raises(LinkExpired):
        await stand.xero_page.finish_consent(Return("made up", "code"), HERE)

    assert (stand.paymo.requests, stand.xero.requests) == ([], [])


async def test_e01_links_to_xero_and_states_are_used_up_by_the_first_who_comes(
    stand: Connecting,
) -> None:
    nonce = nonce_of((await stand.service.open(ANNA)).xero_link)
    address = await stand.xero_page.start_consent(nonce, HERE)
    with pytest.raises(LinkExpired):
        await stand.xero_page.start_consent(nonce, HERE)
    state = parse_qs(urlsplit(address).query)["state"][0]
    with pytest.raises(LinkExpired):
        await stand.xero_page.finish_consent(Return(state, "made up"), HERE)
    with pytest.raises(LinkExpired):
        await stand.xero_page.finish_consent(Return(state, "made up"), HERE)

    assert len(stand.xero.calls("POST", "/connect/token")) == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("access_denied", "allow access at Xero"),
        ("invalid_scope", "granular scopes only"),
        ("unauthorized_client", "granular scopes only"),
        ("too_many_apps", "two uncertified apps"),
    ],
)
async def test_an_error_of_xeros_consent_page_is_told_with_what_helps(
    stand: Connecting, error: str, words: str
) -> None:
    nonce = nonce_of((await stand.service.open(ANNA)).xero_link)
    address = await stand.xero_page.start_consent(nonce, HERE)
    state = parse_qs(urlsplit(address).query)["state"][0]

    with pytest.raises(ConsentRefused, match=words):
        await stand.xero_page.finish_consent(Return(state, "", error), HERE)


async def test_e02_a_cancelled_consent_stores_nothing_and_the_form_gets_a_fresh_button(
    stand: Connecting,
) -> None:
    checklist = await stand.service.open(ANNA)
    with pytest.raises(ConsentRefused):
        await stand.press(nonce_of(checklist.xero_link), answer="cancel")
    assert await stand.rows(Grant) == []
    _, redrawn = stand.screen.checklists[-1]

    consent = await stand.press(nonce_of(redrawn.xero_link), stand.maple)
    assert consent.organisation is not None


async def test_e03_several_organisations_are_a_choice_that_is_made_once(stand: Connecting) -> None:
    checklist = await stand.service.open(ANNA)
    await stand.give_key(nonce_of(checklist.paymo_link), KEY)
    asked = await stand.press(nonce_of(checklist.xero_link), stand.maple, stand.oak)
    assert asked.organisation is None
    assert {(each.name, each.country) for each in asked.choices} == {
        ("Maple Books", "NZ"),
        ("Oak Books", "GB"),
    }
    with pytest.raises(ServiceError, match="on the page"):
        await stand.xero_page.choose_organisation(asked.token, "another", HERE)
    stand.xero.faults.add(path="/Organisation", status=503, times=3)
    with pytest.raises(Unavailable):
        await stand.xero_page.choose_organisation(asked.token, stand.oak.tenant_id, HERE)
    chosen = await stand.xero_page.choose_organisation(asked.token, stand.oak.tenant_id, HERE)
    with pytest.raises(LinkExpired):
        await stand.xero_page.choose_organisation(asked.token, stand.maple.tenant_id, HERE)
    connection = await stand.connection(checklist.connection_id)

    assert chosen.organisation is not None
    assert (chosen.organisation.name, chosen.company) == ("Oak Books", "Maple Studio")
    assert (connection.tenant_id, connection.state) == (
        stand.oak.tenant_id,
        ConnectionState.ACTIVE,
    )


async def test_an_organisation_that_cannot_be_read_leaves_no_tokens_behind(
    stand: Connecting,
) -> None:
    checklist = await stand.service.open(ANNA)
    stand.xero.faults.add(path="/Organisation", status=503, times=3)
    with pytest.raises(Unavailable):
        await stand.press(nonce_of(checklist.xero_link), stand.maple)

    assert await stand.rows(Grant) == []


def waiting(stand: Connecting, connection: Connection) -> list[Leased]:
    """Return an export, an undo and a batch that are parked."""
    later = stand.clock().replace(year=2030)
    waits: dict[str, Any] = {"connection_id": connection.id, "asked_by": "U1", "due_at": later}
    undo = Task(
        **waits,
        job=Job.UNDO,
        subject="1",
        state=TaskState.WAITING,
        asked_at=stand.clock(),
    )
    batch = Batch(
        **waits,
        state=BatchState.RUNNING,
        reply_to={},
        created_at=stand.clock(),
    )
    return [export_of(connection, due_at=later), undo, batch]


@pytest.mark.parametrize("keeps_old_event", [False, True])
async def test_e06_a_broken_consent_is_mended_with_the_organisation_known_already(
    stand: Connecting, *, keeps_old_event: bool
) -> None:
    connection = await broken(stand, "Xero")
    other = await connected(stand.database, "T9")
    stand.xero.authority.keeps_old_event = keeps_old_event
    parked = waiting(stand, connection)
    heard = Subscription(
        connection_id=connection.id,
        channel_id="C1",
        topics=["failures"],
        set_by="U1",
        set_at=stand.clock(),
    )
    async with stand.database.sessions.begin() as session:
        session.add_all([*parked, heard])
        await session.flush()
        session.add_all(waiting(stand, other))
    checklist = await stand.service.open(ANNA)
    assert (checklist.broken_side, checklist.paymo_link) == ("Xero", "")
    await stand.press(nonce_of(checklist.xero_link), stand.maple)
    mended = await stand.connection(connection.id)
    rows: list[Leased] = [
        *await stand.rows(Export),
        *await stand.rows(Task),
        *await stand.rows(Batch),
    ]
    released = [each.due_at for each in rows if each.due_at == stand.clock()]
    told = [(each.kind, each.channel_id) for each in await stand.rows(Notice)]
    (grant,) = await stand.rows(Grant)

    assert (mended.state, mended.broken_side) == (ConnectionState.ACTIVE, "")
    assert (mended.grant_id, released) == (grant.id, 3 * [stand.clock()])
    assert told == [
        (NoticeKind.CONNECTION_BROKEN, "U1"),
        (NoticeKind.CONNECTION_RESTORED, "C1"),
    ]


async def test_an_organisation_that_was_linked_elsewhere_before_is_found_all_the_same(
    stand: Connecting,
) -> None:
    await stand.connect()
    stand.xero.authority.keeps_old_event = True
    checklist = await stand.service.open(replace(ANNA, team_id="T2"))
    consent = await stand.press(nonce_of(checklist.xero_link), stand.maple)

    assert consent.organisation is not None
    assert consent.organisation.name == "Maple Books"


async def test_e08_another_organisation_than_before_is_refused_with_both_names(
    stand: Connecting,
) -> None:
    connection = await broken(stand, "Xero")
    stand.xero.disconnect(stand.maple.tenant_id)
    checklist = await stand.service.open(ANNA)
    with pytest.raises(ServiceError, match=r"Maple Books.*Oak Books"):
        await stand.press(nonce_of(checklist.xero_link), stand.oak)
    after = await stand.connection(connection.id)
    grants = [each.id for each in await stand.rows(Grant)]

    assert (after.state, after.tenant_id) == (ConnectionState.BROKEN, stand.maple.tenant_id)
    assert grants == [connection.grant_id]


async def test_another_company_than_before_is_refused_with_both_names(stand: Connecting) -> None:
    connection = await broken(stand, "Paymo")
    nonce = nonce_of((await stand.service.open(ANNA)).paymo_link)
    with pytest.raises(ServiceError, match=r"Maple Studio.*Oak Studio"):
        await stand.give_key(nonce, "oak-key")
    assert (await stand.links.invitation(nonce, "paymo")).organisation == "Maple Books"
    stand.paymo.company.keys.add("new-key")
    await stand.give_key(nonce, "new-key")
    after = await stand.connection(connection.id)

    assert (after.state, after.paymo_api_key) == (ConnectionState.ACTIVE, "new-key")


async def test_two_who_begin_at_once_begin_the_same(stand: Connecting) -> None:
    await WorkspaceService(stand.database, stand.clock).id_of(ANNA)
    opened = await asyncio.gather(*(stand.service.open(ANNA) for _ in range(4)))

    assert len(await stand.rows(Connection)) == 1
    assert len({each.xero_link for each in opened}) == 4


async def test_whoever_connects_owns_it_and_others_are_told_whom_to_ask(stand: Connecting) -> None:
    await stand.connect()

    with pytest.raises(NotAllowed, match=str(Member("U1"))):
        await stand.service.open(BEN)


async def test_nothing_is_shown_at_a_glance_before_a_side_is_connected(stand: Connecting) -> None:
    await stand.service.open(ANNA)
    assert await stand.service.overviews(ANNA) == ()
    assert await stand.service.best_role(ANNA) is None
    connection = await stand.connect()
    with pytest.raises(NotAllowed, match=str(Member("U1"))):
        await stand.service.overviews(BEN)
    await stand.change(connection, viewers=["U2"])
    (mine,) = await stand.service.overviews(ANNA)
    (theirs,) = await stand.service.overviews(BEN)

    assert (mine.company, mine.role, theirs.role) == ("Maple Studio", Role.OWNER, Role.VIEWER)
    assert mine.organisation is not None
    assert mine.organisation.name == "Maple Books"


async def test_e69_secrets_and_links_are_not_readable_in_the_database(stand: Connecting) -> None:
    checklist = await stand.service.open(ANNA)
    nonce = nonce_of(checklist.xero_link)
    await stand.give_key(nonce_of(checklist.paymo_link), KEY)
    async with stand.database.engine.connect() as raw:
        (key,) = (await raw.exec_driver_sql("SELECT paymo_api_key FROM connections")).one()
        digests = (await raw.exec_driver_sql("SELECT digest FROM one_time_links")).all()

    assert KEY not in str(key)
    assert nonce not in str(digests)
    assert len(await stand.rows(OneTimeLink)) == len(digests)


async def test_e03_one_organisation_is_connected_at_once_and_confirmed_by_a_press(
    stand: Connecting,
) -> None:
    connection = await stand.connect()
    assert connection.state is ConnectionState.ACTIVE
    with pytest.raises(NotAllowed, match=str(Member("U1"))):
        await stand.service.confirm(BEN, connection.id)
    await stand.service.confirm(ANNA, connection.id)
    (act,) = [
        each for each in await stand.rows(AuditEntry) if each.what == "organisation_confirmed"
    ]

    assert (act.user_id, act.at) == ("U1", stand.clock())
    assert act.after == {"tenant_id": stand.maple.tenant_id, "name": "Maple Books"}


async def test_the_same_two_are_connected_once(stand: Connecting) -> None:
    first = await stand.connect()
    again = await stand.service.add(ANNA)
    xero = nonce_of(again.xero_link)
    await stand.give_key(nonce_of(again.paymo_link), KEY)
    with pytest.raises(
        ServiceError, match="Maple Studio in Paymo is already connected with Maple Books"
    ):
        await stand.press(xero, stand.maple)
    other = await stand.service.add(BEN)
    await stand.press(nonce_of(other.xero_link), stand.oak)
    paymo = nonce_of(other.paymo_link)
    await stand.give_key(paymo, KEY)
    second = await stand.connection(other.connection_id)

    assert (await stand.connection(again.connection_id)).state is ConnectionState.PENDING
    assert (second.state, second.owner_id) == (ConnectionState.ACTIVE, "U2")
    assert (second.paymo_company_id, second.tenant_id) == (
        first.paymo_company_id,
        stand.oak.tenant_id,
    )
    with pytest.raises(IntegrityError):
        await stand.change(second, tenant_id=first.tenant_id)
