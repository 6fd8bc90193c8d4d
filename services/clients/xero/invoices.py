"""Calls to Xero about many invoices at once, and about what hangs on one."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from services.clients.xero.client import XeroClient
from services.clients.xero.reading import INVOICES, require_taken, rows_of
from services.clients.xero.wire import XeroInvoice
from services.money import folded, is_plain

MOST = 50  # Xero advises as many elements a request at most
_INVOICES = "/api.xro/2.0/Invoices"
_HOLDING = "DRAFT,SUBMITTED,AUTHORISED,PAID,VOIDED"  # a void one keeps its number
_LONGEST = 1500  # characters; the longest address that Xero takes is not documented


async def create_invoices(
    client: XeroClient, bodies: Sequence[dict[str, object]], *, key: str
) -> Sequence[XeroInvoice]:
    """Create invoices with one PUT; each element is judged by itself, so look at each.

    Raises `Rejected` when nothing was taken, or `Unavailable` when the outcome is unknown.
    """
    answer = await client.send(
        "PUT",
        _INVOICES,
        params={"unitdp": "4", "summarizeErrors": "false"},
        headers={"Idempotency-Key": key},
        body={"Invoices": list(bodies)},
    )
    return rows_of(answer, INVOICES).found


async def holders_of(client: XeroClient, numbers: Sequence[str]) -> dict[str, XeroInvoice]:
    """Return the sales invoices that hold these numbers, by the folded number.

    Not every number can be asked for.
    """
    found: dict[str, XeroInvoice] = {}
    for some in _in_short([each for each in numbers if is_plain(each)]):
        params = {
            "InvoiceNumbers": ",".join(some),
            "Statuses": _HOLDING,
            "page": "1",
            "pageSize": "1000",
        }
        rows = rows_of(await client.send("GET", _INVOICES, params=params), INVOICES).found
        found |= {folded(each.invoice_number): each for each in rows if each.type == "ACCREC"}
    return found


async def add_note(client: XeroClient, invoice_id: str, text: str, *, key: str) -> None:
    """Add a note to an invoice's history in Xero."""
    answer = await client.send(
        "PUT",
        f"{_INVOICES}/{invoice_id}/History",
        headers={"Idempotency-Key": key},
        body={"HistoryRecords": [{"Details": text}]},
    )
    require_taken(answer, "HistoryRecords")


async def attach_pdf(client: XeroClient, invoice_id: str, name: str, content: bytes) -> None:
    """Attach a file to an invoice; one of the same name is replaced. Needs its own scope."""
    answer = await client.send(
        "PUT",
        f"{_INVOICES}/{invoice_id}/Attachments/{quote(name, safe='')}",
        headers={"Content-Type": "application/pdf"},
        body=content,
    )
    require_taken(answer, "Attachments")


def _in_short(numbers: Sequence[str]) -> Iterator[list[str]]:
    some: list[str] = []
    length = 0
    for number in numbers:
        if some and length + len(number) + 1 > _LONGEST:
            yield some
            some, length = [], 0
        some.append(number)
        length += len(number) + 1
    if some:
        yield some
