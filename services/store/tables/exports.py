"""Exports, the payments that came back, drafts of the form, tasks and batches."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.model.export import BatchState, ExportState, RefusalCode, Wish
from services.model.invoice import Decision, InvoiceState, PaymentKind, PaymentState
from services.model.jobs import Job, TaskState
from services.store.types import (
    PAYMO_ID,
    Base,
    Leased,
    Money,
    RefusalCodes,
    Sends,
    Traced,
    UtcDateTime,
    partial,
    text_enum,
)

# Each sweep asks for these; what is settled for good does not make it slower.
_LIVE = "state IN ('exported', 'different') AND invoice_state IN ('live')"
_OPEN = "state IN ('queued', 'sending', 'unknown', 'failed')"
_UNSETTLED = "invoice_state IN ('delete_seen', 'void_seen', 'held', 'asked')"


class Export(Traced, Leased, Sends, Base):
    """One invoice's way from Paymo to Xero, and its life there.

    The unique constraint is what makes two of anything one; a new generation starts only when a
    person exports again an invoice whose former copy in Xero is deleted or void.
    """

    __tablename__ = "exports"
    __table_args__ = (
        UniqueConstraint("paymo_company_id", "tenant_id", "paymo_invoice_id", "generation"),
        partial("ix_exports_open", "state", "requested_at", where=_OPEN),
        # SQLite takes it, and not the one of all its exports, since it's made later and no wider.
        partial("ix_exports_unsettled", "connection_id", where=_UNSETTLED),
        partial("ix_exports_unchecked", "connection_id", "paymo_checked_at", "id", where=_LIVE),
        partial("ix_exports_linked", "connection_id", "is_linked", where=_LIVE),
        partial("ix_exports_made_by", "connection_id", "made_by", where=_LIVE),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), index=True)
    paymo_company_id: Mapped[int] = mapped_column(PAYMO_ID)
    tenant_id: Mapped[str] = mapped_column(String(64))
    # Tells rows apart that are added together, so that their ids come back in one answer.
    paymo_invoice_id: Mapped[int] = mapped_column(PAYMO_ID, insert_sentinel=True)
    generation: Mapped[int] = mapped_column(default=1)

    state: Mapped[ExportState] = mapped_column(text_enum(ExportState))
    attempt: Mapped[int] = mapped_column(default=1)  # part of the idempotency key
    idempotency_key: Mapped[str] = mapped_column(String(128), default="")
    sent: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # the invoice as sent to Xero
    missed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # looked for, and not there
    refusals: Mapped[list[RefusalCode]] = mapped_column(RefusalCodes, default=list)
    reason: Mapped[str] = mapped_column(Text, default="")  # where it stands, as a sentence
    cure: Mapped[str] = mapped_column(Text, default="")  # the part of it that says what to do
    remark: Mapped[str] = mapped_column(Text, default="")  # to be told once it is exported
    grounds: Mapped[dict[str, str] | None] = mapped_column(JSON)  # what Xero refused it for
    wish: Mapped[Wish] = mapped_column(text_enum(Wish), default=Wish.NOTHING)

    requested_by: Mapped[str] = mapped_column(String(32))
    ordered_by: Mapped[str] = mapped_column(String(32), default="")  # who made it automatic
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reply_to: Mapped[dict[str, Any]] = mapped_column(JSON)  # of who asked

    changed_by: Mapped[str] = mapped_column(String(32), default="")  # decided for who asked
    # What a second person is shown, by a key of it; approved once there is somebody.
    approval_key: Mapped[str] = mapped_column(String(128), default="")
    approved_by: Mapped[str] = mapped_column(String(32), default="")
    approved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    number: Mapped[str] = mapped_column(String(255), default="")  # Paymo's, whatever its length
    leave_out_number: Mapped[bool] = mapped_column(default=False)
    override_tax: Mapped[bool] = mapped_column(default=False)  # a person answers for the tax
    issue_on: Mapped[date | None]  # the date in Xero where it is not Paymo's
    due_rule: Mapped[str] = mapped_column(String(10), default="")  # "terms", "date" or a day
    tax_rate: Mapped[str] = mapped_column(String(40), default="")  # Paymo's, in per cent
    rival_id: Mapped[str] = mapped_column(String(64), default="")  # holds the number in Xero
    client_id: Mapped[int | None] = mapped_column(PAYMO_ID)
    client_name: Mapped[str] = mapped_column(String(255), default="")
    contact_id: Mapped[str] = mapped_column(String(64))  # "new" until it was added to Xero
    contact_name: Mapped[str] = mapped_column(String(255), default="")
    account_id: Mapped[str] = mapped_column(String(64))
    tax_type: Mapped[str] = mapped_column(String(64), default="")  # a person's choice, if any
    xero_status: Mapped[str] = mapped_column(String(16))
    currency: Mapped[str] = mapped_column(String(8), default="")
    total: Mapped[Decimal | None] = mapped_column(Money)  # as Paymo states it
    invoice: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # Paymo's, until it is exported
    seen_updated_on: Mapped[datetime | None] = mapped_column(UtcDateTime)  # what was previewed

    xero_invoice_id: Mapped[str | None] = mapped_column(String(64), index=True)
    xero_number: Mapped[str] = mapped_column(String(255), default="")
    xero_total: Mapped[Decimal | None] = mapped_column(Money)
    xero_seen_status: Mapped[str] = mapped_column(String(16), default="")
    xero_due: Mapped[Decimal | None] = mapped_column(Money)  # left to pay, as Xero states it
    due_on: Mapped[date | None]  # when it is to be paid, as Xero states it
    is_linked: Mapped[bool] = mapped_column(default=False)  # found in Xero, not created by us
    made_by: Mapped[str] = mapped_column(String(16), default="")  # which Xero app created it
    exported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # What a person accepted that Xero states more (or less) than Paymo.
    accepted_difference: Mapped[Decimal | None] = mapped_column(Money)
    xero_rounding: Mapped[Decimal | None] = mapped_column(Money)  # set by somebody in Xero
    drift: Mapped[str] = mapped_column(String(200), default="")  # what was told to differ
    # Both sides as they were at the export, and as they are where they differ (services.compare).
    compared: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("batches.id"), index=True)

    invoice_state: Mapped[InvoiceState] = mapped_column(
        text_enum(InvoiceState), default=InvoiceState.LIVE
    )
    decision: Mapped[Decision | None] = mapped_column(text_enum(Decision))  # on its end in Xero
    snapshot: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # Paymo's, before deleting
    paymo_checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def allowed_difference(self) -> Decimal:
        """Return by how much Xero's total may differ from Paymo's, either way, unasked."""
        return (self.accepted_difference or Decimal(0)) + (self.xero_rounding or Decimal(0))


class Payment(Traced, Leased, Sends, Base):
    """One payment or credit in Xero, and its copy in Paymo."""

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("tenant_id", "xero_payment_id"),
        partial("ix_payments_on_their_way", "connection_id", "due_at", where="due_at IS NOT NULL"),
        partial("ix_payments_asked", "connection_id", where="state IN ('asked', 'parked')"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), index=True)
    export_id: Mapped[int] = mapped_column(ForeignKey("exports.id"), index=True)
    tenant_id: Mapped[str] = mapped_column(String(64))
    # For credits: "<credit id>:<invoice id>", since one credit may settle several invoices.
    xero_payment_id: Mapped[str] = mapped_column(String(140))
    kind: Mapped[PaymentKind] = mapped_column(text_enum(PaymentKind))
    label: Mapped[str] = mapped_column(String(255), default="")  # e.g. the credit note's number
    amount: Mapped[Decimal] = mapped_column(Money)  # in the invoice's currency
    paid_on: Mapped[date]
    state: Mapped[PaymentState] = mapped_column(text_enum(PaymentState))
    paymo_payment_id: Mapped[int | None] = mapped_column(PAYMO_ID)
    recorded_amount: Mapped[Decimal | None] = mapped_column(Money)  # as added to Paymo
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"))  # edited in Xero
    is_brought_back: Mapped[bool] = mapped_column(default=False)  # though Paymo may have it
    is_only_told: Mapped[bool] = mapped_column(default=False)  # parked, as the settings say
    is_late: Mapped[bool] = mapped_column(default=False)  # and nobody needs another warning
    reason: Mapped[str] = mapped_column(Text, default="")
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Draft(Traced, Leased, Base):
    """An export form on somebody's screen."""

    __tablename__ = "drafts"

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), index=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    user_id: Mapped[str] = mapped_column(String(32))
    channel_id: Mapped[str] = mapped_column(String(32), default="")
    view_id: Mapped[str] = mapped_column(String(64), default="")
    asked_number: Mapped[str] = mapped_column(String(255), default="")  # typed, not found yet
    invoice_id: Mapped[int | None] = mapped_column(PAYMO_ID)
    contact_id: Mapped[str] = mapped_column(String(64), default="")
    account_id: Mapped[str] = mapped_column(String(64), default="")
    tax_type: Mapped[str] = mapped_column(String(64), default="")
    untaxed_type: Mapped[str] = mapped_column(String(64), default="")  # of lines without tax
    override_tax: Mapped[bool] = mapped_column(default=False)
    issue_on: Mapped[date | None]
    due_rule: Mapped[str] = mapped_column(String(10), default="")
    xero_status: Mapped[str] = mapped_column(String(16), default="")
    batch_id: Mapped[int | None]  # whose table the form is open on top of
    invoice: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # Paymo's, as last read
    reason: Mapped[str] = mapped_column(Text, default="")  # why it could not be read
    is_refreshing: Mapped[bool] = mapped_column(default=False)  # read Xero's lists again first
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Task(Traced, Leased, Sends, Base):
    """One thing to be done once: the partial unique index makes two presses one task."""

    __tablename__ = "tasks"
    __table_args__ = (
        partial(
            "ix_tasks_open",
            "connection_id",
            "job",
            "subject",
            where="state = 'waiting'",
            unique=True,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), index=True)
    job: Mapped[Job] = mapped_column(text_enum(Job))
    subject: Mapped[str] = mapped_column(String(64))  # an export's id, a month
    export_id: Mapped[int | None] = mapped_column(ForeignKey("exports.id"), index=True)
    state: Mapped[TaskState] = mapped_column(text_enum(TaskState))
    asked_by: Mapped[str] = mapped_column(String(32), default="")  # "" when the app asks itself
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reply_to: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # of who asked
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # how far it has come
    reason: Mapped[str] = mapped_column(Text, default="")  # why it waits, or was refused


class Batch(Traced, Leased, Base):
    """An export of many invoices, from the table of what is ready to the report."""

    __tablename__ = "batches"

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), index=True)
    state: Mapped[BatchState] = mapped_column(text_enum(BatchState))
    asked_numbers: Mapped[list[str]] = mapped_column(JSON, default=list)  # empty: all
    asked_by: Mapped[str] = mapped_column(String(32))
    reply_to: Mapped[dict[str, Any]] = mapped_column(JSON)  # of who asked
    problem: Mapped[str] = mapped_column(Text, default="")
    since: Mapped[date | None]  # only invoices dated then or later
    page: Mapped[int | None]  # of the table that is shown; None for the overview
    revision: Mapped[int] = mapped_column(default=0)  # grows when the boxes are drawn anew
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class BatchRow(Base):
    """One invoice of a batch: what blocks it, or its export."""

    __tablename__ = "batch_rows"
    __table_args__ = (UniqueConstraint("batch_id", "paymo_invoice_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), index=True)
    paymo_invoice_id: Mapped[int] = mapped_column(PAYMO_ID)
    number: Mapped[str] = mapped_column(String(255), default="")
    client_id: Mapped[int | None] = mapped_column(PAYMO_ID)
    client_name: Mapped[str] = mapped_column(String(255), default="")
    total: Mapped[Decimal | None] = mapped_column(Money)
    currency: Mapped[str] = mapped_column(String(8), default="")
    # "ready", or the static name of the check that stands in its way.
    verdict: Mapped[str] = mapped_column(String(16), default="")
    reason: Mapped[str] = mapped_column(Text, default="")  # without what to do
    cure: Mapped[str] = mapped_column(Text, default="")  # what to do about it
    is_selected: Mapped[bool] = mapped_column(default=False)  # to be exported, where it is ready
    contact_id: Mapped[str] = mapped_column(String(64), default="")
    account_id: Mapped[str] = mapped_column(String(64), default="")
    invoice: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # Paymo's, until it is exported
    seen_updated_on: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the one judged
    export_id: Mapped[int | None] = mapped_column(ForeignKey("exports.id"), index=True)
