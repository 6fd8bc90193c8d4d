"""A comparison as a file: every invoice, both sides beside each other."""

from collections.abc import Iterator

from handlers.files import CSVFile
from handlers.reconcile.views import plain_finding
from services.reconcile.report import Report, Row, Side

_SIDE = ("number", "contact", "currency", "date", "due date", "total", "paid", "status")
_HEADINGS = (
    "number",
    "client",
    "result",
    "what differs",
    *(f"{name} in Paymo" for name in _SIDE),
    *(f"{name} in Xero" for name in _SIDE),
    "open in Xero",
    "credited in Xero",
    "id in Paymo",
    "id in Xero",
)


def report_file(report: Report) -> CSVFile:
    """Return all rows of a comparison as a file."""
    return CSVFile(
        name=f"paymo-xero-{report.month}.csv",
        title=f"Paymo and Xero compared, {report.label}",
        headings=_HEADINGS,
        rows=[tuple(_cells(row)) for row in report.rows],
    )


def _cells(row: Row) -> Iterator[object]:
    yield from (row.number, row.client, row.verdict.value)
    yield " ".join(plain_finding(each) for each in row.findings)
    yield from _side(row.paymo)
    yield from _side(row.xero)
    yield from (row.xero.due, row.xero.credited) if row.xero else ("", "")
    yield from (row.paymo_id, row.xero_id)


def _side(side: Side | None) -> tuple[object, ...]:
    if side is None:
        return ("",) * len(_SIDE)
    return (
        side.number,
        side.contact,
        side.currency,
        side.issued_on,
        side.due_on,
        side.total,
        side.paid,
        side.status,
    )
