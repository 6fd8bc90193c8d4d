"""A 401 or 403 is about that one call, unless the account itself is refused as well."""

from collections.abc import AsyncIterator

import pytest

from services.errors import Forbidden, NotConnected, ServiceError, Unreachable
from tests.services.clients_bench import PaymoBench, XeroBench, paymo_bench, xero_bench

XERO_SAYS = {
    "status": 403,
    "body": '{"title":"Forbidden","detail":"AuthenticationUnsuccessful"}',
}
PAYMO_SAYS = {"status": 403, "body": '{"message":"Your plan has no invoices"}'}
# A content network answers in their place.
PAGE = {"status": 403, "body": "<html>blocked</html>", "headers": {"Content-Type": "text/html"}}

Faults = dict[str, dict[str, object]]


@pytest.fixture
async def paymo() -> AsyncIterator[PaymoBench]:
    async with paymo_bench() as bench:
        yield bench


@pytest.fixture
async def xero() -> AsyncIterator[XeroBench]:
    async with xero_bench() as bench:
        yield bench


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
        ({"Organisation": {"status": 401}, "connections": {"status": 401}}, NotConnected),
        ({"Organisation": {"status": 401}, "connections": XERO_SAYS}, NotConnected),
        ({"Organisation": {"status": 401}}, Unreachable),
        ({"Organisation": {"status": 401}, "connections": {"status": 503}}, Unreachable),
    ],
)
async def test_xeros_refusal_is_about_one_call_unless_the_organisation_is_refused_too(
    xero: XeroBench, faults: Faults, kind: type[ServiceError]
) -> None:
    for path, fault in faults.items():
        xero.stand.world.faults.add(path=path, times=9, **fault)
    with pytest.raises(ServiceError) as refusal:
        await xero.client.organisation()

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
        ({"invoices": {"status": 401}, "company": {"status": 401}}, NotConnected),
        ({"invoices": {"status": 401}, "company": PAYMO_SAYS}, NotConnected),
        ({"invoices": {"status": 401}}, Unreachable),
        ({"invoices": {"status": 401}, "company": {"status": 503}}, Unreachable),
    ],
)
async def test_paymos_refusal_is_about_one_call_unless_the_account_is_refused_too(
    paymo: PaymoBench, faults: Faults, kind: type[ServiceError]
) -> None:
    for path, fault in faults.items():
        paymo.world.faults.add(path=path, times=9, **fault)
    with pytest.raises(ServiceError) as refusal:
        await paymo.client.headers()

    assert type(refusal.value) is kind
    is_quoted = "Your plan has no invoices" in str(refusal.value)
    assert is_quoted is (faults["invoices"] is PAYMO_SAYS)


async def test_a_key_that_may_not_even_see_its_company_is_no_connection(paymo: PaymoBench) -> None:
    paymo.world.faults.add(path="company", **PAYMO_SAYS)
    with pytest.raises(NotConnected, match="Your plan has no invoices"):
        await paymo.client.company()
