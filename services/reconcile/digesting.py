"""The figures of a month's digest: what was exported, what is paid, open, overdue, or not there."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from services.reconcile.shapes import Report, Row, Side, Verdict
from services.store.cards import amount_text
from services.store.tables import Connection

_MOST = 10  # invoices that are named in each list
_LIVE = frozenset({"DRAFT", "SUBMITTED", "AUTHORISED", "PAID"})


def facts_of(connection: Connection, report: Report, today: date) -> dict[str, Any]:
    """Return what a digest is worded from; amounts by currency, as Xero states them."""
    exported = [row for row in report.rows if row.xero and row.xero.status in _LIVE]
    paid = [row for row in exported if _xero(row).status == "PAID"]
    unpaid = [row for row in exported if _xero(row).status != "PAID"]
    overdue = [row for row in unpaid if _is_overdue(row, today)]
    missing = [row for row in report.rows if row.verdict is Verdict.ONLY_PAYMO]
    lock = max(
        (each for each in (connection.period_lock_on, connection.year_lock_on) if each),
        default=None,
    )
    return {
        "connection_id": connection.id,
        "organisation": report.organisation,
        "company": report.company,
        "month": report.month,
        "label": report.label,
        "at": report.at.isoformat(),
        "compared": report.compared,
        "agreeing": report.agreeing,
        "decided": report.count(Verdict.DECIDED),
        "only_xero": report.count(Verdict.ONLY_XERO),
        "unread": report.count(Verdict.UNREAD),
        "others": report.others or 0,
        "exported": _group((row, _xero(row).total) for row in exported),
        "settled": _group((row, _xero(row).paid) for row in paid),
        "open": _group((row, _xero(row).due or Decimal(0)) for row in unpaid),
        "overdue": _group((row, _xero(row).due or Decimal(0)) for row in overdue),
        "credits": _group((row, _xero(row).credited) for row in exported if _xero(row).credited),
        "not_exported": _group((row, row.paymo.total) for row in missing if row.paymo),
        "locked": _group(
            (row, row.paymo.total) for row in missing if row.paymo and _is_behind(row.paymo, lock)
        ),
        "lock_on": lock.isoformat() if lock else "",
    }


def _xero(row: Row) -> Side:
    if row.xero is None:
        raise LookupError(row.number)
    return row.xero


def _is_overdue(row: Row, today: date) -> bool:
    side = _xero(row)
    is_late = side.due_on is not None and side.due_on < today
    return is_late and side.status == "AUTHORISED" and bool(side.due)


def _is_behind(side: Side, lock: date | None) -> bool:
    return lock is not None and side.issued_on is not None and side.issued_on <= lock


def _group(rows: Iterable[tuple[Row, Decimal]]) -> dict[str, Any]:
    """Count invoices, add up their amounts by currency, and name the first."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    named = []
    count = 0
    for row, amount in rows:
        side = row.xero or row.paymo
        currency = side.currency if side else ""
        sums[currency] += amount
        count += 1
        due_on = side.due_on if side else None
        named.append(
            {
                "number": row.number,
                "client": row.client,
                "amount": amount_text(amount),
                "currency": currency,
                "due_on": due_on.isoformat() if due_on else "",
            }
        )
    return {
        "count": count,
        "sums": {name: amount_text(amount) for name, amount in sorted(sums.items())},
        "first": named[:_MOST],
    }
