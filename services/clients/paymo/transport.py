"""Requests to one Paymo account: one at a time, its limits, what a 403 means, and the envelopes.

The answer to a write is compared with what was asked.
"""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import msgspec

from services.clients.allowance import Allowance
from services.clients.http import LONGEST_WAIT, Answer, ApiClient
from services.clients.messages import messages_in
from services.clients.paymo.wire import (
    Billed,
    Client,
    Company,
    Header,
    Hook,
    Invoice,
    Payment,
    Project,
)
from services.clients.rows import Json, Kind, LeftOut, Rows, as_amount
from services.clients.typed import content_of, objects_of, rows_in
from services.errors import (
    Forbidden,
    NotConnected,
    Rejected,
    Throttled,
    Unavailable,
    Unreachable,
    of_access,
)
from services.model.wording import sentences

T = TypeVar("T", bound=msgspec.Struct)

COMPANY = "/company"
PAGE = 100  # staff advise pages of 100: an answer holds at most 2,500 objects of each type
MOST = 2500  # objects of one type in an answer; beyond, lists are cut short without a word
HEADS = 300  # short rows, and as many ids as an address surely holds
_AT_ONCE = 5
_SPARE = 1  # stop while a call is left, since everything is refused once none is
PAYMO = "Paymo"
CLIENTS = Kind(Client, "client", PAYMO)
COMPANIES = Kind(Company, "company", PAYMO)
HEADERS = Kind(Header, "invoice", PAYMO)
INVOICES = Kind(Invoice, "invoice", PAYMO)
PAYMENTS = Kind(Payment, "payment", PAYMO)
HOOKS = Kind(Hook, "webhook", PAYMO)
PROJECTS = Kind(Project, "project", PAYMO)
EXPENSES = Kind(Billed, "expense", PAYMO)
ENTRIES = Kind(Billed, "time entry", PAYMO)
BILLED = {"expenses": EXPENSES, "entries": ENTRIES}
_KEYS: dict[Kind[Any], str] = {
    CLIENTS: "clients",
    COMPANIES: "company",
    HEADERS: "invoices",
    INVOICES: "invoices",
    PAYMENTS: "invoicepayments",
    HOOKS: "hooks",
    PROJECTS: "projects",
    EXPENSES: "expenses",
    ENTRIES: "entries",
}
# What an answer may say of a row that was asked for; the rest Paymo writes in its own way.
_TELLING = ("id", "invoice_id", "amount", "status", "target_url", "event")


@dataclass(slots=True)
class Turnstile:
    """At most five requests at a time for each key, and none once the window is used up.

    Usual calls go one by one. Calls that nobody waits for have a queue of their own: several go
    at once while Paymo's windows have room, and none while a usual call waits.
    """

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    queue: asyncio.Lock = field(default_factory=asyncio.Lock)
    allowance: Allowance = field(default_factory=Allowance)
    in_flight: int = 0
    is_wanted: bool = False  # by a usual call
    refusal: Throttled | None = None  # the last one
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def enter(self, *, is_queued: bool) -> None:
        """Wait for room; `counted` takes it."""
        self.is_wanted |= not is_queued
        try:
            while not self._has_room(is_queued=is_queued):
                self.ended.clear()
                await self.ended.wait()
        finally:
            if not is_queued:
                self.is_wanted = False
                self.ended.set()

    def _has_room(self, *, is_queued: bool) -> bool:
        if self.in_flight >= _AT_ONCE or (is_queued and self.is_wanted):
            return False
        return not self.in_flight or self.allowance.has(self.in_flight + _SPARE)

    def require_same(self, refusal: Throttled | None) -> None:
        """Also refuse what waited behind a refused call."""
        if self.refusal is not None and self.refusal is not refusal:
            raise Throttled(str(self.refusal), retry_after=self.refusal.retry_after)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Take room for a request."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            self.ended.set()


@dataclass(slots=True)
class WaitBudget:
    """How much longer may be waited, all waits together."""

    left: timedelta


@dataclass(frozen=True, slots=True)
class PaymoTransport:
    """Sends requests to one account, with one API key."""

    api: ApiClient
    auth: httpx.BasicAuth = field(repr=False)
    access: str  # the mark of the key
    turnstile: Turnstile = field(repr=False)
    patience: WaitBudget
    is_queued: bool = False

    async def send(self, method: str, path: str, **extras: Any) -> Answer:
        """Send one request when it is this key's turn; a write's limit holds for its turn, too.

        Whoever waits for a window lets others pass, who may have less patience.
        """
        bounded, gate = self.api.bound(method), self.turnstile
        while self.is_queued:
            async with bounded():
                answer = await self._answer_queued(method, path, extras)
                if isinstance(answer, Answer):
                    return answer
        while True:
            async with bounded(), gate.lock:
                await gate.enter(is_queued=False)
                wait = self.api.allowance.wait(_SPARE)
                if wait is None:
                    with gate.counted(), of_access(self.access):
                        answer = await self._tried(method, path, extras)
                    if isinstance(answer, Answer):
                        return answer
                    wait = answer
            async with bounded():
                await self._wait(wait)

    async def _answer_queued(
        self, method: str, path: str, extras: dict[str, Any]
    ) -> Answer | timedelta:
        """The answer, in its turn; calls that wait behind a refused one are refused, too."""
        gate = self.turnstile
        before = gate.refusal
        try:
            async with gate.queue:
                await gate.enter(is_queued=True)
                gate.require_same(before)
                while (wait := self.api.allowance.wait(_SPARE)) is not None:
                    await self._wait(wait)
                    await gate.enter(is_queued=True)
            with gate.counted(), of_access(self.access):
                return await self._tried(method, path, extras)
        except Throttled as refusal:
            gate.refusal = refusal
            raise

    async def _tried(self, method: str, path: str, extras: dict[str, Any]) -> Answer | timedelta:
        """The answer, or how long Paymo wants us to wait where there is patience for it."""
        try:
            return await self.api.send(method, path, auth=self.auth, **extras)
        except Throttled as refusal:
            if refusal.retry_after > self.patience.left:
                raise
            return refusal.retry_after
        except NotConnected as refusal:
            # A network between us may say so in Paymo's place.
            if path == COMPANY or await self._is_cut_off():
                raise
            text = "Paymo refused our key once, though it still works. Nothing was done."
            raise Unreachable(text) from refusal
        except Forbidden as refusal:
            if refusal.is_its_own if path == COMPANY else await self._is_cut_off():
                text = f"Paymo no longer accepts our connection. Connect it again. {refusal}"
                raise NotConnected(text, system="Paymo") from refusal
            raise

    async def _is_cut_off(self) -> bool:
        return await self.api.refuses_us(COMPANY, lambda _: True, auth=self.auth)

    async def _wait(self, wait: timedelta) -> None:
        """Let a used-up window pass, or say that it is too long to wait for."""
        if wait > max(LONGEST_WAIT, self.patience.left):
            raise Throttled(
                "Paymo asked us to wait. Nothing was done yet.",
                retry_after=wait,
            )
        self.patience.left -= wait
        await self.api.sleep(wait)


@dataclass(slots=True)
class Progress:
    """How far a list was read, so that the reading goes on there after a wait.

    `known` are ids that the list should hold, unless they are gone.
    """

    page: int = 0
    found: dict[int, Any] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    left_out: list[LeftOut] = field(default_factory=list)
    known: Collection[int] = ()

    def add(self, rows: Rows[Any]) -> set[str]:
        """Keep these rows, and return the ids of new ones."""
        new = set(rows.keys) - self.seen
        self.seen |= new
        self.found.update({row.id: row for row in rows.found})
        self.left_out += rows.left_out
        return new

    @property
    def missed(self) -> list[int]:
        """What may have moved over a page's edge meanwhile."""
        return (
            sorted(each for each in self.known if str(each) not in self.seen) if self.page else []
        )


def question(ids: Sequence[int]) -> dict[str, str]:
    """The question for these rows, all on one page."""
    return {
        "where": f"id in ({','.join(str(each) for each in ids)})",
        "page": "0",
        "page_size": str(len(ids)),
    }


def rows_of(answer: Answer, kind: Kind[T]) -> Rows[T]:
    """The rows of an answer; Paymo wraps even one object in a list named after it."""
    key = _KEYS[kind]
    return rows_in(answer.body, kind, key) or kind.rows(objects_of(answer).get(key))


def only(answer: Answer, kind: Kind[T]) -> T:
    """The one row of an answer about one object. Raises `Unreadable`."""
    return kind.only(rows_of(answer, kind))


def written(answer: Answer, kind: Kind[T], asked: Json | None = None) -> T | LeftOut:
    """The row that was made, or its id where it cannot be read whole.

    Raises `Rejected` where Paymo says yes and made nothing, or something else than was asked.
    """
    raw = _only_raw(answer, _KEYS[kind])
    _require_same(raw, asked or {})
    row = kind.row((asked or {}) | {key: value for key, value in raw.items() if value is not None})
    if isinstance(row, LeftOut) and not row.key:
        raise Rejected("Paymo accepted it, but made nothing.")
    return row


def require_done(answer: Answer, kind: Kind[T] | None = None, asked: Json | None = None) -> None:
    """Refuse a yes that is none: one with a reason against it, or a row that says otherwise.

    Where a row of a `kind` is told, an answer without it says nothing. Raises `Unavailable` then.
    """
    if not answer.body.strip():
        return
    if kind is not None:
        _require_same(_only_raw(answer, _KEYS[kind]), asked or {})
    elif texts := messages_in(content_of(answer)):
        raise _refusal(texts)


def _only_raw(answer: Answer, key: str) -> Json:
    found = objects_of(answer)
    raw = found.get(key)
    rows = [raw] if isinstance(raw, dict) else raw
    if isinstance(rows, list) and len(rows) == 1 and isinstance(rows[0], dict):
        return rows[0]
    if texts := messages_in(found):
        raise _refusal(texts)
    raise Unavailable("Paymo answered with no object where one was expected.")


def _require_same(raw: Json, asked: Json) -> None:
    """Refuse an answer that tells of another thing than was asked for."""
    for key in _TELLING:
        stated, wanted = raw.get(key), asked.get(key)
        if wanted is None or stated is None or _is_same(key, stated, wanted):
            continue
        raise Rejected(f"Paymo accepted it, but answered with another {key} ({stated!s:.40}).")


def _is_same(key: str, stated: object, wanted: object) -> bool:
    if key == "status":
        # Paymo works out by itself how far an invoice has come; void and draft are said by hand.
        return stated == wanted or ("void" not in (stated, wanted) and stated != "draft")
    if isinstance(wanted, Decimal):
        return as_amount(stated) == wanted
    return str(stated) == str(wanted)


def _refusal(texts: tuple[str, ...]) -> Rejected:
    return Rejected(f"Paymo refused: {sentences(texts)}", messages=texts)
