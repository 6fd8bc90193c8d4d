"""The act of exporting: where it stands, and what its checks find."""

from dataclasses import dataclass
from enum import StrEnum

NEW_CONTACT = "new"  # stands for a contact that is still to be added to Xero


DUE_BY_TERMS = "terms"  # due after the days that Paymo gives the client


DUE_ON_DATE = "date"  # due on the invoice's own date


class ExportState(StrEnum):
    """Where the act of exporting one invoice stands."""

    QUEUED = "queued"
    SENDING = "sending"  # a request may be on its way
    UNKNOWN = "unknown"  # a request was sent and no answer was heard
    EXPORTED = "exported"
    DIFFERENT = "different"  # exported, but Xero states other totals
    FAILED = "failed"


class BatchState(StrEnum):
    """Where an export of many invoices stands."""

    READING = "reading"  # the table of what is ready is being made
    READY = "ready"  # a person looks at the table
    RUNNING = "running"
    DONE = "done"


class Colour(StrEnum):
    """How a check came out."""

    GREEN = "green"
    AMBER = "amber"  # it goes, but somebody should know
    RED = "red"  # it does not go


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the preview: what was looked at, and what was found, as a full sentence."""

    name: str  # static, e.g. "tax", "number", "contact"
    colour: Colour
    text: str
