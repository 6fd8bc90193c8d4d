"""Looking at organisations from the command line: once, or for as long as it runs."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

from bot.settings import Settings
from bot.wiring import Core, now, open_core
from services.model.jobs import Job
from services.store import connections, left_out, operating
from services.store.engine import Database

_PATIENCE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Looked:
    """How a look at one organisation came out."""

    organisation: str
    problem: str


Told = Callable[[Looked], None]
Count = Callable[[int], None]


async def sync_once(settings: Settings, workspace: str, begin: Count, tell: Told) -> bool:
    """Look at every organisation now, tell of each when it is done, and say whether all went."""
    async with AsyncExitStack() as stack:
        core = await open_core(settings, stack, alone=True)
        connection_ids = await _wanted(core.database, workspace)
        begin(len(connection_ids))
        is_well = True
        for connection_id in connection_ids:
            await core.work.nudge(Job.SWEEP, connection_id)
            await core.work.settle()
            looked = await _outcome(core.database, connection_id)
            is_well = is_well and not looked.problem
            tell(looked)
        return is_well


async def sync_on(settings: Settings) -> None:
    """Look at organisations whenever they are due, without a web server, until told to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    async with AsyncExitStack() as stack:
        core: Core = await open_core(settings, stack)
        await core.work.start()
        core.clock.start()
        await stop.wait()
        core.clock.stop()
        await core.work.stop(_PATIENCE)


async def _wanted(database: Database, workspace: str) -> Sequence[int]:
    """Make the organisations due now, and return their connections."""
    async with database.sessions.begin() as session:
        return await operating.make_sweeps_due(session, workspace, now())


async def _outcome(database: Database, connection_id: int) -> Looked:
    async with database.sessions() as session:
        connection = await connections.get(session, connection_id)
        return Looked(connection.organisation_name, left_out.trouble_of(connection))
