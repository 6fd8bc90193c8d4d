"""Calls to one Xero organisation. Every call names its tenant, and refusals are translated here.

Facts: Xero's accounting API pages (requests-and-responses, invoices, payments, limits).
"""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Protocol

import httpx
import structlog

from services import money
from services.clients.allowance import Allowance
from services.clients.http import ApiClient, Sleep, sleep_for
from services.clients.messages import messages_of
from services.clients.xero import wire
from services.clients.xero.invoices import IDS, UNPLAIN, InvoiceCalls
from services.clients.xero.transport import (
    ACCOUNTING,
    ACCOUNTS,
    CLAMPED,
    CONNECTIONS,
    CONTACTS,
    CURRENCIES,
    ORGANISATIONS,
    PAGE,
    TAX_RATES,
    TokenSource,
    if_modified_since,
    one_written,
    require_taken,
    tenants_of,
)
from services.clients.xero.wire import Allocation, Credit, XeroInvoice
from services.errors import Forbidden, NotConnected, NotFound, Rejected
from services.model import chunks
from services.model.invoice import PaymentKind, Settlement
from services.model.jobs import CALL_LIMIT
from services.money import folded

log = structlog.get_logger(__name__)

_AT_ONCE = 5  # calls at a time for each organisation
_MOST_MOVED = 100  # contacts; where more are missing, they are gone
_ZERO = Decimal(0)
_NAMES = {
    PaymentKind.CREDIT_NOTE: "Credit note",
    PaymentKind.OVERPAYMENT: "Overpayment",
    PaymentKind.PREPAYMENT: "Prepayment",
}


class Linked(Protocol):
    """An organisation, and the consent with which it is called."""

    tenant_id: str
    grant_id: int | None


@dataclass(slots=True)
class _Gate:
    """What all calls to one organisation share in this process."""

    at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    allowance: Allowance = field(default_factory=Allowance)


@dataclass(frozen=True, slots=True)
class XeroClients:
    """Makes a client for each organisation; what is known of its allowance is kept."""

    http: httpx.AsyncClient
    tokens: TokenSource
    sleep: Sleep = sleep_for
    limit: timedelta = CALL_LIMIT
    gates: dict[str, _Gate] = field(default_factory=dict)
    client_id: str = ""

    @property
    def app(self) -> str:
        """A mark of the Xero app: Xero lists as our own only what this very app created."""
        return sha256(self.client_id.encode()).hexdigest()[:16]

    async def look_ahead(self, grant_id: int | None) -> None:
        """Read the token for the next call with this consent, while there is time."""
        if grant_id is not None:
            await self.tokens.look_ahead(grant_id)

    def of(self, linked: Linked) -> "XeroClient":
        """The client for a connection's organisation."""
        return self.client(linked.tenant_id, linked.grant_id)

    def client(self, tenant_id: str, grant_id: int | None) -> "XeroClient":
        """The client for this organisation."""
        if grant_id is None:
            raise NotConnected("Xero isn't connected.", system="Xero")
        gate = self.gates.setdefault(tenant_id, _Gate())
        api = ApiClient(
            "Xero",
            self.http,
            explain=messages_of,
            allowance=gate.allowance,
            sleep=self.sleep,
            limit=self.limit,
        )
        return XeroClient(api, self.tokens, gate.at_once, tenant_id, grant_id)

    async def tenants(self, grant_id: int, auth_event_id: str = "") -> tuple[wire.Tenant, ...]:
        """The organisations that this consent reaches, or all that the person linked."""
        client = self.client("", grant_id)
        params = {"authEventId": auth_event_id} if auth_event_id else {}
        answer = await client.send("GET", CONNECTIONS, params=params)
        found = tenants_of(answer).found
        return tuple(each for each in found if each.tenant_type in {"", "ORGANISATION"})

    async def delete_connection(self, grant_id: int, xero_connection_id: str) -> None:
        """Unlink one organisation; one that is gone already is as good as unlinked."""
        client = self.client("", grant_id)
        try:
            await client.send("DELETE", f"{CONNECTIONS}/{xero_connection_id}", repeatable=True)
        except NotFound:
            return
        except Forbidden:
            if any(each.id == xero_connection_id for each in await self.tenants(grant_id)):
                raise


@dataclass(frozen=True, slots=True)
class XeroClient(InvoiceCalls):
    """One organisation, reached with one consent."""

    async def organisation(self) -> wire.XeroOrganisation:
        """The organisation."""
        return await self._one("Organisation", ORGANISATIONS)

    async def currencies(self) -> Sequence[wire.EnabledCurrency]:
        """The currencies that are enabled."""
        return await self._all("Currencies", CURRENCIES)

    async def accounts(self) -> Sequence[wire.Account]:
        """The chart of accounts, archived accounts included."""
        return await self._all("Accounts", ACCOUNTS)

    async def tax_rates(self) -> Sequence[wire.TaxRate]:
        """The tax rates."""
        return await self._all("TaxRates", TAX_RATES)

    async def contacts(
        self, *, changed_since: datetime | None = None, known: Collection[str] = ()
    ) -> Sequence[wire.Contact]:
        """Every contact, or those that changed since a time, archived ones too.

        A page that fails fails the whole. Rows move over the pages' edges while we read, so what
        is `known` and wasn't listed is asked for by its id, unless it is too much to be that.
        """
        headers = if_modified_since(changed_since) if changed_since is not None else {}
        found: dict[str, wire.Contact] = {}
        page, seen = 1, set[str]()
        while True:
            params = {"page": str(page), "pageSize": str(PAGE), "includeArchived": "true"}
            rows = await self._rows("Contacts", CONTACTS, params=params, headers=headers)
            found.update({each.contact_id: each for each in rows.found})
            self.left_out.extend(rows.left_out)
            if rows.count < CLAMPED or seen >= set(rows.keys):
                break
            page, seen = page + 1, seen | set(rows.keys)
        missed = sorted(set(known) - seen - set(rows.keys)) if page > 1 and not headers else []
        for some in chunks(missed, IDS) if len(missed) <= _MOST_MOVED else ():
            params = {"IDs": ",".join(some), "page": "1", "includeArchived": "true"}
            again = await self._rows("Contacts", CONTACTS, params=params)
            found.update({each.contact_id: each for each in again.found})
            self.left_out.extend(again.left_out)
        return tuple(found.values())

    async def contact(self, contact_id: str) -> wire.Contact:
        """One contact, whatever its state. Raises `NotFound`, `Unreadable`."""
        return await self._one(f"Contacts/{contact_id}", CONTACTS)

    async def contact_named(self, name: str) -> wire.Contact | None:
        """The contact with exactly this name, in any case; an active one first."""
        params = {"searchTerm": name, "page": "1", "includeArchived": "true"}
        rows = await self._rows("Contacts", CONTACTS, params=params)
        same = [each for each in rows.found if folded(each.name) == folded(name)]
        return min(same, key=lambda each: each.contact_status != "ACTIVE", default=None)

    async def contact_holding(self, name: str, number: str) -> wire.Contact | None:
        """The contact that has this number or this name, however Xero lets us look for it.

        A search does not find every name, and a filter cannot hold every one.
        """
        asked = [{"searchTerm": number}]
        if not set(name) & {'"', "\\"}:
            asked.append({"where": f'Name=="{name}"'})
        asked.append({"searchTerm": max(UNPLAIN.split(name), key=len)})
        for ways in asked:
            params = {"page": "1", "pageSize": str(PAGE), "includeArchived": "true", **ways}
            try:
                rows = await self._rows("Contacts", CONTACTS, params=params)
            except Rejected as refusal:
                log.warning("filters_refused", tenant=self.tenant_id, refusal=refusal)
                continue
            held = [
                each
                for each in rows.found
                if each.contact_number == number != "" or folded(each.name) == folded(name)
            ]
            if held:
                return min(held, key=lambda each: each.contact_status != "ACTIVE")
        return None

    async def add_contact(self, contact: wire.NewContact, *, key: str) -> wire.Contact:
        """Add a contact; a name that is taken is refused, never overwritten.

        Raises `Rejected`, also where Xero says yes to a contact that it did not make.
        """
        answer = await self.send(
            "PUT",
            f"{ACCOUNTING}/Contacts",
            params={"summarizeErrors": "true"},
            headers={"Idempotency-Key": key},
            body={"Contacts": [contact.body()]},
        )
        rows = CONTACTS.rows(require_taken(answer, "Contacts"))
        if rows.left_out and (made := rows.left_out[0].key):
            return wire.Contact(contact_id=made, name=contact.name, contact_number=contact.number)
        return one_written(rows)


@dataclass(frozen=True, slots=True)
class AppliedCredit:
    """One credit, and what of it settles this invoice."""

    id: str
    kind: PaymentKind
    number: str
    amount: Decimal
    applied_on: date | None  # never before the invoice's own day


@dataclass(frozen=True, slots=True)
class _Listed:
    """What the invoice says of one credit, which it may list more than once."""

    kind: PaymentKind
    invoice_id: str
    rows: list[Credit]

    @property
    def total(self) -> Decimal:
        """What the credit itself comes to."""
        return max(each.total for each in self.rows)

    @property
    def known(self) -> Decimal:
        """What is said to be applied to the invoice; 0 where nothing is said."""
        applied = sum((each.applied_amount for each in self.rows), _ZERO)
        return applied or sum((each.amount for each in self._allocations()), _ZERO)

    @property
    def day(self) -> date | None:
        """The last day on which a part was applied, or else the credit's own."""
        parts = [each.dated_on for each in self._allocations()]
        days = parts or [each.dated_on for each in self.rows]
        return max((day for day in days if day is not None), default=None)

    def _allocations(self) -> list[Allocation]:
        """Those to this invoice, each once, however often its credit is listed."""
        found = [each for row in self.rows for each in row.allocations_to(self.invoice_id)]
        named = {each.allocation_id: each for each in found if each.allocation_id}
        return [*named.values(), *(each for each in found if not each.allocation_id)]


def settlements_of(invoice: XeroInvoice, today: date) -> Sequence[Settlement]:
    """Return every payment and credit on this invoice in Xero."""
    paid = [
        Settlement(
            each.payment_id, PaymentKind.PAYMENT, each.reference, each.amount, each.paid_on or today
        )
        for each in invoice.payments
    ]
    paid += [
        Settlement(
            key=f"{each.id}:{invoice.invoice_id}",
            kind=each.kind,
            label=f"{_NAMES[each.kind]} {each.number}".strip(),
            amount=each.amount,
            paid_on=each.applied_on or today,
        )
        for each in applied_credits(invoice)
    ]
    return [each for each in paid if each.amount > 0]


def applied_credits(invoice: XeroInvoice) -> Sequence[AppliedCredit]:
    """Every credit on this invoice, each once, with the part that was applied to it."""
    found: dict[str, _Listed] = {}
    for kind, row in _rows(invoice):
        found.setdefault(row.id, _Listed(kind, invoice.invoice_id, [])).rows.append(row)
    amounts = _spread(invoice, list(found.values()))
    return [
        AppliedCredit(
            id=credit_id,
            kind=listed.kind,
            number=listed.rows[0].credit_note_number,
            amount=amount,
            applied_on=max(
                (day for day in (listed.day, invoice.issued_on) if day is not None), default=None
            ),
        )
        for (credit_id, listed), amount in zip(found.items(), amounts, strict=True)
        if amount > 0
    ]


def _rows(invoice: XeroInvoice) -> Iterator[tuple[PaymentKind, Credit]]:
    for kind, rows in (
        (PaymentKind.CREDIT_NOTE, invoice.credit_notes),
        (PaymentKind.OVERPAYMENT, invoice.overpayments),
        (PaymentKind.PREPAYMENT, invoice.prepayments),
    ):
        yield from ((kind, row) for row in rows)


def _spread(invoice: XeroInvoice, listed: Sequence[_Listed]) -> Sequence[Decimal]:
    """What each comes to, so that all come to what the invoice says is credited."""
    known = [each.known for each in listed]
    credited = invoice.amount_credited
    if not credited and not all(known):  # recorded answers leave it out here and there
        credited = invoice.total - invoice.amount_paid - invoice.amount_due
    rest = credited - sum(known, _ZERO)
    if rest == 0 or credited <= 0:
        return known
    decimals = max(money.decimals_of(invoice.currency_code), money.decimals_in(credited))
    unit = Decimal(1).scaleb(-decimals)
    if rest < 0:
        return money.largest_remainder(credited, known, unit)
    shares = _shares(listed)
    if not any(shares):
        return known
    more = money.largest_remainder(rest, shares, unit)
    return [part + extra for part, extra in zip(known, more, strict=True)]


def _shares(listed: Sequence[_Listed]) -> Sequence[Decimal]:
    """Return where the rest may lie: with those of which nothing is said, or in what is left."""
    unsaid = [_ZERO if each.known else each.total or Decimal(1) for each in listed]
    return unsaid if any(unsaid) else [max(each.total - each.known, _ZERO) for each in listed]
