"""Who did what, when: what is kept of a real export, and who may read it."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from handlers.history.text import sentence_of
from services.errors import NotAllowed, NotConnected, NotFound
from services.history.service import MASK, History, HistoryService, masked
from services.model.connection import ConnectionState
from services.model.people import Person
from services.model.wording import Amount, Member
from services.settings.service import SettingsService
from services.store import audit, connections
from services.store.audit import AuditNote
from tests.databases import BOTH_DATABASES, SQLITE_ALONE
from tests.services.bridge import ANNA, BEN, Bridge
from tests.services.fixtures import acme, bridge_of

pytestmark = SQLITE_ALONE


bridge = bridge_of(acme("INV-1", "INV-2"))


@pytest.fixture
def history(bridge: Bridge) -> HistoryService:
    """The service."""
    return HistoryService(bridge.database)


def whats(found: History) -> list[str]:
    return [each.what for each in found.audit]


async def noted(bridge: Bridge, *deeds: AuditNote) -> None:
    async with bridge.database.sessions.begin() as session:
        connection = await connections.get(session, bridge.connection_id)
        for each in deeds:
            audit.record(session, connection, each)


@BOTH_DATABASES
async def test_an_invoice_has_its_own_story_over_all_its_generations(
    bridge: Bridge, history: HistoryService
) -> None:
    """Exported, deleted in Xero, made and exported again; the other invoice stays out of it."""
    company = bridge.paymo.company
    first = await bridge.export_it("INV-1", xero_status="DRAFT")
    await bridge.export_it("INV-2")
    bridge.xero.books.delete(first.xero_invoice_id)
    await bridge.look()
    acme = next(iter(company.clients.values()))
    company.add_invoice("INV-1", acme, [("Design", "Pages", 1, "100.00")], tax=15)
    await bridge.look()
    second = await bridge.export_it("INV-1")

    found = await history.newest(ANNA, "#inv-1")

    assert (found.number, found.total) == ("INV-1", 3)
    assert whats(found) == ["exported", "invoice_deleted", "exported"]
    assert [each.by for each in found.audit] == ["U1", "", "U1"]
    ids = [second.xero_invoice_id, first.xero_invoice_id, first.xero_invoice_id]
    assert [each.xero_invoice_id for each in found.audit] == ids
    assert found.audit[2].after["total"] == "$115.00"


@BOTH_DATABASES
async def test_the_newest_twenty_are_listed_and_the_file_has_all(
    bridge: Bridge, history: HistoryService
) -> None:
    deeds = [AuditNote("subscribed", bridge.clock(), "U1", after={"nth": nth}) for nth in range(25)]
    await noted(bridge, *deeds)

    newest, everything = await history.newest(ANNA), await history.everything(ANNA)

    assert [each.after["nth"] for each in newest.audit] == list(range(24, 4, -1))
    assert newest.total == everything.total == len(everything.audit) == 25


async def test_e69_no_secret_comes_out_of_the_history(
    bridge: Bridge, history: HistoryService
) -> None:
    """Whatever its name, or its form, gives away."""
    secrets = {
        "api_key": "pk-123456",
        "deep": [{"access_token": "at-123456", "note": "Bearer abcdefgh12345678"}],
        "permalink": "https://paymo.example/open/123456",
        "said": "uses xoxb-1234-abcd here",
        "total": "115.00",
    }
    await noted(bridge, AuditNote("matched", bridge.clock(), "U1", before=secrets, after=secrets))

    [act] = (await history.everything(ANNA)).audit

    assert act.before == act.after == masked(secrets)
    assert act.after["total"] == "115.00"
    assert act.after["said"] == f"uses {MASK} here"
    for secret in ("123456", "abcdefgh", "1234-abcd"):
        assert secret not in json.dumps(act.after)


async def test_c33_who_may_not_export_is_told_whom_to_ask(
    bridge: Bridge, history: HistoryService
) -> None:
    with pytest.raises(NotAllowed, match=str(Member("U1"))):
        await history.newest(BEN)
    await bridge.change(exporters=["U2"])
    assert (await history.newest(BEN)).total == 0


async def test_money_is_written_as_in_the_organisation_s_country(
    bridge: Bridge, history: HistoryService
) -> None:
    await bridge.change(country="DE", base_currency="EUR", exporters=["U2"])
    settings = SettingsService(bridge.database, bridge.work, bridge.clock)
    form = await settings.open(ANNA)
    await settings.save(ANNA, replace(form, approve_above="5000"))
    was, now = (str(Amount(Decimal(each), "EUR")) for each in ("1000", "1200.5"))
    await noted(
        bridge, AuditNote("updated_in_xero", bridge.clock(), "U1", None, {"a": was}, {"a": now})
    )

    found = await history.newest(ANNA)
    said = [sentence_of(each, found).replace("\u00a0", " ") for each in found.audit]

    assert "<@U1> updated an invoice in Xero: a 1.000,00 € → 1.200,50 €" in said
    assert "<@U1> changed the settings: approval above none → 5.000,00 €" in said


async def test_another_workspace_reads_nothing(history: HistoryService) -> None:
    with pytest.raises(NotConnected):
        await history.everything(Person("", "T2", "U1", "C1"))


@pytest.mark.parametrize(
    ("number", "words"),
    [("INV-2", "hasn't been exported yet"), ("INV-9", "We can't find an invoice")],
)
async def test_a_number_without_a_story_is_one_sentence(
    history: HistoryService, number: str, words: str
) -> None:
    with pytest.raises(NotFound, match=words):
        await history.newest(ANNA, number)


async def test_c34_the_history_stays_when_the_connection_has_ended(
    bridge: Bridge, history: HistoryService
) -> None:
    await bridge.export_it("INV-1")
    await bridge.change(state=ConnectionState.ENDED)

    assert whats(await history.everything(ANNA)) == ["exported"]
    assert whats(await history.newest(ANNA, "INV-1")) == ["exported"]
