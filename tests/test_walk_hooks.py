"""What is deleted in Paymo reaches the channel by Paymo's own webhooks, long before the clock."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from sandbox.paymo.webhooks import sign
from tests.bot.program import WEBHOOK_KEY
from tests.walk import Walk, walking


@pytest.fixture
async def walk(database_url: str) -> AsyncIterator[Walk]:
    """Everything up, and the clock so slow that nothing here happens by it."""
    async with walking(database_url, sync_interval_seconds=300) as made:
        yield made
        assert made.town.slack.failures == []
        assert made.refused() == []


async def registered(walk: Walk) -> None:
    """Wait until Paymo has both of our webhooks; Slack's changes do not tell, so look often."""
    for _ in range(100):
        with contextlib.suppress(TimeoutError):
            await walk.town.slack.wait_for(lambda: len(walk.company.hooks) == 2, 0.2)
            return
    raise AssertionError("The webhooks were not registered.")


async def test_what_is_deleted_in_paymo_is_told_within_seconds(walk: Walk) -> None:
    """First a payment's copy, then the invoice; Xero keeps both."""
    await walk.connect()
    await registered(walk)
    await walk.export("INV-1")
    webhooks = walk.town.xero.webhooks
    webhooks.url, webhooks.key = f"{walk.town.url}/webhooks/xero", WEBHOOK_KEY
    walk.pay("INV-1", "413.33")
    await walk.notice("payment_received")
    [copy] = walk.company.payments_of(walk.in_paymo("INV-1").id)

    async with asyncio.timeout(60):
        walk.company.delete_payment(copy.id)
        removed = await walk.notice("payment_removed")
    assert "bring_back" in str(removed.blocks)

    async with asyncio.timeout(60):
        walk.company.delete_invoice(walk.in_paymo("INV-1").id)
        await walk.notice("invoice_deleted")
    made = walk.in_xero("INV-1")
    assert (made.status, walk.kinds().count("payment_removed")) == ("AUTHORISED", 1)
    assert {each.status for each in walk.town.paymo.courier.deliveries} == {200}


async def test_a_webhook_that_paymo_did_not_sign_is_refused(walk: Walk) -> None:
    """The address alone opens nothing, and after the end not even the right signature does."""
    await walk.connect()
    await registered(walk)
    hook = next(iter(walk.company.hooks.values()))
    body = b'{"id": 1}'

    async def tell(signature: str) -> tuple[int, bytes]:
        headers = {"X-Paymo-Signature": signature}
        answer = await walk.town.http.post(hook.target_url, content=body, headers=headers)
        return answer.status_code, answer.content

    assert await tell(sign(body, "another")) == (401, b"")
    assert await tell("") == (401, b"")
    assert await tell(sign(body, hook.secret)) == (200, b"")
    await walk.disconnect()
    assert walk.company.hooks == {}
    assert await tell(sign(body, hook.secret)) == (401, b"")
    assert walk.in_paymo("INV-1").total == Decimal("1413.33")
