"""Switching on what Xero has to allow first: saved, then one press to Xero's consent."""

from collections.abc import AsyncIterator

import pytest

from tests.walk import Walk, link_in, walking


@pytest.fixture
async def walk(sqlite_url: str) -> AsyncIterator[Walk]:
    """The whole program with a small agency."""
    async with walking(sqlite_url) as made:
        yield made


async def test_the_pdf_is_attached_once_xero_allows_it(walk: Walk) -> None:
    await walk.connect()
    await walk.type("settings")
    view = await walk.modal("settings")
    await walk.town.slack.choose("Anna", view.id, "attach_pdf", "on")
    await walk.submit(view)

    view = await walk.modal_saying("one more permission in Xero")
    link = link_in(view, "connect_xero")
    assert "attaches Paymo’s PDF" in (await walk.town.http.get(link)).text
    await walk.consent(link)
    await walk.close()
    await walk.export("INV-1")

    def files() -> list[str]:
        return [name for each in walk.books.invoices.values() for name in each.files]

    await walk.town.slack.wait_for(files, 60)
    assert files() == ["INV-1.pdf"]
    assert walk.refused() == []
