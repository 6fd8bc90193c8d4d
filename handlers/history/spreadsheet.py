"""Every act as a file for the accountant."""

from datetime import UTC

from handlers.blocks import shorten
from handlers.files import CSVFile
from handlers.history.views import as_json
from services.history.service import Done, History

HEADINGS = (
    "at",
    "slack_user_id",
    "what",
    "invoice_number",
    "paymo_invoice_id",
    "xero_invoice_id",
    "organisation",
    "before",
    "after",
)
_WIDEST = 32_000  # a cell of a spreadsheet holds 32,767 characters


def history_file(found: History) -> CSVFile:
    """Return one row for each act, the newest first."""
    about = "".join(each if each.isalnum() else "-" for each in found.number)[:60]
    return CSVFile(
        name=f"history-{about}.csv" if about else "history.csv",
        title=f"History of invoice {found.number}" if found.number else "History",
        headings=HEADINGS,
        rows=[_row(act, found.organisation) for act in found.audit],
    )


def _row(act: Done, organisation: str) -> tuple[object, ...]:
    return (
        act.at.astimezone(UTC).isoformat(timespec="seconds"),
        act.by,
        act.what,
        act.number,
        act.paymo_invoice_id,
        act.xero_invoice_id,
        organisation,
        shorten(as_json(act.before), _WIDEST),
        shorten(as_json(act.after), _WIDEST),
    )
