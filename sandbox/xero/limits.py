"""Xero's limits for each organisation: calls at once, a minute, a day."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from math import ceil

from aiohttp import web

from sandbox.serving import Clock, Handler

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
ACCOUNTING = "/api.xro/"


@dataclass(slots=True)
class Window:
    """Calls counted from the first one of a stretch of time."""

    length: timedelta
    opened: datetime | None = None
    used: int = 0

    def roll(self, now: datetime) -> None:
        """Begin again when the stretch is over."""
        if self.opened is None or now >= self.opened + self.length:
            self.opened, self.used = now, 0

    def wait(self, now: datetime) -> int:
        """Whole seconds until the next stretch."""
        return 0 if self.opened is None else ceil((self.opened + self.length - now).total_seconds())


@dataclass(slots=True)
class Usage:
    """What one organisation has used."""

    minute: Window = field(default_factory=lambda: Window(_MINUTE))
    day: Window = field(default_factory=lambda: Window(_DAY))
    at_once: int = 0


@dataclass(slots=True)
class Limits:
    """The limits, all settable, and what is used of them."""

    now: Clock
    at_once: int = 5
    per_minute: int = 60
    per_day: int = 5000
    app_per_minute: int = 10_000
    usages: dict[str, Usage] = field(default_factory=dict)
    app: Window = field(default_factory=lambda: Window(_MINUTE))

    def reset(self) -> None:
        """Forget what was used."""
        self.usages.clear()
        self.app = Window(_MINUTE)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count accounting calls, and turn away those beyond a limit."""
        if not request.path.startswith(ACCOUNTING):
            return await handler(request)
        usage = self.usages.setdefault(request.headers.get("Xero-Tenant-Id", ""), Usage())
        now = self.now()
        for window in (usage.minute, usage.day, self.app):
            window.roll(now)
        if refusal := self._refusal(usage, now):
            return refusal
        for window in (usage.minute, usage.day, self.app):
            window.used += 1
        headers = self._headers(usage)
        usage.at_once += 1
        try:
            response = await handler(request)
        finally:
            usage.at_once -= 1
        response.headers.update(headers)
        return response

    def _refusal(self, usage: Usage, now: datetime) -> web.Response | None:
        problems = {
            "concurrent": (usage.at_once >= self.at_once, None),
            "minute": (usage.minute.used >= self.per_minute, usage.minute),
            "day": (usage.day.used >= self.per_day, usage.day),
            "appminute": (self.app.used >= self.app_per_minute, None),
        }
        for name, (over, window) in problems.items():
            if over:
                headers = self._headers(usage) | {"X-Rate-Limit-Problem": name}
                if window is not None:
                    headers["Retry-After"] = str(window.wait(now))
                return web.Response(status=HTTPStatus.TOO_MANY_REQUESTS, headers=headers)
        return None

    def _headers(self, usage: Usage) -> dict[str, str]:
        return {
            "X-DayLimit-Remaining": str(max(0, self.per_day - usage.day.used)),
            "X-MinLimit-Remaining": str(max(0, self.per_minute - usage.minute.used)),
            "X-AppMinLimit-Remaining": str(max(0, self.app_per_minute - self.app.used)),
        }
