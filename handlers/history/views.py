"""Who did what, in plain sentences: each act's own words, then what changed."""

from datetime import UTC

from handlers import blocks, names, rights
from handlers.blocks import Block, moment, shorten
from handlers.files import CSVFile
from handlers.history.text import as_json, sentence_of
from services.history.service import Done, History


def history_blocks(found: History) -> list[Block]:
    """Draw a line for each act, and the button that sends everything as a file."""
    if not found.audit:
        return []
    lines = [f"• {moment(act.at)} · {sentence_of(act, found.organisation)}" for act in found.audit]
    return [
        *blocks.paragraphs(lines),
        *_file(found),
    ]


def _file(found: History) -> list[Block]:
    """Offer the file to whoever may have it."""
    button = blocks.button("Download CSV", names.HISTORY_CSV, found.number)
    drawn = rights.within(found.role, blocks.actions([button], about=found.connection_id))
    said = blocks.context("The file has every act, and comes to you directly.")
    return [*drawn, said] if drawn else []


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
