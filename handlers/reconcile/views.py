"""How a comparison is told, invoice by invoice, and how a digest is drawn, with its pictures."""

from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from handlers import blocks, names
from handlers.blocks import Block, day, one_line, shorten
from handlers.buttons import button, open_links, quiet
from handlers.reconcile.text import (
    AGES,
    LONGEST_NAME,
    OWED,
    RECEIVED,
    Facts,
    below_texts,
    digest_lines,
    finding_text,
    one_currency_text,
    plain_finding,
    report_text,
)
from handlers.slack import CSVFile
from services import money
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
_LONGEST_TITLE = 50  # of a picture
_MOST_CURRENCIES = 6  # in the table beside the pictures
_ROWS_A_PAGE = 12

_Figures = dict[str, dict[str, str]]  # by what they are of, then by currency


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
    return [*drawn, blocks.context(*below_texts(report, len(told) - _MOST_ROWS))]


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
    return quiet([button(row.help, row.help_value)])[0]


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


def link_button(connection_id: int) -> Block:
    """Return the button that links the former exports that were found."""
    return blocks.button("Link These", names.LINK_FORMER, connection_id, style="primary")


def digest_blocks(facts: Facts) -> list[Block]:
    """Draw a digest: what it says, two pictures, and a table with the same figures exactly.

    A picture has one currency, the organisation's own where there is any of it, since amounts of
    several have no common axis.
    """
    country, owed = facts["country"], facts["ages"]
    ages = {
        age.capitalize(): {name: row[place] for name, row in owed.items()}
        for place, age in enumerate(AGES)
    }
    weeks = {
        day(date.fromisoformat(each["monday"]), country): each["sums"] for each in facts["weeks"]
    }
    drawn, several = blocks.paragraphs(digest_lines(facts)), []
    short = {name.removesuffix(" overdue"): row for name, row in ages.items()}
    for title, axis, figures in ((OWED, "Overdue", short), (RECEIVED, "Week of", weeks)):
        currencies = {name for sums in figures.values() for name in sums}
        if currencies:
            usual = facts["currency"] if facts["currency"] in currencies else min(currencies)
            drawn.append(_bars(f"{title}, {usual}", (axis, usual), figures))
            several += [usual] if len(currencies) > 1 else []
    table = _twin(ages | {f"Received, week of {name}": row for name, row in weeks.items()}, country)
    return [*drawn, *blocks.small_print(one_currency_text(several)), *table]


def _bars(title: str, axes: tuple[str, str], figures: _Figures) -> Block:
    """Draw bars, for messages and the Home tab; two pictures at most in one.

    It has no words for who can't see it: the message's own text has to say what it shows.
    """
    wide, currency = axes
    points = [
        {"label": label, "value": _whole(sums.get(currency, "0"))}
        for label, sums in figures.items()
    ]
    return {
        "type": "data_visualization",
        "title": shorten(title, _LONGEST_TITLE),
        "chart": {
            "type": "bar",
            "series": [{"name": currency, "data": points}],
            "axis_config": {"categories": list(figures), "x_label": wide, "y_label": currency},
        },
    }


def _twin(figures: _Figures, country: str) -> list[Block]:
    """Draw the table of every currency, for whoever reads figures rather than pictures."""
    found = sorted({name for sums in figures.values() for name in sums})[:_MOST_CURRENCIES]
    heading = [_words(each) for each in ("Amounts", *found)]
    rows = [
        [_words(label), *(_figure(sums.get(name, "0"), name, country) for name in found)]
        for label, sums in figures.items()
    ]
    table = {
        "type": "data_table",
        "caption": f"{OWED}, and {RECEIVED.lower()}",
        "page_size": _ROWS_A_PAGE,
        "rows": [heading, *rows],
    }
    return [table] if found else []


def _words(text: str) -> Block:
    return {"type": "raw_text", "text": text}


def _figure(amount: str, currency: str, country: str) -> Block:
    """Return a cell: what Slack sorts by, and how it is written."""
    written = money.format_amount(Decimal(amount), currency, country)
    return {"type": "raw_number", "value": _whole(amount), "text": written}


def _whole(amount: str) -> int:
    """Round for a picture, whose figures are whole; the words beside it are exact."""
    return int(Decimal(amount).to_integral_value(ROUND_HALF_UP))
