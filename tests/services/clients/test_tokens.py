"""Xero's tokens: one refresh for each expiry, stored before use, given up only when it is over."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from services.clients.tokens import Tokens, TokenSet
from services.connect.consents import StoreVault
from services.errors import NotConnected, Unavailable
from services.model.wording import Command, Typed
from services.store import grants
from services.store.engine import Database
from services.store.tables import Grant
from tests.xero_stand import Pauses, Stand, oauth_of, xero_stand


@dataclass(slots=True)
class Keeper:
    """A consent in the database, and what asks for its tokens."""

    stand: Stand
    database: Database
    tokens: Tokens
    vault: StoreVault
    grant_id: int
    first: TokenSet

    @property
    def refreshes(self) -> int:
        """How often a refresh was asked for."""
        return len(self.stand.world.calls("POST", "/connect/token"))

    def another_process(self) -> Tokens:
        """Return a second asker that shares nothing but the database."""
        return Tokens(self.vault, oauth_of(self.stand), self.stand.clock, sleep=Pauses())

    async def ask(self) -> str:
        """Ask for a token that is good now."""
        return await self.tokens.access_token(self.grant_id)

    async def stored(self) -> TokenSet:
        """Return what the database holds."""
        return await self.vault.load(self.grant_id)


@pytest.fixture
async def keeper(database: Database) -> AsyncIterator[Keeper]:
    async with xero_stand() as stand:
        first = await stand.sign_in()
        grant = Grant(
            access_token=first.access_token,
            refresh_token=first.refresh_token,
            expires_at=first.expires_at,
        )
        async with database.sessions.begin() as session:
            grant_id = await grants.add(session, grant)
        stand.world.requests.clear()
        vault = StoreVault(database, stand.clock)
        tokens = Tokens(vault, oauth_of(stand), stand.clock, sleep=Pauses())
        yield Keeper(stand, database, tokens, vault, grant_id, first)


@pytest.mark.parametrize(("minutes", "refreshes"), [(28, 0), (29, 1), (45, 1)])
async def test_a_token_with_less_than_a_minute_left_is_refreshed(
    keeper: Keeper, minutes: int, refreshes: int
) -> None:
    keeper.stand.clock.forward(minutes=minutes, seconds=1)
    token = await keeper.ask()

    assert keeper.refreshes == refreshes
    assert (token != keeper.first.access_token) is bool(refreshes)
    assert token == (await keeper.stored()).access_token


@pytest.mark.parametrize(("seconds", "is_good"), [(9, True), (10, False)])
async def test_a_token_that_was_read_ahead_is_used_once_and_soon(
    keeper: Keeper, seconds: int, *, is_good: bool
) -> None:
    await keeper.tokens.look_ahead(keeper.grant_id)
    newer = await keeper.another_process().renew(keeper.grant_id, keeper.first.access_token)
    keeper.stand.clock.forward(seconds=seconds)

    assert await keeper.ask() == (keeper.first.access_token if is_good else newer)
    assert await keeper.ask() == newer


async def test_a_new_pair_is_stored_with_its_expiry(keeper: Keeper) -> None:
    keeper.stand.clock.forward(minutes=31)
    token = await keeper.ask()
    stored = await keeper.stored()

    assert (stored.access_token, stored.version) == (token, 2)
    assert stored.refresh_token != keeper.first.refresh_token
    assert stored.expires_at == keeper.stand.clock() + timedelta(minutes=30)


async def test_many_callers_of_two_processes_cause_one_refresh(keeper: Keeper) -> None:
    keeper.stand.world.faults.add(path="/connect/token", delay=0.05)
    keeper.stand.clock.forward(minutes=31)
    other = keeper.another_process()
    asked = [each.access_token(keeper.grant_id) for each in (keeper.tokens, other) * 10]
    answers = await asyncio.gather(*asked)

    assert keeper.refreshes == 1
    assert set(answers) == {(await keeper.stored()).access_token}


async def test_callers_whose_token_was_refused_share_one_renewal(keeper: Keeper) -> None:
    used = keeper.first.access_token
    other = keeper.another_process()
    asked = [each.renew(keeper.grant_id, used) for each in (keeper.tokens, other) * 5]
    answers = await asyncio.gather(*asked)
    late = await keeper.tokens.renew(keeper.grant_id, used)

    assert keeper.refreshes == 1
    assert {*answers, late} == {(await keeper.stored()).access_token}


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 429},
        {"hang_up": "before"},
        {"status": 400, "body": '{"error": "invalid_client"}'},
        {"status": 200, "body": "<html>"},
        {"status": 200, "body": "{}"},
        {"status": 200, "body": "[]"},
        {"status": 200, "body": '{"access_token": "a", "expires_in": "soon"}'},
    ],
)
async def test_a_sign_in_service_in_trouble_ends_nothing(
    keeper: Keeper, fault: dict[str, Any]
) -> None:
    keeper.stand.world.faults.add(path="/connect/token", **fault)
    keeper.stand.clock.forward(minutes=31)
    with pytest.raises(Unavailable):
        await keeper.ask()

    assert (await keeper.stored()).refresh_token == keeper.first.refresh_token
    assert await keeper.ask() == (await keeper.stored()).access_token


async def test_e05_a_refresh_whose_answer_was_lost_is_done_again_with_the_old_token(
    keeper: Keeper,
) -> None:
    keeper.stand.world.faults.add(path="/connect/token", hang_up="after")
    keeper.stand.clock.forward(minutes=31)
    with pytest.raises(Unavailable):
        await keeper.ask()
    keeper.stand.clock.forward(minutes=10)

    assert await keeper.ask() == (await keeper.stored()).access_token


async def test_a_refresh_that_died_with_its_process_is_taken_over_after_its_lease(
    keeper: Keeper,
) -> None:
    keeper.stand.clock.forward(minutes=31)
    assert await keeper.vault.claim(keeper.grant_id, 1)
    keeper.stand.clock.forward(seconds=30)

    assert await keeper.ask() == (await keeper.stored()).access_token


async def test_whoever_waits_for_ever_is_told_so(keeper: Keeper) -> None:
    keeper.stand.clock.forward(minutes=31)
    assert await keeper.vault.claim(keeper.grant_id, 1)
    with pytest.raises(Unavailable):
        await keeper.ask()

    assert keeper.refreshes == 0


async def test_a_consent_that_is_over_is_noted_and_not_asked_again(keeper: Keeper) -> None:
    keeper.stand.world.authority.revoke(keeper.first.refresh_token)
    keeper.stand.clock.forward(minutes=31)
    for _ in range(2):
        with pytest.raises(NotConnected, match=str(Typed(Command.CONNECT))) as refusal:
            await keeper.ask()

    assert (refusal.value.system, refusal.value.is_stale) == ("Xero", False)
    assert keeper.refreshes == 1
    assert (await keeper.stored()).is_dead


async def test_a_dead_token_that_somebody_else_has_replaced_is_no_end(keeper: Keeper) -> None:
    keeper.stand.world.faults.add(path="/connect/token", delay=0.1)
    keeper.stand.world.authority.revoke(keeper.first.refresh_token)
    keeper.stand.clock.forward(minutes=31)
    asked = asyncio.create_task(keeper.ask())
    while not keeper.refreshes:
        await asyncio.sleep(0)
    # Meanwhile the person consents again.
    fresh = grants.Refreshed("new", "new-refresh", keeper.stand.clock() + timedelta(minutes=30))
    async with keeper.database.sessions.begin() as session:
        await grants.save_refreshed(session, keeper.grant_id, 1, fresh)

    assert await asked == "new"
    assert not (await keeper.stored()).is_dead


async def test_e06_a_quiet_consent_is_kept_alive_before_sixty_days(keeper: Keeper) -> None:
    for _ in range(3):
        keeper.stand.clock.forward(days=30)
        await keeper.tokens.keep_alive(keeper.grant_id)

    assert (await keeper.stored()).version == 4
    assert not (await keeper.stored()).is_dead


async def test_refusals_and_objects_show_no_token(keeper: Keeper) -> None:
    keeper.stand.world.faults.add(path="/connect/token", times=9, status=503)
    keeper.stand.clock.forward(minutes=31)
    with pytest.raises(Unavailable) as refusal:
        await keeper.ask()

    told = f"{refusal.value!r} {refusal.value.__cause__!r} {keeper.tokens!r} {keeper.first!r}"
    secrets = [
        keeper.first.access_token,
        keeper.first.refresh_token,
        keeper.stand.world.client_secret,
    ]
    assert [each for each in secrets if each in told] == []
