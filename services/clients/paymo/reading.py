"""Taking Paymo's envelopes apart, and holding its answers to writes against what was asked."""

from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from services.clients.http import Answer
from services.clients.paymo.wire import (
    Billed,
    Client,
    Company,
    Header,
    Hook,
    Invoice,
    Payment,
    Project,
)
from services.clients.rows import Json, Kind, LeftOut, Rows, as_amount, content_of, objects_of
from services.clients.said import messages_in
from services.errors import Rejected, Unavailable

T = TypeVar("T", bound=msgspec.Struct)

PAYMO = "Paymo"
CLIENTS = Kind(Client, "client", PAYMO)
COMPANIES = Kind(Company, "company", PAYMO)
HEADERS = Kind(Header, "invoice", PAYMO)
INVOICES = Kind(Invoice, "invoice", PAYMO)
PAYMENTS = Kind(Payment, "payment", PAYMO)
HOOKS = Kind(Hook, "webhook", PAYMO)
PROJECTS = Kind(Project, "project", PAYMO)
EXPENSES = Kind(Billed, "expense", PAYMO)
ENTRIES = Kind(Billed, "time entry", PAYMO)
BILLED = {"expenses": EXPENSES, "entries": ENTRIES}
_KEYS: dict[Kind[Any], str] = {
    CLIENTS: "clients",
    COMPANIES: "company",
    HEADERS: "invoices",
    INVOICES: "invoices",
    PAYMENTS: "invoicepayments",
    HOOKS: "hooks",
    PROJECTS: "projects",
    EXPENSES: "expenses",
    ENTRIES: "entries",
}
# What an answer may say of a row that was asked for; the rest Paymo writes in its own way.
_TELLING = ("id", "invoice_id", "amount", "status", "target_url", "event")


def rows_of(answer: Answer, kind: Kind[T]) -> Rows[T]:
    """Return the rows of an answer; Paymo wraps even one object in a list named after it."""
    return kind.rows(objects_of(answer).get(_KEYS[kind]))


def only(answer: Answer, kind: Kind[T]) -> T:
    """Return the one row of an answer about one object. Raises `Unreadable`."""
    return kind.only(rows_of(answer, kind))


def written(answer: Answer, kind: Kind[T], asked: Json | None = None) -> T | LeftOut:
    """Return the row that was made, or its id where it cannot be read whole.

    Raises `Rejected` where Paymo says yes and made nothing, or something else than was asked.
    """
    raw = _only_raw(answer, _KEYS[kind])
    _require_same(raw, asked or {})
    row = kind.row((asked or {}) | {key: value for key, value in raw.items() if value is not None})
    if isinstance(row, LeftOut) and not row.key:
        raise Rejected("Paymo said yes, and made nothing.")
    return row


def require_done(answer: Answer, kind: Kind[T] | None = None, asked: Json | None = None) -> None:
    """Refuse a yes that is none: one with a reason against it, or a row that says otherwise.

    Where a row of a `kind` is told, an answer without it says nothing. Raises `Unavailable` then.
    """
    if not answer.body.strip():
        return
    if kind is not None:
        _require_same(_only_raw(answer, _KEYS[kind]), asked or {})
    elif texts := messages_in(content_of(answer)):
        raise _refusal(texts)


def _only_raw(answer: Answer, key: str) -> Json:
    found = objects_of(answer)
    raw = found.get(key)
    rows = [raw] if isinstance(raw, dict) else raw
    if isinstance(rows, list) and len(rows) == 1 and isinstance(rows[0], dict):
        return rows[0]
    if texts := messages_in(found):
        raise _refusal(texts)
    raise Unavailable("Paymo answered with no object where one was expected.")


def _require_same(raw: Json, asked: Json) -> None:
    """Refuse an answer that tells of another thing than was asked for."""
    for key in _TELLING:
        stated, wanted = raw.get(key), asked.get(key)
        if wanted is None or stated is None or _is_same(key, stated, wanted):
            continue
        raise Rejected(f"Paymo said yes, and answered with another {key} ({stated!s:.40}).")


def _is_same(key: str, stated: object, wanted: object) -> bool:
    if key == "status":
        # Paymo works out by itself how far an invoice has come; void and draft are said by hand.
        return stated == wanted or ("void" not in (stated, wanted) and stated != "draft")
    if isinstance(wanted, Decimal):
        return as_amount(stated) == wanted
    return str(stated) == str(wanted)


def _refusal(texts: tuple[str, ...]) -> Rejected:
    return Rejected(f"Paymo refused: {' '.join(texts)}", messages=texts)
