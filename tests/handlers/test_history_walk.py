"""`why` and `history`, typed and pressed in the running program between stand-ins."""

import csv
import io

from handlers import names
from tests.handlers.judging import buttons
from tests.walk import PATIENCE, Walk, text_in


async def test_an_invoice_is_explained_and_its_history_sent_as_a_file(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.export("INV-1")

    await walk.type("why INV-1")
    why = await walk.ephemeral("Exported to Maple Books")
    assert [*buttons(why.blocks)] == [names.OPEN_XERO, names.OPEN_PAYMO, names.HISTORY, "undo"]
    await slack.press("Anna", why, "history")
    told = await walk.ephemeral("History of")
    await slack.press("Anna", told, "history_csv")
    file = await slack.wait_for(
        lambda: [
            file
            for each in slack.messages(slack.direct("Anna"))
            for file in each.files
            if file.title == "History of invoice INV-1"
        ],
        PATIENCE,
    )

    assert "exported it as Approved" in text_in(told.blocks)
    history = walk.in_xero("INV-1").history
    await slack.wait_for(lambda: any("by Anna via Slack" in each.details for each in history))
    rows = list(csv.DictReader(io.StringIO(file[0].content.decode("utf-8-sig"))))
    invoice_id = walk.in_xero("INV-1").invoice_id
    assert [(each["what"], each["xero_invoice_id"]) for each in rows] == [("exported", invoice_id)]
    assert [(each["slack_user_id"], each["name"]) for each in rows] == [
        (slack.user("Anna").id, "Anna")
    ]
    assert slack.messages("invoices")[-1].files == []
    made = walk.in_xero("INV-1")
    await slack.press("Anna", why, "undo")
    await walk.modal_saying("can be exported again")
    assert made.status == "VOIDED"


async def test_without_the_permission_for_files_one_sentence_says_so(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    slack.team.scopes.discard("files:write")

    await walk.type("history")
    told = await walk.ephemeral("History of")
    await slack.press("Anna", told, "history_csv")

    assert "connected Xero" in text_in(told.blocks)
    assert "install it again" in (await walk.ephemeral("can't send files")).text


async def test_ben_is_told_whom_to_ask_and_a_wrong_number_is_one_sentence(walk: Walk) -> None:
    await walk.connect()
    await walk.town.slack.command("Ben", walk.town.room, "history")
    await walk.type("why INV-99")
    await walk.type("why")

    assert "exporter role" in (await walk.ephemeral("exporter role", "Ben")).text
    assert "lists no invoice with the number INV-99" in (await walk.ephemeral("INV-99")).text
    assert "such as" in (await walk.ephemeral("Type the invoice")).text


async def test_without_the_permission_for_names_xeros_history_leaves_them_out(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    slack.team.scopes.discard("users:read")
    await walk.export("INV-1")

    def noted() -> str:
        return "".join(each.details for each in walk.in_xero("INV-1").history)

    await slack.wait_for(lambda: "via Slack" in noted())
    assert ") via Slack." in noted()
    assert slack.user("Anna").id not in noted()


async def test_an_invoice_that_cannot_go_yet_says_first_what_to_fix(walk: Walk) -> None:
    await walk.connect()
    walk.in_paymo("INV-1").due = None
    await walk.form("INV-1")

    await walk.type("why INV-1")
    told = await walk.ephemeral("INV-1 · ")

    assert "*Fix:* " in told.text.splitlines()[1]
    assert "Not exported" not in told.text
    assert "Not exported" in text_in(told.blocks)
