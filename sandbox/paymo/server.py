"""Paymo as one address: its companies, its limit, and what was asked of it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from math import ceil

from aiohttp import web

from sandbox.paymo.api import Api
from sandbox.paymo.company import Company
from sandbox.paymo.control import Control
from sandbox.paymo.pages import Pages
from sandbox.paymo.webhooks import Courier
from sandbox.serving import (
    Clock,
    Faults,
    Handler,
    Numbers,
    Record,
    Recorded,
    as_json,
    control_routes,
    utc_now,
)

_FIRST_ID = 3_000_001_001  # more than 32 bits hold: Paymo says nowhere how large its ids grow


@dataclass(slots=True)
class Limit:
    """So many requests in each window; every one beyond is refused until the window is over.

    A `wider` window counts the same requests; the headers show both.
    """

    now: Clock
    requests: int = 1000
    window: timedelta = timedelta(seconds=5)
    opened: datetime | None = None
    used: int = 0
    wider: "Limit | None" = None

    @property
    def windows(self) -> list["Limit"]:
        """All that hold, the narrowest first."""
        return [self, *(self.wider.windows if self.wider else ())]

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count, refuse what is too much, and say how much is left."""
        if not request.path.startswith("/api/"):
            return await handler(request)
        waits = [each.count() for each in self.windows]
        if any(waits):
            refusal = as_json({"message": "Too many requests"}, status=HTTPStatus.TOO_MANY_REQUESTS)
            refusal.headers["Retry-After"] = str(max(waits))
            return self._told(refusal)
        return self._told(await handler(request))

    def count(self) -> int:
        """Count a request, and return the seconds to wait where it is too many."""
        now = self.now()
        if self.opened is None or now >= self.opened + self.window:
            self.opened, self.used = now, 0
        self.used += 1
        if self.used <= self.requests:
            return 0
        return ceil((self.opened + self.window - now).total_seconds())

    def _told(self, response: web.StreamResponse) -> web.StreamResponse:
        for name, figures in (
            ("Limit", [each.requests for each in self.windows]),
            ("Remaining", [max(each.requests - each.used, 0) for each in self.windows]),
            ("Decay-Period", [int(each.window.total_seconds()) for each in self.windows]),
        ):
            response.headers[f"X-Ratelimit-{name}"] = ", ".join(map(str, figures))
        return response


@dataclass(slots=True)
class PaymoWorld(Recorded):
    """The stand-in; give it a clock to rule its time."""

    now: Clock = utc_now
    faults: Faults = field(default_factory=Faults)
    companies: dict[int, Company] = field(default_factory=dict)
    record: Record = field(default_factory=lambda: Record(_is_aside))
    courier: Courier = field(default_factory=Courier)
    ids: Numbers = field(default_factory=lambda: Numbers(_FIRST_ID))
    limit: Limit = field(init=False)

    def __post_init__(self) -> None:
        """Put the parts together."""
        self.limit = Limit(self.now)

    def add_company(self, name: str, *, key: str, currency: str = "NZD") -> Company:
        """Found a company that this API key opens."""
        company_id = 410 + len(self.companies)
        company = Company(
            company_id, name, {key}, self.now, currency, ids=self.ids, courier=self.courier
        )
        self.companies[company.id] = company
        return company

    @property
    def company(self) -> Company:
        """The first company."""
        return next(iter(self.companies.values()))

    def reset(self) -> None:
        """Forget companies, requests and what the limit counted."""
        self.companies.clear()
        self.record.requests.clear()
        self.courier.forget()
        self.limit.opened = None

    def app(self) -> web.Application:
        """The API, the control routes and the page in one application."""
        api = Api(self._company_for)
        app = web.Application(
            middlewares=[
                self.record.middleware,
                self.limit.middleware,
                self.faults.middleware,
                api.door,
            ]
        )
        app.cleanup_ctx.append(self.courier.running)
        app.add_routes(api.routes())
        app.add_routes(control_routes(self.faults, self.reset))
        app.add_routes(Control(self._all, self.add_company).routes())
        app.add_routes(Pages(self._all, self.now).routes())
        return app

    def _all(self) -> dict[int, Company]:
        return self.companies

    def _company_for(self, key: str) -> Company | None:
        return next((each for each in self.companies.values() if key in each.keys), None)


def _is_aside(path: str) -> bool:
    return not path.startswith("/api/")
