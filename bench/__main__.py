"""`make bench`: ours, a limit and a peer in turn, so that only ratios within one run are told.

What depends on the machine is printed beside them and says little: see docs/performance.md.
"""

import argparse
import asyncio
import difflib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
from rapidfuzz import fuzz, process
from slack_sdk.signature import SignatureVerifier

from bench.stage import FEW, MANY, NOW, WAITING, Stage, name_of, open_stage
from handlers import blocks
from services import compare
from services.clients.http import Answer
from services.clients.xero.transport import INVOICES, rows_of
from services.matching.service import MatchingService
from services.model.people import Person
from services.store import exports, notices, payments
from services.store.engine import Session
from services.store.tables import Connection

ANNA = Person("", "T1", "U1", "C1")
AT_ONCE = 32
Act = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One line of the table; a peer is what one would do without us."""

    name: str
    what: str
    ours: Act
    limit: Act
    limit_is: str
    peer: Act | None = None
    peer_is: str = ""


@dataclass(slots=True)
class Taken:
    """Times in seconds, in the order in which they were taken."""

    ours: list[float] = field(default_factory=list)
    limit: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)

    def as_json(self, benchmark: Benchmark) -> dict[str, Any]:
        """Return the medians, and the medians of the ratios pair by pair."""
        return {
            "what": benchmark.what,
            "limit": benchmark.limit_is,
            "peer": benchmark.peer_is,
            "pairs": len(self.ours),
            "ours_ms": _ms(self.ours),
            "limit_ms": _ms(self.limit),
            "peer_ms": _ms(self.peer),
            "ours_to_limit": _ratio(self.ours, self.limit),
            "peer_to_ours": _ratio(self.peer, self.ours),
        }


def _ms(times: Sequence[float]) -> float | None:
    return round(statistics.median(times) * 1000, 2) if times else None


def _ratio(one: Sequence[float], other: Sequence[float]) -> float | None:
    pairs = [a / b for a, b in zip(one, other, strict=False)]
    return round(statistics.median(pairs), 2) if pairs else None


async def _time(act: Act) -> float:
    begun = time.perf_counter()
    await act()
    return time.perf_counter() - begun


async def measured(benchmark: Benchmark, pairs: int) -> Taken:
    """Take them in turn, after one round that counts for nothing."""
    taken = Taken()
    for at in range(pairs + 1):
        ours, limit = await _time(benchmark.ours), await _time(benchmark.limit)
        peer = await _time(benchmark.peer) if benchmark.peer is not None else None
        if at:
            taken.ours.append(ours)
            taken.limit.append(limit)
            taken.peer += [peer] if peer is not None else []
    return taken


# ---- the benchmarks


def sweep_idle(stage: Stage) -> Benchmark:
    """Everything that a sweep without news asks the database."""

    def of(connection: Connection) -> Act:
        async def act() -> None:
            async with stage.database.sessions.begin() as session:
                await _ask(session, connection)

        return act

    what = f"what an idle sweep asks the database, {MANY:,} exports"
    return Benchmark("sweep_idle", what, of(stage.large), of(stage.small), f"{FEW} exports")


async def _ask(session: Session, connection: Connection) -> None:
    await exports.list_followed_ids(session, connection, not_of="app")
    await payments.list_due(session, connection.id, NOW)
    await exports.list_unsettled(session, connection)
    await exports.list_unchecked(session, connection, 100)
    found = await exports.list_longest_checked(session, connection, 100)
    ids = [each.id for each in found]
    await payments.list_of(session, ids)
    await exports.mark_checked(session, ids, NOW, is_hinted=False)


def channel(stage: Stage) -> Benchmark:
    """Looking for a message while the channel's first has to wait."""

    def of(connection: Connection) -> Act:
        async def act() -> None:
            async with stage.database.sessions.begin() as session:
                for _ in range(10):
                    await notices.take_due(session, connection.workspace_id, NOW)

        return act

    what = f"ten looks for the next message, {WAITING:,} waiting"
    return Benchmark("channel", what, of(stage.large), of(stage.small), f"{FEW // 5} waiting")


def options(stage: Stage, at_once: int) -> Benchmark:
    """Signature, role, search, escaping and JSON of a typed contact menu; no HTTP."""
    service = MatchingService(stage.database, lambda: NOW)
    names = [name_of(at) for at in range(MANY)]
    verifier, body = SignatureVerifier("secret"), json.dumps({"type": "block_suggestion"})
    stamp = str(int(time.time()))
    signature = verifier.generate_signature(timestamp=stamp, body=body) or ""

    async def one() -> None:
        if not verifier.is_valid(body, stamp, signature):
            raise ValueError(signature)
        found = await service.contact_options(ANNA, "maple 12", client_id=0)
        json.dumps(blocks.grouped(found))

    async def ours() -> None:
        await asyncio.gather(*(one() for _ in range(at_once)))

    async def limit() -> None:
        for _ in range(at_once):
            process.extract("maple 12", names, scorer=fuzz.partial_ratio, limit=90)

    async def peer() -> None:
        difflib.get_close_matches("maple 12", names, n=90, cutoff=0.3)

    name = "options" if at_once == 1 else f"options_{at_once}"
    what = f"contact menu, {MANY:,} contacts, {at_once} in flight"
    if at_once > 1:
        return Benchmark(name, what, ours, limit, "rapidfuzz alone")
    return Benchmark(name, what, ours, limit, "rapidfuzz alone", peer, "difflib")


class _Line(msgspec.Struct, rename="pascal"):
    description: str
    quantity: Decimal
    unit_amount: Decimal
    line_amount: Decimal
    tax_amount: Decimal
    tax_type: str
    account_code: str


class _Paid(msgspec.Struct):
    PaymentID: str
    Date: str
    Amount: Decimal


class _Contact(msgspec.Struct):
    ContactID: str
    Name: str


class _Needed(msgspec.Struct):
    InvoiceID: str
    InvoiceNumber: str
    Status: str
    LineAmountTypes: str
    CurrencyCode: str
    DateString: datetime
    DueDateString: datetime
    UpdatedDateUTC: str
    SubTotal: Decimal
    TotalTax: Decimal
    Total: Decimal
    AmountDue: Decimal
    Contact: _Contact
    LineItems: list[_Line]
    Payments: list[_Paid]


class _Page(msgspec.Struct):
    Invoices: list[_Needed]


def parse() -> Benchmark:
    """From the bytes of an answer to what is compared."""
    body = json.dumps({"Invoices": [_invoice(at) for at in range(1000)]}).encode()
    needed = msgspec.json.Decoder(_Page)

    async def ours() -> None:
        for each in rows_of(Answer("Xero", 200, httpx.Headers(), body), INVOICES).found:
            compare.in_xero(each)

    async def limit() -> None:
        needed.decode(body)

    async def peer() -> None:
        for each in json.loads(body, parse_float=Decimal)["Invoices"]:
            datetime.fromisoformat(each["DateString"])

    what = "1,000 changed invoices, bytes to what is compared"
    return Benchmark("parse", what, ours, limit, "msgspec, needed fields", peer, "json alone")


def _invoice(at: int) -> dict[str, Any]:
    line = {
        "LineItemID": "l1",
        "Description": "Design",
        "Quantity": 2.0,
        "UnitAmount": 50.0,
        "LineAmount": 100.0,
        "TaxAmount": 15.0,
        "TaxType": "OUTPUT2",
        "AccountCode": "200",
    }
    paid = {"PaymentID": f"p{at}", "Date": "/Date(1795564800000+0000)/", "Amount": 115.0}
    return {
        "InvoiceID": f"i{at}",
        "InvoiceNumber": f"INV-{at}",
        "Type": "ACCREC",
        "Status": "AUTHORISED",
        "LineAmountTypes": "Exclusive",
        "CurrencyCode": "NZD",
        "DateString": "2026-11-25T00:00:00",
        "Date": "/Date(1795564800000+0000)/",
        "DueDateString": "2026-12-25T00:00:00",
        "UpdatedDateUTC": "/Date(1795564800000+0000)/",
        "SubTotal": 300.0,
        "TotalTax": 45.0,
        "Total": 345.0,
        "AmountDue": 230.0,
        "AmountPaid": 115.0,
        "Contact": {"ContactID": "c1", "Name": "Acme Ltd"},
        "LineItems": [line, line, line],
        "Payments": [paid],
    }


# ---- the table


async def run(pairs: int, chosen: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Run those that are chosen, or all."""
    with tempfile.TemporaryDirectory() as folder:
        stage = await open_stage(Path(folder))
        every = [
            sweep_idle(stage),
            channel(stage),
            options(stage, 1),
            options(stage, AT_ONCE),
            parse(),
        ]
        found = {}
        for each in every:
            if not chosen or each.name in chosen:
                found[each.name] = (await measured(each, pairs)).as_json(each)
        await stage.database.close()
    return found


def shown(found: dict[str, dict[str, Any]]) -> str:
    """Write the table."""
    columns = ("ours_ms", "limit_ms", "peer_ms", "ours_to_limit", "peer_to_ours")
    lines = [" " * 12 + "".join(f"{each:>14}" for each in columns)]
    for name, row in found.items():
        cells = ["–" if row[each] is None else str(row[each]) for each in columns]
        figures = "".join(f"{each:>14}" for each in cells)
        lines.append(f"{name:<12}{figures}  {row['what']}; limit: {row['limit']}")
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, and write `bench/results.json`."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--pairs", type=int, default=15, help="how often each is taken")
    asked = parser.parse_args()
    before = os.getloadavg()[0]
    found = asyncio.run(run(asked.pairs, asked.names))
    load = {"cores": os.cpu_count(), "load_before": before, "load_after": os.getloadavg()[0]}
    if not asked.names:
        results = json.dumps({"machine": load, "benchmarks": found}, indent=2)
        Path(__file__).with_name("results.json").write_text(f"{results}\n", encoding="utf-8")
    print(shown(found))
    print(f"load {load['load_before']:.1f} to {load['load_after']:.1f} on {load['cores']} cores")


if __name__ == "__main__":
    main()
