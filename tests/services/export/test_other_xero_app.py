"""After the operator exchanged the Xero app for another: what the former one made is followed."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from services.store.engine import Database
from tests.databases import SQLITE_ALONE
from tests.services.bridge import Bridge, built_once
from tests.services.fixtures import bridge_of

pytestmark = SQLITE_ALONE

DAY = date(2026, 11, 25)


@built_once
async def pair(database: Database) -> Bridge:
    """A connected pair; INV-1 was exported by another Xero app than INV-2."""
    made = await Bridge.with_acme(database, "INV-1", "INV-2")
    now, authority = made.xeros, made.xero.authority
    own_id = authority.client_id
    authority.client_id = "former-app"
    made.xeros = replace(now, client_id="former-app")
    await made.export_it("INV-1")
    authority.client_id, made.xeros = own_id, now
    await made.export_it("INV-2")
    await made.look()
    return made


bridge = bridge_of(pair)


async def test_payments_on_what_the_former_app_made_come_with_the_next_look(
    bridge: Bridge,
) -> None:
    former = next(each for each in bridge.xero.invoices.values() if each.number == "INV-1")
    assert former.created_by == "former-app"
    bridge.xero.books.pay(former.invoice_id, Decimal(40), date=DAY)
    await bridge.look()

    assert [each.amount for each in bridge.paymo.company.payments.values()] == [Decimal(40)]


async def test_only_what_the_former_app_made_is_asked_for_by_id(bridge: Bridge) -> None:
    before = len(bridge.xero.calls("GET", "/Invoices"))
    await bridge.look()

    asked = [each.query.get("IDs", "") for each in bridge.xero.calls("GET", "/Invoices")[before:]]
    former = next(each for each in bridge.xero.invoices.values() if each.number == "INV-1")
    assert asked == ["", former.invoice_id]
