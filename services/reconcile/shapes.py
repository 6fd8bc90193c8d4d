"""What a comparison comes to, and the screen that it is shown on."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from services.model.people import ReplyTarget


class Verdict(StrEnum):
    """How one invoice came out."""

    AGREES = "agrees"
    DECIDED = "decided"  # it differs as somebody, or a setting, decided
    DIFFERS = "differs"
    ONLY_PAYMO = "only in Paymo"
    ONLY_XERO = "only in Xero"
    UNREAD = "not shown by Xero"  # nothing is concluded from that
    ODD = "can't be read"  # nor from this
    GONE = "deleted on both sides"


class Help(StrEnum):
    """The one thing that helps; `Row.help_value` says with what."""

    NONE = ""
    EXPORT = "export"  # Paymo's number
    UPDATE = "update"  # export
    BRING_BACK = "bring_back"  # payment that a person deleted in Paymo
    RECORD = "record"  # payment that a person is asked about
    RESTORE = "restore"  # export
    DELETE_IN_PAYMO = "delete_in_paymo"  # export
    OPEN_XERO = "open_xero"
    OPEN_PAYMO = "open_paymo"


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
class Finding:
    """One thing that is not the same on both sides; `note` says why, where that is known."""

    name: str  # "number", "contact", "currency", "date", "due date", "total", "paid", "status"
    in_paymo: str = ""
    in_xero: str = ""
    note: str = ""
    is_decided: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One invoice of the comparison."""

    verdict: Verdict
    number: str
    client: str
    paymo: Side | None = None
    xero: Side | None = None
    findings: tuple[Finding, ...] = ()
    help: Help = Help.NONE
    help_value: str = ""
    paymo_id: int = 0
    xero_id: str = ""
    paymo_url: str = ""
    xero_url: str = ""


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
        return self.count(Verdict.AGREES, Verdict.DECIDED, Verdict.DIFFERS)

    @property
    def agreeing(self) -> int:
        """How many of them agree, or differ only as somebody decided."""
        return self.count(Verdict.AGREES, Verdict.DECIDED)

    @property
    def is_fine(self) -> bool:
        """Say whether nothing needs anybody."""
        return not self.count(
            Verdict.DIFFERS,
            Verdict.ONLY_PAYMO,
            Verdict.ONLY_XERO,
            Verdict.UNREAD,
            Verdict.ODD,
        )

    def count(self, *verdicts: Verdict) -> int:
        """Return how many came out like this."""
        return sum(row.verdict in verdicts for row in self.rows)


@dataclass(frozen=True, slots=True)
class Begun:
    """A comparison that was asked for; it is not new when it waits already."""

    organisation: str
    company: str
    label: str
    is_new: bool = True


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
