"""A link to an invoice becomes its card where the channel hears of it, and nothing elsewhere."""

from functools import partial
from urllib.parse import urlsplit

from sqlalchemy import update

from handlers import names
from sandbox.slack import Message
from services.store.tables import Subscription
from tests.walk import PATIENCE, Walk, link_in_card, text_in


async def shared(walk: Walk, url: str, channel: str) -> Message:
    """Have Ben, who has no role, share a link, and wait until the app is done with it."""
    message = await walk.town.slack.share("Ben", channel, f"Look: {url}")
    if channel != "lunch":
        await walk.town.slack.wait_for(lambda: message.attachments, PATIENCE)
    return message


async def test_a_link_shows_the_card_in_a_channel_that_hears_of_the_invoice(walk: Walk) -> None:
    slack = walk.town.slack
    slack.team.scopes |= {"links:read", "links:write"}
    slack.add_channel("lunch")
    await walk.connect()
    await walk.export("INV-1")
    card = await walk.notice("invoice_exported")
    links = [link_in_card(card, each) for each in (names.OPEN_XERO, names.OPEN_PAYMO)]
    slack.unfurl_domains |= {str(urlsplit(each).hostname) for each in links}

    elsewhere = [await shared(walk, each, "lunch") for each in links]
    for link in links:
        message = await shared(walk, link, "invoices")
        (drawn,) = message.attachments
        assert all(each in text_in(drawn["blocks"]) for each in ("INV-1", "ACME", "Approved"))
        assert "undo" not in str(drawn["blocks"])
    assert [each.attachments for each in elsewhere] == [[], []]
    assert slack.ephemerals("Ben") == []


async def test_any_topic_about_invoices_shows_the_card_while_the_channel_is_not_paused(
    walk: Walk,
) -> None:
    """A digest names no invoice to the channel as it happens, so it shows no card either."""
    slack = walk.town.slack
    slack.team.scopes |= {"links:read", "links:write"}
    await walk.connect(subscribe=False)
    await walk.export("INV-1")
    await walk.type("show INV-1")
    link = link_in_card(await walk.ephemeral("Approved"), names.OPEN_XERO)
    slack.unfurl_domains.add(str(urlsplit(link).hostname))
    subscribed = {
        "digests": "digest",
        "paused": "payments",
        "others": "payments",
        "large": "exports payments min:5000",
        "gone": "deletions min:5000",  # which no minimum keeps back
    }
    for channel, typed in subscribed.items():
        slack.add_channel(channel)
        assert (await slack.command("Anna", channel, f"subscribe {typed}")).ok
        await slack.wait_for(partial(slack.messages, channel), PATIENCE)
    async with walk.town.program.core.database.sessions.begin() as session:
        for channel, values in (("paused", {"paused_because": "x"}), ("others", {"client_id": 0})):
            of_channel = Subscription.channel_id == slack.channel(channel).id
            await session.execute(update(Subscription).where(of_channel).values(**values))
    silent = [await slack.share("Ben", each, link) for each in [*subscribed][:4]]
    await walk.type("subscribe payments client:ACME")
    await slack.wait_for(lambda: slack.messages("invoices"), PATIENCE)

    for each in ("gone", "invoices"):
        assert "INV-1" in text_in((await shared(walk, link, each)).attachments)
    assert [each.attachments for each in silent] == [[], [], [], []]
