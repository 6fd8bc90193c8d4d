"""Clients of both stand-ins, for tests of what they make of answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sandbox.paymo import PaymoWorld
from sandbox.serving import Served
from services.clients.http import open_http
from services.clients.paymo import PaymoClient, PaymoClients
from services.clients.tokens import Tokens
from services.clients.xero import XeroClient, XeroClients
from tests.xero_stand import Clock, MemoryVault, Pauses, Stand, oauth_of, xero_stand

KEY = "paymo-api-key"


@dataclass(slots=True)
class PaymoBench:
    """The stand-in of one company, and clients of it."""

    world: PaymoWorld
    clock: Clock
    clients: PaymoClients
    pauses: Pauses

    @property
    def client(self) -> PaymoClient:
        """A client with the company's key."""
        return self.clients.client(KEY)


@dataclass(slots=True)
class XeroBench:
    """The stand-in of one organisation, and clients of it."""

    stand: Stand
    clients: XeroClients

    @property
    def client(self) -> XeroClient:
        """A client of the first organisation."""
        return self.clients.client(self.stand.books.tenant_id, 1)


@asynccontextmanager
async def paymo_bench() -> AsyncIterator[PaymoBench]:
    """Serve one company."""
    clock, pauses = Clock(), Pauses()
    world = PaymoWorld(now=clock)
    world.add_company("North Agency", key=KEY)
    served = await Served.start(world.app())
    async with open_http(f"{served.url}/api", user_agent="test") as http:
        yield PaymoBench(world, clock, PaymoClients(http, sleep=pauses), pauses)
    await served.stop()


@asynccontextmanager
async def xero_bench() -> AsyncIterator[XeroBench]:
    """Serve one organisation that somebody allowed us to use."""
    async with xero_stand() as stand:
        vault = MemoryVault(await stand.sign_in())
        tokens = Tokens(vault, oauth_of(stand), stand.clock, sleep=Pauses())
        stand.world.requests.clear()
        async with open_http(stand.url, user_agent="test") as http:
            yield XeroBench(stand, XeroClients(http, tokens, sleep=Pauses()))
