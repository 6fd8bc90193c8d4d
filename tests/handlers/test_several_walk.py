"""Several connections in one workspace: added, told apart, and asked for where it matters."""

from collections.abc import AsyncIterator

import pytest

from sandbox.slack import Message, View
from tests.walk import LINES, PATIENCE, Walk, link_in, text_in

QUESTION = "Which one do you mean?"


@pytest.fixture
async def walk(walk: Walk) -> AsyncIterator[Walk]:
    """Maple is connected and heard in #invoices; at the end Slack refused nothing."""
    await walk.connect()
    yield walk
    assert walk.refused() == []


async def connect_oak(walk: Walk) -> None:
    """Add a second company with its organisation, from the first one's checklist."""
    slack, xero = walk.town.slack, walk.town.xero
    company = walk.town.paymo.add_company("Oak Studio", key="oak-key")
    company.add_invoice("OAK-1", company.add_client("Acme"), LINES, tax=15, status="sent")
    books = xero.add_organisation("Oak Books")
    books.add_usual_books()
    books.add_contact("Acme")
    xero.consent.tenants = [books.tenant_id]
    await walk.type("connect")
    view = await walk.modal("connect")
    await slack.press("Anna", view, "connect_another")
    view = await walk.modal_saying("paste an API key")
    await walk.give_key(link_in(view, "connect_paymo"), "oak-key")
    view = await walk.modal_saying("Oak Studio")
    await walk.consent(link_in(view, "connect_xero"))
    view = await walk.modal_saying("Oak Books")
    await walk.submit(view)
    await walk.close()


def row_of(where: View | Message, words: str) -> str:
    """Return the block that holds the buttons of the connection with this name."""
    drawn = where.blocks
    start = max(place for place, each in enumerate(drawn) if words in text_in(each))
    return next(
        str(each["block_id"])
        for each in drawn[start:]
        if str(each["block_id"]).startswith("connection-")
    )


async def type_directly(walk: Walk, text: str) -> View | Message:
    """Type a command where no connection is heard, and return the question that comes."""
    slack = walk.town.slack
    asked = len(slack.ephemerals("Anna"))
    await slack.command("Anna", slack.direct("Anna"), text)

    def question() -> View | Message | None:
        told = slack.ephemerals("Anna")[asked:]
        view = slack.top_view("Anna")  # what takes a while asks where its outcome will be
        asks = view if view and QUESTION in text_in(view.payload) else None
        return next((each for each in told if QUESTION in each.text), asks)

    return await slack.wait_for(question, PATIENCE)


async def pick(walk: Walk, question: View | Message, words: str) -> None:
    answer = await walk.town.slack.press(
        "Anna", question, "which_connection", row_of(question, words)
    )
    assert answer.ok, answer.failure


async def test_a_channel_is_bound_and_elsewhere_the_person_is_asked(walk: Walk) -> None:
    await connect_oak(walk)
    slack = walk.town.slack

    view = await walk.form("INV-1")
    assert "Maple Books" in text_in(view.payload)
    await walk.close()
    question = await type_directly(walk, "export OAK-1")
    await pick(walk, question, "Oak Books")
    form = await walk.modal_saying("passed")
    await slack.choose("Anna", form.id, "contact", "Acme")
    await slack.choose("Anna", form.id, "account", "Sales (200)")
    await slack.submit("Anna", form.id)
    await walk.modal_saying("exported to")
    await walk.close()
    again = await type_directly(walk, "export OAK-1")

    oak = next(each for each in walk.town.xero.organisations.values() if each.name == "Oak Books")
    assert "*Maple Studio* in Paymo → *Maple Books* in Xero" in str(again.blocks)
    assert [each.number for each in oak.invoices.values()] == ["OAK-1"]
    assert list(walk.books.invoices.values()) == []


async def test_every_command_elsewhere_asks_and_acts_on_what_is_chosen(walk: Walk) -> None:
    await connect_oak(walk)
    slack = walk.town.slack

    for text in (
        *("export", "export all", "export INV-1 INV-2", "match", "sync", "reconcile", "history"),
        *("why INV-1", "show INV-1", "undo INV-1", "restore INV-1", "connect"),
    ):
        await type_directly(walk, text)
        await walk.close()
    await pick(walk, await type_directly(walk, "settings"), "Oak Books")
    assert "Settings of Oak Books" in text_in((await walk.modal("settings")).payload)
    await walk.close()
    await pick(walk, await type_directly(walk, "subscribe"), "Oak Books")
    view = await walk.modal("subscribe")
    assert "*Oak Studio* in Paymo" in text_in(view.payload)
    await slack.choose("Anna", view.id, "channel", slack.add_channel("oak").id)
    await slack.submit("Anna", view.id)
    await walk.modal_saying("is subscribed")
    await walk.close()
    await pick(walk, await type_directly(walk, "disconnect"), "Oak Books")
    view = await walk.modal("disconnect")
    await slack.submit("Anna", view.id)
    await walk.modal_saying("Oak Books is disconnected")
    await walk.close()

    assert "Oak Books" in slack.messages("oak")[0].text
    await slack.command("Anna", slack.direct("Anna"), "settings")
    assert "Settings of Maple Books" in text_in((await walk.modal("settings")).payload)


async def test_the_panel_lists_each_and_the_shortcut_asks(walk: Walk) -> None:
    await connect_oak(walk)
    slack = walk.town.slack

    await walk.type("")
    panel = await walk.ephemeral("Oak Studio")
    for name in ("Maple Books", "Oak Books"):
        row = row_of(panel, name)
        await slack.press("Anna", panel, "settings", row)
        await walk.modal_saying(f"Settings of {name}")
        await walk.close()
    await slack.shortcut("Anna", "export_invoices")
    await pick(walk, await walk.modal_saying(QUESTION), "Oak Books")

    assert "Oak Studio" in text_in((await walk.modal("export")).payload)
    await walk.close()
    await pick(walk, await type_directly(walk, "export all"), "Oak Books")
    table = await walk.modal_saying("Ready: 1")
    assert "OAK-1" in text_in(table.payload)


async def test_anybody_may_add_one_of_their_own_which_others_cannot_use(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.type("connect another", "Ben")
    first = await walk.modal("connect", "Ben")
    assert "paste an API key" in text_in(first.payload)
    await slack.close_view("Ben", everything=True)
    await walk.type("connect another", "Ben")
    again = await walk.modal("connect", "Ben")
    await walk.type("export INV-1")
    form = await walk.modal("export")

    assert first.payload["private_metadata"] == again.payload["private_metadata"]
    assert "Maple Books" in text_in(form.payload)


async def test_home_lists_each_connections_work_and_its_buttons_act_there(walk: Walk) -> None:
    await connect_oak(walk)
    slack = walk.town.slack
    await pick(walk, await type_directly(walk, "export all"), "Oak Books")
    await walk.modal_saying("OAK-1")  # by then Paymo's list is read
    await walk.close()

    await slack.open_home("Anna")
    home = await slack.wait_for(
        lambda: view if (view := slack.home("Anna")) and "OAK-1" in text_in(view.payload) else None,
        PATIENCE,
    )
    heads = str([each for each in home.blocks if "Connected" in text_in(each)])
    assert [each in heads for each in ("Maple Books", "Oak Books")] == [True, True]
    [*_, all_of_oak] = [each for each in home.blocks if "export_all" in str(each.get("accessory"))]
    await walk.press(home, "export_all", str(all_of_oak["block_id"]))
    table = await walk.modal_saying("OAK-1")
    assert "*Oak Books* in Xero" in text_in(table.payload)
    await walk.close()
