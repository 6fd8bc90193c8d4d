"""Exporting one invoice and three hundred, from the press in Slack to what the person reads.

The whole program runs, with stand-ins of Slack, Xero and Paymo in the same process: their own time
counts as ours.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from bench.measuring import Benchmark
from bench.stage import logged
from sandbox.paymo import Client
from sandbox.serving import Record, Seen
from services.store import migrations
from services.store.tables import Grant
from tests.bot.town import PAYMO_KEY
from tests.walk import LINES, Walk, text_in, walking

DELAY = 0.1  # seconds, in which each of Xero's and Paymo's answers comes
MANY, AT_ONCE, LISTED = 300, 50, 100
_A_MOMENT = 1.0  # seconds, in which all that a form waits for is asked
_LONG = 1_000_000


@asynccontextmanager
async def prepare(folder: Path) -> AsyncIterator[list[Benchmark]]:
    """Prepare `export_one` and `export_300`."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(logged(folder))
        walks = []
        for name in ("one", "many"):
            url = f"sqlite+aiosqlite:///{folder}/{name}.db"
            await asyncio.to_thread(migrations.upgrade, url)
            walk = await stack.enter_async_context(walking(url, sync_interval_seconds=3600))
            walk.town.xero.limits.per_minute = walk.town.xero.limits.per_day = _LONG
            await walk.connect(subscribe=True)
            walks.append(walk)
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=60))
        one, many = [Calls(walk, http, await _token(walk)) for walk in walks]
        for faults in (one.walk.town.xero.faults, one.walk.town.paymo.faults):
            faults.add(path="^/api", delay=DELAY, times=_LONG)
        yield [_export_one(one), _export_300(many)]


async def _token(walk: Walk) -> str:
    async with walk.town.program.core.database.sessions() as session:
        grant = (await session.scalars(select(Grant))).one()
        return grant.access_token


class Calls:
    """Calls to the stand-ins as one would make them by hand."""

    def __init__(self, walk: Walk, http: httpx.AsyncClient, token: str) -> None:
        """Keep what calls need."""
        self.walk, self.http = walk, http
        self.headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self.settings = walk.town.program.core.settings
        self.made = 0

    @property
    def client(self) -> Client:
        """Return the client that Xero surely knows."""
        return next(iter(self.walk.company.clients.values()))

    def invoices(self, count: int) -> list[str]:
        """Add invoices in Paymo; return their numbers."""
        numbers = [f"B-{self.made + nth}" for nth in range(1, count + 1)]
        for number in numbers:
            self.walk.company.add_invoice(number, self.client, LINES, tax=15, status="sent")
        self.made += count
        return numbers

    async def listed(self, ids: list[int]) -> httpx.Response:
        """Read invoices of Paymo with their lines."""
        where = f"id in ({','.join(map(str, ids))})"
        return await self.http.get(
            f"{self.settings.paymo_api_url}/invoices",
            params={"where": where, "include": "invoiceitems,client"},
            auth=(PAYMO_KEY, "X"),
        )

    async def asked(self, path: str) -> httpx.Response:
        """Read something of Xero's."""
        url = f"{self.settings.xero_api_url}/api.xro/2.0/{path}"
        return await self.http.get(url, headers=self._of(""))

    async def put(self, body: dict[str, Any]) -> httpx.Response:
        """Make invoices in Xero, under a key of its own."""
        return await self.http.put(
            f"{self.settings.xero_api_url}/api.xro/2.0/Invoices",
            params={"unitdp": "4", "summarizeErrors": "false"},
            headers=self._of(f"{time.perf_counter_ns()}"),
            json=body,
        )

    def _of(self, key: str) -> dict[str, str]:
        named = {"Xero-Tenant-Id": self.walk.books.tenant_id}
        return {**self.headers, **named, **({"Idempotency-Key": key} if key else {})}

    def body_of(self, count: int) -> dict[str, Any]:
        """Return as many invoices as the program sent last, under other numbers."""
        sent = self.walk.town.xero.calls("PUT", "/Invoices$")
        whole = next(each for each in reversed(sent) if _size(each) >= count)
        rows = json.loads(whole.body)["Invoices"][:count]
        for row in rows:
            row["InvoiceNumber"] = f"L-{time.perf_counter_ns()}"[-22:]
        return {"Invoices": rows}


def _size(sent: Seen) -> int:
    return len(json.loads(sent.body)["Invoices"])


def _of_xero_and_paymo(record: Record) -> int:
    return len(record.calls("", "^/api"))


async def _timed(walk: Walk, view_id: str, words: str) -> float:
    """Press, and return how long it takes until the person reads this."""
    slack = walk.town.slack

    def says() -> bool:
        view = slack.top_view("Anna")
        return view is not None and words in text_in(view.payload)

    begun = time.perf_counter()
    answer = await slack.submit("Anna", view_id)
    if not answer.ok:
        raise ValueError(answer.failure, answer.errors)
    await slack.wait_for(says, 600)
    return time.perf_counter() - begun


def _counting(calls: Calls) -> Callable[[], int]:
    records = (calls.walk.town.xero.record, calls.walk.town.paymo.record)
    return lambda: sum(_of_xero_and_paymo(each) for each in records)


def _export_one(calls: Calls) -> Benchmark:
    """From the press to success; the form is open, and all that it waits for was read."""
    walk, count = calls.walk, _counting(calls)
    made: list[int] = []

    async def ours() -> float:
        [number] = calls.invoices(1)
        form = await walk.form(number)
        await asyncio.sleep(_A_MOMENT)
        before = count()
        took = await _timed(walk, form.id, "exported to")
        made.append(count() - before)
        await walk.close()
        await asyncio.sleep(_A_MOMENT)
        return took

    async def limit() -> None:
        await calls.listed([walk.in_paymo(f"B-{calls.made}").id])
        await calls.put(calls.body_of(1))

    async def peer() -> None:
        for path in ("Organisation", "Accounts", "TaxRates", "Currencies", "Contacts"):
            await calls.asked(path)
        await limit()

    return Benchmark(
        "export_one",
        f"one invoice from the press to success, {DELAY * 1000:.0f} ms an answer",
        ours,
        limit,
        "the two calls alone",
        peer,
        "with every look-up",
        reach=1.25,
        figures=lambda: {"calls": float(min(made, default=0))},
        at_most=9,
    )


def _export_300(calls: Calls) -> Benchmark:
    """From the press on a table of 300 to its report; a test counts the calls."""
    walk = calls.walk

    async def ours() -> float:
        calls.invoices(MANY)
        await walk.type(f"export {' '.join(f'B-{calls.made - nth}' for nth in range(MANY))}")
        view = await walk.modal_saying(f"Export {MANY} Invoices")
        took = await _timed(walk, view.id, f"{MANY} invoices exported to")
        await walk.close()
        return took

    async def limit() -> None:
        ids = [walk.in_paymo(f"B-{calls.made - nth}").id for nth in range(MANY)]
        for at in range(0, MANY, LISTED):
            await calls.listed(ids[at : at + LISTED])
        for _ in range(0, MANY, AT_ONCE):
            await calls.put(calls.body_of(AT_ONCE))

    async def peer() -> None:
        await _each(MANY, lambda nth: calls.listed([walk.in_paymo(f"B-{calls.made - nth}").id]))
        await _each(MANY, lambda _: calls.put(calls.body_of(1)))

    return Benchmark(
        "export_300",
        f"{MANY} invoices from the press to the report, answers at once",
        ours,
        limit,
        "nine calls alone",
        peer,
        "600 calls",
        at_most=3,
    )


async def _each(count: int, call: Callable[[int], Awaitable[object]]) -> None:
    for nth in range(count):
        await call(nth)
