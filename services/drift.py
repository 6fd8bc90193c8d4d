"""What an exported invoice has come to differ in: pure, nothing is called and nothing moves.

Each side is compared with what was exported. Paymo's own status (sent, viewed, paid) and the
status in Xero are no difference; nor is what somebody decided for the export, such as its date.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import sha256

from services import money
from services.clients.paymo import Invoice
from services.clients.xero import XeroInvoice
from services.store.tables import Connection, Export

PAYMO = "Paymo"
XERO = "Xero"
_ZERO = Decimal(0)
_OPEN = frozenset({"DRAFT", "SUBMITTED", "AUTHORISED"})
_WIDEST = 255  # what the row keeps of a number


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was exported; both as text to read."""

    name: str  # "number", "client", "contact", "currency", "date", "due date", "total", …
    was: str
    now: str


def in_paymo(export: Export, invoice: Invoice) -> tuple[Difference, ...]:
    """Return what is not as it was exported in Paymo."""
    found = [
        *_said("number", export.number, invoice.number[:_WIDEST]),
        *_client(export, invoice),
        *_said("currency", export.currency, _code(invoice.currency)),
        *_amount("total", export.total, invoice.total, invoice.currency),
        *_lines(export, invoice),
        *_days(export, invoice),
    ]
    if invoice.status == "void":
        found.append(Difference("status", "not void", "void"))
    return tuple(found)


def in_xero(export: Export, invoice: XeroInvoice) -> tuple[Difference, ...]:
    """Return what is not as it was exported in Xero."""
    contact = invoice.contact
    found = [
        *_said("number", export.xero_number, invoice.invoice_number),
        *_said("currency", export.currency, invoice.currency_code),
        *_amount("total", export.xero_total, invoice.total, invoice.currency_code),
    ]
    if contact.contact_id not in {"", export.contact_id}:
        found.append(Difference("contact", export.contact_name, contact.name))
    sent = _sent(export)
    for name, key, stated in (
        ("date", "Date", invoice.issued_on),
        ("due date", "DueDate", invoice.due_on),
    ):
        if key in sent and stated is not None:
            found += _said(name, str(sent[key]), stated.isoformat())
    return tuple(found)


def fingerprint(found: Sequence[Difference]) -> str:
    """Return the same short text for the same differences, and "" for none."""
    if not found:
        return ""
    whole = "|".join(f"{each.name}={each.was}>{each.now}" for each in found)
    return sha256(whole.encode()).hexdigest()[:24]


def told(export: Export, side: str) -> str:
    """Return the fingerprint of what was told of one side, or ""."""
    return _marks(export).get(side, "")


def with_told(export: Export, side: str, mark: str) -> str:
    """Return what the row says once this was told of one side."""
    marks = _marks(export) | {side: mark}
    return " ".join(f"{name}:{each}" for name, each in sorted(marks.items()) if each)


def _marks(export: Export) -> dict[str, str]:
    pairs = (each.partition(":") for each in export.drift.split())
    return {side: mark for side, _, mark in pairs}


def why_not_updated(
    export: Export, connection: Connection, found: Sequence[Difference], locked_until: date | None
) -> str:
    """Say what to do where Xero's invoice cannot simply follow Paymo's, or "" where it can."""
    organisation, names = connection.organisation_name, {each.name for each in found}
    again = f"Take this one back with /paymo-xero undo {export.number} and export it again."
    if "status" in names:
        return "If it is meant to be void, void it in Xero, too."
    if export.is_linked:
        return f"It was in {organisation} before and is only linked, so change it there by hand."
    if told(export, XERO):
        return (
            "Somebody changed it in Xero as well, so bring both together by hand; /paymo-xero "
            "reconcile compares them."
        )
    if names & {"client", "currency"}:
        return f"Another client or currency needs another invoice in Xero. {again}"
    return why_closed(export, connection, locked_until)


def why_closed(export: Export, connection: Connection, locked_until: date | None) -> str:
    """Say why Xero takes no change of this invoice, and what to do instead, or ""."""
    instead = "Make up the difference with a credit note or another invoice in Xero."
    if export.xero_due is not None and export.xero_due != export.xero_total:
        return f"Payments or credits stand on it in Xero, so it cannot be changed there. {instead}"
    if export.xero_seen_status not in _OPEN:
        return (
            f"It is {export.xero_seen_status.lower()} in Xero, so it cannot be changed. {instead}"
        )
    issued_on = str(_sent(export).get("Date", ""))
    if locked_until is not None and issued_on and date.fromisoformat(issued_on) <= locked_until:
        return (
            f"{connection.organisation_name} is locked up to {locked_until:%d %b %Y}, and the "
            f"invoice is dated before that, so it cannot be changed there. {instead}"
        )
    return ""


def locked_until(connection: Connection) -> date | None:
    """Return the later of the two lock dates."""
    locks = [each for each in (connection.period_lock_on, connection.year_lock_on) if each]
    return max(locks, default=None)


def _said(name: str, was: str, now: str) -> Iterator[Difference]:
    if was and was != now:
        yield Difference(name, was, now)


def _amount(name: str, was: Decimal | None, now: Decimal, currency: str) -> Iterator[Difference]:
    if was is not None and was != now:
        code = _code(currency)
        yield Difference(name, money.format_amount(was, code), money.format_amount(now, code))


def _client(export: Export, invoice: Invoice) -> Iterator[Difference]:
    if export.client_id is not None and export.client_id != invoice.client_id:
        yield Difference("client", export.client_name, invoice.client_name)


def _lines(export: Export, invoice: Invoice) -> Iterator[Difference]:
    """Compare what the lines come to, and their tax, with what was sent."""
    rows = _sent(export).get("LineItems")
    if not isinstance(rows, list):
        return
    lines = sum((_of(row, "Quantity") * _of(row, "UnitAmount") for row in rows), _ZERO)
    tax = sum((_of(row, "TaxAmount") for row in rows), _ZERO)
    taxes = (invoice.tax_amount or _ZERO) + (invoice.tax2_amount or _ZERO)
    yield from _amount("sum of the lines", lines, invoice.subtotal, invoice.currency)
    yield from _amount("tax", tax, taxes, invoice.currency)


def _days(export: Export, invoice: Invoice) -> Iterator[Difference]:
    sent, issued_on, due_on = _sent(export), invoice.issued_on, invoice.due_on
    if "Date" in sent and export.issue_on is None:
        yield from _said("date", str(sent["Date"]), issued_on.isoformat())
    is_chosen = bool(export.due_rule) or due_on is None or due_on < issued_on
    if "DueDate" in sent and not is_chosen:
        wanted = max(due_on or issued_on, export.issue_on or issued_on)
        yield from _said("due date", str(sent["DueDate"]), wanted.isoformat())


def _sent(export: Export) -> Mapping[str, object]:
    """Return what was sent; a linked invoice was not written by us."""
    return {} if export.is_linked or export.sent is None else export.sent


def _of(row: Mapping[str, object], name: str) -> Decimal:
    return Decimal(str(row.get(name, 0)))


def _code(paymo_code: str) -> str:
    try:
        return money.currency_code(paymo_code)
    except money.NotExportable:
        return paymo_code
