"""Calls to one Xero organisation. Every call names its tenant; a refusal is translated once.

Facts: Xero's accounting API pages (requests-and-responses, invoices, payments, limits).
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol, TypeVar

import httpx
import structlog

from services.backoff import CALL_LIMIT
from services.chunks import chunks
from services.clients.allowance import Allowance
from services.clients.http import Answer, ApiClient, Sleep, sleep_for
from services.clients.xero import wire
from services.clients.xero.reading import messages_of, refusal_of, rows_of
from services.errors import NotConnected, NotFound, Rejected, Unavailable
from services.money import folded, is_plain

log = structlog.get_logger(__name__)

T = TypeVar("T")

_AT_ONCE = 5  # calls at a time for each organisation
_PAGE = 1000
_CLAMPED = 100  # a page with fewer rows is the last, even where a larger page size was cut down
_IDS = 40  # the longest address that Xero takes is not documented
_LIVE = "DRAFT,SUBMITTED,AUTHORISED,PAID"
_ALL = f"{_LIVE},VOIDED,DELETED"
_UNPLAIN = re.compile(r"[^!-~]|[,\"'\\]")
_ACCOUNTING = "/api.xro/2.0"


class TokenSource(Protocol):
    """Where access tokens come from."""

    async def access_token(self, grant_id: int) -> str:
        """Return a token that is valid now, refreshing it when needed."""

    async def renew(self, grant_id: int, used: str) -> str:
        """Return another token than the one that was refused."""


@dataclass(slots=True)
class _Gate:
    """What all calls to one organisation share in this process."""

    at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    allowance: Allowance = field(default_factory=Allowance)


@dataclass(frozen=True, slots=True)
class XeroClients:
    """Makes a client for each organisation; what is known of its allowance is kept."""

    http: httpx.AsyncClient
    tokens: TokenSource
    sleep: Sleep = sleep_for
    limit: timedelta = CALL_LIMIT
    gates: dict[str, _Gate] = field(default_factory=dict)
    client_id: str = ""

    @property
    def app(self) -> str:
        """A mark of the Xero app: Xero lists as our own only what this very app created."""
        return sha256(self.client_id.encode()).hexdigest()[:16]

    def client(self, tenant_id: str, grant_id: int | None) -> "XeroClient":
        """Return the client for this organisation."""
        if grant_id is None:
            raise NotConnected("Xero is not connected.", system="Xero")
        gate = self.gates.setdefault(tenant_id, _Gate())
        api = ApiClient(
            "Xero",
            self.http,
            explain=messages_of,
            allowance=gate.allowance,
            sleep=self.sleep,
            limit=self.limit,
        )
        return XeroClient(api, self.tokens, gate.at_once, tenant_id, grant_id)

    async def tenants(self, grant_id: int, auth_event_id: str = "") -> tuple[wire.Tenant, ...]:
        """Return the organisations that this consent reaches, or all that the person linked."""
        client = self.client("", grant_id)
        params = {"authEventId": auth_event_id} if auth_event_id else {}
        answer = await client.send("GET", "/connections", params=params)
        found = answer.decode(list[wire.Tenant])
        return tuple(each for each in found if each.tenant_type in {"", "ORGANISATION"})

    async def delete_connection(self, grant_id: int, xero_connection_id: str) -> None:
        """Unlink one organisation; one that is gone already is as good as unlinked."""
        client = self.client("", grant_id)
        try:
            await client.send("DELETE", f"/connections/{xero_connection_id}", repeatable=True)
        except NotFound:
            return


@dataclass(frozen=True, slots=True)
class XeroClient:
    """One organisation, reached with one consent."""

    api: ApiClient
    tokens: TokenSource
    at_once: asyncio.Semaphore
    tenant_id: str
    grant_id: int

    @property
    def allowance(self) -> Allowance:
        """What Xero last said is left of the day and the minute."""
        return self.api.allowance

    async def organisation(self) -> wire.Organisation:
        """Return the organisation."""
        return (await self._list("Organisation", "Organisations", wire.Organisation))[0]

    async def currencies(self) -> Sequence[wire.Currency]:
        """Return the currencies that are enabled."""
        return await self._list("Currencies", "Currencies", wire.Currency)

    async def accounts(self) -> Sequence[wire.Account]:
        """Return the chart of accounts, archived accounts included."""
        return await self._list("Accounts", "Accounts", wire.Account)

    async def tax_rates(self) -> Sequence[wire.TaxRate]:
        """Return the tax rates."""
        return await self._list("TaxRates", "TaxRates", wire.TaxRate)

    async def contacts(self) -> Sequence[wire.Contact]:
        """Return every contact, archived ones too; a page that fails fails the whole."""
        found: dict[str, wire.Contact] = {}
        page = 1
        while True:
            params = {"page": str(page), "pageSize": str(_PAGE), "includeArchived": "true"}
            rows = await self._list("Contacts", "Contacts", wire.Contact, params=params)
            before = len(found)
            found.update({each.contact_id: each for each in rows})
            if len(rows) < _CLAMPED or len(found) == before:
                return tuple(found.values())
            page += 1

    async def contact(self, contact_id: str) -> wire.Contact:
        """Return one contact, whatever its state. Raises `NotFound`."""
        return (await self._list(f"Contacts/{contact_id}", "Contacts", wire.Contact))[0]

    async def contact_named(self, name: str) -> wire.Contact | None:
        """Return the contact with exactly this name, in any case; an active one first."""
        params = {"searchTerm": name, "page": "1", "includeArchived": "true"}
        rows = await self._list("Contacts", "Contacts", wire.Contact, params=params)
        same = [each for each in rows if each.name.casefold() == name.casefold()]
        return min(same, key=lambda each: each.contact_status != "ACTIVE", default=None)

    async def add_contact(self, contact: wire.NewContact, *, key: str) -> wire.Contact:
        """Add a contact; a name that is taken is refused, never overwritten."""
        rows = await self._list(
            "Contacts",
            "Contacts",
            wire.Contact,
            method="PUT",
            params={"summarizeErrors": "true"},
            headers={"Idempotency-Key": key},
            body={"Contacts": [contact.body()]},
        )
        return rows[0]

    async def create_invoice(self, body: dict[str, object], *, key: str) -> wire.XeroInvoice:
        """Create an invoice with PUT: POST would overwrite one with the same number.

        Raises `Rejected` with Xero's texts, or `Unavailable` when the outcome is unknown.
        """
        return await self._write_invoice("PUT", "Invoices", body, key)

    async def update_invoice(
        self, invoice_id: str, fields: dict[str, object], *, key: str
    ) -> wire.XeroInvoice:
        """Change these fields of one invoice, its status too. Raises `Rejected`, `Unavailable`."""
        body = {"InvoiceID": invoice_id, **fields}
        return await self._write_invoice("POST", f"Invoices/{invoice_id}", body, key)

    async def _write_invoice(
        self, method: str, path: str, body: dict[str, object], key: str
    ) -> wire.XeroInvoice:
        """Send one invoice; an element that failed inside a 2xx answer is a refusal, too."""
        rows = await self._list(
            path,
            "Invoices",
            wire.XeroInvoice,
            method=method,
            params={"unitdp": "4", "summarizeErrors": "true"},
            headers={"Idempotency-Key": key},
            body={"Invoices": [body]},
        )
        if rows[0].is_refused:
            raise refusal_of(rows[0])
        return rows[0]

    async def invoice(self, invoice_id: str) -> wire.XeroInvoice:
        """Return one invoice, deleted and voided ones too. Raises `NotFound`."""
        return (await self._list(f"Invoices/{invoice_id}", "Invoices", wire.XeroInvoice))[0]

    async def invoices_by_id(self, invoice_ids: Sequence[str]) -> Sequence[wire.XeroInvoice]:
        """Return these invoices, as many as Xero finds."""
        found: list[wire.XeroInvoice] = []
        for some in chunks(invoice_ids, _IDS):
            params = {"IDs": ",".join(some), "Statuses": _ALL, "page": "1", "pageSize": str(_PAGE)}
            found += await self._list("Invoices", "Invoices", wire.XeroInvoice, params=params)
        return found

    async def find_own(
        self, number: str, reference: str, since: datetime
    ) -> Sequence[wire.XeroInvoice]:
        """Return live invoices of the app among which one of this number, or reference, stands.

        What Xero's filters cannot say, and where Xero refuses them together, everything since a
        time is read instead. Raises `Rejected` where that is refused as well.
        """
        params = {"createdByMyApp": "true", "Statuses": _LIVE, "page": "1", "pageSize": str(_PAGE)}
        asked = {"InvoiceNumbers": number} if number else {"where": f'Reference=="{reference}"'}
        if is_plain(number or reference):
            try:
                return await self._list(
                    "Invoices", "Invoices", wire.XeroInvoice, params=params | asked
                )
            except (Rejected, NotFound) as refusal:
                log.warning("filters_refused", tenant=self.tenant_id, reason=str(refusal))
        pages = [page async for page in self.invoices_since(since)]
        newest = {each.invoice_id: each for page in pages for each in page}
        return [each for each in newest.values() if each.status in _LIVE.split(",")]

    async def find_by_number(self, number: str) -> Sequence[wire.XeroInvoice]:
        """Return the live sales invoices with this number, whoever created them."""
        params = {"Statuses": _LIVE, "page": "1", "pageSize": str(_PAGE)}
        asked = {"InvoiceNumbers": number}
        if not is_plain(number):  # then no filter finds it, so it is searched for by a part of it
            asked = {"searchTerm": max(_UNPLAIN.split(number), key=len)}
        try:
            rows = await self._list("Invoices", "Invoices", wire.XeroInvoice, params=params | asked)
        except Rejected as refusal:
            log.warning("filters_refused", tenant=self.tenant_id, reason=str(refusal))
            return ()
        return [
            each
            for each in rows
            if folded(each.invoice_number) == folded(number) and each.type == "ACCREC"
        ]

    async def payment(self, payment_id: str) -> wire.Payment:
        """Return one payment, deleted ones too. Raises `NotFound`."""
        return (await self._list(f"Payments/{payment_id}", "Payments", wire.Payment))[0]

    async def invoices_since(self, since: datetime) -> AsyncIterator[Sequence[wire.XeroInvoice]]:
        """Yield the app's own invoices that changed since a time, a page at a time.

        Rows move while they are sorted by a changing key, so a full page is followed by the same
        question from its last time on. A page full of one same second is followed by the next.
        """
        page, stale = 1, 0
        seen: set[tuple[str, datetime]] = set()
        while True:
            rows = await self._changed_since(since, page)
            fresh = [each for each in rows if (each.invoice_id, each.updated_at) not in seen]
            seen.update((each.invoice_id, each.updated_at) for each in fresh)
            yield fresh
            if len(rows) < _CLAMPED:
                return
            stale = 0 if fresh else stale + 1
            if stale > 1:
                raise Unavailable("Xero keeps answering with the same page. Try again later.")
            last = max(each.updated_at for each in rows).replace(microsecond=0)
            page = page + 1 if last <= since else 1
            since = max(last, since)

    async def _changed_since(self, since: datetime, page: int) -> Sequence[wire.XeroInvoice]:
        answer = await self.send(
            "GET",
            f"{_ACCOUNTING}/Invoices",
            params={
                "createdByMyApp": "true",
                "Statuses": _ALL,
                "page": str(page),
                "pageSize": str(_PAGE),
                "order": "UpdatedDateUTC ASC",
            },
            # Xero ignores this header without a word when it has a zone or a fraction.
            headers={"If-Modified-Since": since.strftime("%Y-%m-%dT%H:%M:%S")},
        )
        if answer.status == httpx.codes.NOT_MODIFIED:
            return ()
        return rows_of(answer, "Invoices", wire.XeroInvoice)

    async def _list(
        self, path: str, key: str, kind: type[T], *, method: str = "GET", **extras: Any
    ) -> Sequence[T]:
        answer = await self.send(method, f"{_ACCOUNTING}/{path}", **extras)
        rows = rows_of(answer, key, kind)
        if not rows and (path != key or method != "GET"):
            raise Unavailable("Xero answered with no object where one was expected.")
        return rows

    async def send(self, method: str, path: str, **extras: Any) -> Answer:
        """Send one request; an expired token is renewed once, since a 401 did nothing.

        A write's limit runs on while a token is fetched, but never breaks that off.
        """
        bounded = self.api.bound(method)
        token = await self.tokens.access_token(self.grant_id)
        async with bounded(), self.at_once:
            try:
                return await self._send_with(token, method, path, extras)
            except NotConnected as refusal:
                if not refusal.is_stale:
                    raise
        fresh = await self.tokens.renew(self.grant_id, token)
        async with bounded(), self.at_once:
            return await self._send_with(fresh, method, path, extras)

    async def _send_with(
        self, token: str, method: str, path: str, extras: dict[str, Any]
    ) -> Answer:
        headers = {"Authorization": f"Bearer {token}", **extras.get("headers", {})}
        if self.tenant_id:
            headers["Xero-Tenant-Id"] = self.tenant_id
        return await self.api.send(method, path, **{**extras, "headers": headers})
