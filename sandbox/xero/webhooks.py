"""Signed events to the app's webhook address, sent in the background."""

import base64
import hmac
import json
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from sandbox.serving import Clock, Json
from sandbox.webhooks import Queue, post

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


@dataclass(slots=True)
class Webhooks(Queue[Json]):
    """Off until it has an address and a key."""

    now: Clock
    is_connected: Callable[[str], bool]
    url: str = ""
    key: str = ""
    categories: set[str] = field(default_factory=lambda: {"INVOICE", "CONTACT", "CREDITNOTE"})
    undelivered: list[bytes] = field(default_factory=list)
    sequence: int = 0

    def announce(
        self, tenant_id: str, category: str, event: str, resource: tuple[str, Json]
    ) -> None:
        """Queue an event, if anyone is to hear of it."""
        heard = self.url and self.key and category in self.categories
        if not heard or not self.is_connected(tenant_id):
            return
        resource_id, data = resource
        self._add(
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

    async def _send_next(self) -> None:
        events = list(self._waiting)
        self._waiting.clear()
        await self._send(self._body(events))

    async def _send(self, body: bytes) -> None:
        for _ in range(2):
            headers = _headers(sign(body, self.key))
            if await self._deliver(self.url, headers, body) == HTTPStatus.OK:
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
        return all(
            [
                await post(self.url, _headers(sent), good) == status
                for sent, status in wanted.items()
            ]
        )

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


def _headers(signature: str) -> dict[str, str]:
    return {"Content-Type": "application/json", "x-xero-signature": signature}
