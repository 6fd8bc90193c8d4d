"""Subscriptions, the outbox of notifications, cards in channels, and who did what."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.model.notice import Every, Layout, NoticeKind, Rhythm
from services.store.types import (
    PAYMO_ID,
    Base,
    Leased,
    Money,
    Traced,
    UtcDateTime,
    partial,
    text_enum,
)


class Subscription(Base):
    """What one channel is notified of, for one connection."""

    __tablename__ = "subscriptions"
    __table_args__ = (UniqueConstraint("connection_id", "channel_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), index=True)
    channel_id: Mapped[str] = mapped_column(String(32))
    topics: Mapped[list[str]] = mapped_column(JSON)
    client_id: Mapped[int | None] = mapped_column(PAYMO_ID)  # only this Paymo client
    minimum: Mapped[Decimal | None] = mapped_column(Money)  # only amounts from here on
    layout: Mapped[Layout] = mapped_column(text_enum(Layout), default=Layout.BROADCAST)
    digest_every: Mapped[Every] = mapped_column(text_enum(Every), default=Every.MONTHLY)
    digest_hour: Mapped[int] = mapped_column(default=7)
    digest_zone: Mapped[str] = mapped_column(String(64), default="")  # "": the organisation's
    digest_from: Mapped[date | None]  # the first day that no digest told yet; None: gets none
    set_by: Mapped[str] = mapped_column(String(32))
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)
    paused_because: Mapped[str] = mapped_column(String(255), default="")
    tried_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # somebody resumes it just now

    @property
    def rhythm(self) -> Rhythm:
        """When the channel gets its digest."""
        return Rhythm(Every(self.digest_every), self.digest_hour, self.digest_zone)


class Notice(Traced, Leased, Base):
    """One message for a channel or a person, queued until posted."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("source", "channel_id"),
        Index("ix_notices_about", "connection_id", "kind"),
        partial(
            "ix_notices_waiting",
            "workspace_id",
            "channel_id",
            "id",
            where="due_at IS NOT NULL",
        ),
        partial("ix_notices_unposted", "due_at", "created_at", where="ts = ''"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), index=True)
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connections.id"))
    channel_id: Mapped[str] = mapped_column(String(32))  # a user's id makes it a direct message
    kind: Mapped[NoticeKind] = mapped_column(text_enum(NoticeKind))
    source: Mapped[str] = mapped_column(String(200))  # what happened, so that it is told once
    export_id: Mapped[int | None] = mapped_column(ForeignKey("exports.id"))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    ts: Mapped[str] = mapped_column(String(32), default="")  # Slack's, once posted
    posted_in: Mapped[str] = mapped_column(String(32), default="")  # the conversation's own id
    reason: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Card(Leased, Base):
    """The one message that shows an invoice in a channel for its whole life."""

    __tablename__ = "cards"

    export_id: Mapped[int] = mapped_column(ForeignKey("exports.id"), primary_key=True)
    channel_id: Mapped[str] = mapped_column(String(32), primary_key=True)  # or a person's id
    posted_in: Mapped[str] = mapped_column(String(32))  # the conversation's own id
    ts: Mapped[str] = mapped_column(String(32))


class AuditEntry(Base):
    """Who did what, when; rows are only ever added."""

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_newest", "connection_id", "at", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    user_id: Mapped[str] = mapped_column(String(32))  # "" when the app acted by itself
    what: Mapped[str] = mapped_column(String(64))
    export_id: Mapped[int | None] = mapped_column(ForeignKey("exports.id"), index=True)
    before: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
