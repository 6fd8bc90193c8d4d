"""What is done for an export besides: it never costs the export anything, and is done once."""

import pytest
from sqlalchemy import select

from sandbox.xero.oauth import Request
from services.clients.tokens import ATTACHMENTS, SCOPES, Tokens
from services.model.connection import ConnectionState
from services.model.export import ExportState
from services.model.jobs import Job, TaskState
from services.store.tables import Grant, Task
from tests.databases import SQLITE_ALONE
from tests.services.bridge import Bridge
from tests.services.fixtures import acme, bridge_of

pytestmark = SQLITE_ALONE

PATH = "/History"


bridge = bridge_of(acme("INV-1"))


async def annotate(bridge: Bridge, job: Job = Job.ANNOTATE) -> Task:
    """Do what was left to do about the note, or the PDF, twice, and return the task."""
    for _ in range(2):
        async with bridge.database.sessions() as session:
            asked = select(Task).where(Task.job == job)
            task = (await session.scalars(asked)).one()
        await bridge.work_on(job, task.id)
        bridge.clock.turn(minutes=10)
    async with bridge.database.sessions() as session:
        return (await session.scalars(asked)).one()


def notes(bridge: Bridge) -> list[str]:
    """Return what the invoice's history in Xero tells in words."""
    (invoice,) = bridge.xero.invoices.values()
    return [each.details for each in invoice.history if each.changes == "Note"]


async def test_d21_xeros_history_says_who_exported_it_and_from_where(bridge: Bridge) -> None:
    await bridge.export_it("INV-1")

    task = await annotate(bridge)

    (text,) = notes(bridge)
    assert "invoice INV-1" in text
    assert text.endswith("by Anna Moss via Slack.")
    assert task.state is TaskState.DONE


async def test_where_slack_says_no_name_the_note_is_written_without(bridge: Bridge) -> None:
    bridge.called.clear()
    await bridge.export_it("INV-1")

    task = await annotate(bridge)

    (text,) = notes(bridge)
    assert text.endswith(") via Slack.")
    assert "U1" not in text
    assert task.state is TaskState.DONE


async def test_a_name_is_asked_for_once_a_day(bridge: Bridge) -> None:
    assert await bridge.names.name_of(1, "U1") == "Anna Moss"
    bridge.called["U1"] = "Anna Reed"
    assert await bridge.names.name_of(1, "U1") == "Anna Moss"
    bridge.clock.turn(days=2)
    assert await bridge.names.name_of(1, "U1") == "Anna Reed"
    assert await bridge.names.name_of(1, "") == ""


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
async def test_a_note_that_is_refused_spoils_nothing(bridge: Bridge, status: int) -> None:
    result = await bridge.export_it("INV-1")
    bridge.xero.faults.add(method="PUT", path=PATH, status=status, times=9)

    task = await annotate(bridge)

    assert task.state is TaskState.REFUSED
    assert (await bridge.exports())[0].state is ExportState.EXPORTED is result.state
    assert (await bridge.connection()).state is ConnectionState.ACTIVE


async def test_a_lost_answer_writes_no_second_note(bridge: Bridge) -> None:
    await bridge.export_it("INV-1")
    bridge.xero.faults.add(method="PUT", path=PATH, hang_up="after", times=9)

    await annotate(bridge)
    bridge.xero.faults.clear()
    await annotate(bridge)

    assert len(notes(bridge)) == 1


async def test_a_throttled_note_comes_later(bridge: Bridge) -> None:
    await bridge.export_it("INV-1")
    headers = {"Retry-After": "30", "X-Rate-Limit-Problem": "minute"}
    bridge.xero.faults.add(method="PUT", path=PATH, status=429, headers=headers)

    task = await annotate(bridge)

    assert (len(notes(bridge)), task.state) == (1, TaskState.DONE)


async def test_a_limit_that_never_ends_is_waited_for_five_times(bridge: Bridge) -> None:
    await bridge.export_it("INV-1")
    headers = {"Retry-After": "1", "X-Rate-Limit-Problem": "minute"}
    bridge.xero.faults.add(method="PUT", path=PATH, status=429, headers=headers, times=99)

    for _ in range(4):
        task = await annotate(bridge)

    assert (len(notes(bridge)), task.state, task.tries) == (0, TaskState.REFUSED, 5)
    assert "wait" in task.reason


async def allow(bridge: Bridge, scopes: str) -> None:
    """Have somebody consent to these scopes at Xero."""
    tokens = bridge.xeros.tokens
    assert isinstance(tokens, Tokens)
    asked = Request(redirect_uri=tokens.oauth.redirect_uri, scopes=tuple(scopes.split()))
    books = bridge.xero.books
    code = bridge.xero.authority.allow(asked, "anna", [(books.tenant_id, books.name)])
    fresh = await tokens.oauth.exchange(code, verifier="v" * 64)
    async with bridge.database.sessions.begin() as session:
        grant = Grant(
            access_token=fresh.access_token,
            refresh_token=fresh.refresh_token,
            expires_at=fresh.expires_at,
            scopes=fresh.scopes,
        )
        session.add(grant)
        await session.flush()
        grant_id = grant.id
    await bridge.change(attach_pdf=True, grant_id=grant_id)


async def test_paymos_pdf_stands_beside_the_invoice_where_that_is_wanted(bridge: Bridge) -> None:
    await allow(bridge, f"{SCOPES} {ATTACHMENTS}")
    await bridge.export_it("INV-1")

    task = await annotate(bridge, Job.ATTACH)

    (invoice,) = bridge.xero.invoices.values()
    assert list(invoice.files) == ["INV-1.pdf"]
    assert invoice.files["INV-1.pdf"].startswith(b"%PDF")
    assert task.state is TaskState.DONE


async def test_a_pdf_that_cannot_be_attached_is_told_once_and_spoils_nothing(
    bridge: Bridge,
) -> None:
    await allow(bridge, f"{SCOPES} {ATTACHMENTS}")
    await bridge.export_it("INV-1")
    bridge.paymo.faults.add(method="GET", path="/api/invoices/", status=500, times=9)

    task = await annotate(bridge, Job.ATTACH)

    assert task.state is TaskState.REFUSED
    (said,) = bridge.screen.sayings
    assert "attach its PDF" in said.text
    assert (await bridge.exports())[0].state is ExportState.EXPORTED


@pytest.mark.parametrize(
    ("is_wanted", "scopes"), [(False, f"{SCOPES} {ATTACHMENTS}"), (True, SCOPES)]
)
async def test_nothing_is_attached_unasked_or_before_xero_allows_it(
    bridge: Bridge, *, is_wanted: bool, scopes: str
) -> None:
    await allow(bridge, scopes)
    await bridge.change(attach_pdf=is_wanted)

    await bridge.export_it("INV-1")

    async with bridge.database.sessions() as session:
        asked = await session.scalars(select(Task.job).order_by(Task.id))
        assert list(asked) == [Job.ANNOTATE]
