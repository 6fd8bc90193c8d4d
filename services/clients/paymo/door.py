"""The way into one Paymo account: one request at a time, its limits, and what a 403 means."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from services.clients.allowance import Allowance
from services.clients.http import LONGEST_WAIT, Answer, ApiClient
from services.errors import Forbidden, NotConnected, ServiceError, Throttled

COMPANY = "/company"
_SPARE = 1  # stop while a call is left, since everything is refused once none is


@dataclass(slots=True)
class Turnstile:
    """One request at a time for each key, and none once the window is used up."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    allowance: Allowance = field(default_factory=Allowance)


@dataclass(slots=True)
class Patience:
    """How much longer may be waited, all waits together."""

    left: timedelta


@dataclass(frozen=True, slots=True)
class Door:
    """Sends requests to one account, with one API key."""

    api: ApiClient
    auth: httpx.BasicAuth = field(repr=False)
    turnstile: Turnstile = field(repr=False)
    patience: Patience

    async def send(self, method: str, path: str, **extras: Any) -> Answer:
        """Send one request when it is this key's turn; a write's limit holds for its turn, too.

        Whoever waits for a window lets others pass, who may have less patience.
        """
        bounded = self.api.bound(method)
        while True:
            async with bounded(), self.turnstile.lock:
                wait = self.api.allowance.wait(_SPARE)
                if wait is None:
                    answer = await self._answer(method, path, extras)
                    if isinstance(answer, Answer):
                        return answer
                    wait = answer
            async with bounded():
                await self._wait(wait)

    async def _answer(self, method: str, path: str, extras: dict[str, Any]) -> Answer | timedelta:
        """Return the answer, or how long Paymo wants us to wait where there is patience for it."""
        try:
            return await self.api.send(method, path, auth=self.auth, **extras)
        except Throttled as refusal:
            if refusal.retry_after > self.patience.left:
                raise
            return refusal.retry_after
        except Forbidden as refusal:
            if refusal.is_its_own if path == COMPANY else await self._is_cut_off():
                text = f"Paymo no longer accepts our connection. Connect it again. {refusal}"
                raise NotConnected(text, system="Paymo") from refusal
            raise

    async def _is_cut_off(self) -> bool:
        """Say whether the account is refused as well, and not only one call.

        As long as that cannot be told, it is that one call.
        """
        try:
            await self.api.send("GET", COMPANY, auth=self.auth)
        except Forbidden as refusal:
            return refusal.is_its_own
        except NotConnected:
            return True
        except ServiceError:
            return False
        return False

    async def _wait(self, wait: timedelta) -> None:
        """Let a used-up window pass, or say that it is too long to wait for."""
        if wait > max(LONGEST_WAIT, self.patience.left):
            raise Throttled(
                "Paymo asked us to wait before the next request. Nothing was done yet.",
                retry_after=wait,
            )
        self.patience.left -= wait
        await self.api.sleep(wait)
