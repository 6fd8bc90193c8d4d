"""Paymo's webhooks: who asked to be told of what, and the telling, in the background."""

import asyncio
import hmac
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, web

from sandbox.paymo.model import Refused, invalid, stamp
from sandbox.serving import Bell, Json

_PATIENCE = ClientTimeout(total=5)
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
    """What one event, or everything that fits a pattern, is sent to."""

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
        """Say whether it is to hear of this; the stand-in does not narrow by `where`."""
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
    """Return the webhook that somebody asks for."""
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


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was sent, and the status that came back; 0 stands for no answer."""

    url: str
    headers: dict[str, str]
    body: bytes
    status: int


@dataclass(slots=True)
class Courier:
    """Sends what happened, in order, each once: Paymo promises no second try."""

    deliveries: list[Delivery] = field(default_factory=list)
    _waiting: list[tuple[dict[int, Hook], int, str, bytes]] = field(default_factory=list)
    _wake: Bell = field(default_factory=Bell)
    _idle: Bell = field(default_factory=Bell)

    def announce(self, hooks: dict[int, Hook], event: str, body: Json) -> None:
        """Queue an event for whoever is to hear of it."""
        heard = [each.id for each in hooks.values() if each.fits(event)]
        raw = _ENCODER.encode(body)
        self._waiting += [(hooks, hook_id, event, raw) for hook_id in heard]
        if heard:
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

    def forget(self) -> None:
        """Send nothing of what waits, and forget what was sent."""
        self._waiting.clear()
        self.deliveries.clear()

    async def _deliver_waiting(self) -> None:
        while True:
            if not self._waiting:
                self._idle.set()
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                hooks, hook_id, event, raw = self._waiting.pop(0)
                hook = hooks.get(hook_id)
                if hook is not None:
                    await self._deliver(hooks, hook, event, raw)

    async def _deliver(self, hooks: dict[int, Hook], hook: Hook, event: str, raw: bytes) -> None:
        headers = _headers(hook, event, raw)
        status = await self._post(hook.target_url, raw, headers)
        self.deliveries.append(Delivery(hook.target_url, headers, raw, status))
        hook.last_status = status or None
        if status == HTTPStatus.GONE:
            hooks.pop(hook.id, None)

    async def _post(self, url: str, raw: bytes, headers: dict[str, str]) -> int:
        try:
            async with (
                ClientSession(timeout=_PATIENCE) as session,
                session.post(url, data=raw, headers=headers) as response,
            ):
                await response.read()
                return response.status
        except (ClientError, TimeoutError):
            return 0


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
    """Return the events of these deliveries, in order."""
    return [each.headers["X-Paymo-Event"] for each in deliveries]
