"""The consent itself: what is asked for, what its code brings, and how it is ended."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from services.clients.tokens import SCOPES, auth_event_id, xero_user_id
from services.errors import NotConnected, Unavailable
from tests.xero_stand import Stand, oauth_of, xero_stand

VERIFIER = "v" * 43


@pytest.fixture
async def xero() -> AsyncIterator[Stand]:
    async with xero_stand() as stand:
        yield stand


async def test_a_consent_is_asked_for_with_a_challenge_and_the_least_scopes(
    xero: Stand,
) -> None:
    oauth = oauth_of(xero)
    url = oauth.authorise_url(state="s1", verifier=VERIFIER)
    query = {name: value[0] for name, value in parse_qs(urlsplit(url).query).items()}

    assert url.startswith(f"{xero.url}/identity/connect/authorize?")
    assert (query["scope"], query["state"]) == (SCOPES, "s1")
    assert (query["code_challenge_method"], query["response_type"]) == ("S256", "code")
    assert VERIFIER not in url


async def test_a_code_is_exchanged_with_its_verifier_and_names_its_consent(
    xero: Stand,
) -> None:
    oauth = oauth_of(xero)
    asked = await xero.http.get(f"{oauth.authorise_url(state='s1', verifier=VERIFIER)}&auto=allow")
    code = parse_qs(urlsplit(asked.headers["Location"]).query)["code"][0]
    tokens = await oauth.exchange(code, verifier=VERIFIER)
    with pytest.raises(NotConnected):
        await oauth.exchange(code, verifier=VERIFIER)

    events = {each.event_id for each in xero.world.authority.connections.values()}
    assert auth_event_id(tokens.access_token) in events
    assert xero_user_id(tokens.access_token) == xero.world.consent.user
    assert tokens.expires_at == xero.clock() + timedelta(minutes=30)


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "a.!!!.c", "a.e30.c", "a.W10.c"])
def test_a_token_that_does_not_say_its_consent_says_nothing(token: str) -> None:
    assert auth_event_id(token) == ""


async def test_revoking_ends_the_consent_and_what_was_connected(xero: Stand) -> None:
    oauth, tokens = oauth_of(xero), await xero.sign_in()
    await oauth.revoke(tokens)
    await oauth.revoke(tokens)

    assert xero.world.authority.connections == {}
    with pytest.raises(NotConnected):
        await oauth.refresh(tokens)


@pytest.mark.parametrize("fault", [{"status": 503}, {"hang_up": "before"}])
async def test_revoking_without_an_answer_is_told(xero: Stand, fault: dict[str, Any]) -> None:
    xero.world.faults.add(path="/connect/revocation", **fault)
    tokens = await xero.sign_in()
    with pytest.raises(Unavailable):
        await oauth_of(xero).revoke(tokens)
