"""Signed events to the app's webhook address, sent in the background."""

import asyncio
import base64
import hmac
import json
import secrets
import string
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from sandbox.serving import Bell, Clock, Json

_PATIENCE = ClientTimeout(total=5)
_PATHS = {
    "INVOICE": "Invoices",
    "CONTACT": "Contacts",
    "CREDITNOTE": "CreditNotes",
    "PAYMENT": "Payments",
    "OVERPAYMENT": "Overpayments",
    "PREPAYMENT": "Prepayments",
}


def sign(body: bytes, key: str) -> str:
    """The signature over the very bytes that are sent."""
    return base64.b64encode(hmac.digest(key.encode(), body, "sha256")).decode()


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was sent, and the status that came back; 0 stands for no answer."""

    body: bytes
    status: int


@dataclass(slots=True)
class Webhooks:
    """Off until it has an address and a key."""

    now: Clock
    is_connected: Callable[[str], bool]
    url: str = ""
    key: str = ""
    categories: set[str] = field(default_factory=lambda: {"INVOICE", "CONTACT", "CREDITNOTE"})
    deliveries: list[Delivery] = field(default_factory=list)
    undelivered: list[bytes] = field(default_factory=list)
    sequence: int = 0
    _waiting: list[Json] = field(default_factory=list)
    _wake: Bell = field(default_factory=Bell)
    _idle: Bell = field(default_factory=Bell)

    def announce(
        self, tenant_id: str, category: str, event: str, resource: tuple[str, Json]
    ) -> None:
        """Queue an event, if anyone is to hear of it."""
        heard = self.url and self.key and category in self.categories
        if not heard or not self.is_connected(tenant_id):
            return
        resource_id, data = resource
        self._waiting.append(
            {
                "resourceUrl": f"https://api.xero.com/api.xro/2.0/{_PATHS[category]}/{resource_id}",
                "resourceId": resource_id,
                "tenantId": tenant_id,
                "tenantType": "ORGANISATION",
                "eventCategory": category,
                "eventType": event,
                "eventDateUtc": self.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3],
                **({"data": data} if data else {}),
            }
        )
        self._idle.clear()
        self._wake.set()

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

    async def _deliver_waiting(self) -> None:
        while True:
            if not self._waiting:
                self._idle.set()
            await self._wake.wait()
            self._wake.clear()
            events, self._waiting = self._waiting, []
            if events:
                await self._send(self._body(events))

    async def _send(self, body: bytes) -> None:
        for _ in range(2):
            status = await self.post(body, sign(body, self.key))
            self.deliveries.append(Delivery(body, status))
            if status == HTTPStatus.OK:
                return
        self.undelivered.append(body)

    async def redeliver(self) -> None:
        """Try again what failed, as Xero does every 15 minutes."""
        failed, self.undelivered = self.undelivered, []
        for body in failed:
            await self._send(body)

    async def intent_to_receive(self) -> bool:
        """Send empty events, some signed wrongly; say whether each got the answer it must get."""
        good = self._body([])
        signature = sign(good, self.key)
        off_by_one = ("A" if signature[0] != "A" else "B") + signature[1:]
        wanted = {
            signature: HTTPStatus.OK,
            off_by_one: HTTPStatus.UNAUTHORIZED,
            sign(good, f"{self.key}-wrong"): HTTPStatus.UNAUTHORIZED,
            "": HTTPStatus.UNAUTHORIZED,
        }
        return all([await self.post(good, sent) == status for sent, status in wanted.items()])

    async def post(self, body: bytes, signature: str) -> int:
        """Send these bytes with that signature, and return the status."""
        headers = {"Content-Type": "application/json", "x-xero-signature": signature}
        try:
            async with (
                ClientSession(timeout=_PATIENCE) as session,
                session.post(self.url, data=body, headers=headers) as response,
            ):
                await response.read()
                return response.status
        except (ClientError, TimeoutError):
            return 0

    def _body(self, events: list[Json]) -> bytes:
        first = self.sequence + 1 if events else 0
        self.sequence += len(events)
        last = self.sequence if events else 0
        entropy = "".join(secrets.choice(string.ascii_uppercase) for _ in range(20))
        # Xero's spacing is uneven, and whoever serialises again before checking must notice.
        return (
            f'{{"events":{json.dumps(events, separators=(",", ":"))},'
            f'"firstEventSequence": {first},"lastEventSequence": {last}, "entropy": "{entropy}"}}'
        ).encode()
