"""The rate of lines without tax, chosen in Slack: in the form, in the table, in the settings."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from tests.walk import Walk, walking


@pytest.fixture
async def walk(sqlite_url: str) -> AsyncIterator[Walk]:
    """The whole program with a small agency whose books have two rates of zero."""
    async with walking(sqlite_url) as made:
        made.books.add_tax_rate("ZERORATED", "Zero Rated", Decimal(0))
        await made.connect()
        yield made


def tax_types(walk: Walk, number: str) -> list[str]:
    return [each.tax_type for each in walk.in_xero(number).lines]


async def test_it_is_asked_in_the_form_and_changed_in_the_settings(walk: Walk) -> None:
    slack = walk.town.slack
    form = await walk.form("INV-1")
    assert (await slack.submit("Anna", form.id)).errors.keys() == {"untaxed"}
    await slack.choose("Anna", form.id, "untaxed", "ZERORATED")
    await walk.modal_saying("Ready to export")
    await walk.close()
    await walk.export("INV-1", untaxed="ZERORATED")
    assert tax_types(walk, "INV-1") == ["OUTPUT2", "ZERORATED"]

    await walk.type("settings")
    view = await walk.modal("settings")
    await slack.choose("Anna", view.id, "untaxed", "NONE")
    await walk.submit(view)
    await walk.export("INV-2")

    assert tax_types(walk, "INV-2") == ["OUTPUT2", "NONE"]
    assert walk.refused() == []


async def test_one_answer_in_the_table_releases_every_invoice(walk: Walk) -> None:
    slack = walk.town.slack
    for number in ("INV-3", "INV-4"):
        walk.company.set_status(walk.in_paymo(number).id, "sent")
    await walk.type("export INV-3 INV-4")
    view = await walk.modal_saying("holds up 2 invoices")
    await slack.choose("Anna", view.id, "untaxed_for_all", "ZERORATED")
    view = await walk.modal_saying("Export 2 Invoices")
    await walk.submit(view)
    await walk.modal_saying("2 invoices exported")

    assert [tax_types(walk, each)[1] for each in ("INV-3", "INV-4")] == ["ZERORATED"] * 2
    assert walk.refused() == []
