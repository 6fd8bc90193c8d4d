"""Paymo as one address: its companies, its limit, and what was asked of it."""

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from math import ceil
from typing import Any

from aiohttp import web

from sandbox.paymo.api import Api
from sandbox.paymo.company import Company
from sandbox.paymo.model import Refused, rounded
from sandbox.paymo.pages import Pages
from sandbox.serving import Clock, Faults, Handler, Json, as_json, control_routes, utc_now


@dataclass(slots=True)
class Seen:
    """A request that came in; the status is 0 while it is being answered."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    status: int = 0


@dataclass(slots=True)
class Limit:
    """So many requests in each window; every one beyond is refused until the window is over."""

    now: Clock
    requests: int = 1000
    window: timedelta = timedelta(seconds=5)
    opened: datetime | None = None
    used: int = 0

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count, refuse what is too much, and say how much is left."""
        if not request.path.startswith("/api/"):
            return await handler(request)
        now = self.now()
        if self.opened is None or now >= self.opened + self.window:
            self.opened, self.used = now, 0
        self.used += 1
        if self.used > self.requests:
            wait = ceil((self.opened + self.window - now).total_seconds())
            refusal = as_json({"message": "Too many requests"}, status=HTTPStatus.TOO_MANY_REQUESTS)
            refusal.headers["Retry-After"] = str(wait)
            return self._told(refusal)
        return self._told(await handler(request))

    def _told(self, response: web.StreamResponse) -> web.StreamResponse:
        response.headers["X-Ratelimit-Limit"] = str(self.requests)
        response.headers["X-Ratelimit-Remaining"] = str(max(self.requests - self.used, 0))
        response.headers["X-Ratelimit-Decay-Period"] = str(int(self.window.total_seconds()))
        return response


@dataclass(slots=True)
class PaymoWorld:
    """The stand-in; give it a clock to rule its time."""

    now: Clock = utc_now
    faults: Faults = field(default_factory=Faults)
    companies: dict[int, Company] = field(default_factory=dict)
    requests: list[Seen] = field(default_factory=list)
    limit: Limit = field(init=False)

    def __post_init__(self) -> None:
        """Put the parts together."""
        self.limit = Limit(self.now)

    def add_company(self, name: str, *, key: str, currency: str = "NZD") -> Company:
        """Found a company that this API key opens."""
        company = Company(410 + len(self.companies), name, {key}, self.now, currency)
        self.companies[company.id] = company
        return company

    @property
    def company(self) -> Company:
        """The first company."""
        return next(iter(self.companies.values()))

    def calls(self, method: str = "", path: str = "") -> list[Seen]:
        """The requests so far with this method, whose path holds this regular expression."""
        return [
            seen
            for seen in self.requests
            if method in {"", seen.method} and re.search(path, seen.path)
        ]

    def reset(self) -> None:
        """Forget companies, requests and what the limit counted."""
        self.companies.clear()
        self.requests.clear()
        self.limit.opened = None

    def app(self) -> web.Application:
        """The API, the control routes and the page in one application."""
        api = Api(self._company_for)
        app = web.Application(
            middlewares=[self.log, self.limit.middleware, self.faults.middleware, api.door]
        )
        app.add_routes(api.routes())
        app.add_routes(control_routes(self.faults, self.reset))
        app.add_routes([web.post("/_sandbox/{act}", self.control)])
        app.add_routes(Pages(lambda: self.companies, self.now).routes())
        return app

    def _company_for(self, key: str) -> Company | None:
        return next((each for each in self.companies.values() if key in each.keys), None)

    @web.middleware
    async def log(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Write down what came in, without its credentials."""
        if not request.path.startswith("/api/"):
            return await handler(request)
        seen = Seen(request.method, request.path, dict(request.query), await request.read())
        self.requests.append(seen)
        response = await handler(request)
        seen.status = response.status
        return response

    async def control(self, request: web.Request) -> web.Response:
        """What people do in Paymo, for demo pages and for programs outside."""
        sent: Json = await request.json()
        try:
            result = self._act(request.match_info["act"], sent)
        except Refused as refusal:
            return as_json({"ok": False, "message": str(refusal)}, status=refusal.status)
        return as_json({"ok": True, "result": result})

    def _act(self, act: str, sent: Json) -> Any:
        company = self._holding(sent)
        if act == "pay":
            day, amount = _read_payment(sent)
            notes = sent.get("notes", "")
            return company.pay(sent["invoice_id"], amount, paid_on=day, notes=notes).id
        if act == "delete_payment":
            return company.delete_payment(sent["payment_id"])
        if act == "delete_invoice":
            return company.delete_invoice(sent["invoice_id"])
        if act == "set_status":
            return company.set_status(sent["invoice_id"], sent["status"])
        raise Refused(HTTPStatus.NOT_FOUND, f"There is no act called {act}.")

    def _holding(self, sent: Json) -> Company:
        for company in self.companies.values():
            held = sent.get("invoice_id") in company.invoices
            if held or sent.get("payment_id") in company.payments:
                return company
        raise Refused(HTTPStatus.NOT_FOUND, "Object not found")


def _read_payment(sent: Json) -> tuple[date | None, Decimal]:
    """Read what a person typed, who may mistype."""
    try:
        day = date.fromisoformat(sent["date"]) if sent.get("date") else None
        amount = Decimal(str(sent["amount"]))
    except (ValueError, InvalidOperation):
        raise Refused(HTTPStatus.BAD_REQUEST, "The date or the amount is not readable") from None
    if not amount.is_finite() or amount != rounded(amount):
        raise Refused(HTTPStatus.BAD_REQUEST, "The amount must be a number of cents")
    return day, amount
