"""Lists as files: what a spreadsheet makes of them, and who gets them."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.slack import CSVFile, share_csv
from tests.handlers.desk import Desk


def file(*rows: tuple[object, ...]) -> CSVFile:
    return CSVFile("list.csv", "The list", ("number", "client"), rows)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("Acme, Ltd", '"Acme, Ltd"'),
        ("=SUM(A1)", "'=SUM(A1)"),
        ("@x", "'@x"),
        ("-12.50", "-12.50"),
        ("+1+1", "'+1+1"),
        (None, ""),
        ("Zoë", "Zoë"),
        ("  =1+1", "'  =1+1"),
        ("\u00a0@x", "'\u00a0@x"),
        ('"=1+1', '"\'""=1+1"'),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\uff20x", "'\uff20x"),
        ("Acme;=1+1", "Acme;'=1+1"),
        ("Acme; =1+1;-x", "Acme;' =1+1;'-x"),
        ("Acme\n=1+1", "Acme =1+1"),
        ("Acme\r\n\tLtd", "Acme Ltd"),
        ("\n=1+1", "' =1+1"),
        ("\x00=1", "'=1"),
        ("\u2060=1", "'=1"),
        ("Acme;\u00ad@x", "Acme;'@x"),
        ("-1,234.50", '"-1,234.50"'),
        ("-1-1", "'-1-1"),
    ],
)
def test_what_a_spreadsheet_would_reckon_with_stays_text(value: object, cell: str) -> None:
    assert file(("INV-1", value)).content() == f"\ufeffnumber,client\r\nINV-1,{cell}\r\n"


@pytest.mark.parametrize("separator", [",", ";"])
@given(st.lists(st.text("=+-@;, \t\r\n\"'\uff1da1", max_size=12), min_size=1, max_size=4))
def test_no_cell_becomes_a_formula_however_the_file_is_split(
    separator: str, values: list[str]
) -> None:
    read = csv.reader(
        io.StringIO(file(*[("INV-1", each) for each in values]).content()), delimiter=separator
    )
    cells = [cell.strip() for row in read for cell in row]

    assert [
        cell
        for cell in cells
        if cell.startswith(("=", "+", "-", "@", "\uff1d")) and not _is_number(cell)
    ] == []


def _is_number(cell: str) -> bool:
    return cell.lstrip("+-").replace(",", "").replace(".", "").isdigit()


async def test_a_file_arrives_with_one_person_and_in_no_channel(desk: Desk) -> None:
    world = desk.bench.world

    sent = await share_csv(desk.bench.slack, desk.bench.anna.id, file(("INV-1", "Zoë")), "Here.")

    text, shared = world.messages(world.direct("Anna"))
    assert sent == ""
    assert text.text == "Here."
    assert [each.title for each in shared.files] == ["The list"]
    assert shared.files[0].content.decode("utf-8-sig") == "number,client\r\nINV-1,Zoë\r\n"
    assert world.messages(desk.bench.room) == []


async def test_without_the_permission_nothing_breaks(desk: Desk) -> None:
    """A workspace that installed the app before it asked for files."""
    desk.bench.world.team.scopes.discard("files:write")

    why = await share_csv(desk.bench.slack, desk.bench.anna.id, file(), "Here.")

    assert why == "missing_scope"
