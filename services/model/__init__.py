"""The words that services, store and handlers share: states, kinds, and small frozen facts."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import IntEnum, StrEnum

SENT_IN_PAYMO = ("sent", "viewed")  # the statuses of an invoice that went out and is not paid
ISSUED_IN_PAYMO = (*SENT_IN_PAYMO, "paid")  # all that went out, paid or not
NEW_CONTACT = "new"  # stands for a contact that is still to be added to Xero
DUE_BY_TERMS = "terms"  # due after the days that Paymo gives the client
DUE_ON_DATE = "date"  # due on the invoice's own date


class ConnectionState(StrEnum):
    """Where the pair of a Paymo company and a Xero organisation stands."""

    PENDING = "pending"  # one of the two sides is not connected yet
    ACTIVE = "active"
    BROKEN = "broken"  # one side no longer accepts us; work is parked
    ENDING = "ending"  # somebody disconnects; both sides are being told
    ENDED = "ended"  # links are kept, secrets are gone


class Role(IntEnum):
    """What a person may do with a connection; each role may do what those before it may."""

    NOBODY = 0
    VIEWER = 1  # ask how an invoice stands
    EXPORTER = 2  # export, match, decide, subscribe channels
    OWNER = 3  # settings, connecting, disconnecting

    @property
    def word(self) -> str:
        """Return the role as people read it."""
        return self.name.lower()


class ExportState(StrEnum):
    """Where the act of exporting one invoice stands."""

    QUEUED = "queued"
    SENDING = "sending"  # a request may be on its way
    UNKNOWN = "unknown"  # a request was sent and no answer was heard
    EXPORTED = "exported"
    DIFFERENT = "different"  # exported, but Xero states other totals
    FAILED = "failed"


class InvoiceState(StrEnum):
    """What has become of an exported invoice in Xero, and how far Paymo has followed."""

    LIVE = "live"
    DELETE_SEEN = "delete_seen"
    VOID_SEEN = "void_seen"
    HELD = "held"  # the breaker stopped it; `Export.wanted` says what was asked
    ASKED = "asked"  # a person must decide; `Export.wanted` says what was asked
    DELETED = "deleted"
    VOIDED = "voided"
    KEPT = "kept"  # a person decided that Paymo keeps it
    GONE = "gone"  # somebody deleted it in Paymo; it stays in Xero
    UNDOING = "undoing"  # a person takes the export back; what Xero then states is our own doing
    UNDONE = "undone"  # taken back; Paymo keeps its invoice


class PaymentState(StrEnum):
    """How far one payment has come from Xero to Paymo."""

    ADDING = "adding"
    RECORDED = "recorded"
    CHECKING = "checking"  # missing from its invoice; Xero is asked whether it was deleted
    REMOVING = "removing"
    REMOVED = "removed"
    TOMBSTONE = "tombstone"  # a person deleted it in Paymo; it is not brought back
    ASKED = "asked"  # a person must decide
    PARKED = "parked"  # its invoice is gone from Paymo


class PaymentKind(StrEnum):
    """What settled a part of an invoice."""

    PAYMENT = "payment"
    CREDIT_NOTE = "credit_note"
    OVERPAYMENT = "overpayment"
    PREPAYMENT = "prepayment"


class NoticeKind(StrEnum):
    """What a message tells; also its metadata's `event_type`."""

    INVOICE_EXPORTED = "invoice_exported"
    EXPORT_FAILED = "export_failed"
    PAYMENT_RECEIVED = "payment_received"
    PAYMENT_REMOVED = "payment_removed"
    INVOICE_DELETED = "invoice_deleted"
    INVOICE_VOIDED = "invoice_voided"
    CONNECTION_BROKEN = "connection_broken"
    CONNECTION_RESTORED = "connection_restored"
    CONNECTION_ENDED = "connection_ended"
    SYNC_PAUSED = "sync_paused"
    SYNC_FAILING = "sync_failing"  # Xero could not be read for a day
    CAUGHT_UP = "caught_up"
    INVOICE_DRIFTED = "invoice_drifted"
    INVOICE_UNDONE = "invoice_undone"
    INVOICE_RESTORED = "invoice_restored"
    DIGEST = "digest"
    EXPORT_ASKED = "export_asked"  # not certain enough to go by itself
    AUTO_EXPORT_PAUSED = "auto_export_paused"
    ACCESS_ASKED = "access_asked"  # these three go to people, never to channels
    ACCESS_ANSWERED = "access_answered"
    OWNER_CHANGED = "owner_changed"


class Topic(StrEnum):
    """What a channel can subscribe to."""

    EXPORTS = "exports"
    PAYMENTS = "payments"
    DELETIONS = "deletions"
    FAILURES = "failures"
    DIGEST = "digest"


USUAL_TOPICS = (Topic.EXPORTS, Topic.PAYMENTS, Topic.DELETIONS, Topic.FAILURES)

TOPIC_OF = {
    NoticeKind.INVOICE_EXPORTED: Topic.EXPORTS,
    NoticeKind.EXPORT_FAILED: Topic.FAILURES,
    NoticeKind.PAYMENT_RECEIVED: Topic.PAYMENTS,
    NoticeKind.PAYMENT_REMOVED: Topic.PAYMENTS,
    NoticeKind.INVOICE_DELETED: Topic.DELETIONS,
    NoticeKind.INVOICE_VOIDED: Topic.DELETIONS,
    NoticeKind.CONNECTION_BROKEN: Topic.FAILURES,
    NoticeKind.CONNECTION_RESTORED: Topic.FAILURES,
    NoticeKind.CONNECTION_ENDED: Topic.FAILURES,  # told to every channel, whatever it hears
    NoticeKind.SYNC_PAUSED: Topic.DELETIONS,
    NoticeKind.SYNC_FAILING: Topic.FAILURES,
    NoticeKind.INVOICE_DRIFTED: Topic.FAILURES,
    NoticeKind.INVOICE_UNDONE: Topic.EXPORTS,
    NoticeKind.INVOICE_RESTORED: Topic.DELETIONS,
    NoticeKind.CAUGHT_UP: Topic.PAYMENTS,
    NoticeKind.DIGEST: Topic.DIGEST,
    NoticeKind.EXPORT_ASKED: Topic.FAILURES,
    NoticeKind.AUTO_EXPORT_PAUSED: Topic.FAILURES,
}


class Job(StrEnum):
    """What a worker can be nudged to look at; the key is a row's id."""

    EXPORT = "export"  # key: export
    PREVIEW = "preview"  # key: draft
    SWEEP = "sweep"  # key: connection
    MIRROR = "mirror"  # key: connection
    NOTICES = "notices"  # key: workspace
    DISCONNECT = "disconnect"  # key: connection
    BATCH = "batch"  # key: batch
    UNDO = "undo"  # key: task, as for all that follow
    UPDATE = "update"
    RESTORE = "restore"
    ATTACH = "attach"
    ANNOTATE = "annotate"
    ANNOTATE_BATCH = "annotate_batch"
    RECONCILE = "reconcile"
    AUTO = "auto"
    DUE = "due"  # key: 0; finds every row that is due and nudges for it


TASKS = (
    Job.UNDO,
    Job.UPDATE,
    Job.RESTORE,
    Job.ATTACH,
    Job.ANNOTATE,
    Job.ANNOTATE_BATCH,
    Job.RECONCILE,
    Job.AUTO,
)


class TaskState(StrEnum):
    """Where something that is to be done once stands."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"


class BatchState(StrEnum):
    """Where an export of many invoices stands."""

    READING = "reading"  # the table of what is ready is being made
    READY = "ready"  # a person looks at the table
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts, and where: ids as Slack gives them."""

    enterprise_id: str  # empty outside Enterprise Grid
    team_id: str
    user_id: str
    channel_id: str = ""  # empty where there is none, as in Home and global shortcuts
    connection_id: int = 0  # the one that was chosen; 0 where the place decides
    # Labels that Slack sent with this act, for pages; they say who somebody is and prove nothing.
    name: str = field(default="", compare=False)
    workspace: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ReplyTarget:
    """Where an answer to a person belongs: the open view if there is one, else the channel."""

    workspace_id: int
    user_id: str
    channel_id: str = ""
    view_id: str = ""
    view_hash: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What one person is told of something they asked for, and where to look."""

    text: str
    is_well: bool = True
    xero_url: str = ""
    paymo_url: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One row of a menu: what is sent, what is read, and a second line."""

    value: str
    text: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class OptionGroup:
    """Options under a heading."""

    label: str
    options: tuple[Option, ...]


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


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line as Xero will show it; amounts in the invoice's currency."""

    description: str
    quantity: Decimal
    unit_amount: Decimal
    amount: Decimal  # after discount, without tax
    tax: Decimal


@dataclass(frozen=True, slots=True)
class InvoicePicture:
    """One invoice as Xero will show it, before or after the export."""

    number: str  # as Paymo has it, whatever its length
    client_name: str
    contact_name: str
    account_name: str
    currency: str
    issued_on: date
    due_on: date | None
    lines: tuple[InvoiceLine, ...]
    sub_total: Decimal
    tax_total: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class Organisation:
    """A Xero organisation, as shown to the person who connects it."""

    tenant_id: str
    name: str
    country: str
    currency: str
    short_code: str
    is_demo: bool
