"""Which month is compared, the result, its screen, and a digest's figures."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from services.compare import Mismatch
from services.errors import ServiceError
from services.model.actions import Action
from services.model.notice import AGES
from services.model.people import ReplyTarget
from services.store import worklists
from services.store.notices import amount_text
from services.store.reconciling import Figures, Period, weeks_of
from services.store.tables import Connection, Export, Subscription

_MOST = 10  # invoices that a digest names in each list
ALL = "all"
_MONTHS = (
    "January February March April May June July August September October November December"
).split()
_SHORTEST = 3  # letters that tell the months apart
_YEAR_FIRST = re.compile(r"(2\d{3})[-/. ](\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})[-/. ](2\d{3})")
_NAMED = re.compile(r"([a-z]+)\.?(?:[-/. ]+(2\d{3}))?")
_THIS = frozenset({"", "this", "this month", "now", "current"})
_LAST = frozenset({"last", "last month", "previous", "previous month"})
_ALL = frozenset({ALL, "everything", "all months"})
_LONGEST_ECHO = 40


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """One calendar month; `ALL` has neither beginning nor end."""

    key: str
    first: date | None = None
    after: date | None = None  # the first day of the next

    @property
    def label(self) -> str:
        """As people read it."""
        return (
            "all months"
            if self.first is None
            else f"{_MONTHS[self.first.month - 1]} {self.first.year}"
        )


def _month_at(day: date) -> Month:
    first = day.replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    return Month(f"{first:%Y-%m}", first, after)


def month_of(text: str, today: date) -> Month:
    """Understand a month. Raises a refusal with examples when it is none, or has not begun."""
    typed = " ".join(text.casefold().split())
    if typed in _ALL:
        return Month(ALL)
    if typed in _THIS:
        return _month_at(today)
    if typed in _LAST:
        return _month_at(today.replace(day=1) - timedelta(days=1))
    first = _first_day(typed, today)
    if first is None:
        raise ServiceError(
            f"“{text.strip()[:_LONGEST_ECHO]}” isn't a month. Type 2026-11, november, last or all. "
            "Leave it out for this month."
        )
    if first > today:
        raise ServiceError(
            f"{_month_at(first).label} hasn't started yet. Type 2026-11, november, last or all. "
            "Leave it out for this month."
        )
    return _month_at(first)


def _first_day(typed: str, today: date) -> date | None:
    if found := _YEAR_FIRST.fullmatch(typed):
        return _day(int(found[1]), int(found[2]))
    if found := _YEAR_LAST.fullmatch(typed):
        return _day(int(found[2]), int(found[1]))
    found = _NAMED.fullmatch(typed)
    number = _number(found[1]) if found else 0
    if found is None or not number:
        return None
    if found[2]:
        return _day(int(found[2]), number)
    # Without a year it is the last month of this name that has begun.
    return _day(today.year - (number > today.month), number)


def _number(word: str) -> int:
    fits = [nth for nth, name in enumerate(_MONTHS, 1) if name.casefold().startswith(word)]
    return fits[0] if len(fits) == 1 and len(word) >= _SHORTEST else 0


def _day(year: int, month: int) -> date | None:
    return date(year, month, 1) if 1 <= month <= len(_MONTHS) else None


class Outcome(StrEnum):
    """How one invoice came out; what needs somebody comes first."""

    UNREAD = "not shown by Xero"  # nothing is concluded from that
    ODD = "can't be read"  # nor from this
    DIFFERS = "differs"
    ONLY_XERO = "only in Xero"
    ONLY_PAYMO = "only in Paymo"
    DECIDED = "decided"  # it differs as somebody, or a setting, decided
    GONE = "deleted on both sides"
    AGREES = "agrees"


@dataclass(frozen=True, slots=True)
class Side:
    """One invoice as one system states it."""

    number: str
    contact: str
    currency: str
    issued_on: date | None
    due_on: date | None
    total: Decimal
    paid: Decimal  # credits included
    status: str
    due: Decimal | None = None  # left to pay, as Xero states it
    credited: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Row:
    """One invoice of the comparison."""

    outcome: Outcome
    number: str
    client: str
    paymo: Side | None = None
    xero: Side | None = None
    findings: tuple[Mismatch, ...] = ()
    help: Action | None = None
    help_value: str = ""
    paymo_id: int = 0
    xero_id: str = ""
    paymo_url: str = ""
    xero_url: str = ""
    client_id: int | None = None  # Paymo's


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison of one month, or of everything; those that need somebody come first."""

    organisation: str
    company: str
    month: str  # "2026-11", or "all"
    label: str  # "November 2026"
    at: datetime
    rows: tuple[Row, ...] = field(repr=False)
    others: int | None = None  # sales invoices in Xero that never went through the app
    connection_id: int = 0

    @property
    def compared(self) -> int:
        """How many were found on both sides."""
        return self.count(Outcome.AGREES, Outcome.DECIDED, Outcome.DIFFERS)

    @property
    def agreeing(self) -> int:
        """How many of them agree, or differ only as somebody decided."""
        return self.count(Outcome.AGREES, Outcome.DECIDED)

    @property
    def is_fine(self) -> bool:
        """Say whether nothing needs anybody."""
        return not self.count(
            Outcome.DIFFERS,
            Outcome.ONLY_PAYMO,
            Outcome.ONLY_XERO,
            Outcome.UNREAD,
            Outcome.ODD,
        )

    def count(self, *outcomes: Outcome) -> int:
        """How many came out like this."""
        return sum(row.outcome in outcomes for row in self.rows)


@dataclass(frozen=True, slots=True)
class Begun:
    """A comparison that was asked for; it is not new when it waits already."""

    organisation: str
    company: str
    label: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Digest:
    """One channel's digest: what it counts, and why both sides were not compared, if so."""

    period: Period
    reader: Subscription
    figures: Figures
    client: str  # the only one that the channel hears of
    problem: str


class ReconcileScreen(Protocol):
    """Where whoever asked reads what came of it; none of these raises."""

    async def show_report(self, reply_to: ReplyTarget, report: Report) -> None:
        """Show a comparison, with all its rows as a file."""

    async def send_file(self, reply_to: ReplyTarget, report: Report) -> None:
        """Send all its rows as a file, to this person directly."""

    async def show_wait(self, reply_to: ReplyTarget, reason: str) -> None:
        """Say why it is not done yet, and when it will be."""

    async def show_refusal(self, reply_to: ReplyTarget, reason: str) -> None:
        """Say why it was not done."""


def digest_facts(
    connection: Connection, digest: Digest, report: Report | None, now: datetime
) -> dict[str, Any]:
    """What a channel's digest is worded from; amounts by currency, and text for every digit."""
    heard, figures, period = digest.reader, digest.figures, digest.period
    late = [each for each in figures.open if worklists.days_late(each, connection, now) > 0]
    return {
        "connection_id": connection.id,
        "organisation": connection.organisation_name,
        "company": connection.paymo_company_name,
        "country": connection.country,
        "currency": connection.base_currency,
        "every": heard.digest_every.value,
        "first": period.first.isoformat(),
        "last": period.last.isoformat(),
        "month": f"{period.last:%Y-%m}",
        "at": now.isoformat(),
        "client": digest.client,
        "minimum": amount_text(heard.minimum),
        "received": _group((sale, each.amount) for each, sale in figures.received),
        "exported": _group((each, each.total or Decimal(0)) for each in figures.exported),
        "overdue": _group((each, worklists.left_of(each)) for each in late),
        "failures": _group((each, each.total or Decimal(0)) for each in figures.failed),
        "ages": _ages(figures.open, connection, now),
        "weeks": _weeks(figures, period),
        "problem": digest.problem,
        **_compared(connection, heard, report),
    }


def _compared(connection: Connection, heard: Subscription, report: Report | None) -> dict[str, Any]:
    rows = [row for row in (report.rows if report else ()) if _is_wanted(heard, row)]
    count = Counter(row.outcome for row in rows)
    agreeing = count[Outcome.AGREES] + count[Outcome.DECIDED]
    missing = [
        (row.paymo, row.paymo.total)
        for row in rows
        if row.paymo and row.outcome is Outcome.ONLY_PAYMO
    ]
    lock = connection.locked_until
    return {
        "compared": agreeing + count[Outcome.DIFFERS],
        "agreeing": agreeing,
        "decided": count[Outcome.DECIDED],
        "only_xero": count[Outcome.ONLY_XERO],
        "unread": count[Outcome.UNREAD] + count[Outcome.ODD],
        "not_exported": _group(missing),
        "locked": _group((here, total) for here, total in missing if _is_behind(here, lock)),
        "lock_on": lock.isoformat() if lock else "",
    }


def _is_wanted(heard: Subscription, row: Row) -> bool:
    """Say whether the channel's filters let it through."""
    side = row.xero or row.paymo
    if heard.client_id not in {None, row.client_id}:
        return False
    return heard.minimum is None or (side is not None and side.total >= heard.minimum)


def _is_behind(side: Side, lock: date | None) -> bool:
    return lock is not None and side.issued_on is not None and side.issued_on <= lock


def _ages(owed: Iterable[Export], connection: Connection, now: datetime) -> dict[str, list[str]]:
    """Add up by currency what is not due yet, and what is overdue by age, the latest first."""
    ages = [*AGES, None]
    sums: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * len(ages))
    for each in owed:
        late = worklists.days_late(each, connection, now)
        age = next(nth for nth, least in enumerate(ages) if least is None or late > least)
        sums[each.currency][age] += worklists.left_of(each)
    return {
        name: [amount_text(each) for each in reversed(amounts)]
        for name, amounts in sorted(sums.items())
    }


def _weeks(figures: Figures, period: Period) -> list[dict[str, Any]]:
    """Add up by week and currency what was paid, the earliest week first."""
    sums: dict[date, dict[str, Decimal]] = {
        monday: defaultdict(Decimal) for monday in weeks_of(period)
    }
    for payment, sale in figures.recent:
        monday = payment.paid_on - timedelta(days=payment.paid_on.weekday())
        sums[monday][sale.currency] += payment.amount
    return [
        {
            "monday": monday.isoformat(),
            "sums": {name: amount_text(each) for name, each in sorted(found.items())},
        }
        for monday, found in sums.items()
    ]


def _group(rows: Iterable[tuple[Export | Side, Decimal]]) -> dict[str, Any]:
    """Count invoices or payments, add up their amounts by currency, and name the first."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    named = []
    for each, amount in rows:
        sums[each.currency] += amount
        named.append(
            {
                "number": each.number,
                "client": each.contact if isinstance(each, Side) else each.client_name,
                "amount": amount_text(amount),
                "currency": each.currency,
                "due_on": each.due_on.isoformat() if each.due_on else "",
            }
        )
    return {
        "count": len(named),
        "sums": {name: amount_text(amount) for name, amount in sorted(sums.items())},
        "first": named[:_MOST],
    }
