"""Requests to one Xero organisation: its token, its queue, what a 403 means, and the envelopes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

import httpx
import msgspec

from services.clients.allowance import Allowance
from services.clients.http import Answer, ApiClient
from services.clients.messages import errors_in, messages_in
from services.clients.rows import Json, Kind, LeftOut, Rows
from services.clients.typed import content_of, objects_of, rows_in
from services.clients.xero import wire
from services.errors import (
    Forbidden,
    NotConnected,
    Rejected,
    Unavailable,
    Unreachable,
    of_access,
)
from services.model.wording import sentences

T = TypeVar("T", bound=msgspec.Struct)

ACCOUNTING = "/api.xro/2.0"
CONNECTIONS = "/connections"
PAGE = 1000
CLAMPED = 100  # a page with fewer rows is the last, even where a larger page size was cut down
XERO = "Xero"
TENANTS = Kind(wire.Tenant, "connection", XERO)
ORGANISATIONS = Kind(wire.XeroOrganisation, "organisation", XERO)
CURRENCIES = Kind(wire.EnabledCurrency, "currency", XERO)
ACCOUNTS = Kind(wire.Account, "account", XERO)
TAX_RATES = Kind(wire.TaxRate, "tax rate", XERO)
CONTACTS = Kind(wire.Contact, "contact", XERO)
INVOICES = Kind(wire.XeroInvoice, "invoice", XERO)
PAYMENTS = Kind(wire.XeroPayment, "payment", XERO)
_KEYS: dict[Kind[Any], str] = {
    ORGANISATIONS: "Organisations",
    CURRENCIES: "Currencies",
    ACCOUNTS: "Accounts",
    TAX_RATES: "TaxRates",
    CONTACTS: "Contacts",
    INVOICES: "Invoices",
    PAYMENTS: "Payments",
}


class TokenSource(Protocol):
    """Where access tokens come from."""

    async def access_token(self, grant_id: int) -> str:
        """A token that is valid now, refreshing it when needed."""

    async def look_ahead(self, grant_id: int) -> None:
        """Read the token for the next call, while there is time."""

    async def renew(self, grant_id: int, used: str) -> str:
        """Another token than the one that was refused."""


@dataclass(frozen=True, slots=True)
class XeroTransport:
    """Sends requests to one organisation, with one consent."""

    api: ApiClient
    tokens: TokenSource
    at_once: asyncio.Semaphore
    tenant_id: str
    grant_id: int
    left_out: list[LeftOut] = field(default_factory=list)  # of the lists that were read so far

    @property
    def allowance(self) -> Allowance:
        """What Xero last said is left of the day and the minute."""
        return self.api.allowance

    async def send(self, method: str, path: str, **extras: Any) -> Answer:
        """Send one request; an expired token is renewed once, since a 401 did nothing.

        A write's limit runs on while a token is fetched, but never breaks that off.
        """
        with of_access(self.grant_id):
            return await self._send(method, path, extras)

    async def _send(self, method: str, path: str, extras: dict[str, Any]) -> Answer:
        bounded = self.api.bound(method)
        token = await self.tokens.access_token(self.grant_id)
        try:
            async with bounded(), self.at_once:
                try:
                    return await self._send_with(token, method, path, extras)
                except NotConnected as refusal:
                    if not refusal.is_stale:
                        raise
            token = await self.tokens.renew(self.grant_id, token)
            async with bounded(), self.at_once:
                return await self._send_with(token, method, path, extras)
        except NotConnected as refusal:
            # A network between us may say so in Xero's place, even of a new token.
            is_told = refusal.is_stale and not path.startswith(CONNECTIONS)
            if not is_told or await self._is_cut_off(token):
                raise
            text = "Xero refused our access once, though it still works. Nothing was done."
            raise Unreachable(text) from refusal
        except Forbidden as refusal:
            is_own = refusal.is_its_own and path == CONNECTIONS
            if is_own or (not path.startswith(CONNECTIONS) and await self._is_cut_off(token)):
                text = f"Xero no longer accepts our connection. Connect it again. {refusal}"
                raise NotConnected(text, system="Xero") from refusal
            raise

    async def _is_cut_off(self, token: str) -> bool:
        """Say whether the organisation is refused as well; Xero's connections tell."""
        headers = {"Authorization": f"Bearer {token}"}
        return await self.api.refuses_us(CONNECTIONS, self._is_listed, headers=headers)

    def _is_listed(self, answer: Answer) -> bool:
        return any(each.tenant_id == self.tenant_id for each in tenants_of(answer).found)

    async def _send_with(
        self, token: str, method: str, path: str, extras: dict[str, Any]
    ) -> Answer:
        headers = {"Authorization": f"Bearer {token}", **extras.get("headers", {})}
        if self.tenant_id:
            headers["Xero-Tenant-Id"] = self.tenant_id
        return await self.api.send(method, path, **{**extras, "headers": headers})

    async def _rows(self, path: str, kind: Kind[T], **extras: Any) -> Rows[T]:
        answer = await self.send("GET", f"{ACCOUNTING}/{path}", **extras)
        return Rows(()) if answer.status == httpx.codes.NOT_MODIFIED else rows_of(answer, kind)

    async def _all(self, path: str, kind: Kind[T]) -> Sequence[T]:
        """A list that comes on one page, each row once; note what is left out."""
        rows = await self._rows(path, kind)
        self.left_out.extend(rows.left_out)
        return tuple({getattr(each, kind.key): each for each in rows.found}.values())

    async def _one(self, path: str, kind: Kind[T]) -> T:
        return kind.only(await self._rows(path, kind))


def rows_of(answer: Answer, kind: Kind[T]) -> Rows[T]:
    """The rows of an answer; Xero wraps even one object in a list."""
    key = _KEYS[kind]
    return rows_in(answer.body, kind, key) or kind.rows(_elements(objects_of(answer), key))


def tenants_of(answer: Answer) -> Rows[wire.Tenant]:
    """The organisations in an answer about connections, which has no envelope."""
    return TENANTS.rows(content_of(answer))


def left_out(invoice: wire.XeroInvoice) -> LeftOut:
    """Name an invoice that lacks something."""
    known = invoice.invoice_id
    return LeftOut("invoice", XERO, invoice.invoice_number or known, known, invoice.lacks)


def require_taken(answer: Answer, key: str) -> list[Json]:
    """Refuse a yes that is none: an element that failed inside a 2xx answer. Raises `Rejected`."""
    found = objects_of(answer)
    if found.get(key) is None and (texts := messages_in(found)):
        raise refusal(texts)
    elements = _elements(found, key)
    for each in elements:
        if wire.is_refused(each):
            raise refusal(errors_in(each))
    return elements


def refusal_of(element: wire.XeroInvoice) -> Rejected:
    """The refusal of one element of an answer that is well otherwise."""
    return refusal(element.said)


def refusal(texts: Sequence[str]) -> Rejected:
    """The refusal that Xero gives these reasons for."""
    said = sentences(texts or ["it gave no reason"])
    return Rejected(f"Xero refused: {said}", messages=tuple(texts))


def _elements(answered: Json, key: str) -> list[Json]:
    found = answered.get(key)
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        raise Unavailable(f"Xero answered without {key}.")
    return [each if isinstance(each, dict) else {} for each in found]


def one_written(rows: Rows[T]) -> T:
    """What was written; where that cannot be told, the outcome is unknown."""
    if len(rows.found) != 1:
        raise Unavailable("Xero answered with no object where one was expected.")
    return rows.found[0]


def if_modified_since(moment: datetime) -> dict[str, str]:
    """Xero ignores this header without a word when it has a zone or a fraction."""
    return {"If-Modified-Since": moment.strftime("%Y-%m-%dT%H:%M:%S")}
