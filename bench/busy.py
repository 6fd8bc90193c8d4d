"""A sweep that finds much: 1,000 changed invoices in Xero with 1,500 new payments."""

import gc
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import bindparam, delete, insert, inspect, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from bench.measuring import Benchmark
from bench.stage import NOW, logged, open_database
from bot.serving import search_less
from services.clients.paymo import PaymoClients
from services.clients.xero import XeroClients
from services.jobs.runner import Runner
from services.model.export import ExportState
from services.model.invoice import Links, PaymentKind, PaymentState
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.people import ReplyTarget
from services.store import schedules
from services.store.engine import Database
from services.store.tables import (
    AuditEntry,
    Connection,
    Export,
    Grant,
    Notice,
    Payment,
    Subscription,
)
from services.sync.run import Swept
from services.sync.sweep import SweepStep
from tests.services.store_seeds import connect

CLOCK = time.perf_counter
_INVOICES = 1000
_DAY = "2026-11-24"
_SINGLY = "GET /invoices/"
_MILLISECONDS = int(NOW.timestamp() * 1000)


class _Client(httpx.AsyncClient):
    """Counts what the network takes: from the request that is built to the answer that is read."""

    spent = 0.0

    async def send(self, *args: Any, **kwargs: Any) -> httpx.Response:
        """Send it; nothing of ours runs meanwhile, since the remote side answers at once."""
        begun = CLOCK()
        answer = await super().send(*args, **kwargs)
        self.spent += CLOCK() - begun
        return answer


@dataclass(slots=True)
class _Remote(httpx.AsyncBaseTransport):
    """Xero and Paymo at once, in this process; what they take is not counted."""

    is_paid: bool = False
    calls: dict[str, int] = field(default_factory=dict)
    copies: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    made: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer at once."""
        path = request.url.path
        name = f"{request.method} {re.sub(r'/[0-9]+$', '/', path)}"
        self.calls[name] = self.calls.get(name, 0) + 1
        found = self._xero(request) if "api.xro" in path else self._paymo(request)
        return httpx.Response(200, content=json.dumps(found).encode())

    def _xero(self, request: httpx.Request) -> dict[str, Any]:
        if request.url.params.get("page") != "1":
            return {"Invoices": []}
        return {"Invoices": [_in_xero(at, is_paid=self.is_paid) for at in range(1, _INVOICES + 1)]}

    def _paymo(self, request: httpx.Request) -> dict[str, Any]:
        if request.method == "POST":
            return {"invoicepayments": [self._add(json.loads(request.content))]}
        asked = request.url.params.get("where") or request.url.path.rpartition("/")[2]
        ids = [int(each) for each in re.findall("[0-9]+", asked)]
        return {"invoices": [_in_paymo(each, self.copies.get(each, [])) for each in ids]}

    def _add(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.made += 1
        copy = asked | {"id": self.made}
        self.copies.setdefault(asked["invoice_id"], []).append(copy)
        return copy


class _Silent:
    """Nobody waits to see it, nobody is nudged, and every token holds."""

    async def show_swept(self, reply_to: ReplyTarget, swept: Swept) -> None:
        """Show nothing."""

    async def nudge(self, job: Job, key: int) -> None:
        """Lose it."""

    async def access_token(self, grant_id: int) -> str:
        """Return one."""
        return f"token {grant_id}"

    async def look_ahead(self, grant_id: int) -> None:
        """Nothing is read."""

    async def renew(self, grant_id: int, used: str) -> str:
        """Return another one."""
        return f"{used} {grant_id}"


@dataclass(frozen=True, slots=True)
class _Busy:
    database: Database
    peers: async_sessionmaker[AsyncSession]  # with SQLite's driver as it comes
    connection: Connection
    remote: _Remote
    http: _Client
    step: SweepStep
    calls: dict[str, float] = field(default_factory=dict)

    async def ours(self) -> float:
        """Sweep, and return the seconds that it took less the network."""
        await self._begin_anew(is_paid=True)
        begun, before = CLOCK(), self.http.spent
        await self.step.runner.run(self.step, self.connection.id)
        self.calls.update(self.remote.calls)
        own = CLOCK() - begun - (self.http.spent - before)
        if sum(map(len, self.remote.copies.values())) != len(_payments()):
            raise RuntimeError("not every payment came into Paymo")
        return own

    def figures(self) -> dict[str, float]:
        """Return how many calls one sweep made."""
        return {f"calls, {name}": count for name, count in sorted(self.calls.items())}

    async def settle(self) -> None:
        """Have everything compared before there is any payment: a sweep reads fifty singly."""
        self.remote.calls[_SINGLY] = 0
        while _SINGLY in self.remote.calls:
            await self._begin_anew(is_paid=False)
            await self.step.runner.run(self.step, self.connection.id)

    async def _begin_anew(self, *, is_paid: bool) -> None:
        self.remote.is_paid = is_paid
        self.remote.copies.clear()
        self.remote.calls.clear()
        async with self.database.sessions.begin() as session:
            for table in (Notice, AuditEntry, Payment):
                await session.execute(delete(table))
            owed = {"xero_due": Decimal(115), "xero_seen_status": "AUTHORISED"}
            await session.execute(update(Export).values(**owed, paymo_checked_at=NOW))
            await schedules.want(session, [self.connection.id], [Job.SWEEP], NOW)
            await session.execute(update(Connection).values(cursor=NOW, swept_at=NOW))

    async def limit(self) -> float:
        """Write the same rows in bulk."""
        await self._begin_anew(is_paid=True)
        begun = CLOCK()
        async with self.database.sessions.begin() as session:
            connection = await session.connection()
            rows = [self._row(each) for each in _payments()]
            await connection.execute(insert(Payment), rows)
            exports: Any = inspect(Export).local_table
            payments: Any = inspect(Payment).local_table
            await connection.execute(
                update(exports).where(exports.c.id == bindparam("its_id")),
                [
                    {"its_id": each, "xero_due": Decimal(0), "xero_seen_status": "PAID"}
                    for each in range(1, _INVOICES + 1)
                ],
            )
            await connection.execute(
                update(payments).where(payments.c.xero_payment_id == bindparam("key")),
                [
                    {"key": each["xero_payment_id"], "state": PaymentState.RECORDED}
                    | {"paymo_payment_id": at, "recorded_amount": each["amount"]}
                    for at, each in enumerate(rows)
                ],
            )
            await connection.execute(insert(Notice), [self._notice(each) for each in rows])
            await connection.execute(insert(AuditEntry), [self._entry(each) for each in rows])
        return CLOCK() - begun

    async def peer(self) -> float:
        """Write the same rows payment by payment, each with a session and a commit of its own."""
        await self._begin_anew(is_paid=True)
        begun = CLOCK()
        for at, each in enumerate(_payments()):
            row = self._row(each)
            async with self.peers.begin() as session:
                export = await session.get_one(Export, row["export_id"])
                export.xero_due, export.xero_seen_status = Decimal(0), "PAID"
                copy = {"paymo_payment_id": at, "recorded_amount": row["amount"]}
                session.add(Payment(**row | copy | {"state": PaymentState.RECORDED}))
                session.add(Notice(**self._notice(row)))
                session.add(AuditEntry(**self._entry(row)))
        return CLOCK() - begun

    def _row(self, paid: tuple[int, str, Decimal]) -> dict[str, Any]:
        invoice, key, amount = paid
        return {
            "connection_id": self.connection.id,
            "export_id": invoice,
            "tenant_id": self.connection.tenant_id,
            "xero_payment_id": key,
            "kind": PaymentKind.PAYMENT,
            "amount": amount,
            "paid_on": NOW.date(),
            "state": PaymentState.ADDING,
            "seen_at": NOW,
        }

    def _notice(self, row: dict[str, Any]) -> dict[str, Any]:
        return {
            "workspace_id": self.connection.workspace_id,
            "connection_id": self.connection.id,
            "channel_id": "C1",
            "kind": NoticeKind.PAYMENT_RECEIVED,
            "source": f"payment:{row['xero_payment_id']}",
            "export_id": row["export_id"],
            "facts": {"amount": str(row["amount"]), "number": f"INV-{row['export_id']}"} | _FACTS,
            "due_at": NOW,
            "created_at": NOW,
        }

    def _entry(self, row: dict[str, Any]) -> dict[str, Any]:
        after = {"xero_payment_id": row["xero_payment_id"], "amount": str(row["amount"])}
        return {
            "connection_id": self.connection.id,
            "at": NOW,
            "user_id": "",
            "what": "payment_received",
            "export_id": row["export_id"],
            "before": {},
            "after": after,
        }


# As long as what a notice of a payment says.
_FACTS = {f"fact {at}": "of twenty letters ..." for at in range(18)}


@asynccontextmanager
async def prepare(folder: Path) -> AsyncIterator[list[Benchmark]]:
    """Prepare `sweep_busy`."""
    async with open_database(folder) as database, logged(folder):
        connection = await _organisation(database)
        remote, silent = _Remote(), _Silent()
        http = _Client(transport=remote, base_url="http://remote")
        xeros, paymos = XeroClients(http, silent), PaymoClients(http)
        runner = Runner(database, silent, lambda: NOW)
        links = Links(xero_app="http://x", paymo_app="http://p")
        minutes = timedelta(minutes=5)
        step = SweepStep(database, paymos, xeros, silent, links, runner, minutes, lambda: NOW)
        peer = create_async_engine(database.engine.url)
        peers = async_sessionmaker(peer, expire_on_commit=False)
        busy = _Busy(database, peers, connection, remote, http, step)
        await busy.settle()
        usual = gc.get_threshold()
        search_less()  # as `serve` does once it's ready
        what = f"{_INVOICES:,} changed invoices, {len(_payments()):,} payments, less the network"
        peer_is = "an ORM commit a payment"
        made = Benchmark(
            "sweep_busy", what, busy.ours, busy.limit, "bulk SQL", busy.peer, peer_is,
            reach=5, ahead=5, figures=busy.figures, at_most=5,
        )  # fmt: skip
        yield [made]
        gc.unfreeze()
        gc.set_threshold(*usual)
        await peer.dispose()


def _payments() -> list[tuple[int, str, Decimal]]:
    """Return every payment: by whose invoice, its id and its amount."""
    return [
        (at, f"{at:08d}-0000-4000-8000-{nth:012d}", amount)
        for at in range(1, _INVOICES + 1)
        for nth, amount in enumerate(_amounts(at))
    ]


def _amounts(at: int) -> tuple[Decimal, ...]:
    """Every second invoice is paid in two parts."""
    return (Decimal(115),) if at % 2 else (Decimal(40), Decimal(75))


def _in_xero(at: int, *, is_paid: bool) -> dict[str, Any]:
    paid = [
        {"PaymentID": key, "Date": f"/Date({_MILLISECONDS}+0000)/", "Amount": float(amount)}
        for key, amount in (
            (f"{at:08d}-0000-4000-8000-{nth:012d}", each) for nth, each in enumerate(_amounts(at))
        )
    ]
    line = {
        "Description": "Work",
        "Quantity": 1.0,
        "UnitAmount": 100.0,
        "LineAmount": 100.0,
        "TaxAmount": 15.0,
        "TaxType": "OUTPUT2",
        "AccountCode": "200",
    }
    return {
        "InvoiceID": f"x{at}",
        "InvoiceNumber": f"INV-{at}",
        "Type": "ACCREC",
        "Status": "PAID" if is_paid else "AUTHORISED",
        "CurrencyCode": "NZD",
        "Date": f"/Date({_MILLISECONDS}+0000)/",
        "DueDate": f"/Date({_MILLISECONDS}+0000)/",
        "UpdatedDateUTC": f"/Date({_MILLISECONDS}+0000)/",
        "SubTotal": 100.0,
        "TotalTax": 15.0,
        "Total": 115.0,
        "AmountDue": 0.0 if is_paid else 115.0,
        "AmountPaid": 115.0 if is_paid else 0.0,
        "Contact": {"ContactID": "c1", "Name": "Acme Ltd"},
        "LineItems": [line],
        "Payments": paid if is_paid else [],
    }


def _in_paymo(at: int, payments: list[dict[str, Any]]) -> dict[str, Any]:
    line = {"id": at, "item": "Work", "price_unit": 100, "quantity": 1, "apply_tax": True, "seq": 1}
    return {
        "id": at,
        "number": f"INV-{at}",
        "client_id": 1,
        "client": {"id": 1, "name": "Acme Ltd"},
        "status": "sent",
        "currency": "NZD",
        "date": NOW.date().isoformat(),
        "due_date": NOW.date().isoformat(),
        "subtotal": 100,
        "total": 115,
        "tax": 15,
        "tax_amount": 15,
        "updated_on": NOW.isoformat(),
        "invoiceitems": [line],
        "invoicepayments": payments,
    }


async def _organisation(database: Database) -> Connection:
    async with database.sessions.begin() as session:
        grant = Grant(access_token="a", refresh_token="r", expires_at=NOW + timedelta(days=1))  # noqa: S106
        session.add(grant)
        await session.flush()
        named = {"tenant_id": "t", "organisation_name": "Maple Books", "country": "NZ"}
        connection = await connect(session, "T1", grant_id=grant.id, reread_at=NOW, **named)
        topics = ["payments", "deletions"]
        heard = {"connection_id": connection.id, "channel_id": "C1", "topics": topics}
        session.add(Subscription(**heard, set_by="U1", set_at=NOW))
        await session.execute(
            insert(Export), [_export(connection, at) for at in range(1, _INVOICES + 1)]
        )
    return connection


def _export(connection: Connection, at: int) -> dict[str, Any]:
    return {
        "connection_id": connection.id,
        "paymo_company_id": 1,
        "tenant_id": "t",
        "paymo_invoice_id": at,
        "state": ExportState.EXPORTED,
        "requested_by": "U1",
        "requested_at": NOW,
        "reply_to": {},
        "number": f"INV-{at}",
        "client_id": 1,
        "client_name": "Acme Ltd",
        "contact_id": "c1",
        "contact_name": "Acme Ltd",
        "account_id": "a",
        "currency": "NZD",
        "total": Decimal(115),
        "xero_status": "AUTHORISED",
        "xero_invoice_id": f"x{at}",
        "xero_number": f"INV-{at}",
        "xero_total": Decimal(115),
        "made_by": XeroClients(httpx.AsyncClient(), _Silent()).app,
        "paymo_checked_at": NOW,
    }
