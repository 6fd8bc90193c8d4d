"""Paymo's webhooks: who asked to hear of what, and what each is sent."""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import msgspec

from sandbox.paymo.model import Refused, invalid, stamp
from sandbox.serving import Json
from sandbox.webhooks import Delivery, Queue

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_VERBS = ("insert", "update", "delete")
_OBJECTS = (
    "Client|ClientContact|Project|Tasklist|Task|Invoice|InvoicePayment|Entry|Milestone|Report|"
    "Expense|Estimate|Comment|User|Booking"
)
_EVENT = re.compile(
    rf"\*|model\.({'|'.join(_VERBS)})\.(\*|{_OBJECTS})|model\.(start|stop)\.Entry|\*\.({_OBJECTS})"
)


@dataclass(slots=True)
class Hook:
    """An address to which one event, or everything that fits a pattern, is sent."""

    id: int
    target_url: str
    event: str
    time: datetime
    updated: datetime
    where: str | None = None
    secret: str = field(default="", repr=False)
    last_status: int | None = None

    def json(self) -> Json:
        """As Paymo shows it, which never is with its secret."""
        return {
            "id": self.id,
            "target_url": self.target_url,
            "last_status_code": self.last_status,
            "event": self.event,
            "where": self.where,
            "created_on": stamp(self.time),
            "updated_on": stamp(self.updated),
        }

    def fits(self, event: str) -> bool:
        """Whether this event is sent to it; the stand-in does not filter by `where`."""
        pattern = re.escape(self.event).replace(r"\*", ".*")
        return re.fullmatch(pattern, event) is not None

    def change(self, sent: Json) -> None:
        """Take over what was sent; what the last answer was is forgotten."""
        self.target_url = _address(sent.get("target_url", self.target_url))
        self.event = _event(sent.get("event", self.event))
        self.where = sent.get("where", self.where)
        self.secret = str(sent.get("secret", self.secret))
        self.last_status = None


def made_from(sent: Json, hook_id: int, now: datetime) -> Hook:
    """Make the webhook that is asked for."""
    for name in ("target_url", "event"):
        if name not in sent:
            raise Refused(HTTPStatus.BAD_REQUEST, f"Missing required params: {name}")
    hook = Hook(hook_id, "", "", now, now)
    hook.change(sent)
    return hook


def _address(value: Any) -> str:
    if urlsplit(str(value)).scheme not in {"http", "https"}:
        raise invalid("target_url")
    return str(value)


def _event(value: Any) -> str:
    if not _EVENT.fullmatch(str(value)):
        raise invalid("event")
    return str(value)


@dataclass(slots=True)
class Courier(Queue[tuple[dict[int, Hook], int, str, bytes]]):
    """Sends what happened, in order, each once: Paymo promises no second try."""

    def announce(self, hooks: dict[int, Hook], event: str, body: Json) -> None:
        """Queue an event for whoever is to hear of it."""
        raw = _ENCODER.encode(body)
        heard = [each.id for each in hooks.values() if each.fits(event)]
        self._add(*((hooks, hook_id, event, raw) for hook_id in heard))

    def forget(self) -> None:
        """Send nothing of what waits, and forget what was sent."""
        self._waiting.clear()
        self.deliveries.clear()

    async def _send_next(self) -> None:
        hooks, hook_id, event, raw = self._waiting.pop(0)
        hook = hooks.get(hook_id)
        if hook is None:
            return
        status = await self._deliver(hook.target_url, _headers(hook, event, raw), raw)
        hook.last_status = status or None
        if status == HTTPStatus.GONE:
            hooks.pop(hook.id, None)


def _headers(hook: Hook, event: str, raw: bytes) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "X-Paymo-Webhook": str(hook.id),
        "X-Paymo-Event": event,
    }
    return headers | ({"X-Paymo-Signature": sign(raw, hook.secret)} if hook.secret else {})


def sign(raw: bytes, secret: str) -> str:
    """The signature over the very bytes that are sent."""
    return f"sha1={hmac.digest(secret.encode(), raw, 'sha1').hex()}"


def told_of(deliveries: Sequence[Delivery]) -> list[str]:
    """The events of these deliveries, in order."""
    return [each.headers["X-Paymo-Event"] for each in deliveries]
