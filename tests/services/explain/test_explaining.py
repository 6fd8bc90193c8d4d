"""Why an invoice stands where it does: what is found, and what it rests on."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from handlers.blocks import render_plain
from handlers.notices.views import card_of
from services.errors import NotAllowed, NotConnected, NotFound
from services.explain.findings import LIVES, PAYMENTS, Finding
from services.explain.service import ExplainService, Explanation
from services.lifecycle.task import TaskRequest, ask
from services.model.connection import ConnectionState
from services.model.export import Colour
from services.model.invoice import InvoiceState, PaymentState
from services.model.jobs import Job
from services.model.people import Person, Role
from services.model.wording import Member
from services.store import connections, mirror
from services.store.tables import InvoiceHeader
from tests.databases import BOTH_DATABASES, SQLITE_ALONE
from tests.services.bridge import ANNA, BEN, Bridge, reply_to
from tests.services.fixtures import acme, bridge_of
from tests.services.store_seeds import connected

pytestmark = SQLITE_ALONE


bridge = bridge_of(acme("INV-1"))


@pytest.fixture
def explain(bridge: Bridge) -> ExplainService:
    """The service."""
    return ExplainService(bridge.database, bridge.links, bridge.work, bridge.clock)


def finding(found: Explanation, name: str) -> Finding:
    return next(each for each in (found.export, *found.findings) if each.name == name)


@BOTH_DATABASES
async def test_d12_before_the_export_it_says_what_stands_in_the_way(
    bridge: Bridge, explain: ExplainService
) -> None:
    """From the list alone the head is checked, and meanwhile it is read; then everything is."""
    asked = len(bridge.paymo.requests)
    head = await explain.why(ANNA, "#inv-1")
    assert len(bridge.paymo.requests) == asked  # it answers from what is known
    assert (head.number, head.can_export, head.actions) == ("INV-1", True, ())
    assert "Not exported to Maple Books yet." in head.export.text
    assert {each.name for each in head.checks} >= {"currency", "contact", "number"}
    assert "figures" not in {each.name for each in head.checks}
    assert render_plain(finding(head, "Exporters").text) == "<@U1>"
    assert "from Paymo now" in head.unread
    await explain.why(ANNA, "INV-1")  # an impatient person
    await bridge.run()
    assert len(bridge.paymo.calls("GET", "/invoices/")) == 1
    read = await explain.why(ANNA, "INV-1")
    assert (read.unread, head.is_being_read, read.is_being_read) == ("", True, False)
    assert {each.name for each in read.checks} >= {"figures", "currency", "contact", "number"}


async def test_what_was_read_counts_no_more_when_paymo_changed_it(
    bridge: Bridge, explain: ExplainService
) -> None:
    await bridge.form_for("INV-1")
    bridge.clock.turn(hours=2)
    company = bridge.paymo.company
    company.edit(company.numbered("INV-1").id, discount=Decimal(10))
    await bridge.mirror.refresh_invoices(await bridge.connection())

    assert (await explain.why(ANNA, "INV-1")).unread


async def test_an_exported_invoice_says_where_it_is_and_what_was_paid(
    bridge: Bridge, explain: ExplainService
) -> None:
    result = await bridge.export_it("INV-1")
    day = bridge.clock().date()
    bridge.xero.books.pay(result.xero_invoice_id, Decimal("40.00"), date=day)
    await bridge.look()

    found = await explain.why(ANNA, "INV-1")

    assert f"Xero {result.xero_invoice_id}" in found.ids
    assert found.export.people == (("by", "U1"),)
    assert not found.can_export
    assert found.checks == ()
    assert "$75.00 left to pay" in render_plain(finding(found, "In Xero").text)
    assert "$40.00" in render_plain(finding(found, "Payment").text)
    assert "is in Paymo" in finding(found, "Payment").text
    assert "Acme Ltd" in finding(found, "Client").text
    looked = dict(finding(found, "In Xero").times)
    assert looked["last sync"] == bridge.clock()
    assert looked["next sync"] > bridge.clock()


def _pay(bridge: Bridge, invoice_id: str) -> None:
    bridge.xero.books.pay(invoice_id, Decimal("40.00"), date=bridge.clock().date())


def _edit(bridge: Bridge, _: str) -> None:
    company = bridge.paymo.company
    company.edit(company.numbered("INV-1").id, discount=Decimal(10))


@pytest.mark.parametrize(
    ("happened", "offered"),
    [
        (lambda *_: None, ("undo",)),
        (_pay, ()),
        (_edit, ("update_in_xero", "undo")),
        (lambda bridge, invoice_id: bridge.xero.books.void(invoice_id), ("delete_in_paymo",)),
    ],
)
async def test_what_a_press_can_do_about_an_exported_invoice_is_offered(
    bridge: Bridge,
    explain: ExplainService,
    happened: Callable[[Bridge, str], object],
    offered: tuple[str, ...],
) -> None:
    result = await bridge.export_it("INV-1")
    happened(bridge, result.xero_invoice_id)
    await bridge.look()

    assert (await explain.why(ANNA, "INV-1")).more_actions == offered


async def test_what_was_deleted_is_restored_once(bridge: Bridge, explain: ExplainService) -> None:
    result = await bridge.export_it("INV-1", xero_status="DRAFT")
    bridge.xero.books.delete(result.xero_invoice_id)
    await bridge.look()
    deleted = await explain.why(ANNA, "INV-1")
    await bridge.restore.restore(ANNA, deleted.export_id, reply_to())
    await bridge.run()

    assert deleted.more_actions == ("restore",)
    assert (await explain.why(ANNA, "INV-1")).more_actions == ()


async def test_a_refused_export_brings_its_reason_and_its_cures(
    bridge: Bridge, explain: ExplainService
) -> None:
    form = await bridge.form_for("INV-1")
    invoice = bridge.paymo.company.numbered("INV-1")
    bridge.paymo.company.edit(invoice.id, discount=Decimal(10))
    await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
    await bridge.run()

    found = await explain.why(ANNA, "INV-1")

    assert found.export.colour is Colour.RED
    assert bridge.screen.results[-1].reason in found.export.text
    assert found.actions == bridge.screen.results[-1].actions


@BOTH_DATABASES
async def test_what_holds_everything_up_is_said(bridge: Bridge, explain: ExplainService) -> None:
    await bridge.export_it("INV-1")
    [export] = await bridge.exports()
    async with bridge.database.sessions.begin() as session:
        connection = await connections.get(session, bridge.connection_id)
        connection.is_paused, connection.day_calls_left = True, 0
        connection.state, connection.broken_side = ConnectionState.BROKEN, "Xero"
        asked = TaskRequest(Job.UNDO, str(export.id), bridge.clock(), by="U2", export_id=export.id)
        await ask(session, connection, asked)

    found = await explain.why(ANNA, "INV-1")

    assert "Xero no longer accepts our connection" in finding(found, "Connection").text
    assert finding(found, "Connection").people == (("owner", "U1"),)
    assert finding(found, "Deletions").colour is Colour.AMBER
    assert found.more_actions == ("reconnect",)
    assert found.paused_connection == bridge.connection_id
    assert finding(found, "Xero’s limit").colour is Colour.RED
    assert finding(found, "Undo").text == "Undo is on its way."
    assert finding(found, "Undo").people == (("asked by", "U2"),)


async def test_an_unknown_number_is_one_sentence(explain: ExplainService) -> None:
    with pytest.raises(NotFound, match="Maple Studio lists no invoice with the number INV-9"):
        await explain.why(ANNA, "INV-9")


async def test_viewers_are_answered_without_buttons_and_nobody_else_is(
    bridge: Bridge, explain: ExplainService
) -> None:
    seen = await explain.why(BEN, "INV-1")  # in a channel that is subscribed
    assert (seen.role, seen.can_export, seen.is_being_read) == (Role.VIEWER, False, False)
    assert "once an exporter opens it" in seen.unread
    await bridge.change(channel_viewers=False)
    with pytest.raises(NotAllowed, match=str(Member("U1"))):
        await explain.why(BEN, "INV-1")
    with pytest.raises(NotConnected):
        await explain.why(Person("", "T2", "U1", "C1"), "INV-1")


def test_every_state_has_its_words() -> None:
    assert set(LIVES) == set(InvoiceState)
    assert set(PAYMENTS) == set(PaymentState)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (ConnectionState.ACTIVE, "Its payments reach Paymo as usual"),
        (ConnectionState.ENDED, "which has since been disconnected"),
    ],
)
async def test_what_another_workspace_exported_says_who_follows_it_and_offers_nothing_here(
    bridge: Bridge, explain: ExplainService, state: ConnectionState, said: str
) -> None:
    """The same company and organisation, connected from two workspaces: neither exports twice."""
    await bridge.export_it("INV-1")
    ours = await bridge.connection()
    same = {name: getattr(ours, name) for name in ("tenant_id", "paymo_company_id")}
    theirs = await connected(bridge.database, "T2", **same)
    async with bridge.database.sessions.begin() as session:
        head = await mirror.find_header_by_number(session, ours.id, "INV-1")
        assert head is not None
        copied = {each.key: getattr(head, each.key) for each in InvoiceHeader.__table__.columns}
        session.add(InvoiceHeader(**{**copied, "connection_id": theirs.id}))
    await bridge.change(state=state)
    eve = Person("", "T2", "U1", "C9")

    shown = await bridge.forms.exported(eve, "INV-1")
    assert shown is not None
    text, drawn = card_of(shown[0])
    assert said in text
    assert "undo" not in str(drawn)
    assert "<@" not in f"{text}{drawn}", "people of another workspace are nobody here"
    why = await explain.why(eve, "INV-1")
    assert said in finding(why, "Workspace").text
    assert not {*why.actions, *why.more_actions}
    if state is ConnectionState.ACTIVE:
        (own, _) = await bridge.forms.exported(ANNA, "INV-1") or ({}, None)
        assert not own.get("elsewhere")
