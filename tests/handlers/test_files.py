"""Lists as files: what a spreadsheet makes of them, and who gets them."""

import pytest

from handlers.files import CSVFile, share_csv
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
    ],
)
def test_what_a_spreadsheet_would_reckon_with_stays_text(value: object, cell: str) -> None:
    assert file(("INV-1", value)).content() == f"\ufeffnumber,client\r\nINV-1,{cell}\r\n"


async def test_a_file_arrives_with_one_person_and_in_no_channel(desk: Desk) -> None:
    world = desk.bench.world

    sent = await share_csv(desk.bench.slack, desk.bench.anna.id, file(("INV-1", "Zoë")), "Here.")

    text, shared = world.messages(world.direct("Anna"))
    assert sent
    assert text.text == "Here."
    assert [each.title for each in shared.files] == ["The list"]
    assert shared.files[0].content.decode("utf-8-sig") == "number,client\r\nINV-1,Zoë\r\n"
    assert world.messages(desk.bench.room) == []


async def test_without_the_permission_nothing_breaks(desk: Desk) -> None:
    """A workspace that installed the app before it asked for files."""
    desk.bench.world.team.scopes.discard("files:write")

    assert not await share_csv(desk.bench.slack, desk.bench.anna.id, file(), "Here.")
