"""Xero's OAuth 2: the consent, and tokens that one process at a time refreshes.

A refresh token works once: Xero answers with the next one, and the old one stays good for another
30 minutes in case the answer was lost (Xero's OAuth 2 FAQ). So the new pair is stored before it is
used, and whoever holds the claim on the row refreshes while the others wait for the result.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Protocol
from urllib.parse import urlencode

import httpx
import msgspec
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from authlib.oauth2.rfc7009 import prepare_revoke_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from services.clients.http import BoundedClient, Sleep, sleep_for, trusted
from services.clients.rows import STRICT, Kind, LeftOut
from services.errors import NotConnected, Unavailable
from services.model.jobs import CALL_LIMIT
from services.model.wording import Command, Typed

SCOPES = (
    "offline_access accounting.contacts accounting.invoices accounting.payments.read "
    "accounting.settings.read"
)
ATTACHMENTS = "accounting.attachments"  # asked for only where PDFs are to be attached
# Xero accepts the old refresh token for another 30 minutes, so a refresh can give up early.
REFRESH_LIMIT = timedelta(seconds=10)
_SPARE = timedelta(seconds=60)
_AHEAD = timedelta(seconds=10)  # a token that was read just before is good, or refused like others
_POLL = timedelta(milliseconds=50)
_POLLS = 600
_LONGEST_LIFE = 24 * 60 * 60  # seconds; Xero's tokens live for half an hour
_GONE = f"Xero no longer accepts our connection. Connect Xero again with {Typed(Command.CONNECT)}."
_FORM = "application/x-www-form-urlencoded;charset=UTF-8"
SILENT = "Xero's sign-in service didn't answer. Try again later."


@dataclass(frozen=True, slots=True)
class TokenSet:
    """One consent's tokens; `version` grows with every refresh."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    version: int = 1
    is_dead: bool = False
    scopes: str = ""  # as Xero granted them; "" where it did not say


class TokenVault(Protocol):
    """Where token sets are kept; each call is a short transaction of its own."""

    async def load(self, grant_id: int) -> TokenSet:
        """The tokens as they are now."""

    async def claim(self, grant_id: int, version: int) -> bool:
        """Take the right to refresh this version, for a short lease."""

    async def save(self, grant_id: int, tokens: TokenSet) -> bool:
        """Store what came of refreshing `tokens.version`."""

    async def release(self, grant_id: int, version: int) -> None:
        """Give the claim back."""

    async def mark_dead(self, grant_id: int, version: int) -> None:
        """Note that this consent is over."""


@dataclass(frozen=True, slots=True)
class XeroOAuth:
    """The consent page, the exchange of its code, refreshing and revoking."""

    client_id: str
    client_secret: str = field(repr=False)
    login_url: str
    identity_url: str
    redirect_uri: str
    http_headers: dict[str, str]
    now: Callable[[], datetime]

    def authorise_url(self, *, state: str, verifier: str, scopes: str = SCOPES) -> str:
        """The address of the consent page; the code will need `verifier` (PKCE, S256)."""
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": scopes,
            "state": state,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        return f"{self.login_url}/identity/connect/authorize?{urlencode(query)}"

    async def exchange(self, code: str, *, verifier: str) -> TokenSet:
        """The tokens for a consent's code."""
        grant = {"code": code, "redirect_uri": self.redirect_uri, "code_verifier": verifier}
        return await self._ask(prepare_token_request("authorization_code", **grant))

    async def refresh(self, tokens: TokenSet) -> TokenSet:
        """The next pair. Raises `NotConnected` only when the consent is over."""
        # Without scopes: sending another list than the granted one kills the token.
        grant = prepare_token_request("refresh_token", refresh_token=tokens.refresh_token)
        return await self._ask(grant, REFRESH_LIMIT)

    async def revoke(self, tokens: TokenSet) -> None:
        """End the consent, and with it all connections made by that person for this app."""
        body, _ = prepare_revoke_token_request(tokens.refresh_token)
        response = await self._post("/connect/revocation", body)
        if response.is_server_error:
            raise Unavailable(SILENT)

    async def _ask(self, grant: str, limit: timedelta = CALL_LIMIT) -> TokenSet:
        response = await self._post("/connect/token", grant, limit)
        try:
            told = msgspec.json.decode(response.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Unavailable(SILENT) from error
        if response.is_server_error or not isinstance(told, dict):
            raise Unavailable(SILENT)
        if "error" in told:
            if told["error"] == "invalid_grant":
                raise NotConnected(_GONE, system="Xero")
            raise Unavailable(f"Xero's sign-in service refused: {told['error']}.")
        token = _PAIR.row(told)
        if isinstance(token, LeftOut):
            raise Unavailable(SILENT)
        lasts = timedelta(seconds=min(max(token.expires_in, 0), _LONGEST_LIFE))
        return TokenSet(
            access_token=token.access_token,
            refresh_token=token.refresh_token,
            expires_at=self.now() + lasts,
            scopes=token.scope,
        )

    async def _post(self, path: str, form: str, limit: timedelta = CALL_LIMIT) -> httpx.Response:
        """Send a form as this app, over a connection of its own."""
        headers = {"Accept": "application/json", "Content-Type": _FORM, **self.http_headers}
        seconds = limit.total_seconds()
        try:
            async with (
                asyncio.timeout(seconds),
                BoundedClient(headers=headers, timeout=seconds, verify=trusted()) as client,
            ):
                app = httpx.BasicAuth(self.client_id, self.client_secret)
                return await client.post(self.identity_url + path, content=form, auth=app)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise Unavailable(SILENT) from error


class _Pair(msgspec.Struct):
    access_token: str
    refresh_token: str = ""
    expires_in: Annotated[int, msgspec.Meta(extra={STRICT: True})] = 1800
    scope: str = ""


_PAIR = Kind(_Pair, "token set", "Xero")


def auth_event_id(access_token: str) -> str:
    """Which consent a token came from, or "" when it does not say."""
    return _claim(access_token, "authentication_event_id")


def xero_user_id(access_token: str) -> str:
    """Which of Xero's users gave the consent, or "" when the token does not say."""
    return _claim(access_token, "xero_userid")


def _claim(access_token: str, name: str) -> str:
    """What a token says of itself.

    The signature is not checked: the token came straight from Xero's token address over TLS.
    """
    parts = access_token.split(".")
    if len(parts) != len(("header", "claims", "signature")):
        return ""
    try:
        claims = msgspec.json.decode(_padded(parts[1]), type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, RecursionError):
        return ""
    found = claims.get(name)
    return found if isinstance(found, str) else ""


def _padded(text: str) -> bytes:
    padding = "=" * (-len(text) % 4)
    standard = text.replace("-", "+").replace("_", "/")
    return msgspec.json.decode(f'"{standard}{padding}"'.encode(), type=bytes)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Access tokens that are valid now; exactly one refresh for each expiry."""

    vault: TokenVault
    oauth: XeroOAuth
    now: Callable[[], datetime]
    sleep: Sleep = sleep_for
    locks: dict[int, asyncio.Lock] = field(default_factory=dict)
    ahead: dict[int, tuple[datetime, str]] = field(default_factory=dict, repr=False)

    async def look_ahead(self, grant_id: int) -> None:
        """Read the token for the next call, while there is time."""
        token = await self.access_token(grant_id)
        self.ahead[grant_id] = self.now(), token

    async def access_token(self, grant_id: int) -> str:
        """A token with at least a minute to live."""
        read_at, token = self.ahead.pop(grant_id, (None, ""))
        if read_at is not None and read_at <= self.now() < read_at + _AHEAD:
            return token
        tokens = await self.vault.load(grant_id)
        if self._is_fresh(tokens):
            return tokens.access_token
        return await self._next(grant_id, tokens.version)

    async def renew(self, grant_id: int, used: str) -> str:
        """Another token than the one that Xero refused."""
        tokens = await self.vault.load(grant_id)
        if tokens.access_token != used and self._is_fresh(tokens):
            return tokens.access_token
        return await self._next(grant_id, tokens.version)

    async def keep_alive(self, grant_id: int) -> None:
        """Refresh now, so that sixty quiet days do not end the consent."""
        tokens = await self.vault.load(grant_id)
        await self._next(grant_id, tokens.version)

    def _is_fresh(self, tokens: TokenSet) -> bool:
        return not tokens.is_dead and tokens.expires_at - self.now() > _SPARE

    async def _next(self, grant_id: int, version: int) -> str:
        """The first token newer than `version`, made here or elsewhere."""
        async with self.locks.setdefault(grant_id, asyncio.Lock()):
            for _ in range(_POLLS):
                tokens = await self.vault.load(grant_id)
                if tokens.is_dead:
                    raise NotConnected(_GONE, system="Xero")
                if tokens.version > version:
                    return tokens.access_token
                if await self.vault.claim(grant_id, tokens.version):
                    return await self._refresh(grant_id, tokens)
                await self.sleep(_POLL)
        raise Unavailable(SILENT)

    async def _refresh(self, grant_id: int, tokens: TokenSet) -> str:
        try:
            fresh = await self.oauth.refresh(tokens)
        except NotConnected:
            return await self._after_refusal(grant_id, tokens)
        except Unavailable:
            await self.vault.release(grant_id, tokens.version)
            raise
        stored = TokenSet(
            access_token=fresh.access_token,
            refresh_token=fresh.refresh_token or tokens.refresh_token,
            expires_at=fresh.expires_at,
            version=tokens.version,
        )
        await self.vault.save(grant_id, stored)
        return fresh.access_token

    async def _after_refusal(self, grant_id: int, tokens: TokenSet) -> str:
        """Give up only when nobody else has a newer pair."""
        again = await self.vault.load(grant_id)
        if again.version > tokens.version:
            return again.access_token
        await self.vault.mark_dead(grant_id, tokens.version)
        raise NotConnected(_GONE, system="Xero")
