"""How a comparison is told: one line that sums it up, and a paragraph for each invoice."""

from collections.abc import Iterator

from handlers import blocks
from handlers.blocks import Block, one_line, shorten
from handlers.buttons import button, open_links
from handlers.reconcile.text import LONGEST_NAME, finding_text, plain_finding, report_text
from handlers.slack import CSVFile
from services.model.actions import Action
from services.reconcile.report import Outcome, Report, Row, Side

_MOST_ROWS = 15
_SIGNS = {
    Outcome.UNREAD: "❔",
    Outcome.ODD: "❔",
    Outcome.DIFFERS: "⚠️",
    Outcome.ONLY_XERO: "➡️",
    Outcome.ONLY_PAYMO: "⬅️",
    Outcome.DECIDED: "ℹ️",
    Outcome.GONE: "🗑️",
}


def report_blocks(report: Report) -> list[Block]:
    """Draw the sum, then the invoices that do not agree, worst first."""
    told = [row for row in report.rows if row.outcome is not Outcome.AGREES]
    drawn = [
        blocks.section(report_text(report)),
        *(
            blocks.named(_row(row), report.connection_id, place)
            for place, row in enumerate(told[:_MOST_ROWS])
        ),
    ]
    about = f"{one_line(report.company)} in Paymo, {one_line(report.organisation)} in Xero."
    left = len(told) - _MOST_ROWS
    more = f"{left} more are in the file." if left > 0 else ""
    file = "You get a file with all of them." if report.rows else ""
    return [*drawn, blocks.context(about, more, file)]


def _row(row: Row) -> Block:
    number = shorten(one_line(row.number), LONGEST_NAME)
    client = shorten(one_line(row.client), LONGEST_NAME)
    head = f"{_SIGNS[row.outcome]} *{number}* · {client} · {row.outcome}"
    lines = [f"• {finding_text(each)}" for each in row.findings]
    return blocks.section("\n".join([head, *lines]), accessory=_button(row))


def _button(row: Row) -> Block | None:
    """Return the one button that helps; elsewhere a link to where somebody can look."""
    links = {
        Action.OPEN_XERO: open_links(xero=row.xero_url, paymo=""),
        Action.OPEN_PAYMO: open_links(xero="", paymo=row.paymo_url),
    }
    if row.help is None:
        return None
    if row.help in links:
        return next(iter(links[row.help]), None)
    return button(row.help, row.help_value)


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
    yield from (row.number, row.client, row.outcome.value)
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
