"""Xero, as one address: its hosts, its organisations, and what was asked of it."""

from dataclasses import dataclass, field
from functools import partial

from aiohttp import web

from sandbox.serving import Clock, Faults, Json, Record, Recorded, control_routes, utc_now
from sandbox.xero import contacts, credit_notes, extras, invoices, payments, settings
from sandbox.xero.control import Control
from sandbox.xero.http import Door
from sandbox.xero.idempotency import Replays
from sandbox.xero.identity import Consent, Identity
from sandbox.xero.limits import Limits
from sandbox.xero.model import Invoice, new_id
from sandbox.xero.oauth import Authority
from sandbox.xero.organisation import Organisation
from sandbox.xero.pages import Pages, is_page
from sandbox.xero.webhooks import Webhooks

_MOST_BODY = 10 * 1024 * 1024


@dataclass(slots=True)
class XeroWorld(Recorded):
    """The stand-in; give it a clock to rule its time."""

    now: Clock = utc_now
    client_id: str = "xero-client"
    client_secret: str = "xero-secret"
    faults: Faults = field(default_factory=Faults)
    consent: Consent = field(default_factory=Consent)
    organisations: dict[str, Organisation] = field(default_factory=dict)
    record: Record = field(default_factory=lambda: Record(is_page))
    authority: Authority = field(init=False)
    limits: Limits = field(init=False)
    replays: Replays = field(init=False)
    webhooks: Webhooks = field(init=False)

    def __post_init__(self) -> None:
        """Put the parts together."""
        self.authority = Authority(self.client_id, self.client_secret, self.now)
        self.limits = Limits(self.now)
        self.replays = Replays(self.now)
        self.webhooks = Webhooks(self.now, self._anyone_connected)

    def _anyone_connected(self, tenant_id: str) -> bool:
        links = self.authority.connections.values()
        return any(link.tenant_id == tenant_id for link in links)

    def add_organisation(
        self, name: str, *, country: str = "NZ", currency: str = "NZD", **more: object
    ) -> Organisation:
        """Open books; `more` is any of short_code, is_demo and tenant_id."""
        tenant_id = str(more.get("tenant_id") or new_id())
        books = Organisation(
            name=name,
            country=country,
            currency=currency,
            short_code=str(more.get("short_code") or f"!{tenant_id[:5]}"),
            is_demo=bool(more.get("is_demo")),
            tenant_id=tenant_id,
            now=self.now,
            announce=partial(self._announce, tenant_id),
        )
        self.organisations[tenant_id] = books
        return books

    def _announce(
        self, tenant_id: str, category: str, event: str, resource_id: str, data: Json
    ) -> None:
        self.webhooks.announce(tenant_id, category, event, (resource_id, data))

    @property
    def invoices(self) -> dict[str, Invoice]:
        """All invoices of all organisations, by id."""
        return {
            invoice_id: invoice
            for books in self.organisations.values()
            for invoice_id, invoice in books.invoices.items()
        }

    @property
    def books(self) -> Organisation:
        """The first organisation."""
        return next(iter(self.organisations.values()))

    def disconnect(self, tenant_id: str) -> None:
        """Somebody removes the app inside Xero."""
        self.authority.disconnect(tenant_id)

    def reset(self) -> None:
        """Forget organisations, tokens, requests, limits and keys; settings stay."""
        self.organisations.clear()
        self.record.requests.clear()
        self.limits.reset()
        self.replays.remembered.clear()
        for kept in (
            self.authority.codes,
            self.authority.refreshes,
            self.authority.accesses,
            self.authority.connections,
        ):
            kept.clear()

    def app(self) -> web.Application:
        """All hosts in one application."""
        door = Door(self.authority, self._books)
        app = web.Application(
            client_max_size=_MOST_BODY,
            middlewares=[
                self.record.middleware,
                self.limits.middleware,
                self.replays.remember_crash,
                self.faults.middleware,
                door.refusals,
                door.middleware,
                self.replays.middleware,
                door.refusals,
            ],
        )
        identity = Identity(self.authority, self.consent, self._books)
        app.add_routes(identity.routes())
        for part in (settings, contacts, invoices, extras, payments, credit_notes):
            app.add_routes(part.ROUTES)
        pages = Pages(self._books, self.authority, lambda: self.consent.app_name, self.now)
        app.add_routes(pages.routes())
        app.add_routes(Control(self._books, self.disconnect).routes())
        app.add_routes(control_routes(self.faults, self.reset))
        app.cleanup_ctx.append(self.webhooks.running)
        return app

    def _books(self) -> dict[str, Organisation]:
        return self.organisations
