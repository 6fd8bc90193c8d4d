"""Numbers as people paste them, all the way to the form that opens."""

from collections.abc import AsyncIterator

import pytest

from tests.walk import LINES, Walk, text_in


@pytest.fixture
async def walk(walk: Walk) -> AsyncIterator[Walk]:
    """Connected, with invoices whose numbers end alike, and the menus filled."""
    acme = walk.company.add_client("Acme")
    for number in ("QUO-3", "7, second", "A\u20137"):
        walk.company.add_invoice(number, acme, LINES, tax=15)
    await walk.connect()
    await walk.form("A\u20137")
    await walk.close()
    yield walk
    assert walk.refused() == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("export\u00a0INV\u20112", "INV-2"),
        ("EXPORT `inv 2`", "INV-2"),
        ("\u200b<tel:22|*INV-2*>", "INV-2"),
        ("2", "INV-2"),
        ("7, second", "7, second"),
        ("export a-7", "A\u20137"),
    ],
)
async def test_what_is_pasted_opens_the_form_of_the_invoice_that_is_meant(
    walk: Walk, text: str, number: str
) -> None:
    await walk.type(text)
    form = await walk.modal_saying("passed")

    assert f"{number} · " in str(form.payload)


async def test_several_that_fit_are_offered_and_a_press_goes_on(walk: Walk) -> None:
    await walk.type("export 3")
    question = await walk.ephemeral("2 invoices fit 3")
    row = next(each for each in question.blocks if "QUO-3" in text_in(each) and "accessory" in each)
    await walk.press(question, "which_connection", str(row["block_id"]))
    form = await walk.modal_saying("passed")

    assert "QUO-3 · " in str(form.payload)


async def test_a_list_asks_for_the_one_that_is_not_clear(walk: Walk) -> None:
    await walk.type("export 1,inv 2;3")
    question = await walk.ephemeral("2 invoices fit 3")
    row = next(each for each in question.blocks if "INV-3" in text_in(each) and "accessory" in each)
    await walk.town.slack.press("Anna", question, "which_connection", str(row["block_id"]))
    table = await walk.modal("export_all")
    table = await walk.modal_saying("INV-3")

    for number in ("INV-1", "INV-2"):
        assert number in text_in(table.payload)


async def test_a_menu_finds_what_a_phone_types(walk: Walk) -> None:
    form = await walk.form("INV-1")
    for typed in ("INV\u20112", "inv 2", "`INV-2`", "\u200binv\u00a02"):
        found = await walk.town.slack.options("Anna", form.id, "invoice", typed)
        texts = [text for each in found for text in each.texts]
        assert [text.split(" · ")[0] for text in texts] == ["INV-2"], typed
