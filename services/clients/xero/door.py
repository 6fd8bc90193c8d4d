"""The way into one Xero organisation: tokens, places at once, and what a 403 means."""

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol

from services.clients.allowance import Allowance
from services.clients.http import Answer, ApiClient
from services.clients.xero.reading import tenants_of
from services.errors import Forbidden, NotConnected, ServiceError

CONNECTIONS = "/connections"


class TokenSource(Protocol):
    """Where access tokens come from."""

    async def access_token(self, grant_id: int) -> str:
        """Return a token that is valid now, refreshing it when needed."""

    async def renew(self, grant_id: int, used: str) -> str:
        """Return another token than the one that was refused."""


@dataclass(frozen=True, slots=True)
class Door:
    """Sends requests to one organisation, with one consent."""

    api: ApiClient
    tokens: TokenSource
    at_once: asyncio.Semaphore
    tenant_id: str
    grant_id: int

    @property
    def allowance(self) -> Allowance:
        """What Xero last said is left of the day and the minute."""
        return self.api.allowance

    async def send(self, method: str, path: str, **extras: Any) -> Answer:
        """Send one request; an expired token is renewed once, since a 401 did nothing.

        A write's limit runs on while a token is fetched, but never breaks that off.
        """
        bounded = self.api.bound(method)
        token = await self.tokens.access_token(self.grant_id)
        try:
            async with bounded(), self.at_once:
                try:
                    return await self._send_with(token, method, path, extras)
                except NotConnected as refusal:
                    if not refusal.is_stale:
                        raise
            token = await self.tokens.renew(self.grant_id, token)
            async with bounded(), self.at_once:
                return await self._send_with(token, method, path, extras)
        except Forbidden as refusal:
            is_own = refusal.is_its_own and path == CONNECTIONS
            if is_own or (not path.startswith(CONNECTIONS) and await self._is_cut_off(token)):
                text = f"Xero no longer accepts our connection. Connect it again. {refusal}"
                raise NotConnected(text, system="Xero") from refusal
            raise

    async def _is_cut_off(self, token: str) -> bool:
        """Say whether the organisation is refused as well, and not only one call.

        Xero's connections tell; as long as they cannot be read, it is that one call.
        """
        headers = {"Authorization": f"Bearer {token}"}
        try:
            answer = await self.api.send("GET", CONNECTIONS, headers=headers)
        except Forbidden as refusal:
            return refusal.is_its_own
        except NotConnected:
            return True
        except ServiceError:
            return False
        return all(each.tenant_id != self.tenant_id for each in tenants_of(answer).found)

    async def _send_with(
        self, token: str, method: str, path: str, extras: dict[str, Any]
    ) -> Answer:
        headers = {"Authorization": f"Bearer {token}", **extras.get("headers", {})}
        if self.tenant_id:
            headers["Xero-Tenant-Id"] = self.tenant_id
        return await self.api.send(method, path, **{**extras, "headers": headers})
