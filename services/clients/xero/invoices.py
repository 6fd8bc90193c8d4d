"""Calls about invoices in Xero, one or many, and what is attached to them."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from urllib.parse import quote

import msgspec
import structlog

from services.clients.rows import Rows
from services.clients.xero.transport import (
    ACCOUNTING,
    CLAMPED,
    INVOICES,
    PAGE,
    PAYMENTS,
    XeroTransport,
    if_modified_since,
    left_out,
    one_written,
    refusal_of,
    require_taken,
    rows_of,
)
from services.clients.xero.wire import XeroInvoice, XeroPayment
from services.errors import NotFound, Rejected, ServiceError, Unavailable, Unreadable
from services.model import chunks
from services.model.invoice import status_name
from services.money import folded, is_plain

log = structlog.get_logger(__name__)

MOST = 50  # Xero advises as many elements a request at most
UNPLAIN = re.compile(r"[^!-~]|[,\"'\\]")
IDS = 40
_LONGEST = 2040  # of a question; Xero takes 2,048 characters (XeroAPI/Xero-NetStandard#471)
_LIVE = "DRAFT,SUBMITTED,AUTHORISED,PAID"
_HOLDING = f"{_LIVE},VOIDED"  # a void one keeps its number
_ALL = f"{_HOLDING},DELETED"
_ENDS = ("VOIDED", "DELETED")
# Commas as they are: escaped ones would count three times.
_NUMBERED = f"Statuses={_HOLDING}&page=1&pageSize={PAGE}&InvoiceNumbers="


class InvoiceCalls(XeroTransport):
    """Reads and writes invoices."""

    __slots__ = ()

    async def create_invoice(self, body: dict[str, object], *, key: str) -> XeroInvoice:
        """Create an invoice with PUT: POST would overwrite one with the same number.

        Raises `Rejected` with Xero's texts, or `Unavailable` when the outcome is unknown.
        """
        return await self._write_invoice("PUT", "Invoices", body, key)

    async def update_invoice(
        self, invoice_id: str, fields: dict[str, object], *, key: str
    ) -> XeroInvoice:
        """Change these fields of one invoice, its status too. Raises `Rejected`, `Unavailable`."""
        body = {"InvoiceID": invoice_id, **fields}
        return await self._write_invoice("POST", f"Invoices/{invoice_id}", body, key)

    async def _write_invoice(
        self, method: str, path: str, body: dict[str, object], key: str
    ) -> XeroInvoice:
        """Send one invoice; an element that failed inside a 2xx answer is a refusal, too.

        One that was taken and cannot be read whole is read again; what it `lacks` then, it says.
        """
        answer = await self.send(
            method,
            f"{ACCOUNTING}/{path}",
            params={"unitdp": "4", "summarizeErrors": "true"},
            headers={"Idempotency-Key": key},
            body={"Invoices": [body]},
        )
        written = one_written(rows_of(answer, INVOICES))
        if written.is_refused:
            raise refusal_of(written)
        if not written.invoice_id:
            raise Unavailable("Xero's answer doesn't say which invoice it wrote.")
        ended = body.get("Status") in _ENDS and written.status not in {"", body["Status"]}
        if ended or body.get("InvoiceID", written.invoice_id) != written.invoice_id:
            name = status_name(written.status)
            raise Rejected(f"Xero accepted the change, but left the invoice as it was ({name}).")
        return await self.read_whole(written)

    async def read_whole(self, written: XeroInvoice) -> XeroInvoice:
        """Return an invoice known to exist, as far as it can be read."""
        if not written.lacks:
            return written
        try:
            return await self.invoice(written.invoice_id)
        except ServiceError:
            return written

    async def invoice(self, invoice_id: str) -> XeroInvoice:
        """One invoice, deleted and voided ones too. Raises `NotFound`, `Unreadable`."""
        found = await self._one(f"Invoices/{invoice_id}", INVOICES)
        _require_same(found.invoice_id, invoice_id)
        if found.lacks:
            raise Unreadable(f"Part of {left_out(found)} can't be read. Check it, then try again.")
        return found

    async def invoices_by_id(self, invoice_ids: Sequence[str]) -> Sequence[XeroInvoice]:
        """These invoices, as many as Xero finds and can be read."""
        found: list[XeroInvoice] = []
        for some in chunks(invoice_ids, IDS):
            params = {"IDs": ",".join(some), "Statuses": _ALL, "page": "1", "pageSize": str(PAGE)}
            found += self._readable(await self._rows("Invoices", INVOICES, params=params))
        return found

    def _readable(self, rows: Rows[XeroInvoice]) -> list[XeroInvoice]:
        """The invoices that can be relied on; what is left out is noted."""
        self.left_out.extend(left_out(each) for each in rows.found if each.lacks)
        return [each for each in rows.found if not each.lacks]

    async def find_own(self, number: str, reference: str, since: datetime) -> Sequence[XeroInvoice]:
        """Live invoices of the app among which one of this number, or reference, stands.

        What Xero's filters cannot say, and where Xero refuses them together, everything since a
        time is read instead. Raises `Rejected` where that is refused as well.
        """
        params = {"createdByMyApp": "true", "Statuses": _LIVE, "page": "1", "pageSize": str(PAGE)}
        asked = {"InvoiceNumbers": number} if number else {"where": f'Reference=="{reference}"'}
        if is_plain(number or reference):
            try:
                return await self._looked_up(params | asked)
            except (Rejected, NotFound) as refusal:
                log.warning("filters_refused", tenant=self.tenant_id, refusal=refusal)
        pages = [page async for page in self._pages_since(since)]
        newest = {each.invoice_id: each for page in pages for each in _with_ids(page)}
        return [each for each in newest.values() if each.status in _LIVE.split(",")]

    async def find_by_number(self, number: str) -> Sequence[XeroInvoice]:
        """The live sales invoices with this number, whoever created them."""
        params = {"Statuses": _LIVE, "page": "1", "pageSize": str(PAGE)}
        asked = {"InvoiceNumbers": number}
        if not is_plain(number):  # then no filter finds it, so it is searched for by a part of it
            asked = {"searchTerm": max(UNPLAIN.split(number), key=len)}
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

    async def _looked_up(self, params: dict[str, str]) -> Sequence[XeroInvoice]:
        """What a filter finds, whole or not: what is there must never seem not to be."""
        return _with_ids((await self._rows("Invoices", INVOICES, params=params)).found)

    async def payment(self, payment_id: str) -> XeroPayment:
        """One payment, deleted ones too. Raises `NotFound`."""
        found = await self._one(f"Payments/{payment_id}", PAYMENTS)
        _require_same(found.payment_id, payment_id)
        return found

    async def invoices_since(self, since: datetime) -> AsyncIterator[Sequence[XeroInvoice]]:
        """Yield the app's own invoices that changed since a time and can be read, in pages."""
        async for page in self._pages_since(since):
            yield self._readable(Rows(tuple(page)))

    async def _pages_since(self, since: datetime) -> AsyncIterator[Sequence[XeroInvoice]]:
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
            if rows.count < CLAMPED:
                return
            stale = 0 if fresh else stale + 1
            if stale > 1:
                raise Unavailable("Xero keeps answering with the same page. Try again later.")
            last = max(each.updated_at for each in rows.found).replace(microsecond=0)
            page = page + 1 if last <= since else 1
            since = max(last, since)

    async def _changed_since(self, since: datetime, page: int) -> Rows[XeroInvoice]:
        params = {
            "createdByMyApp": "true",
            "Statuses": _ALL,
            "page": str(page),
            "pageSize": str(PAGE),
            "order": "UpdatedDateUTC ASC",
        }
        return await self._rows(
            "Invoices", INVOICES, params=params, headers=if_modified_since(since)
        )

    async def sales_dated(self, first: date, after: date) -> Sequence[XeroInvoice]:
        """Every sales invoice dated from `first` to before `after`, whoever made it."""
        where = f'Type=="ACCREC" AND Date>={_day(first)} AND Date<{_day(after)}'
        return await self._pages({"where": where})

    async def own_invoices(self) -> Sequence[XeroInvoice]:
        """Every invoice that the app created."""
        return await self._pages({"createdByMyApp": "true"})

    async def _pages(self, asked: Mapping[str, str]) -> Sequence[XeroInvoice]:
        """All pages; one that fails fails the whole, and a row that moved is there once."""
        found: dict[str, XeroInvoice] = {}
        seen: set[str] = set()
        page = 1
        while True:
            # By id, which never changes: no row moves over a page's edge while we read.
            params = {
                **asked,
                "Statuses": _ALL,
                "order": "InvoiceID ASC",
                "page": str(page),
                "pageSize": str(PAGE),
            }
            answer = await self.send("GET", f"{ACCOUNTING}/Invoices", params=params)
            rows = rows_of(answer, INVOICES)
            new = {each.invoice_id for each in rows.found} - seen
            seen |= new
            found.update({each.invoice_id: each for each in self._readable(rows)})
            if page == rows.pages or rows.count < CLAMPED or not new:
                return tuple(found.values())
            page += 1

    async def create_invoices(
        self, bodies: Sequence[dict[str, object]], *, key: str
    ) -> Sequence[XeroInvoice]:
        """Create invoices with one PUT; Xero judges each element on its own, so check each.

        Raises `Rejected` when nothing was taken, or `Unavailable` when the outcome is unknown.
        """
        answer = await self.send(
            "PUT",
            f"{ACCOUNTING}/Invoices",
            params={"unitdp": "4", "summarizeErrors": "false"},
            headers={"Idempotency-Key": key},
            body={"Invoices": list(bodies)},
        )
        return rows_of(answer, INVOICES).found

    async def holders_of(self, numbers: Sequence[str]) -> dict[str, XeroInvoice]:
        """The sales invoices that hold these numbers, by the folded number.

        Not every number can be asked for.
        """
        found: dict[str, XeroInvoice] = {}
        for asked in _questions([each for each in numbers if is_plain(each)]):
            rows = (await self._rows(f"Invoices?{asked}", INVOICES)).found
            found |= {folded(each.invoice_number): each for each in rows if each.type == "ACCREC"}
        return found

    async def add_note(self, invoice_id: str, text: str, *, key: str) -> None:
        """Add a note to an invoice's history in Xero."""
        answer = await self.send(
            "PUT",
            f"{ACCOUNTING}/Invoices/{invoice_id}/History",
            headers={"Idempotency-Key": key},
            body={"HistoryRecords": [{"Details": text}]},
        )
        require_taken(answer, "HistoryRecords")

    async def attach_pdf(self, invoice_id: str, name: str, content: bytes) -> None:
        """Attach a file to an invoice; one of the same name is replaced. Needs its own scope."""
        answer = await self.send(
            "PUT",
            f"{ACCOUNTING}/Invoices/{invoice_id}/Attachments/{quote(name, safe='')}",
            headers={"Content-Type": "application/pdf"},
            body=content,
        )
        require_taken(answer, "Attachments")


def _day(day: date) -> str:
    return f"DateTime({day.year},{day.month:02},{day.day:02})"


def _with_ids(rows: Sequence[XeroInvoice]) -> Sequence[XeroInvoice]:
    """Let rows be looked through; one without an id might be what is looked for."""
    if any(not each.invoice_id for each in rows):
        raise Unavailable("Xero answered with an invoice that has no ID. Try again later.")
    return rows


def _require_same(answered: str, asked: str) -> None:
    """Accept only an answer about what was asked for: something may be deleted on its word."""
    if answered.casefold() != asked.casefold():
        raise Unavailable("Xero answered with the wrong invoice or payment. Try again later.")


def _questions(numbers: Sequence[str]) -> Iterator[str]:
    """Yield questions for these numbers, each no longer than Xero takes."""
    asked = ""
    for number in numbers:
        escaped = quote(number, safe="")
        if asked and len(asked) + 1 + len(escaped) > _LONGEST:
            yield asked
            asked = ""
        asked = f"{asked},{escaped}" if asked else f"{_NUMBERED}{escaped}"
    if asked:
        yield asked


def idempotency_key(*, tenant_id: str, about: str, attempt: int, body: object) -> str:
    """Return the same key for the same write, and another for any other.

    `about` is what the write is about, in the whole organisation; `attempt` grows where Xero would
    answer an old key with an old failure; `body` is what is sent.
    """
    whole = msgspec.json.encode(body, order="sorted").decode()
    parts = (tenant_id, about, str(attempt), whole)
    return sha256("|".join(parts).encode()).hexdigest()
