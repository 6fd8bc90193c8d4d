"""Webhooks: checked, answered at once, and only ever taken as a hint to look."""

import base64
import hmac
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from bot import bodies
from bot.metrics import Metrics
from bot.tasks import Tasks

Hint = Callable[[Mapping[str, Collection[str]]], Awaitable[None]]
PaymoHint = Callable[[str, str, bytes], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What Xero and Paymo tell by themselves."""

    xero_key: str = field(repr=False)
    hint: Hint
    paymo_hint: PaymoHint
    tasks: Tasks
    metrics: Metrics

    async def xero(self, request: Request) -> Response:
        """Answer Xero within its five seconds, whatever has to be done about it."""
        if not self.xero_key:
            return Response(status_code=404)
        raw = await bodies.read(request)
        if not self._is_signed(raw, request.headers.get("x-xero-signature", "")):
            return self._answer("xero", 401)
        named = _named(raw)
        if named:
            self.tasks.start(self._look_at(named), "xero webhook")
        return self._answer("xero", 200)

    async def paymo(self, request: Request) -> Response:
        """Answer Paymo; never with 410, for which it would delete the webhook."""
        token = request.path_params["token"]
        signature = request.headers.get("x-paymo-signature", "")
        is_ours = await self.paymo_hint(token, signature, await bodies.read(request))
        return self._answer("paymo", 200 if is_ours else 401)

    def _is_signed(self, raw: bytes, signature: str) -> bool:
        made = hmac.digest(self.xero_key.encode(), raw, "sha256")
        return hmac.compare_digest(base64.b64encode(made), signature.encode())

    async def _look_at(self, named: Mapping[str, Collection[str]]) -> None:
        await self.hint(named)

    def _answer(self, system: str, status: int) -> Response:
        self.metrics.webhooks.labels(system, status).inc()
        return Response(status_code=status)


def _named(raw: bytes) -> dict[str, set[str]]:
    """Return what it names, by organisation: nothing where what was signed cannot be read.

    An event names an invoice or bill, a payment, a credit, or something that concerns nobody here.
    Xero's ids never mean two things, so which it is does not matter.
    """
    try:
        events = bodies.json_object(raw).get("events")
    except bodies.BadBody:
        return {}
    found: dict[str, set[str]] = {}
    for event in events if isinstance(events, list) else []:
        fields = event if isinstance(event, dict) else {}
        tenant_id, its_id = fields.get("tenantId"), fields.get("resourceId")
        if isinstance(tenant_id, str) and isinstance(its_id, str) and tenant_id and its_id:
            found.setdefault(tenant_id, set()).add(its_id)
    return found
