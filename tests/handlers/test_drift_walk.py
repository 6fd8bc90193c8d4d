"""An edit after the export, in the running program: told, shown on the card, brought over."""

import pytest

from tests.walk import PATIENCE, Walk, text_in

SIGN = "It was edited in Paymo after its export"


async def card_says_so(walk: Walk, *, wanted: bool) -> None:
    """Wait until the invoice's card says that it was edited, or does not."""
    slack = walk.town.slack
    (card,) = [
        each
        for each in slack.messages("invoices")
        if (each.metadata or {}).get("event_type") == "invoice_exported"
    ]

    def reads() -> bool:
        now = next(each for each in slack.messages("invoices") if each.ts == card.ts)
        return (SIGN in text_in(now.blocks)) is wanted

    await slack.wait_for(reads, PATIENCE)


async def test_an_edited_text_is_told_and_a_press_brings_it_to_xero(walk: Walk) -> None:
    await walk.connect()
    await walk.export("INV-1")
    card = await walk.notice("invoice_exported")
    theirs = walk.in_paymo("INV-1")
    theirs.items[0].item = "<!channel> Drafts"
    walk.company.edit(theirs.id)
    told = await walk.notice("invoice_drifted")

    assert told.thread_ts == card.ts
    assert "→ &lt;!channel&gt; Drafts" in text_in(told.blocks)
    await card_says_so(walk, wanted=True)
    await walk.type("show INV-1")
    await walk.ephemeral(SIGN)
    await walk.type("why INV-1")
    await walk.ephemeral("Edited in Paymo")
    await walk.town.slack.press("Anna", told, "update_in_xero")
    assert "updated INV-1" in text_in((await walk.notice("invoice_drifted", 2)).blocks)
    assert walk.in_xero("INV-1").lines[0].description.startswith("<!channel> Drafts")
    await card_says_so(walk, wanted=False)


@pytest.mark.parametrize(
    ("method", "status", "words"),
    [
        ("POST", 404, "such as its contact, so nothing changed. Check both in Maple Books"),
        ("POST", 403, "In Xero, check the plan and the role of whoever connected it."),
        ("GET", 404, "can't find it in Maple Books, so nothing changed. Look for it there"),
    ],
)
async def test_an_update_that_xero_cant_find_or_doesnt_allow_says_what_to_do_at_once(
    walk: Walk, method: str, status: int, words: str
) -> None:
    await walk.connect()
    await walk.export("INV-1")
    theirs = walk.in_paymo("INV-1")
    theirs.items[0].item = "Drafts"
    walk.company.edit(theirs.id)
    told = await walk.notice("invoice_drifted")
    before = walk.in_xero("INV-1").lines[0].description
    page = {"status": status, "headers": {"Content-Type": "text/html"}}
    walk.town.xero.faults.add(method=method, path="/Invoices/", times=3, **page)

    await walk.town.slack.press("Anna", told, "update_in_xero")
    said = text_in((await walk.modal_saying("wasn't updated")).payload)
    assert words in said
    assert walk.in_xero("INV-1").lines[0].description == before
