"""Calls to one Xero organisation. Every call names its tenant; a refusal is translated once.

Facts: Xero's accounting API pages (requests-and-responses, invoices, payments, limits).
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar

import httpx
import msgspec
import structlog

from services.clients.allowance import Allowance
from services.clients.http import ApiClient, Sleep, sleep_for
from services.clients.rows import Kind, LeftOut, Rows
from services.clients.said import messages_of
from services.clients.xero import wire
from services.clients.xero.door import CONNECTIONS, Door, TokenSource
from services.clients.xero.reading import (
    ACCOUNTS,
    CONTACTS,
    CURRENCIES,
    INVOICES,
    ORGANISATIONS,
    PAYMENTS,
    TAX_RATES,
    left_out,
    refusal_of,
    require_taken,
    rows_of,
    tenants_of,
    whole,
)
from services.errors import (
    Forbidden,
    NotConnected,
    NotFound,
    Rejected,
    ServiceError,
    Unavailable,
    Unreadable,
)
from services.jobs.backoff import CALL_LIMIT
from services.model.chunks import chunks
from services.money import folded, is_plain

log = structlog.get_logger(__name__)

T = TypeVar("T", bound=msgspec.Struct)

_AT_ONCE = 5  # calls at a time for each organisation
_PAGE = 1000
_CLAMPED = 100  # a page with fewer rows is the last, even where a larger page size was cut down
_IDS = 40  # the longest address that Xero takes is not documented
_LIVE = "DRAFT,SUBMITTED,AUTHORISED,PAID"
_ALL = f"{_LIVE},VOIDED,DELETED"
_UNPLAIN = re.compile(r"[^!-~]|[,\"'\\]")
_ENDS = ("VOIDED", "DELETED")
_ACCOUNTING = "/api.xro/2.0"


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
        answer = await client.send("GET", CONNECTIONS, params=params)
        found = tenants_of(answer).found
        return tuple(each for each in found if each.tenant_type in {"", "ORGANISATION"})

    async def delete_connection(self, grant_id: int, xero_connection_id: str) -> None:
        """Unlink one organisation; one that is gone already is as good as unlinked."""
        client = self.client("", grant_id)
        try:
            await client.send("DELETE", f"{CONNECTIONS}/{xero_connection_id}", repeatable=True)
        except NotFound:
            return
        except Forbidden:
            if any(each.id == xero_connection_id for each in await self.tenants(grant_id)):
                raise


@dataclass(frozen=True, slots=True)
class XeroClient(Door):
    """One organisation, reached with one consent."""

    left_out: list[LeftOut] = field(default_factory=list)  # of the lists that were read so far

    async def organisation(self) -> wire.Organisation:
        """Return the organisation."""
        return await self._one("Organisation", ORGANISATIONS)

    async def currencies(self) -> Sequence[wire.Currency]:
        """Return the currencies that are enabled."""
        return await self._all("Currencies", CURRENCIES)

    async def accounts(self) -> Sequence[wire.Account]:
        """Return the chart of accounts, archived accounts included."""
        return await self._all("Accounts", ACCOUNTS)

    async def tax_rates(self) -> Sequence[wire.TaxRate]:
        """Return the tax rates."""
        return await self._all("TaxRates", TAX_RATES)

    async def contacts(self, *, changed_since: datetime | None = None) -> Sequence[wire.Contact]:
        """Return every contact, or those that changed since a time, archived ones too.

        A page that fails fails the whole.
        """
        headers = _since(changed_since) if changed_since is not None else {}
        found: dict[str, wire.Contact] = {}
        page, seen = 1, set[str]()
        while True:
            params = {"page": str(page), "pageSize": str(_PAGE), "includeArchived": "true"}
            rows = await self._rows("Contacts", CONTACTS, params=params, headers=headers)
            found.update({each.contact_id: each for each in rows.found})
            self.left_out.extend(rows.left_out)
            if rows.count < _CLAMPED or seen >= set(rows.keys):
                return tuple(found.values())
            page, seen = page + 1, seen | set(rows.keys)

    async def contact(self, contact_id: str) -> wire.Contact:
        """Return one contact, whatever its state. Raises `NotFound`, `Unreadable`."""
        return await self._one(f"Contacts/{contact_id}", CONTACTS)

    async def contact_named(self, name: str) -> wire.Contact | None:
        """Return the contact with exactly this name, in any case; an active one first."""
        params = {"searchTerm": name, "page": "1", "includeArchived": "true"}
        rows = await self._rows("Contacts", CONTACTS, params=params)
        same = [each for each in rows.found if folded(each.name) == folded(name)]
        return min(same, key=lambda each: each.contact_status != "ACTIVE", default=None)

    async def contact_holding(self, name: str, number: str) -> wire.Contact | None:
        """Return the contact that has this number or this name, however Xero lets us look for it.

        A search does not find every name, and a filter cannot hold every one.
        """
        asked = [{"searchTerm": number}]
        if not set(name) & {'"', "\\"}:
            asked.append({"where": f'Name=="{name}"'})
        asked.append({"searchTerm": max(_UNPLAIN.split(name), key=len)})
        for ways in asked:
            params = {"page": "1", "pageSize": str(_PAGE), "includeArchived": "true", **ways}
            try:
                rows = await self._rows("Contacts", CONTACTS, params=params)
            except Rejected as refusal:
                log.warning("filters_refused", tenant=self.tenant_id, refusal=refusal)
                continue
            held = [
                each
                for each in rows.found
                if each.contact_number == number != "" or folded(each.name) == folded(name)
            ]
            if held:
                return min(held, key=lambda each: each.contact_status != "ACTIVE")
        return None

    async def add_contact(self, contact: wire.NewContact, *, key: str) -> wire.Contact:
        """Add a contact; a name that is taken is refused, never overwritten.

        Raises `Rejected`, also where Xero says yes to a contact that it did not make.
        """
        answer = await self.send(
            "PUT",
            f"{_ACCOUNTING}/Contacts",
            params={"summarizeErrors": "true"},
            headers={"Idempotency-Key": key},
            body={"Contacts": [contact.body()]},
        )
        require_taken(answer, "Contacts")
        rows = rows_of(answer, CONTACTS)
        if rows.left_out and (made := rows.left_out[0].key):
            return wire.Contact(contact_id=made, name=contact.name, contact_number=contact.number)
        return _written(rows)

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
        """Send one invoice; an element that failed inside a 2xx answer is a refusal, too.

        One that was taken and cannot be read whole is read again; what it `lacks` then, it says.
        """
        answer = await self.send(
            method,
            f"{_ACCOUNTING}/{path}",
            params={"unitdp": "4", "summarizeErrors": "true"},
            headers={"Idempotency-Key": key},
            body={"Invoices": [body]},
        )
        written = _written(rows_of(answer, INVOICES))
        if written.is_refused:
            raise refusal_of(written)
        if not written.invoice_id:
            raise Unavailable("Xero's answer does not say which invoice it wrote.")
        ended = body.get("Status") in _ENDS and written.status not in {"", body["Status"]}
        if ended or body.get("InvoiceID", written.invoice_id) != written.invoice_id:
            raise Rejected(f"Xero said yes, and left the invoice as it was ({written.status}).")
        return await self.read_whole(written)

    async def read_whole(self, written: wire.XeroInvoice) -> wire.XeroInvoice:
        """Return an invoice that is surely there as it stands, as far as that can be read."""
        if not written.lacks:
            return written
        try:
            return await self.invoice(written.invoice_id)
        except ServiceError:
            return written

    async def invoice(self, invoice_id: str) -> wire.XeroInvoice:
        """Return one invoice, deleted and voided ones too. Raises `NotFound`, `Unreadable`."""
        found = await self._one(f"Invoices/{invoice_id}", INVOICES)
        if found.lacks:
            raise Unreadable(f"Part of {left_out(found)} can't be read. Check it, then try again.")
        return found

    async def invoices_by_id(self, invoice_ids: Sequence[str]) -> Sequence[wire.XeroInvoice]:
        """Return these invoices, as many as Xero finds and can be read."""
        found: list[wire.XeroInvoice] = []
        for some in chunks(invoice_ids, _IDS):
            params = {"IDs": ",".join(some), "Statuses": _ALL, "page": "1", "pageSize": str(_PAGE)}
            found += self.readable(await self._rows("Invoices", INVOICES, params=params))
        return found

    def readable(self, rows: Rows[wire.XeroInvoice]) -> list[wire.XeroInvoice]:
        """Return the invoices that can be relied on, and note those that are left out."""
        found, odd = whole(rows)
        self.left_out.extend(odd)
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
                return await self._looked_up(params | asked)
            except (Rejected, NotFound) as refusal:
                log.warning("filters_refused", tenant=self.tenant_id, refusal=refusal)
        pages = [page async for page in self._pages_since(since)]
        newest = {each.invoice_id: each for page in pages for each in _with_ids(page)}
        return [each for each in newest.values() if each.status in _LIVE.split(",")]

    async def find_by_number(self, number: str) -> Sequence[wire.XeroInvoice]:
        """Return the live sales invoices with this number, whoever created them."""
        params = {"Statuses": _LIVE, "page": "1", "pageSize": str(_PAGE)}
        asked = {"InvoiceNumbers": number}
        if not is_plain(number):  # then no filter finds it, so it is searched for by a part of it
            asked = {"searchTerm": max(_UNPLAIN.split(number), key=len)}
        try:
            rows = await self._looked_up(params | asked)
        except Rejected as refusal:
            log.warning("filters_refused", tenant=self.tenant_id, refusal=refusal)
            return ()
        return [
            each
            for each in rows
            if folded(each.invoice_number) == folded(number) and each.type == "ACCREC"
        ]

    async def _looked_up(self, params: dict[str, str]) -> Sequence[wire.XeroInvoice]:
        """Return what a filter finds, whole or not: what is there must never seem not to be."""
        return _with_ids((await self._rows("Invoices", INVOICES, params=params)).found)

    async def payment(self, payment_id: str) -> wire.Payment:
        """Return one payment, deleted ones too. Raises `NotFound`."""
        return await self._one(f"Payments/{payment_id}", PAYMENTS)

    async def invoices_since(self, since: datetime) -> AsyncIterator[Sequence[wire.XeroInvoice]]:
        """Yield the app's own invoices that changed since a time and can be read, in pages."""
        async for page in self._pages_since(since):
            yield self.readable(Rows(tuple(page)))

    async def _pages_since(self, since: datetime) -> AsyncIterator[Sequence[wire.XeroInvoice]]:
        """Yield the app's own invoices that changed since a time, whole or not.

        Rows move while they are sorted by a changing key, so a full page is followed by the same
        question from its last time on. A page full of one same second is followed by the next.
        """
        page, stale = 1, 0
        seen: set[tuple[str, datetime]] = set()
        while True:
            rows = await self._changed_since(since, page)
            fresh = [each for each in rows.found if (each.invoice_id, each.updated_at) not in seen]
            seen.update((each.invoice_id, each.updated_at) for each in fresh)
            yield fresh
            if rows.count < _CLAMPED:
                return
            stale = 0 if fresh else stale + 1
            if stale > 1:
                raise Unavailable("Xero keeps answering with the same page. Try again later.")
            last = max(each.updated_at for each in rows.found).replace(microsecond=0)
            page = page + 1 if last <= since else 1
            since = max(last, since)

    async def _changed_since(self, since: datetime, page: int) -> Rows[wire.XeroInvoice]:
        params = {
            "createdByMyApp": "true",
            "Statuses": _ALL,
            "page": str(page),
            "pageSize": str(_PAGE),
            "order": "UpdatedDateUTC ASC",
        }
        return await self._rows("Invoices", INVOICES, params=params, headers=_since(since))

    async def _rows(self, path: str, kind: Kind[T], **extras: Any) -> Rows[T]:
        answer = await self.send("GET", f"{_ACCOUNTING}/{path}", **extras)
        return Rows(()) if answer.status == httpx.codes.NOT_MODIFIED else rows_of(answer, kind)

    async def _all(self, path: str, kind: Kind[T]) -> Sequence[T]:
        """Return a list that comes on one page, each row once; note what is left out."""
        rows = await self._rows(path, kind)
        self.left_out.extend(rows.left_out)
        return tuple({getattr(each, kind.key): each for each in rows.found}.values())

    async def _one(self, path: str, kind: Kind[T]) -> T:
        return kind.only(await self._rows(path, kind))


def _since(moment: datetime) -> dict[str, str]:
    """Xero ignores this header without a word when it has a zone or a fraction."""
    return {"If-Modified-Since": moment.strftime("%Y-%m-%dT%H:%M:%S")}


def _with_ids(rows: Sequence[wire.XeroInvoice]) -> Sequence[wire.XeroInvoice]:
    """Return rows that are looked through; one without an id might be what is looked for."""
    if any(not each.invoice_id for each in rows):
        raise Unavailable("Xero answered with an invoice that has no ID. Try again later.")
    return rows


def _written(rows: Rows[T]) -> T:
    """Return what was written; where that cannot be told, the outcome is unknown."""
    if len(rows.found) != 1:
        raise Unavailable("Xero answered with no object where one was expected.")
    return rows.found[0]
