"""A 403 is a refusal of that one call, unless the account itself is refused as well."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from sandbox.paymo import PaymoWorld
from sandbox.serving import Served
from services.clients.http import open_http
from services.clients.paymo import PaymoClients
from services.clients.tokens import Tokens
from services.clients.xero import XeroClients
from services.errors import Forbidden, NotConnected, ServiceError
from tests.xero_stand import Clock, MemoryVault, Pauses, Stand, oauth_of, xero_stand

KEY = "paymo-api-key"
XERO_SAYS = {
    "status": 403,
    "body": '{"title":"Forbidden","detail":"AuthenticationUnsuccessful"}',
}
PAYMO_SAYS = {"status": 403, "body": '{"message":"Your plan has no invoices"}'}
# A content network answers in their place.
PAGE = {"status": 403, "body": "<html>blocked</html>", "headers": {"Content-Type": "text/html"}}

Faults = dict[str, dict[str, object]]


@dataclass(slots=True)
class Paymo:
    """The stand-in, and clients of it."""

    world: PaymoWorld
    clients: PaymoClients


@pytest.fixture
async def paymo() -> AsyncIterator[Paymo]:
    world = PaymoWorld(now=Clock())
    world.add_company("North Agency", key=KEY)
    served = await Served.start(world.app())
    async with open_http(f"{served.url}/api", user_agent="test") as http:
        yield Paymo(world, PaymoClients(http, sleep=Pauses()))
    await served.stop()


@pytest.fixture
async def xero() -> AsyncIterator[tuple[Stand, XeroClients]]:
    async with xero_stand() as stand:
        vault = MemoryVault(await stand.sign_in())
        tokens = Tokens(vault, oauth_of(stand), stand.clock, sleep=Pauses())
        async with open_http(stand.url, user_agent="test") as http:
            yield stand, XeroClients(http, tokens, sleep=Pauses())


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ({"Organisation": XERO_SAYS}, Forbidden),
        ({"Organisation": PAGE}, Forbidden),
        ({"Organisation": XERO_SAYS, "connections": XERO_SAYS}, NotConnected),
        ({"Organisation": XERO_SAYS, "connections": {"status": 401}}, NotConnected),
        ({"Organisation": XERO_SAYS, "connections": {"status": 200, "body": "[]"}}, NotConnected),
        # What a network in between says, or nobody, is no word of Xero's on the organisation.
        ({"Organisation": PAGE, "connections": PAGE}, Forbidden),
        ({"Organisation": XERO_SAYS, "connections": {"status": 503}}, Forbidden),
    ],
)
async def test_xeros_403_is_about_one_call_unless_the_organisation_is_refused_too(
    xero: tuple[Stand, XeroClients], faults: Faults, kind: type[ServiceError]
) -> None:
    stand, clients = xero
    for path, fault in faults.items():
        stand.world.faults.add(path=path, times=9, **fault)
    with pytest.raises(ServiceError) as refusal:
        await clients.client(stand.books.tenant_id, 1).organisation()

    assert type(refusal.value) is kind
    assert "<" not in str(refusal.value)


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ({"invoices": PAYMO_SAYS}, Forbidden),
        ({"invoices": PAGE}, Forbidden),
        ({"invoices": PAYMO_SAYS, "company": PAYMO_SAYS}, NotConnected),
        ({"invoices": PAYMO_SAYS, "company": {"status": 401}}, NotConnected),
        ({"invoices": PAGE, "company": PAGE}, Forbidden),
        ({"invoices": PAYMO_SAYS, "company": {"status": 503}}, Forbidden),
    ],
)
async def test_paymos_403_is_about_one_call_unless_the_account_is_refused_too(
    paymo: Paymo, faults: Faults, kind: type[ServiceError]
) -> None:
    for path, fault in faults.items():
        paymo.world.faults.add(path=path, times=9, **fault)
    with pytest.raises(ServiceError) as refusal:
        await paymo.clients.client(KEY).headers()

    assert type(refusal.value) is kind
    is_quoted = "Your plan has no invoices" in str(refusal.value)
    assert is_quoted is (faults["invoices"] is PAYMO_SAYS)


async def test_a_key_that_may_not_even_see_its_company_is_no_connection(paymo: Paymo) -> None:
    paymo.world.faults.add(path="company", **PAYMO_SAYS)
    with pytest.raises(NotConnected, match="Your plan has no invoices"):
        await paymo.clients.client(KEY).company()
