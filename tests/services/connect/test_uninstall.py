"""The app is taken out of Slack: both sides are ended, what was exported stays known."""

from datetime import timedelta

from services.connect.service import WorkspaceService
from services.model.connection import ConnectionState
from services.model.export import ExportState
from services.model.jobs import Job
from services.store import due
from services.store.tables import AuditEntry, Export, Grant, Workspace
from tests.databases import SQLITE_ALONE
from tests.services.bridge import ANNA
from tests.services.connecting import Connecting
from tests.services.store_seeds import export_of

pytestmark = SQLITE_ALONE


async def run_due(stand: Connecting) -> list[Job]:
    """Run the ends that are due, as the clock would; return what was due."""
    async with stand.database.sessions() as session:
        found = await due.list_due(session, stand.clock())
    for job, key in found:
        if job is Job.DISCONNECT:
            await stand.end(await stand.connection(key))
    return [job for job, _ in found]


async def test_both_sides_are_ended_and_coming_back_goes_on_in_the_same_place(
    stand: Connecting,
) -> None:
    workspaces = WorkspaceService(stand.database, stand.clock)
    first = await stand.connect()
    await stand.change(first, paymo_hook_digest="d", paymo_hook_token="t", paymo_hook_secret="s")
    stand.paymo.company.add_hook({"target_url": "https://b.example/t", "event": "*.Invoice"})
    async with stand.database.sessions.begin() as session:
        session.add(export_of(first, state=ExportState.EXPORTED, due_at=None))
    await workspaces.uninstalled("", "T1")
    await workspaces.uninstalled("", "T1")
    jobs = await run_due(stand)
    gone = await stand.connection(first.id)
    left = (stand.xero.authority.connections, stand.xero.authority.refreshes)

    assert (jobs, await run_due(stand)) == ([Job.DISCONNECT], [])
    assert (left, stand.paymo.company.hooks) == (({}, {}), {})
    assert (gone.state, gone.paymo_api_key, gone.grant_id, gone.paymo_hook_token) == (
        ConnectionState.ENDED,
        None,
        None,
        None,
    )
    assert (await stand.rows(Grant), stand.screen.farewells) == ([], [])
    last = (await stand.rows(AuditEntry))[-1]
    assert (last.what, last.user_id) == ("app_removed", "")

    again = await stand.connect()
    (workspace,) = await stand.rows(Workspace)
    assert (again.id, again.state, workspace.is_installed) == (
        first.id,
        ConnectionState.ACTIVE,
        True,
    )
    assert [each.state for each in await stand.rows(Export)] == [ExportState.EXPORTED]


async def test_an_outage_of_xero_is_waited_out_for_a_day(stand: Connecting) -> None:
    connection = await stand.connect()
    began = stand.clock()
    stand.xero.faults.add(method="DELETE", status=503, times=1000)
    await WorkspaceService(stand.database, stand.clock).uninstalled("", "T1")
    while (due_at := (await stand.schedule(connection, Job.DISCONNECT)).due_at) is not None:
        stand.clock.turn(seconds=(due_at - stand.clock()).seconds)
        await run_due(stand)
    row = await stand.connection(connection.id)

    assert row.state is ConnectionState.ENDED
    assert timedelta(hours=20) < stand.clock() - began < timedelta(hours=40)


async def test_one_that_stays_keeps_the_consent_and_a_late_word_ends_nothing(
    stand: Connecting,
) -> None:
    workspaces = WorkspaceService(stand.database, stand.clock)
    connection = await stand.connect()
    before = stand.clock()
    stand.clock.turn(minutes=5)
    await workspaces.installed("", "T1", ANNA.user_id)
    await workspaces.uninstalled("", "T1", before)
    await workspaces.uninstalled("", "T2")

    assert Job.DISCONNECT not in await run_due(stand)
    assert await workspaces.is_installed("", "T1")
    assert (await stand.connection(connection.id)).state is ConnectionState.ACTIVE
    assert stand.xero.calls("POST", "/connect/revocation") == []


async def test_an_organisation_takes_the_app_out_of_all_its_workspaces_and_no_others(
    stand: Connecting,
) -> None:
    workspaces = WorkspaceService(stand.database, stand.clock)
    places = [("E1", ""), ("E1", "T1"), ("E2", "T2"), ("", "T3")]
    for place in places:
        await workspaces.installed(*place, ANNA.user_id)
    await workspaces.uninstalled("E1", "")
    await workspaces.uninstalled("", "")  # nobody's

    assert [await workspaces.is_installed(*place) for place in places] == [False, False, True, True]
