"""Workspaces, Slack's installations, connections, token sets and one-time links."""

import secrets
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.model.connection import KEPT_OF_A_DAY, SMALLEST_DAY, ConnectionState
from services.model.jobs import Job
from services.store.types import (
    PAYMO_ID,
    Base,
    Leased,
    Money,
    Secret,
    Sends,
    Traced,
    UtcDateTime,
    partial,
    text_enum,
)


class Workspace(Base):
    """A Slack workspace that installed the app."""

    __tablename__ = "workspaces"
    __table_args__ = (UniqueConstraint("enterprise_id", "team_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    enterprise_id: Mapped[str] = mapped_column(String(32), default="")
    team_id: Mapped[str] = mapped_column(String(32))
    app_id: Mapped[str] = mapped_column(String(32), default="")  # ours, as Slack calls it
    is_installed: Mapped[bool] = mapped_column(default=True)
    installed_by: Mapped[str] = mapped_column(String(32), default="")
    installed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the last time
    uninstalled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    welcomed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # somebody was, once
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Acquaintance(Leased, Base):
    """What is known of one person in a workspace; wanted while their Home tab is out of date."""

    __tablename__ = "people"
    __table_args__ = (UniqueConstraint("workspace_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    user_id: Mapped[str] = mapped_column(String(32))
    met_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # told what this is
    home_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # opened Home, the last time
    name: Mapped[str] = mapped_column(String(100), default="")  # as Slack shows it
    named_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Grant(Base):
    """A Xero token set: one person's consent, perhaps for several organisations."""

    __tablename__ = "xero_grants"

    id: Mapped[int] = mapped_column(primary_key=True)
    xero_user_id: Mapped[str] = mapped_column(String(64), default="")  # who gave the consent
    access_token: Mapped[str] = mapped_column(Secret)
    refresh_token: Mapped[str] = mapped_column(Secret)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)  # grows with every refresh
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # somebody is refreshing
    is_dead: Mapped[bool] = mapped_column(default=False)  # Xero said invalid_grant
    scopes: Mapped[str] = mapped_column(String(1000), default="")  # as Xero granted them


class Connection(Sends, Base):
    """A Paymo company with a Xero organisation, in one workspace."""

    __tablename__ = "connections"
    __table_args__ = (
        partial(
            "ix_connections_pair",
            "workspace_id",
            "paymo_company_id",
            "tenant_id",
            where="state IN ('active', 'broken', 'ending')",
            unique=True,
        ),
        partial(
            "ix_connections_attempt",  # one a person
            "workspace_id",
            "owner_id",
            where="state = 'pending'",
            unique=True,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), index=True)
    state: Mapped[ConnectionState] = mapped_column(text_enum(ConnectionState))
    broken_side: Mapped[str] = mapped_column(String(8), default="")  # "Xero" or "Paymo"
    broken_times: Mapped[int] = mapped_column(default=0)  # so that each break is told once
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    owner_id: Mapped[str] = mapped_column(String(32))  # Slack user who connected
    names: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)  # of who connects, by id
    exporters: Mapped[list[str]] = mapped_column(JSON, default=list)  # other Slack users
    viewers: Mapped[list[str]] = mapped_column(JSON, default=list)  # who may ask, anywhere
    channel_viewers: Mapped[bool] = mapped_column(default=True)  # subscribed channels may, there
    xero_status: Mapped[str] = mapped_column(String(16), default="AUTHORISED")
    void_means: Mapped[str] = mapped_column(String(8), default="void")  # or "delete"
    credits: Mapped[str] = mapped_column(String(8), default="record")  # or "notify"
    auto_export: Mapped[bool] = mapped_column(default=False)
    attach_pdf: Mapped[bool] = mapped_column(default=False)
    # Above it, and in other currencies, a second person approves; None: nobody has to.
    approve_above: Mapped[Decimal | None] = mapped_column(Money)
    auto_export_by: Mapped[str] = mapped_column(String(32), default="")  # who switched it on
    auto_export_since: Mapped[datetime | None] = mapped_column(UtcDateTime)  # switched on then
    auto_export_from: Mapped[datetime | None] = mapped_column(UtcDateTime)  # by Paymo's clock

    paymo_company_id: Mapped[int | None] = mapped_column(PAYMO_ID)
    paymo_company_name: Mapped[str] = mapped_column(String(255), default="")
    paymo_api_key: Mapped[str | None] = mapped_column(Secret)

    # Paymo's webhooks: the last part of their address, by its SHA-256 too, and what signs them.
    paymo_hook_digest: Mapped[str | None] = mapped_column(String(64), unique=True)
    paymo_hook_token: Mapped[str | None] = mapped_column(Secret)
    paymo_hook_secret: Mapped[str | None] = mapped_column(Secret)
    paymo_hooks_checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    grant_id: Mapped[int | None] = mapped_column(ForeignKey("xero_grants.id"))
    tenant_id: Mapped[str] = mapped_column(String(64), default="")
    xero_connection_id: Mapped[str] = mapped_column(String(64), default="")
    organisation_name: Mapped[str] = mapped_column(String(255), default="")
    country: Mapped[str] = mapped_column(String(8), default="")
    base_currency: Mapped[str] = mapped_column(String(8), default="")
    short_code: Mapped[str] = mapped_column(String(32), default="")
    time_zone: Mapped[str] = mapped_column(String(64), default="")  # as Xero names it
    is_demo: Mapped[bool] = mapped_column(default=False)
    period_lock_on: Mapped[date | None]
    year_lock_on: Mapped[date | None]

    # Mirror: when Xero's and Paymo's lists were last copied in full.
    xero_mirrored_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paymo_mirrored_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    contacts_mark: Mapped[str] = mapped_column(String(16), default="")  # new with every change
    ledger_mark: Mapped[str] = mapped_column(String(16), default="")  # of accounts, rates, choices
    contacts_whole_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # all were copied
    contacts_read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # or what changed was
    # Rows of theirs that cannot be read: by the list's name, its rows' ids with what people read.
    left_out: Mapped[dict[str, dict[str, str]]] = mapped_column(JSON, default=dict)

    # Sweep: the newest UpdatedDateUTC that was seen.
    cursor: Mapped[datetime | None] = mapped_column(UtcDateTime)
    swept_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reread_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the nightly full reading
    day_calls_left: Mapped[int | None]
    # With fewer left, exports alone are sure to get them: then syncs run once an hour.
    day_calls_kept: Mapped[int] = mapped_column(default=SMALLEST_DAY // KEPT_OF_A_DAY)
    is_paused: Mapped[bool] = mapped_column(default=False)  # the breaker tripped

    # Health: when webhooks came last, to ten minutes, and what the owner was warned of.
    xero_hooked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paymo_hooked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    warned: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)

    @property
    def locked_until(self) -> date | None:
        """The later of the two lock dates."""
        locks = [each for each in (self.period_lock_on, self.year_lock_on) if each]
        return max(locks, default=None)

    def mark_ledger(self) -> None:
        """Say that a list of accounts, rates or currencies, or a chosen rate, has changed."""
        self.ledger_mark = secrets.token_hex(8)

    def needs_approval(self, total: Decimal, currency: str) -> bool:
        """Say whether an invoice of this total, in this currency, waits for a second person."""
        limit = self.approve_above
        return limit is not None and (currency != self.base_currency or abs(total) > limit)

    @property
    def is_short_of_calls(self) -> bool:
        """Whether Xero allows so few more calls today that they are kept for exports."""
        return self.day_calls_left is not None and self.day_calls_left < self.day_calls_kept


class Schedule(Traced, Leased, Base):
    """One regular job of a connection: its sweep, its mirror, or the end of it."""

    __tablename__ = "schedules"
    __table_args__ = (UniqueConstraint("connection_id", "job"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"))
    job: Mapped[Job] = mapped_column(text_enum(Job))
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # whoever asks sooner
    problem: Mapped[str] = mapped_column(String(1000), default="")  # what people should know of it
    reply_to: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # who waits for it


class AccessRequest(Base):
    """Somebody asked the owner for a role; the partial unique index makes two requests one."""

    __tablename__ = "access_requests"
    __table_args__ = (
        partial(
            "ix_access_requests_open",
            "connection_id",
            "user_id",
            "is_handover",
            where="answered_at IS NULL",
            unique=True,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), index=True)
    user_id: Mapped[str] = mapped_column(String(32))
    is_handover: Mapped[bool]  # an exporter asks to become the owner
    role: Mapped[str] = mapped_column(String(16))  # what is asked for: "viewer", "exporter", …
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_by: Mapped[str] = mapped_column(String(32), default="")
    given: Mapped[str] = mapped_column(String(16), default="")  # the role, or "" where declined


class OneTimeLink(Base):
    """A link or OAuth state that works once, for one person, for ten minutes."""

    __tablename__ = "one_time_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256 of the nonce, in hex
    purpose: Mapped[str] = mapped_column(String(16))  # "paymo", "xero", "state", "choose"
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"))
    user_id: Mapped[str] = mapped_column(String(32))
    user_name: Mapped[str] = mapped_column(String(80), default="")  # labels for the page
    workspace_name: Mapped[str] = mapped_column(String(80), default="")
    browser: Mapped[str] = mapped_column(String(64), default="")  # SHA-256 of its cookie, in hex
    tries: Mapped[int] = mapped_column(default=0)  # keys that did not work
    view_id: Mapped[str] = mapped_column(String(64), default="")
    channel_id: Mapped[str] = mapped_column(String(32), default="")
    secret: Mapped[str | None] = mapped_column(Secret)  # PKCE verifier, or the waiting consent
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class _Installed:
    """The columns that the SDK keeps of installations and bots alike."""

    id: Mapped[int] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(String(32))
    app_id: Mapped[str] = mapped_column(String(32))
    enterprise_id: Mapped[str | None] = mapped_column(String(32))
    enterprise_name: Mapped[str | None] = mapped_column(String(255))
    team_id: Mapped[str | None] = mapped_column(String(32))  # None: for the whole organisation
    team_name: Mapped[str | None] = mapped_column(String(255))
    bot_token: Mapped[str | None] = mapped_column(Secret)
    bot_id: Mapped[str | None] = mapped_column(String(32))
    bot_user_id: Mapped[str | None] = mapped_column(String(32))
    bot_scopes: Mapped[str | None] = mapped_column(String(1000))
    bot_refresh_token: Mapped[str | None] = mapped_column(Secret)
    bot_token_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_enterprise_install: Mapped[bool] = mapped_column(default=False)
    installed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SlackInstallation(_Installed, Base):
    """One person's installation into a workspace, or into a whole organisation."""

    __tablename__ = "slack_installations"
    __table_args__ = (Index(None, "client_id", "enterprise_id", "team_id"),)

    enterprise_url: Mapped[str | None] = mapped_column(String(255))
    user_id: Mapped[str] = mapped_column(String(32))
    user_token: Mapped[str | None] = mapped_column(Secret)
    user_scopes: Mapped[str | None] = mapped_column(String(1000))
    user_refresh_token: Mapped[str | None] = mapped_column(Secret)
    user_token_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    incoming_webhook_url: Mapped[str | None] = mapped_column(Secret)
    incoming_webhook_channel: Mapped[str | None] = mapped_column(String(255))
    incoming_webhook_channel_id: Mapped[str | None] = mapped_column(String(32))
    incoming_webhook_configuration_url: Mapped[str | None] = mapped_column(String(500))
    token_type: Mapped[str | None] = mapped_column(String(32))


class SlackBot(_Installed, Base):
    """The bot of a workspace, or of a whole organisation."""

    __tablename__ = "slack_bots"
    __table_args__ = (Index(None, "client_id", "enterprise_id", "team_id"),)


class SlackState(Base):
    """An OAuth state that was used, so that it does not work again."""

    __tablename__ = "slack_oauth_states"

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(200), unique=True)  # its SHA-256, in hex
    expire_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Change(Base):
    """One row, which counts changes of roles and installations."""

    __tablename__ = "changes"

    id: Mapped[int] = mapped_column(primary_key=True)
    count: Mapped[int]
