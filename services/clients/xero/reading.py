"""Taking Xero's envelopes and refusals apart."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from services.clients.http import Answer
from services.clients.rows import Kind, LeftOut, Rows, content_of, objects_of
from services.clients.said import errors_in, messages_in
from services.clients.xero import wire
from services.errors import Rejected, Unavailable

T = TypeVar("T", bound=msgspec.Struct)

XERO = "Xero"
TENANTS = Kind(wire.Tenant, "connection", XERO)
ORGANISATIONS = Kind(wire.Organisation, "organisation", XERO)
CURRENCIES = Kind(wire.Currency, "currency", XERO)
ACCOUNTS = Kind(wire.Account, "account", XERO)
TAX_RATES = Kind(wire.TaxRate, "tax rate", XERO)
CONTACTS = Kind(wire.Contact, "contact", XERO)
INVOICES = Kind(wire.XeroInvoice, "invoice", XERO)
PAYMENTS = Kind(wire.Payment, "payment", XERO)
_KEYS: dict[Kind[Any], str] = {
    ORGANISATIONS: "Organisations",
    CURRENCIES: "Currencies",
    ACCOUNTS: "Accounts",
    TAX_RATES: "TaxRates",
    CONTACTS: "Contacts",
    INVOICES: "Invoices",
    PAYMENTS: "Payments",
}


def rows_of(answer: Answer, kind: Kind[T]) -> Rows[T]:
    """Return the rows of an answer; Xero wraps even one object in a list."""
    return kind.rows(_elements(answer, _KEYS[kind]))


def pages_in(answer: Answer) -> object:
    """Return how many pages there are, where Xero says so."""
    pagination = objects_of(answer).get("pagination")
    return pagination.get("pageCount") if isinstance(pagination, dict) else None


def tenants_of(answer: Answer) -> Rows[wire.Tenant]:
    """Return the organisations in an answer about connections, which has no envelope."""
    return TENANTS.rows(content_of(answer))


def whole(rows: Rows[wire.XeroInvoice]) -> tuple[list[wire.XeroInvoice], list[LeftOut]]:
    """Part the invoices that can be relied on from those that lack something."""
    found = [each for each in rows.found if not each.lacks]
    odd = [left_out(each) for each in rows.found if each.lacks]
    return found, odd


def left_out(invoice: wire.XeroInvoice) -> LeftOut:
    """Name an invoice that lacks something."""
    known = invoice.invoice_id
    return LeftOut("invoice", XERO, invoice.invoice_number or known, known, invoice.lacks)


def require_taken(answer: Answer, key: str) -> None:
    """Refuse a yes that is none: an element that failed inside a 2xx answer. Raises `Rejected`."""
    found = objects_of(answer)
    if found.get(key) is None and (texts := messages_in(found)):
        raise refusal(texts)
    for each in _elements(answer, key):
        if wire.is_refused(each):
            raise refusal(errors_in(each))


def refusal_of(element: wire.XeroInvoice) -> Rejected:
    """Return the refusal of one element of an answer that is well otherwise."""
    return refusal(element.said)


def refusal(texts: Sequence[str]) -> Rejected:
    """Return the refusal that Xero gives these reasons for."""
    said = " ".join(texts) or "it gave no reason"
    return Rejected(f"Xero refused: {said}", messages=tuple(texts))


def _elements(answer: Answer, key: str) -> list[dict[str, Any]]:
    found = objects_of(answer).get(key)
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        raise Unavailable(f"Xero answered without {key}.")
    return [each if isinstance(each, dict) else {} for each in found]
