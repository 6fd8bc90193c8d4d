"""Paymo's REST API, as far as the bridge needs it (github.com/paymoapp/api, and its help pages).

Paymo knows no idempotency key, no bulk writes and no sorting; every answer wraps objects in a
list named after the resource. Amounts are read exactly as they stand on the wire.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, TypeVar

import httpx

from services.backoff import CALL_LIMIT
from services.chunks import chunks
from services.clients.allowance import Allowance
from services.clients.http import (
    LONGEST_WAIT,
    Answer,
    ApiClient,
    Sleep,
    messages_under,
    sleep_for,
)
from services.clients.paymo.paging import HEADS, MOST, PAGE, question
from services.clients.paymo.wire import (
    Billed,
    BilledRows,
    Client,
    Clients,
    Companies,
    Company,
    Header,
    Headers,
    Hook,
    Hooks,
    Invoice,
    Invoices,
    Payment,
    Payments,
    Projects,
)
from services.errors import NotConnected, NotFound, Rejected, Throttled, Unavailable

_WHOLE = "invoiceitems,invoicepayments,client"
_SPARE = 1  # stop while a call is left, since everything is refused once none is


class _Paged(Protocol):
    """A row that pages can be de-duplicated by."""

    @property
    def id(self) -> int:
        """Paymo's id."""


Row = TypeVar("Row", bound=_Paged)


@dataclass(slots=True)
class _Turnstile:
    """One request at a time for each key, and none once the window is used up."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    allowance: Allowance = field(default_factory=Allowance)


@dataclass(frozen=True, slots=True)
class PaymoClient:
    """One Paymo account, reached with one API key."""

    api: ApiClient
    auth: httpx.BasicAuth = field(repr=False)
    turnstile: _Turnstile = field(repr=False)

    async def company(self) -> Company:
        """Return the company that the key belongs to; the cheapest proof that it works."""
        return (await self._send("GET", "/company")).decode(Companies).company

    async def clients(self) -> tuple[Client, ...]:
        """Return every client; a page that fails fails the whole."""
        return await self._pages("/clients", lambda answer: answer.decode(Clients).clients)

    async def headers(self, *, updated_since: datetime | None = None) -> tuple[Header, ...]:
        """Return the heads of all invoices, or of those changed since a time."""
        where = {}
        if updated_since is not None:
            where = {"where": f"updated_on>={int(updated_since.timestamp())}"}
        return await self._pages("/invoices", lambda answer: answer.decode(Headers).invoices, where)

    async def statements(
        self, first: date | None = None, after: date | None = None
    ) -> tuple[Invoice, ...]:
        """Return all invoices, or those dated from `first` to before `after`, with payments.

        Raises `Unavailable` where Paymo may have left payments out.
        """
        params = {"include": "invoicepayments"}
        if first is not None and after is not None:
            params["where"] = f"date>={first.isoformat()} and date<{after.isoformat()}"
        return await self._pages("/invoices", _whole_statements, params)

    async def invoice(self, invoice_id: int) -> Invoice:
        """Return one invoice with lines, payments and client. Raises `NotFound`."""
        return await self._invoice(invoice_id, _WHOLE)

    async def invoice_with_time(self, invoice_id: int) -> Invoice:
        """Return one invoice with the time that its lines bill, too. Raises `NotFound`.

        Where Paymo does not take that question, the client's time is read and looked through; who
        may not see any time is not told of any.
        """
        try:
            return await self._invoice(invoice_id, f"{_WHOLE},invoiceitems.entries")
        except Rejected:
            invoice = await self._invoice(invoice_id, _WHOLE)
        where = {"where": f"client_id={invoice.client_id}"}
        try:
            entries = await self._pages("/entries", _billed("entries"), where)
        except (Rejected, NotFound):
            return invoice
        return invoice.with_time(entries)

    async def billed(self, kind: str, ids: Collection[int]) -> dict[int, int | None] | None:
        """Return which line bills each of these `expenses` or `entries` that there are.

        None where Paymo does not answer that.
        """
        found: dict[int, int | None] = {}
        try:
            for some in chunks(sorted(ids), HEADS):
                answer = await self._send("GET", f"/{kind}", params=question(some))
                found |= {row.id: row.invoice_item_id for row in _billed(kind)(answer)}
        except (Rejected, NotFound):
            return None
        return found

    async def project_name(self, project_id: int) -> str:
        """Return a project's name, or "" where it cannot be read."""
        try:
            answer = await self._send("GET", f"/projects/{project_id}")
        except (Rejected, NotFound):
            return ""
        return _only(answer.decode(Projects).projects).name

    async def _invoice(self, invoice_id: int, include: str) -> Invoice:
        answer = await self._send("GET", f"/invoices/{invoice_id}", params={"include": include})
        return _only(answer.decode(Invoices).invoices)

    async def create_invoice(self, former: Invoice) -> Invoice:
        """Make an invoice again as it was, a draft without payments. Raises `Rejected`.

        Lines are sent under `items` and answered under `invoiceitems`; a discount of 0 is refused,
        so it is left out (github.com/paymoapp/api, invoices).
        """
        body = former.as_new()
        answer = await self._send(
            "POST", "/invoices", params={"include": "invoiceitems"}, body=body
        )
        return _only(answer.decode(Invoices).invoices)

    async def invoices_with_items(self, invoice_ids: Sequence[int]) -> tuple[Invoice, ...]:
        """Return those of these that there are, with lines and client, a hundred an answer.

        Past 2,500 objects Paymo leaves lines out without a word, so they must be added up.
        """
        more = {"include": "invoiceitems,client"}
        found = [
            await self._send("GET", "/invoices", params=question(each) | more)
            for each in chunks(invoice_ids, PAGE)
        ]
        return tuple(row for answer in found for row in answer.decode(Invoices).invoices)

    async def headers_of(self, invoice_ids: Sequence[int]) -> tuple[Header, ...]:
        """Return the heads of those of these invoices that there are; read singly what is missing.

        Heads are short, so one question takes several hundred. How large a page may be is not
        documented: what a shorter page left out is asked for again.
        """
        found: dict[int, Header] = {}
        for some in chunks(invoice_ids, HEADS):
            left = list(some)
            while left:
                answer = await self._send("GET", "/invoices", params=question(left))
                rows = answer.decode(Headers).invoices
                found.update({row.id: row for row in rows})
                before = len(left)
                left = [each for each in left if each not in found]
                if len(rows) < PAGE or len(left) == before:
                    break
        return tuple(found.values())

    async def pdf(self, invoice_id: int) -> bytes:
        """Return the invoice as a PDF. Raises `NotFound`."""
        answer = await self._send(
            "GET",
            f"/invoices/{invoice_id}",
            params={"format": "pdf"},
            headers={"Accept": "application/pdf"},
        )
        if not answer.body.startswith(b"%PDF"):
            raise Unavailable("Paymo answered with something else than a PDF.")
        return answer.body

    async def add_payment(
        self, invoice_id: int, *, amount: Decimal, paid_on: date, notes: str
    ) -> Payment:
        """Add a payment. Raises `Rejected` when it is more than is left to pay."""
        answer = await self._send(
            "POST",
            "/invoicepayments",
            body={
                "invoice_id": invoice_id,
                "amount": amount,
                "date": paid_on.isoformat(),
                "notes": notes,
            },
        )
        return _only(answer.decode(Payments).invoicepayments)

    async def delete_payment(self, payment_id: int) -> None:
        """Delete a payment. Raises `NotFound`."""
        await self._send("DELETE", f"/invoicepayments/{payment_id}")

    async def set_status(self, invoice_id: int, status: str) -> None:
        """Set an invoice's status by hand. Doing it twice does no harm."""
        await self._send("PUT", f"/invoices/{invoice_id}", repeatable=True, body={"status": status})

    async def delete_invoice(self, invoice_id: int) -> None:
        """Delete an invoice for good. Raises `NotFound`."""
        await self._send("DELETE", f"/invoices/{invoice_id}")

    async def hooks(self) -> tuple[Hook, ...]:
        """Return the webhooks of the person whose key this is; Paymo shows no others."""
        return tuple((await self._send("GET", "/hooks")).decode(Hooks).hooks)

    async def add_hook(self, target_url: str, event: str, secret: str) -> Hook:
        """Have events that fit a pattern, such as `*.Invoice`, told to an address, signed."""
        body = {"target_url": target_url, "event": event, "secret": secret}
        return _only((await self._send("POST", "/hooks", body=body)).decode(Hooks).hooks)

    async def delete_hook(self, hook_id: int) -> None:
        """Delete a webhook. Raises `NotFound`."""
        await self._send("DELETE", f"/hooks/{hook_id}")

    async def delete_hooks_to(self, token: str) -> None:
        """Delete every webhook whose address ends with this token."""
        for hook in await self.hooks():
            if hook.leads_to(token):
                with contextlib.suppress(NotFound):
                    await self.delete_hook(hook.id)

    async def _send(self, method: str, path: str, **extras: Any) -> Answer:
        """Send one request when it is this key's turn; a write's limit holds for its turn, too."""
        async with self.api.bound(method)(), self.turnstile.lock:
            await self._wait_for_window()
            return await self.api.send(method, path, auth=self.auth, **extras)

    async def _wait_for_window(self) -> None:
        """Let a used-up window pass, or say that it is too long to wait for."""
        allowance = self.api.allowance
        left, window = allowance.window_left, allowance.window
        if left is None or window is None or left >= _SPARE:
            return
        allowance.window_left = None
        if window > LONGEST_WAIT:
            raise Throttled(
                "Paymo asked us to wait before the next request. Nothing was done yet.",
                retry_after=window,
            )
        await self.api.sleep(window)

    async def _pages(
        self,
        path: str,
        rows_of: Callable[[Answer], Sequence[Row]],
        params: dict[str, str] | None = None,
    ) -> tuple[Row, ...]:
        found: dict[int, Row] = {}
        page = 0
        while True:
            numbers = {"page": str(page), "page_size": str(PAGE)}
            answer = await self._send("GET", path, params={**(params or {}), **numbers})
            rows = rows_of(answer)
            before = len(found)
            found.update({row.id: row for row in rows})
            # An account that ignores paging sends the same rows for ever.
            if len(rows) < PAGE or len(found) == before:
                return tuple(found.values())
            page += 1


@dataclass(frozen=True, slots=True)
class PaymoClients:
    """Makes a client for each API key; what is known of a key's allowance is kept."""

    http: httpx.AsyncClient
    sleep: Sleep = sleep_for
    limit: timedelta = CALL_LIMIT
    turnstiles: dict[str, _Turnstile] = field(default_factory=dict, repr=False)

    def client(self, api_key: str | None) -> PaymoClient:
        """Return the client for this key. Paymo takes the key as the user of Basic auth."""
        if not api_key:
            raise NotConnected("Paymo is not connected.", system="Paymo")
        turnstile = self.turnstiles.setdefault(api_key, _Turnstile())
        return PaymoClient(
            api=ApiClient(
                "Paymo",
                self.http,
                explain=messages_under("message"),
                allowance=turnstile.allowance,
                sleep=self.sleep,
                limit=self.limit,
            ),
            auth=httpx.BasicAuth(api_key, "x"),
            turnstile=turnstile,
        )


def _whole_statements(answer: Answer) -> Sequence[Invoice]:
    found = answer.decode(Invoices).invoices
    if sum(len(each.payments) for each in found) >= MOST:
        raise Unavailable("Paymo's list holds more payments than it shows, so nothing is certain.")
    return found


def _billed(kind: str) -> Callable[[Answer], Sequence[Billed]]:
    """Return what reads expenses, or time, out of an answer."""
    return lambda answer: getattr(answer.decode(BilledRows), kind)


def _only(rows: Sequence[Row]) -> Row:
    """Return the one row of an answer about one object."""
    if len(rows) != 1:
        raise Unavailable("Paymo answered with no object where one was expected.")
    return rows[0]
