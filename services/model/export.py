"""An export: its states, what refuses it, and what its checks find."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

NEW_CONTACT = "new"  # stands for a contact that is still to be added to Xero
DUE_BY_TERMS = "terms"  # due after the days that Paymo gives the client
DUE_ON_DATE = "date"  # due on the invoice's own date; a chosen due date is written by ISO 8601
UNTAXED = "untaxed"  # among the choices of tax types, beside Paymo's rates: for lines without tax


def due_day(due_rule: str) -> date | None:
    """The day that a person chose as the due date, or None where a rule decides."""
    return None if due_rule in {"", DUE_BY_TERMS, DUE_ON_DATE} else date.fromisoformat(due_rule)


class ExportState(StrEnum):
    """The state of one invoice's export."""

    QUEUED = "queued"
    SENDING = "sending"  # a request may be on its way
    UNKNOWN = "unknown"  # a request was sent and no answer was heard
    EXPORTED = "exported"
    DIFFERENT = "different"  # exported, but Xero states other totals
    FAILED = "failed"
    AWAITING = "awaiting"  # another exporter's approval


class RefusalCode(StrEnum):
    """What stops an export; a refused one has several of these, if several things do."""

    # What the checks find (services.mapping); Xero itself may refuse an invoice for these, too.
    STATUS = "status"
    FIGURES = "figures"
    DESCRIPTION = "description"
    CURRENCY = "currency"
    CONTACT = "contact"
    CONTACT_TAKEN = "contact_taken"  # its name in Xero is another contact's
    ACCOUNT = "account"
    TAX = "tax"
    TAX_RATE = "tax_rate"  # no usable one, so the owner can't let its tax differ, either
    UNTAXED = "untaxed"
    UNTAXED_CHOICE = "untaxed_choice"  # red until somebody has chosen
    LOCKED = "locked"
    DUE = "due"
    # What only Xero says.
    PLAN_LIMIT = "plan_limit"
    NUMBER_TAKEN = "number_taken"
    NUMBER_OTHER = "number_other"  # another invoice has the number, so there is nothing to link
    ORGANISATION = "organisation"
    EMAIL = "email"
    REJECTED = "rejected"  # for a reason that has no name here
    UNFINDABLE = "unfindable"  # it may be in Xero, which does not let us search
    # What became of it on the way.
    NO_ANSWER = "no_answer"  # it was tried as long as it is
    CHANGED = "changed"  # in Paymo, since it was shown
    GONE = "gone"
    OTHER_ORGANISATION = "other_organisation"
    DISCONNECTED = "disconnected"
    SWITCHED_OFF = "switched_off"
    CANCELLED = "cancelled"  # a person left it at that


class Wish(StrEnum):
    """What a person wants of an export beside sending it."""

    NOTHING = ""
    LINK_EXISTING = "link_existing"  # to the invoice that has the number in Xero
    CANCEL = "cancel"  # ended, once nothing can arrive any more


class Verdict(StrEnum):
    """What a batch's table says of an invoice, in the order of its groups."""

    READY = "ready"
    UNDONE = "undone"  # ready, but a person has undone its export before
    SKIPPED = "skipped"  # ready, but not selected when the others were exported
    CONTACT = "contact"
    ACCOUNT = "account"
    UNTAXED = "untaxed"
    TAX = "tax"
    OLD = "old"
    HELD = "held"  # another invoice has its number in Xero
    OTHER = "other"
    TAKEN = "taken"


SELECTABLE = (Verdict.READY, Verdict.UNDONE)
BY_CLIENT = (Verdict.CONTACT, Verdict.ACCOUNT)  # one answer releases all of a client's invoices


class BatchState(StrEnum):
    """The state of a batch."""

    READING = "reading"  # the table of what is ready is being made
    READY = "ready"  # a person reads the table
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Marks:
    """What a page of the table showed, by Paymo's ids, and which of it was selected."""

    revision: int = -1  # of the boxes; those that were drawn anew since say nothing
    shown: tuple[int, ...] = ()
    selected: tuple[int, ...] = ()


class Colour(StrEnum):
    """How a check came out."""

    GREEN = "green"
    AMBER = "amber"  # it goes, but somebody should know
    RED = "red"  # it does not go


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the preview: what was checked, what was found, and what to do about it."""

    name: str  # static, e.g. "tax", "number", "contact"
    colour: Colour
    fact: str
    cure: str = ""  # a sentence that says enough without the fact

    @property
    def text(self) -> str:
        """The fact, then what to do."""
        return f"{self.fact} {self.cure}".strip()


# ---- what the checks and the menus know of Xero's lists


class KnownAccount(Protocol):
    """An account in Xero, as it was copied."""

    account_id: str
    code: str
    tax_type: str
    is_usable: bool
    is_liability: bool
    why_not: str

    @property
    def title(self) -> str:
        """As people call it: name and code."""


class KnownRate(Protocol):
    """A tax rate in Xero, as it was copied; `effective_rate` in per cent."""

    tax_type: str
    name: str
    effective_rate: Decimal
    is_usable: bool

    @property
    def is_zero(self) -> bool:
        """Whether lines without tax could have it."""


class KnownContact(Protocol):
    """A contact in Xero, as it was copied."""

    contact_id: str
    name: str
    is_active: bool
    number: str
