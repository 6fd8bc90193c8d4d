"""What one request takes to Xero is recorded together, and each invoice by its own fence."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from handlers.batch.views import report_blocks
from services.model.export import ExportState
from services.model.jobs import Job
from services.store import exports
from services.store.engine import Database
from services.store.tables import AuditEntry
from tests.databases import overheard
from tests.handlers.judging import said
from tests.services.batching import (
    LONG,
    by_reference,
    confirmed,
    ended,
    in_xero,
    invoices,
    opened,
)
from tests.services.beside import held
from tests.services.bridge import ANNA, Bridge
from tests.services.fixtures import bridge_of

PUT = ("PUT", "/Invoices$")
bridge = bridge_of(opened)


@contextmanager
def committed(database: Database) -> Iterator[list[object]]:
    """Note each commit."""
    engine, noted = database.engine.sync_engine, list[object]()

    def note(connection: object) -> None:
        noted.append(connection)

    event.listen(engine, "commit", note)
    try:
        yield noted
    finally:
        event.remove(engine, "commit", note)


async def told(bridge: Bridge) -> Counter[str]:
    """Return what the history says of exports, and how often."""
    async with bridge.database.sessions() as session:
        found = await session.scalars(select(AuditEntry.what).where(AuditEntry.export_id > 0))
        return Counter(found)


async def test_forty_cost_as_many_transactions_and_statements_as_five(bridge: Bridge) -> None:
    commits: list[int] = []
    statements: list[Counter[str]] = []
    for count in (5, 40):
        invoices(bridge, count)
        await bridge.wait(minutes=10)
        batch_id = await confirmed(bridge)
        with overheard(bridge.database) as heard, committed(bridge.database) as noted:
            await bridge.work_on(Job.BATCH, batch_id)
        commits.append(len(noted))
        form = await bridge.batches.form(ANNA, batch_id)
        assert len(form.sent_as(ExportState.EXPORTED)) == count
        statements.append(Counter(each[:60] for each, _ in heard))
    assert commits[0] == commits[1]
    assert statements[1] - statements[0] == Counter()


async def test_what_another_worker_took_meanwhile_spoils_nothing_for_the_others(
    bridge: Bridge,
) -> None:
    """Its row is left to that worker, who finds the invoice in Xero and records it once."""
    invoices(bridge, 4, prefix=LONG)
    batch_id = await confirmed(bridge)
    async with held(bridge.xero.faults.hold(*PUT), bridge.work_on(Job.BATCH, batch_id)) as first:
        second = (await bridge.exports())[1]
        async with bridge.database.sessions.begin() as session:
            later = bridge.clock() + timedelta(minutes=1)
            assert await exports.take(session, second.id, later) is not None
        await first.let_go()
    states = [each.state for each in await bridge.exports()]
    assert states == [ExportState.EXPORTED, ExportState.SENDING, *[ExportState.EXPORTED] * 2]
    assert await told(bridge) == {"exported": 3}
    await ended(bridge)

    assert set(by_reference(bridge).values()) == {1}
    assert len(bridge.screen.ended[-1].sent_as(ExportState.EXPORTED)) == 4
    assert await told(bridge) == {"exported": 4}


async def spoilt(bridge: Bridge, lost: str) -> None:
    """Send six: a number is taken by now, a contact archived, and two answers lack something."""
    books = bridge.xero.books
    birch = books.add_contact("Birch Ltd")
    bridge.paymo.company.add_client("Birch Ltd")
    invoices(bridge, 1)
    await bridge.export_it("INV-1")
    invoices(bridge, 4)
    invoices(bridge, 2, client="Birch Ltd")
    batch_id = await confirmed(bridge)
    bridge.foreign_invoice()
    hand = next(each for each in books.invoices.values() if each.number == "HAND-1")
    hand.number = "INV-3"
    books.archive_contact(birch.contact_id)
    unsaid = {"Invoices/2/" + lost: "", "Invoices/3/" + lost: ""}
    bridge.xero.faults.add(method="PUT", path=PUT[1], alter=unsaid)
    await bridge.work_on(Job.BATCH, batch_id)


@pytest.mark.parametrize(
    ("lost", "state"), [("InvoiceID", ExportState.UNKNOWN), ("Url", ExportState.EXPORTED)]
)
async def test_of_one_request_some_are_made_some_refused_and_some_lost(
    bridge: Bridge, lost: str, state: ExportState
) -> None:
    """Each ends as it would alone: in Xero once and in the history once, or refused by name."""
    await spoilt(bridge, lost)
    made, failed = [ExportState.EXPORTED] * 2, ExportState.FAILED
    states = [each.state for each in await bridge.exports()]
    assert states == [*made, failed, state, state, failed, failed]
    await ended(bridge)

    report = bridge.screen.ended[-1].sent_as(ExportState.FAILED)
    assert [each.number for each in report] == ["INV-3", "INV-6", "INV-7"]
    assert in_xero(bridge) == Counter([f"INV-{nth}" for nth in range(1, 6)])
    assert await told(bridge) == {"exported": 4, "export_failed": 3}
    kinds = Counter(kind for kind, _ in await bridge.notices())
    assert kinds == {"invoice_exported": 1, "export_failed": 3, "batch_exported": 1}


async def test_the_report_keeps_what_to_do_however_long_the_names_are(bridge: Bridge) -> None:
    books = bridge.xero.books
    other = books.add_contact("W" * 200)
    invoices(bridge, 1)
    await bridge.export_it("INV-1")
    invoices(bridge, 1)
    batch_id = await confirmed(bridge)
    hand = books.invoices[bridge.foreign_invoice()]
    hand.number, hand.contact_id = "INV-2", other.contact_id
    await bridge.work_on(Job.BATCH, batch_id)
    await ended(bridge)

    shown = said({"blocks": report_blocks(bridge.screen.ended[-1])})
    assert "Invoice INV-2 in Xero is a different one: WWW" in shown
    assert "W… Export without the number instead, or give this one another number in" in shown
