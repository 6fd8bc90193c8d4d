"""Tasks: what is to be done once after a person's press, and exports of many invoices."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.model.export import BatchState
from services.model.jobs import Job, TaskState
from services.store.tables.base import Base, Leased, Sends
from services.store.types import PAYMO_ID, Money, UtcDateTime, text_enum

_OPEN = text("state = 'waiting'")


class Task(Leased, Sends, Base):
    """One thing to be done once: the partial unique index makes two presses one task."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index(
            "ix_tasks_open",
            "connection_id",
            "job",
            "subject",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
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


class Batch(Leased, Base):
    """An export of many invoices, from the table of what is ready to the report."""

    __tablename__ = "batches"

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), index=True)
    state: Mapped[BatchState] = mapped_column(text_enum(BatchState))
    asked_numbers: Mapped[list[str]] = mapped_column(JSON, default=list)  # empty: all
    asked_by: Mapped[str] = mapped_column(String(32))
    reply_to: Mapped[dict[str, Any]] = mapped_column(JSON)  # of who asked
    problem: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BatchRow(Base):
    """One invoice of a batch: what stands in its way, or the export that carries it."""

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
    reason: Mapped[str] = mapped_column(Text, default="")
    contact_id: Mapped[str] = mapped_column(String(64), default="")
    account_id: Mapped[str] = mapped_column(String(64), default="")
    invoice: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # Paymo's, until it is exported
    export_id: Mapped[int | None] = mapped_column(ForeignKey("exports.id"), index=True)
