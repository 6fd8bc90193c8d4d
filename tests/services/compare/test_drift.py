"""Edited after the export, on either side: said once, and brought together by a press."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from handlers.blocks import render_plain
from services.errors import AlreadyRequested, NotAllowed, ServiceError
from tests.databases import BOTH_DATABASES, SQLITE_ALONE
from tests.days import day
from tests.services.bridge import ANNA, BEN, TODAY, Bridge, reply_to
from tests.services.drifting import (
    change,
    edit,
    in_paymo,
    in_xero,
    open_bridge,
    press,
    reprice,
    told,
    writes,
)
from tests.services.fixtures import bridge_of

pytestmark = SQLITE_ALONE

PAYMO_STATUSES = ("sent", "viewed", "paid")


bridge = bridge_of(open_bridge)


@BOTH_DATABASES
async def test_c8_an_edit_in_paymo_is_told_once_with_both_figures(bridge: Bridge) -> None:
    reprice(bridge, "200")
    await bridge.look()
    await bridge.look()

    (facts,) = await told(bridge)
    assert (facts["side"], facts["advice"]) == ("Paymo", "")
    differences = [[render_plain(each) for each in row] for row in facts["differences"]]
    assert ["total", "NZ$115.00", "NZ$230.00"] in differences
    assert in_xero(bridge).total == Decimal(115)

    reprice(bridge, "300")
    await bridge.look()
    reprice(bridge, "100")
    await bridge.look()
    assert [each["differences"] != [] for each in await told(bridge)] == [True, True, False]
    (export,) = await bridge.exports()
    assert export.drift == ""


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"number": "INV-9"}, "number"),
        ({"issued": TODAY - timedelta(days=3)}, "date"),
        ({"due": TODAY + timedelta(days=90)}, "due date"),
        ({"currency": "USD"}, "currency"),
        ({"tax": Decimal(10)}, "tax"),
        ({"discount": Decimal(10)}, "total"),
        ({"status": "void"}, "status"),
    ],
)
async def test_c7_whatever_was_edited_in_paymo_is_named(
    bridge: Bridge, fields: dict[str, Any], name: str
) -> None:
    edit(bridge, **fields)
    await bridge.look()

    (facts,) = await told(bridge)
    assert name in [each[0] for each in facts["differences"]]


@pytest.mark.parametrize("status", PAYMO_STATUSES)
async def test_paymos_own_status_is_no_difference(bridge: Bridge, status: str) -> None:
    bridge.paymo.company.set_status(in_paymo(bridge).id, status)
    await bridge.look()

    assert await told(bridge) == []


async def test_e56_sent_or_approved_in_xero_moves_and_tells_nothing(bridge: Bridge) -> None:
    before = in_paymo(bridge).json()
    bridge.xero.books.mark_sent(in_xero(bridge).invoice_id)
    await bridge.look()

    assert await told(bridge) == []
    assert in_paymo(bridge).json() == before


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"sub_total": Decimal(120)}, "total"),
        ({"number": "OTHER-1"}, "number"),
        ({"day": date(2026, 11, 1)}, "date"),
        ({"due": date(2027, 3, 1)}, "due date"),
    ],
)
async def test_c9_a_change_in_xero_is_told_once_and_moves_nothing(
    bridge: Bridge, fields: dict[str, Any], name: str
) -> None:
    before = in_paymo(bridge).json()
    kept = {each: getattr(in_xero(bridge), each) for each in fields}
    change(bridge, **fields)
    await bridge.look()
    await bridge.look()

    (facts,) = await told(bridge)
    assert facts["side"] == "Xero"
    assert [each[0] for each in facts["differences"]] == [name]
    assert in_paymo(bridge).json() == before
    change(bridge, **kept)
    await bridge.look()
    assert [each["differences"] for each in (await told(bridge))[1:]] == [[]]


async def test_another_contact_in_xero_is_told(bridge: Bridge) -> None:
    change(bridge, contact_id=bridge.xero.books.add_contact("Beta Ltd").contact_id)
    await bridge.look()

    (facts,) = await told(bridge)
    assert facts["differences"] == [["contact", "Acme Ltd", "Beta Ltd"]]


async def test_a_contact_that_was_merged_is_no_change_and_is_followed(bridge: Bridge) -> None:
    books = bridge.xero.books
    other = books.add_contact("Beta Ltd")
    books.merge_contact(in_xero(bridge).contact_id, into=other.contact_id)
    await bridge.look()
    assert await told(bridge) == []

    reprice(bridge, "200")
    await bridge.look()
    await press(bridge)
    assert in_xero(bridge).total == Decimal(230)


@BOTH_DATABASES
async def test_pressing_update_makes_xeros_invoice_as_paymos_is_now(bridge: Bridge) -> None:
    line_id = in_xero(bridge).lines[0].line_id
    edit(bridge, number="INV-9", due=TODAY + timedelta(days=60))
    reprice(bridge, "200")
    await bridge.look()
    await press(bridge)
    await bridge.look()

    invoice, (export,) = in_xero(bridge), await bridge.exports()
    assert (invoice.number, invoice.total, invoice.due) == (
        "INV-9",
        Decimal(230),
        in_paymo(bridge).due,
    )
    assert [each.line_id == line_id for each in invoice.lines] == [False]
    assert invoice.status == "AUTHORISED"
    assert (export.number, export.xero_number, export.drift) == ("INV-9", "INV-9", "")
    assert (export.total, export.xero_total) == (Decimal(230), Decimal(230))
    assert [each["by"] for each in await told(bridge)] == ["", "U1"]
    assert "its total is $230.00" in render_plain(bridge.screen.sayings[-1].text)
    assert len(bridge.xero.invoices) == 1


@BOTH_DATABASES
async def test_only_exporters_update_and_two_presses_are_one(bridge: Bridge) -> None:
    reprice(bridge, "200")
    await bridge.look()
    (export,) = await bridge.exports()

    with pytest.raises(NotAllowed):
        await bridge.update.ask(BEN, export.id, reply_to())
    await bridge.update.ask(ANNA, export.id, reply_to())
    with pytest.raises(AlreadyRequested, match=r"U1.* asked for it at"):
        await bridge.update.ask(ANNA, export.id, reply_to())
    await bridge.run()
    await press(bridge)
    assert "<@U1> already updated it in Xero at" in render_plain(bridge.screen.sayings[-1].text)
    assert len(writes(bridge)) == 1


@pytest.mark.parametrize("arrives", [True, False])
async def test_an_update_whose_answer_was_lost_is_looked_up_first(
    bridge: Bridge, *, arrives: bool
) -> None:
    reprice(bridge, "200")
    await bridge.look()
    hang_up = "after" if arrives else "before"
    bridge.xero.faults.add(method="POST", path="/Invoices", hang_up=hang_up)
    await press(bridge)
    await bridge.wait(minutes=1)

    (export,) = await bridge.exports()
    assert (in_xero(bridge).total, export.xero_total) == (Decimal(230), Decimal(230))
    assert len(writes(bridge)) == (1 if arrives else 2)
    await bridge.look()
    assert [each["by"] for each in await told(bridge)] == ["", "U1"]


async def test_an_update_that_xero_fails_goes_under_another_key(bridge: Bridge) -> None:
    """For minutes Xero answers a key as before, a failure too."""
    reprice(bridge, "200")
    await bridge.look()
    bridge.xero.faults.add(method="POST", path="/Invoices", status=500)
    await press(bridge)
    await bridge.wait(minutes=1)

    assert in_xero(bridge).total == Decimal(230)


async def test_what_somebody_rounds_in_xero_keeps_nobody_from_updating(bridge: Bridge) -> None:
    bridge.xero.books.round_to(in_xero(bridge).invoice_id, Decimal("0.05"))
    await bridge.look()
    reprice(bridge, "200")
    await bridge.look()
    await press(bridge)

    assert in_xero(bridge).sub_total == Decimal(200)


@pytest.mark.parametrize("case", ["paid", "locked", "currency", "both"])
async def test_where_xero_cannot_follow_the_person_is_told_what_to_do(
    bridge: Bridge, case: str
) -> None:
    books, invoice = bridge.xero.books, in_xero(bridge)
    if case == "paid":
        books.pay(invoice.invoice_id, Decimal(40), date=TODAY)
    elif case == "locked":
        books.period_lock_date = TODAY
        await bridge.change(mirror_due_at=bridge.clock(), xero_mirrored_at=None)
    elif case == "currency":
        edit(bridge, currency="USD")
    else:
        change(bridge, number="OTHER-1")
    await bridge.look()
    reprice(bridge, "200")
    await bridge.look()

    facts = (await told(bridge))[-1]
    words = {
        "paid": "has payments or credits",
        "locked": f"is locked up to {day('2026-11-25')}",
        "currency": "needs another invoice in Xero",
        "both": "changed it in Xero as well",
    }
    assert words[case] in render_plain(facts["advice"])
    await press(bridge)
    assert bridge.screen.sayings[-1].is_well is False
    assert writes(bridge) == []


async def test_what_was_edited_again_since_it_was_told_is_not_sent_unseen(bridge: Bridge) -> None:
    reprice(bridge, "200")
    await bridge.look()
    reprice(bridge, "900")
    await press(bridge)

    assert "edited in Paymo again" in bridge.screen.sayings[-1].text
    assert writes(bridge) == []


async def test_xero_keeps_its_due_date_where_paymo_has_none_any_more(bridge: Bridge) -> None:
    due = in_xero(bridge).due
    edit(bridge, due=None)
    reprice(bridge, "200")
    await bridge.look()
    await press(bridge)

    assert (in_xero(bridge).due, in_xero(bridge).total) == (due, Decimal(230))


async def test_what_an_export_would_refuse_is_refused_here_too(bridge: Bridge) -> None:
    edit(bridge, tax=Decimal(10))
    await bridge.look()
    await press(bridge)

    said = render_plain(bridge.screen.sayings[-1].text)
    assert "wasn't updated" in said
    assert (
        "choose one in an update: undo the export with /paymo-xero undo INV-1, then export it"
        in said
    )
    assert in_xero(bridge).total == Decimal(115)


async def test_another_currency_in_xero_is_one_difference(bridge: Bridge) -> None:
    change(bridge, currency="EUR")
    await bridge.look()

    (facts,) = await told(bridge)
    assert [row[0] for row in facts["differences"]] == ["currency"]


async def test_a_linked_invoice_is_never_written_over(bridge: Bridge) -> None:
    async with bridge.database.sessions.begin() as session:
        (export,) = await bridge.exports()
        (await session.get_one(type(export), export.id)).is_linked = True
    reprice(bridge, "200")
    await bridge.look()

    assert "only linked" in (await told(bridge))[-1]["advice"]
    with pytest.raises(ServiceError, match="only linked"):
        await bridge.update.ask(ANNA, export.id, reply_to())
