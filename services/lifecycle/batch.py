"""A batch's states, from the table of what is ready to the report."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import TypedDict

from services.lifecycle.machine import Machine
from services.model.export import BatchState
from services.model.people import ReplyTarget
from services.store.tables import Batch, Connection


class BatchColumns(TypedDict, total=False):
    """What the arrows may write beside the state."""

    asked_numbers: list[str]
    due_at: datetime | None
    tries: int
    problem: str


machine = Machine("batch", Batch, Batch.state, BatchColumns)


@machine.start(BatchState.READING)
def open_table(
    connection: Connection,
    numbers: Sequence[str],
    reply_to: ReplyTarget,
    now: datetime,
    since: date | None = None,
) -> Batch:
    """Make the row of a batch, whose table is to be read; without numbers it is about all.

    What is about the invoices since a day begins with its overview.
    """
    return Batch(
        connection_id=connection.id,
        state=BatchState.READING,
        asked_numbers=[*numbers],
        asked_by=reply_to.user_id,
        reply_to=asdict(reply_to),
        since=since,
        page=0 if since is None else None,
        created_at=now,
    )


@machine.arrow([BatchState.READING], BatchState.READY)
def show_table(_batch: Batch, numbers: Sequence[str]) -> BatchColumns:
    """Show what was read; `numbers` are those asked for, as Paymo writes them."""
    return {"asked_numbers": [*numbers], "due_at": None, "problem": ""}


@machine.press([BatchState.READY], BatchState.RUNNING, grows=[Batch.fence])
def start(_batch: Batch, now: datetime) -> BatchColumns:
    """Go from the table to the exporting; of two presses, one does it."""
    return {"due_at": now, "tries": 0, "problem": ""}


@machine.arrow([BatchState.READING, BatchState.RUNNING], BatchState.DONE)
def finish(_batch: Batch) -> BatchColumns:
    """End it once every invoice has its outcome, or its connection has ended."""
    return {"due_at": None, "problem": ""}


@machine.note
def go_on(_batch: Batch) -> BatchColumns:
    """Say that it waits for nothing any more."""
    return {"problem": ""}


@machine.note
def advance(_batch: Batch) -> BatchColumns:
    """Note that something came of it, so that its tries count from the start again."""
    return {"problem": "", "tries": 0}


@machine.note
def put_off(batch: Batch, due_at: datetime, problem: str, *, is_try: bool = True) -> BatchColumns:
    """Go on later, and say why it waits; what was no try does not count as one."""
    tries = batch.tries if is_try else batch.tries - 1
    return {"due_at": due_at, "problem": problem, "tries": tries}


@machine.note
def follow(_batch: Batch) -> BatchColumns:
    """Note that the table, or the report, is up to date with what happened to its invoices."""
    return {"due_at": None, "tries": 0}


@machine.note
def give_up_reading(_batch: Batch, problem: str) -> BatchColumns:
    """Read no more for a table that came to nothing, and say why."""
    return {"due_at": None, "problem": problem}
