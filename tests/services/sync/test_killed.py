"""A process that is killed amid many deletions: another one goes on, and the channel hears soon."""

from datetime import timedelta

from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.notices.delivery import NoticeStep
from services.store import schedules
from services.store.engine import Database
from tests.services import batching
from tests.services.bridge import ANNA, Bridge, built_once
from tests.services.fixtures import bridge_of, void_all
from tests.services.notices.conftest import Board

SOON = timedelta(seconds=30)
COUNT = 6  # each is told in two messages, its card and what happened


@built_once
async def batch(database: Database) -> Bridge:
    """A connected pair with exported invoices, of which only their batch's report told."""
    made = await batching.opened(database)
    batching.invoices(made, COUNT)
    await batching.export_all(made)
    return made


bridge = bridge_of(batch)


async def test_of_many_voided_the_last_is_told_within_half_a_minute_of_a_kill(
    bridge: Bridge,
) -> None:
    board = Board()
    telling = NoticeStep(bridge.database, board, bridge.links, bridge.clock)
    await void_all(bridge)
    shown = [each.id for each in await bridge.exports()]
    await bridge.sync.apply_breaker(ANNA, bridge.connection_id, shown)
    began = bridge.clock()
    async with bridge.database.sessions.begin() as session:
        killed = await schedules.take(session, bridge.connection_id, Job.SWEEP, began)
    assert killed is not None
    while said(board).count(NoticeKind.INVOICE_VOIDED) < COUNT:
        bridge.clock.turn(seconds=1)
        assert bridge.clock() - began <= SOON
        await bridge.run()
        await bridge.runner.run_all([telling], killed.connection_id)

    assert said(board).count(NoticeKind.INVOICE_EXPORTED) == COUNT


def said(board: Board) -> list[NoticeKind]:
    """Return the kinds of what was posted, in order."""
    return [message.kind for _, message in board.posted]
