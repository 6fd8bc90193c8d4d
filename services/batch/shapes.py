"""What a person sees of a batch: the table before it, how far it is, the report after it."""

from dataclasses import dataclass
from typing import Protocol

from services.model import BatchState, ExportState, Option, ReplyTarget


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One invoice of a batch; texts as they came from outside."""

    number: str
    client_name: str
    total: str
    reason: str = ""
    state: ExportState | None = None  # None while no export carries it
    invoice_id: int = 0  # Paymo's


@dataclass(frozen=True, slots=True)
class BatchGroup:
    """The invoices of one verdict, with what they come to in each currency."""

    verdict: str
    lines: tuple[BatchLine, ...]
    totals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """A client that holds up invoices until somebody says where it goes."""

    client_id: int
    name: str
    what: str  # "contact" or "account"
    count: int


@dataclass(frozen=True, slots=True)
class BatchForm:
    """A batch as it is to be drawn now.

    `groups` stand by verdict, "ready" first; `sent` are the invoices that an export carries, those
    that failed first.
    """

    batch_id: int
    view_id: str
    channel_id: str
    state: BatchState
    organisation: str
    company: str
    is_demo: bool
    is_all: bool
    problem: str  # why it waits, as a sentence
    unknown: tuple[str, ...]  # numbers that Paymo does not have
    groups: tuple[BatchGroup, ...]
    missing: tuple[Missing, ...]
    sent: tuple[BatchLine, ...]
    untaxed_options: tuple[Option, ...] = ()  # to choose from for lines without tax
    connection_id: int = 0

    def count(self, verdict: str) -> int:
        """Say how many invoices have this verdict."""
        return sum(len(each.lines) for each in self.groups if each.verdict == verdict)

    def sent_as(self, *states: ExportState) -> tuple[BatchLine, ...]:
        """Return the invoices whose exports stand there."""
        return tuple(each for each in self.sent if each.state in states)


class BatchScreen(Protocol):
    """Where the person who asked for a batch sees it."""

    async def show_batch(self, reply_to: ReplyTarget, form: BatchForm) -> None:
        """Draw the open view again; nothing happens when the person closed it."""

    async def show_ended(self, reply_to: ReplyTarget, form: BatchForm) -> None:
        """Show the end in the open view, or to the person alone when it was closed."""
