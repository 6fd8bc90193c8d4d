"""Paymo's queue of writes that nobody waits for: several at once, and people first."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal

import pytest

from sandbox.paymo import PaymoWorld
from sandbox.serving import Fault, Served
from services.clients.http import open_http
from services.clients.paymo import PaymoClient, PaymoClients
from services.errors import Throttled
from tests.services.beside import until
from tests.xero_stand import Clock, Pauses

KEY = "paymo-api-key"
ADDITION = ("POST", "/invoicepayments$")


@pytest.fixture
def world() -> PaymoWorld:
    made = PaymoWorld(now=Clock())
    company = made.add_company("North Agency", key=KEY)
    client = company.add_client("Acme")
    company.add_invoice("INV-7", client, [("Design", "", 1, "100")], status="sent")
    return made


@pytest.fixture
async def client(world: PaymoWorld) -> AsyncIterator[PaymoClient]:
    served = await Served.start(world.app())
    async with open_http(f"{served.url}/api", user_agent="test") as http:
        yield PaymoClients(http, sleep=Pauses()).client(KEY)
    await served.stop()


def add(client: PaymoClient, world: PaymoWorld, count: int) -> list[asyncio.Task[object]]:
    """Have so many payments added at once."""
    invoice_id = world.company.numbered("INV-7").id
    return [
        asyncio.create_task(
            client.queued().add_payment(
                invoice_id, amount=Decimal(1), paid_on=date(2026, 11, 22), notes=f"{nth}"
            )
        )
        for nth in range(count)
    ]


def hold(world: PaymoWorld, count: int) -> list[Fault]:
    """Hold so many additions at Paymo."""
    return [world.faults.hold(*ADDITION) for _ in range(count)]


def let_go(held: list[Fault]) -> None:
    for each in held:
        if each.gate is not None:
            each.gate.set()


async def test_five_are_in_flight_and_a_person_goes_before_the_sixth(
    client: PaymoClient, world: PaymoWorld
) -> None:
    held = hold(world, 5)
    adding = add(client, world, 8)
    await until(lambda: all(each.came.is_set() for each in held))
    asking = asyncio.create_task(client.company())
    await until(lambda: client.turnstile.is_wanted)
    assert client.turnstile.in_flight == 5
    let_go(held[:1])
    await asking
    let_go(held)
    await asyncio.gather(*adding)
    paths = [each.path for each in world.requests]
    assert paths.index("/api/company") == 5
    assert len(world.calls(*ADDITION)) == 8


async def test_a_window_that_is_nearly_used_up_lets_one_pass_at_a_time(
    client: PaymoClient, world: PaymoWorld
) -> None:
    world.limit.requests = 2
    await client.company()
    held = hold(world, 1)
    adding = add(client, world, 1)
    await until(held[0].came.is_set)
    more = add(client, world, 1)
    await until(client.turnstile.queue.locked)
    assert client.turnstile.in_flight == 1
    let_go(held)
    await asyncio.gather(*adding, *more, return_exceptions=True)
    assert client.turnstile.in_flight == 0


async def test_whoever_waits_behind_a_refusal_is_refused_without_a_call(
    client: PaymoClient, world: PaymoWorld
) -> None:
    world.faults.add(
        method="POST", path="/invoicepayments$", times=9, status=429, headers={"Retry-After": "60"}
    )
    found = await asyncio.gather(*add(client, world, 12), return_exceptions=True)
    assert all(isinstance(each, Throttled) for each in found)
    assert len(world.calls(*ADDITION)) <= 5
