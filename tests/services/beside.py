"""A second process on the same database, and calls that are held open while things change."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from httpx import Timeout

from sandbox.serving import Fault
from services.store import upkeep
from services.store.engine import Database
from tests.services.bridge import Bridge

_PATIENCE = 120  # seconds
_LONG = timedelta(minutes=10)


def beside(bridge: Bridge, database: Database) -> Bridge:
    """Return what another process works with: its own database, the same two systems.

    It waits for answers as long as the test wants it to, however slow the machine is.
    """
    for each in (bridge.paymos.http, bridge.xeros.http):
        each.timeout = Timeout(_LONG.total_seconds())
    paymo = replace(bridge.paymos, limit=_LONG, turnstiles={})
    xero = replace(bridge.xeros, limit=_LONG, gates={})
    mirror = replace(bridge.mirror, database=database, paymo=paymo, xero=xero, ledger_read_at={})
    return replace(
        bridge,
        database=database,
        mirror=mirror,
        paymos=paymo,
        xeros=xero,
        batches=replace(bridge.batches, database=database),
        sync=replace(bridge.sync, database=database),
        hints=replace(bridge.hints, database=database),
        matching=replace(bridge.matching, database=database),
        reconcile=replace(bridge.reconcile, database=database),
    )


@dataclass(frozen=True, slots=True)
class Held:
    """A worker whose call is held open by the remote side."""

    worker: "asyncio.Task[None]"
    fault: Fault

    async def let_go(self) -> None:
        """Let the call take effect, and the worker end."""
        self._open()
        async with asyncio.timeout(_PATIENCE):
            await self.worker

    async def kill(self) -> None:
        """Drop the worker; its request has left, and is still held."""
        self.worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.worker

    async def arrive(self, is_done: Callable[[], Any]) -> None:
        """Let the call take effect, though nobody waits for its answer."""
        self._open()
        await until(is_done)

    def _open(self) -> None:
        if self.fault.gate is not None:
            self.fault.gate.set()


@asynccontextmanager
async def held(fault: Fault, work: Awaitable[None]) -> AsyncIterator[Held]:
    """Have a worker do `work` up to the call that `fault` holds."""
    worker = asyncio.ensure_future(work)
    made = Held(worker, fault)
    try:
        async with asyncio.timeout(_PATIENCE):
            came = asyncio.create_task(fault.came.wait())
            await asyncio.wait([came, worker], return_when=asyncio.FIRST_COMPLETED)
            came.cancel()
        assert fault.came.is_set(), "the work ended without that call"
        yield made
    finally:
        made._open()  # noqa: SLF001 - nothing stays held when a test fails
        async with asyncio.timeout(_PATIENCE):
            await asyncio.wait([worker])


async def look_now(bridge: Bridge) -> None:
    """Have Xero say that something changed, and look a moment later."""
    named = list(bridge.xero.invoices)
    await bridge.hints.from_xero({(await bridge.connection()).tenant_id: named})
    await bridge.wait(seconds=3)


async def start_anew(bridge: Bridge) -> None:
    """Free what was taken, as the only process on a database does at its start, and look."""
    async with bridge.database.sessions.begin() as session:
        await upkeep.release(session, bridge.clock())
        await upkeep.count_as_sent_now(session, bridge.clock())
    await look_now(bridge)


async def until(is_so: Callable[[], Any]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(_PATIENCE):
        while not is_so():
            await asyncio.sleep(0.01)
