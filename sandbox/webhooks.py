"""What the stand-ins' webhooks share: a queue that is sent in the background."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from sandbox.serving import Bell

_PATIENCE = ClientTimeout(total=5)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was sent, and the status that came back; 0 stands for no answer."""

    url: str
    headers: dict[str, str]
    body: bytes
    status: int


@dataclass(slots=True, kw_only=True)
class Queue(Generic[T]):
    """Events that wait to be sent, and what was sent so far."""

    deliveries: list[Delivery] = field(default_factory=list)
    _waiting: list[T] = field(default_factory=list)
    _wake: Bell = field(default_factory=Bell)
    _idle: Bell = field(default_factory=Bell)

    async def running(self, _: web.Application) -> AsyncIterator[None]:
        """Deliver for as long as the stand-in is served."""
        task = asyncio.create_task(self._deliver_waiting())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def settled(self) -> None:
        """Wait until all that was announced has been tried."""
        if self._waiting or self._wake.is_set():
            self._idle.clear()
        await self._idle.wait()

    def _add(self, *events: T) -> None:
        self._waiting += events
        if events:
            self._idle.clear()
            self._wake.set()

    async def _deliver_waiting(self) -> None:
        while True:
            if not self._waiting:
                self._idle.set()
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._send_next()

    @abstractmethod
    async def _send_next(self) -> None:
        """Send what has waited longest, or all that waits."""

    async def _deliver(self, url: str, headers: dict[str, str], body: bytes) -> int:
        status = await post(url, headers, body)
        self.deliveries.append(Delivery(url, headers, body, status))
        return status


async def post(url: str, headers: dict[str, str], body: bytes) -> int:
    """Send these very bytes as JSON, and return the status; 0 stands for no answer."""
    try:
        async with (
            ClientSession(timeout=_PATIENCE) as session,
            session.post(url, data=body, headers=headers) as response,
        ):
            await response.read()
            return response.status
    except (ClientError, TimeoutError):
        return 0
