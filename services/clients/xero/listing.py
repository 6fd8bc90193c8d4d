"""Lists of sales invoices, for comparing them with what Paymo states."""

from collections.abc import Mapping, Sequence
from datetime import date

from services.clients.xero.client import XeroClient
from services.clients.xero.reading import INVOICES, pages_in, rows_of
from services.clients.xero.wire import XeroInvoice

_PAGE = 1000
_CLAMPED = 100  # a page with fewer rows is the last, even where a larger page size was cut down
_STATUSES = "DRAFT,SUBMITTED,AUTHORISED,PAID,VOIDED,DELETED"


async def sales_dated(xero: XeroClient, first: date, after: date) -> Sequence[XeroInvoice]:
    """Return every sales invoice dated from `first` to before `after`, whoever made it."""
    where = f'Type=="ACCREC" AND Date>={_day(first)} AND Date<{_day(after)}'
    return await _pages(xero, {"where": where})


async def own_invoices(xero: XeroClient) -> Sequence[XeroInvoice]:
    """Return every invoice that the app created."""
    return await _pages(xero, {"createdByMyApp": "true"})


def _day(day: date) -> str:
    return f"DateTime({day.year},{day.month:02},{day.day:02})"


async def _pages(xero: XeroClient, asked: Mapping[str, str]) -> Sequence[XeroInvoice]:
    """Return all pages; one that fails fails the whole, and a row that moved is there once."""
    found: dict[str, XeroInvoice] = {}
    seen: set[str] = set()
    page = 1
    while True:
        # By id, which never changes: no row moves over a page's edge while we read.
        params = {
            **asked,
            "Statuses": _STATUSES,
            "order": "InvoiceID ASC",
            "page": str(page),
            "pageSize": str(_PAGE),
        }
        answer = await xero.send("GET", "/api.xro/2.0/Invoices", params=params)
        rows = rows_of(answer, INVOICES)
        new = {each.invoice_id for each in rows.found} - seen
        seen |= new
        found.update({each.invoice_id: each for each in xero.readable(rows)})
        if page == pages_in(answer) or rows.count < _CLAMPED or not new:
            return tuple(found.values())
        page += 1
