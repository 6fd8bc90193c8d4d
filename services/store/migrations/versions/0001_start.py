"""Every table, as it starts."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from services.store.types import PAYMO_ID, Money, RefusalCodes, Secret, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _partial(name: str, table: str, columns: list[str], where: str, **more: Any) -> None:
    """Add an index of those rows alone for which `where` holds."""
    rule = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=rule, postgresql_where=rule, **more)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    """Let a column of a table name a row of another."""
    return sa.ForeignKeyConstraint(
        [column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}_{target}")
    )


def _leased(*trace: sa.Column[Any]) -> list[sa.Column[Any]]:
    """The columns of a row that a worker leases."""
    return [
        sa.Column("due_at", UtcDateTime, nullable=True),
        *trace,
        sa.Column("leased_until", UtcDateTime, nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
    ]


def _traced() -> list[sa.Column[Any]]:
    """The columns of a leased row that keeps the request it came from."""
    return _leased(sa.Column("request_id", sa.String(length=16), nullable=False))


def upgrade() -> None:
    """Go there."""
    op.create_table(
        "changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
    )
    op.create_table(
        "slack_bots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.String(length=32), nullable=False),
        sa.Column("app_id", sa.String(length=32), nullable=False),
        sa.Column("enterprise_id", sa.String(length=32), nullable=True),
        sa.Column("enterprise_name", sa.String(length=255), nullable=True),
        sa.Column("team_id", sa.String(length=32), nullable=True),
        sa.Column("team_name", sa.String(length=255), nullable=True),
        sa.Column("bot_token", Secret, nullable=True),
        sa.Column("bot_id", sa.String(length=32), nullable=True),
        sa.Column("bot_user_id", sa.String(length=32), nullable=True),
        sa.Column("bot_scopes", sa.String(length=1000), nullable=True),
        sa.Column("bot_refresh_token", Secret, nullable=True),
        sa.Column("bot_token_expires_at", UtcDateTime, nullable=True),
        sa.Column("is_enterprise_install", sa.Boolean(), nullable=False),
        sa.Column("installed_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slack_bots")),
    )
    op.create_index(
        op.f("ix_slack_bots_client_id_enterprise_id_team_id"),
        "slack_bots",
        ["client_id", "enterprise_id", "team_id"],
    )
    op.create_table(
        "slack_installations",
        sa.Column("enterprise_url", sa.String(length=255), nullable=True),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("user_token", Secret, nullable=True),
        sa.Column("user_scopes", sa.String(length=1000), nullable=True),
        sa.Column("user_refresh_token", Secret, nullable=True),
        sa.Column("user_token_expires_at", UtcDateTime, nullable=True),
        sa.Column("incoming_webhook_url", Secret, nullable=True),
        sa.Column("incoming_webhook_channel", sa.String(length=255), nullable=True),
        sa.Column("incoming_webhook_channel_id", sa.String(length=32), nullable=True),
        sa.Column("incoming_webhook_configuration_url", sa.String(length=500), nullable=True),
        sa.Column("token_type", sa.String(length=32), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.String(length=32), nullable=False),
        sa.Column("app_id", sa.String(length=32), nullable=False),
        sa.Column("enterprise_id", sa.String(length=32), nullable=True),
        sa.Column("enterprise_name", sa.String(length=255), nullable=True),
        sa.Column("team_id", sa.String(length=32), nullable=True),
        sa.Column("team_name", sa.String(length=255), nullable=True),
        sa.Column("bot_token", Secret, nullable=True),
        sa.Column("bot_id", sa.String(length=32), nullable=True),
        sa.Column("bot_user_id", sa.String(length=32), nullable=True),
        sa.Column("bot_scopes", sa.String(length=1000), nullable=True),
        sa.Column("bot_refresh_token", Secret, nullable=True),
        sa.Column("bot_token_expires_at", UtcDateTime, nullable=True),
        sa.Column("is_enterprise_install", sa.Boolean(), nullable=False),
        sa.Column("installed_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slack_installations")),
    )
    op.create_index(
        op.f("ix_slack_installations_client_id_enterprise_id_team_id"),
        "slack_installations",
        ["client_id", "enterprise_id", "team_id"],
    )
    op.create_table(
        "slack_oauth_states",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=200), nullable=False),
        sa.Column("expire_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slack_oauth_states")),
        sa.UniqueConstraint("state", name=op.f("uq_slack_oauth_states_state")),
    )
    op.create_index(op.f("ix_slack_oauth_states_expire_at"), "slack_oauth_states", ["expire_at"])
    op.create_table(
        "workspaces",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("enterprise_id", sa.String(length=32), nullable=False),
        sa.Column("team_id", sa.String(length=32), nullable=False),
        sa.Column("app_id", sa.String(length=32), nullable=False),
        sa.Column("is_installed", sa.Boolean(), nullable=False),
        sa.Column("installed_by", sa.String(length=32), nullable=False),
        sa.Column("installed_at", UtcDateTime, nullable=True),
        sa.Column("uninstalled_at", UtcDateTime, nullable=True),
        sa.Column("welcomed_at", UtcDateTime, nullable=True),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
        sa.UniqueConstraint(
            "enterprise_id", "team_id", name=op.f("uq_workspaces_enterprise_id_team_id")
        ),
    )
    op.create_table(
        "people",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("met_at", UtcDateTime, nullable=True),
        sa.Column("home_at", UtcDateTime, nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("named_at", UtcDateTime, nullable=True),
        *_leased(),
        _refers("people", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("workspace_id", "user_id", name=op.f("uq_people_workspace_id_user_id")),
    )
    op.create_index(op.f("ix_people_due_at"), "people", ["due_at"])
    op.create_table(
        "xero_grants",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("xero_user_id", sa.String(length=64), nullable=False),
        sa.Column("access_token", Secret, nullable=False),
        sa.Column("refresh_token", Secret, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("lease_until", UtcDateTime, nullable=True),
        sa.Column("is_dead", sa.Boolean(), nullable=False),
        sa.Column("scopes", sa.String(length=1000), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_xero_grants")),
    )
    op.create_table(
        "connections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("broken_side", sa.String(length=8), nullable=False),
        sa.Column("broken_times", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("owner_id", sa.String(length=32), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("exporters", sa.JSON(), nullable=False),
        sa.Column("viewers", sa.JSON(), nullable=False),
        sa.Column("channel_viewers", sa.Boolean(), nullable=False),
        sa.Column("xero_status", sa.String(length=16), nullable=False),
        sa.Column("void_means", sa.String(length=8), nullable=False),
        sa.Column("credits", sa.String(length=8), nullable=False),
        sa.Column("auto_export", sa.Boolean(), nullable=False),
        sa.Column("attach_pdf", sa.Boolean(), nullable=False),
        sa.Column("approve_above", Money, nullable=True),
        sa.Column("auto_export_by", sa.String(length=32), nullable=False),
        sa.Column("auto_export_since", UtcDateTime, nullable=True),
        sa.Column("auto_export_from", UtcDateTime, nullable=True),
        sa.Column("paymo_company_id", PAYMO_ID, nullable=True),
        sa.Column("paymo_company_name", sa.String(length=255), nullable=False),
        sa.Column("paymo_api_key", Secret, nullable=True),
        sa.Column("paymo_hook_digest", sa.String(length=64), nullable=True),
        sa.Column("paymo_hook_token", Secret, nullable=True),
        sa.Column("paymo_hook_secret", Secret, nullable=True),
        sa.Column("paymo_hooks_checked_at", UtcDateTime, nullable=True),
        sa.Column("grant_id", sa.Integer(), nullable=True),
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("xero_connection_id", sa.String(length=64), nullable=False),
        sa.Column("organisation_name", sa.String(length=255), nullable=False),
        sa.Column("country", sa.String(length=8), nullable=False),
        sa.Column("base_currency", sa.String(length=8), nullable=False),
        sa.Column("short_code", sa.String(length=32), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("period_lock_on", sa.Date(), nullable=True),
        sa.Column("year_lock_on", sa.Date(), nullable=True),
        sa.Column("xero_mirrored_at", UtcDateTime, nullable=True),
        sa.Column("paymo_mirrored_at", UtcDateTime, nullable=True),
        sa.Column("contacts_mark", sa.String(length=16), nullable=False),
        sa.Column("ledger_mark", sa.String(length=16), nullable=False),
        sa.Column("contacts_whole_at", UtcDateTime, nullable=True),
        sa.Column("contacts_read_at", UtcDateTime, nullable=True),
        sa.Column("left_out", sa.JSON(), nullable=False),
        sa.Column("cursor", UtcDateTime, nullable=True),
        sa.Column("swept_at", UtcDateTime, nullable=True),
        sa.Column("reread_at", UtcDateTime, nullable=True),
        sa.Column("day_calls_left", sa.Integer(), nullable=True),
        sa.Column("day_calls_kept", sa.Integer(), nullable=False),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("xero_hooked_at", UtcDateTime, nullable=True),
        sa.Column("paymo_hooked_at", UtcDateTime, nullable=True),
        sa.Column("warned", sa.JSON(), nullable=False),
        sa.Column("sent_at", UtcDateTime, nullable=True),
        _refers("connections", "grant_id", "xero_grants"),
        _refers("connections", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connections")),
        sa.UniqueConstraint("paymo_hook_digest", name=op.f("uq_connections_paymo_hook_digest")),
    )
    _partial(
        "ix_connections_attempt",
        "connections",
        ["workspace_id", "owner_id"],
        "state = 'pending'",
        unique=True,
    )
    _partial(
        "ix_connections_pair",
        "connections",
        ["workspace_id", "paymo_company_id", "tenant_id"],
        "state IN ('active', 'broken', 'ending')",
        unique=True,
    )
    op.create_index(op.f("ix_connections_workspace_id"), "connections", ["workspace_id"])
    op.create_table(
        "access_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("is_handover", sa.Boolean(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("asked_at", UtcDateTime, nullable=False),
        sa.Column("answered_at", UtcDateTime, nullable=True),
        sa.Column("answered_by", sa.String(length=32), nullable=False),
        sa.Column("given", sa.String(length=16), nullable=False),
        _refers("access_requests", "connection_id", "connections"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_requests")),
    )
    op.create_index(op.f("ix_access_requests_connection_id"), "access_requests", ["connection_id"])
    _partial(
        "ix_access_requests_open",
        "access_requests",
        ["connection_id", "user_id", "is_handover"],
        "answered_at IS NULL",
        unique=True,
    )
    op.create_table(
        "batches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("asked_numbers", sa.JSON(), nullable=False),
        sa.Column("asked_by", sa.String(length=32), nullable=False),
        sa.Column("reply_to", sa.JSON(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        *_traced(),
        _refers("batches", "connection_id", "connections"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    op.create_index(op.f("ix_batches_connection_id"), "batches", ["connection_id"])
    op.create_index(op.f("ix_batches_created_at"), "batches", ["created_at"])
    op.create_index(op.f("ix_batches_due_at"), "batches", ["due_at"])
    op.create_table(
        "drafts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("channel_id", sa.String(length=32), nullable=False),
        sa.Column("view_id", sa.String(length=64), nullable=False),
        sa.Column("asked_number", sa.String(length=255), nullable=False),
        sa.Column("invoice_id", PAYMO_ID, nullable=True),
        sa.Column("contact_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("tax_type", sa.String(length=64), nullable=False),
        sa.Column("untaxed_type", sa.String(length=64), nullable=False),
        sa.Column("override_tax", sa.Boolean(), nullable=False),
        sa.Column("issue_on", sa.Date(), nullable=True),
        sa.Column("due_rule", sa.String(length=10), nullable=False),
        sa.Column("xero_status", sa.String(length=16), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        sa.Column("invoice", sa.JSON(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("is_refreshing", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        *_traced(),
        _refers("drafts", "connection_id", "connections"),
        _refers("drafts", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drafts")),
    )
    op.create_index(op.f("ix_drafts_connection_id"), "drafts", ["connection_id"])
    op.create_index(op.f("ix_drafts_created_at"), "drafts", ["created_at"])
    op.create_index(op.f("ix_drafts_due_at"), "drafts", ["due_at"])
    op.create_table(
        "matches",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("client_id", PAYMO_ID, nullable=False),
        sa.Column("contact_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("set_by", sa.String(length=32), nullable=False),
        sa.Column("set_at", UtcDateTime, nullable=False),
        _refers("matches", "connection_id", "connections"),
        sa.PrimaryKeyConstraint("connection_id", "tenant_id", "client_id", name=op.f("pk_matches")),
    )
    op.create_table(
        "one_time_links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("user_name", sa.String(length=80), nullable=False),
        sa.Column("workspace_name", sa.String(length=80), nullable=False),
        sa.Column("browser", sa.String(length=64), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("view_id", sa.String(length=64), nullable=False),
        sa.Column("channel_id", sa.String(length=32), nullable=False),
        sa.Column("secret", Secret, nullable=True),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        _refers("one_time_links", "connection_id", "connections"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_links")),
        sa.UniqueConstraint("digest", name=op.f("uq_one_time_links_digest")),
    )
    op.create_index(op.f("ix_one_time_links_expires_at"), "one_time_links", ["expires_at"])
    op.create_table(
        "paymo_clients",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("client_id", PAYMO_ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("folded_name", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("tax_number", sa.String(length=255), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        _refers("paymo_clients", "connection_id", "connections"),
        sa.PrimaryKeyConstraint("connection_id", "client_id", name=op.f("pk_paymo_clients")),
    )
    op.create_table(
        "paymo_invoices",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", PAYMO_ID, nullable=False),
        sa.Column("number", sa.String(length=255), nullable=False),
        sa.Column("folded_number", sa.String(length=255), nullable=False),
        sa.Column("client_id", PAYMO_ID, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("currency", sa.String(length=8), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("total", Money, nullable=False),
        sa.Column("updated_on", UtcDateTime, nullable=False),
        _refers("paymo_invoices", "connection_id", "connections"),
        sa.PrimaryKeyConstraint("connection_id", "invoice_id", name=op.f("pk_paymo_invoices")),
    )
    op.create_index("ix_paymo_invoices_newest", "paymo_invoices", ["connection_id", "updated_on"])
    op.create_table(
        "schedules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(length=32), nullable=False),
        sa.Column("held_until", UtcDateTime, nullable=True),
        sa.Column("problem", sa.String(length=1000), nullable=False),
        sa.Column("reply_to", sa.JSON(), nullable=True),
        *_traced(),
        _refers("schedules", "connection_id", "connections"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
        sa.UniqueConstraint("connection_id", "job", name=op.f("uq_schedules_connection_id_job")),
    )
    op.create_index(op.f("ix_schedules_due_at"), "schedules", ["due_at"])
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("channel_id", sa.String(length=32), nullable=False),
        sa.Column("topics", sa.JSON(), nullable=False),
        sa.Column("client_id", PAYMO_ID, nullable=True),
        sa.Column("minimum", Money, nullable=True),
        sa.Column("layout", sa.String(length=32), nullable=False),
        sa.Column("digest_every", sa.String(length=32), nullable=False),
        sa.Column("digest_hour", sa.Integer(), nullable=False),
        sa.Column("digest_zone", sa.String(length=64), nullable=False),
        sa.Column("digest_from", sa.Date(), nullable=True),
        sa.Column("set_by", sa.String(length=32), nullable=False),
        sa.Column("set_at", UtcDateTime, nullable=False),
        sa.Column("paused_because", sa.String(length=255), nullable=False),
        sa.Column("tried_at", UtcDateTime, nullable=True),
        _refers("subscriptions", "connection_id", "connections"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
        sa.UniqueConstraint(
            "connection_id", "channel_id", name=op.f("uq_subscriptions_connection_id_channel_id")
        ),
    )
    op.create_index(op.f("ix_subscriptions_connection_id"), "subscriptions", ["connection_id"])
    op.create_table(
        "tax_choices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("rate", sa.String(length=40), nullable=False),
        sa.Column("tax_type", sa.String(length=64), nullable=False),
        sa.Column("set_by", sa.String(length=32), nullable=False),
        sa.Column("set_at", UtcDateTime, nullable=False),
        _refers("tax_choices", "connection_id", "connections"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tax_choices")),
        sa.UniqueConstraint(
            "connection_id",
            "tenant_id",
            "rate",
            name=op.f("uq_tax_choices_connection_id_tenant_id_rate"),
        ),
    )
    op.create_index(op.f("ix_tax_choices_connection_id"), "tax_choices", ["connection_id"])
    op.create_table(
        "xero_accounts",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("tax_type", sa.String(length=64), nullable=False),
        sa.Column("is_usable", sa.Boolean(), nullable=False),
        sa.Column("is_liability", sa.Boolean(), nullable=False),
        sa.Column("why_not", sa.String(length=16), nullable=False),
        _refers("xero_accounts", "connection_id", "connections"),
        sa.PrimaryKeyConstraint("connection_id", "account_id", name=op.f("pk_xero_accounts")),
    )
    op.create_table(
        "xero_contacts",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("folded_name", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("tax_number", sa.String(length=64), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("merged_to", sa.String(length=64), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("asked_at", UtcDateTime, nullable=True),
        _refers("xero_contacts", "connection_id", "connections"),
        sa.PrimaryKeyConstraint("connection_id", "contact_id", name=op.f("pk_xero_contacts")),
    )
    op.create_table(
        "xero_currencies",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=8), nullable=False),
        _refers("xero_currencies", "connection_id", "connections"),
        sa.PrimaryKeyConstraint("connection_id", "code", name=op.f("pk_xero_currencies")),
    )
    op.create_table(
        "xero_tax_rates",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("tax_type", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("effective_rate", Money, nullable=False),
        sa.Column("is_usable", sa.Boolean(), nullable=False),
        _refers("xero_tax_rates", "connection_id", "connections"),
        sa.PrimaryKeyConstraint("connection_id", "tax_type", name=op.f("pk_xero_tax_rates")),
    )
    op.create_table(
        "exports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("paymo_company_id", PAYMO_ID, nullable=False),
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("paymo_invoice_id", PAYMO_ID, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=128), nullable=False),
        sa.Column("sent", sa.JSON(), nullable=True),
        sa.Column("missed_at", UtcDateTime, nullable=True),
        sa.Column("refusals", RefusalCodes, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cure", sa.Text(), nullable=False),
        sa.Column("remark", sa.Text(), nullable=False),
        sa.Column("grounds", sa.JSON(), nullable=True),
        sa.Column("wish", sa.String(length=32), nullable=False),
        sa.Column("requested_by", sa.String(length=32), nullable=False),
        sa.Column("ordered_by", sa.String(length=32), nullable=False),
        sa.Column("requested_at", UtcDateTime, nullable=False),
        sa.Column("reply_to", sa.JSON(), nullable=False),
        sa.Column("changed_by", sa.String(length=32), nullable=False),
        sa.Column("approval_key", sa.String(length=128), nullable=False),
        sa.Column("approved_by", sa.String(length=32), nullable=False),
        sa.Column("approved_at", UtcDateTime, nullable=True),
        sa.Column("number", sa.String(length=255), nullable=False),
        sa.Column("leave_out_number", sa.Boolean(), nullable=False),
        sa.Column("override_tax", sa.Boolean(), nullable=False),
        sa.Column("issue_on", sa.Date(), nullable=True),
        sa.Column("due_rule", sa.String(length=10), nullable=False),
        sa.Column("tax_rate", sa.String(length=40), nullable=False),
        sa.Column("rival_id", sa.String(length=64), nullable=False),
        sa.Column("client_id", PAYMO_ID, nullable=True),
        sa.Column("client_name", sa.String(length=255), nullable=False),
        sa.Column("contact_id", sa.String(length=64), nullable=False),
        sa.Column("contact_name", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("tax_type", sa.String(length=64), nullable=False),
        sa.Column("xero_status", sa.String(length=16), nullable=False),
        sa.Column("currency", sa.String(length=8), nullable=False),
        sa.Column("total", Money, nullable=True),
        sa.Column("invoice", sa.JSON(), nullable=True),
        sa.Column("seen_updated_on", UtcDateTime, nullable=True),
        sa.Column("xero_invoice_id", sa.String(length=64), nullable=True),
        sa.Column("xero_number", sa.String(length=255), nullable=False),
        sa.Column("xero_total", Money, nullable=True),
        sa.Column("xero_seen_status", sa.String(length=16), nullable=False),
        sa.Column("xero_due", Money, nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("is_linked", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.String(length=16), nullable=False),
        sa.Column("exported_at", UtcDateTime, nullable=True),
        sa.Column("accepted_difference", Money, nullable=True),
        sa.Column("xero_rounding", Money, nullable=True),
        sa.Column("drift", sa.String(length=200), nullable=False),
        sa.Column("compared", sa.JSON(), nullable=True),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        sa.Column("invoice_state", sa.String(length=32), nullable=False),
        sa.Column("decision", sa.String(length=32), nullable=True),
        sa.Column("snapshot", sa.JSON(), nullable=True),
        sa.Column("paymo_checked_at", UtcDateTime, nullable=True),
        *_traced(),
        sa.Column("sent_at", UtcDateTime, nullable=True),
        _refers("exports", "batch_id", "batches"),
        _refers("exports", "connection_id", "connections"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
        sa.UniqueConstraint(
            "paymo_company_id",
            "tenant_id",
            "paymo_invoice_id",
            "generation",
            name=op.f("uq_exports_paymo_company_id_tenant_id_paymo_invoice_id_generation"),
        ),
    )
    op.create_index(op.f("ix_exports_batch_id"), "exports", ["batch_id"])
    op.create_index(op.f("ix_exports_connection_id"), "exports", ["connection_id"])
    op.create_index(op.f("ix_exports_due_at"), "exports", ["due_at"])
    op.create_index(op.f("ix_exports_xero_invoice_id"), "exports", ["xero_invoice_id"])
    _partial(
        "ix_exports_open",
        "exports",
        ["state", "requested_at"],
        "state IN ('queued', 'sending', 'unknown', 'failed')",
    )
    _partial(
        "ix_exports_unsettled",
        "exports",
        ["connection_id"],
        "invoice_state IN ('delete_seen', 'void_seen', 'held', 'asked')",
    )
    live = "state IN ('exported', 'different') AND invoice_state IN ('live')"
    _partial("ix_exports_unchecked", "exports", ["connection_id", "paymo_checked_at", "id"], live)
    _partial("ix_exports_linked", "exports", ["connection_id", "is_linked"], live)
    _partial("ix_exports_made_by", "exports", ["connection_id", "made_by"], live)
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("export_id", sa.Integer(), nullable=True),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        _refers("audit_log", "connection_id", "connections"),
        _refers("audit_log", "export_id", "exports"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_newest", "audit_log", ["connection_id", "at", "id"])
    op.create_index(op.f("ix_audit_log_export_id"), "audit_log", ["export_id"])
    op.create_table(
        "batch_rows",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("paymo_invoice_id", PAYMO_ID, nullable=False),
        sa.Column("number", sa.String(length=255), nullable=False),
        sa.Column("client_id", PAYMO_ID, nullable=True),
        sa.Column("client_name", sa.String(length=255), nullable=False),
        sa.Column("total", Money, nullable=True),
        sa.Column("currency", sa.String(length=8), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cure", sa.Text(), nullable=False),
        sa.Column("is_selected", sa.Boolean(), nullable=False),
        sa.Column("contact_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("invoice", sa.JSON(), nullable=True),
        sa.Column("seen_updated_on", UtcDateTime, nullable=True),
        sa.Column("export_id", sa.Integer(), nullable=True),
        _refers("batch_rows", "batch_id", "batches"),
        _refers("batch_rows", "export_id", "exports"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_rows")),
        sa.UniqueConstraint(
            "batch_id", "paymo_invoice_id", name=op.f("uq_batch_rows_batch_id_paymo_invoice_id")
        ),
    )
    op.create_index(op.f("ix_batch_rows_batch_id"), "batch_rows", ["batch_id"])
    op.create_index(op.f("ix_batch_rows_export_id"), "batch_rows", ["export_id"])
    op.create_table(
        "cards",
        sa.Column("export_id", sa.Integer(), nullable=False),
        sa.Column("channel_id", sa.String(length=32), nullable=False),
        sa.Column("posted_in", sa.String(length=32), nullable=False),
        sa.Column("ts", sa.String(length=32), nullable=False),
        *_leased(),
        _refers("cards", "export_id", "exports"),
        sa.PrimaryKeyConstraint("export_id", "channel_id", name=op.f("pk_cards")),
    )
    op.create_index(op.f("ix_cards_due_at"), "cards", ["due_at"])
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=True),
        sa.Column("channel_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("export_id", sa.Integer(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("ts", sa.String(length=32), nullable=False),
        sa.Column("posted_in", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        *_traced(),
        _refers("notices", "connection_id", "connections"),
        _refers("notices", "export_id", "exports"),
        _refers("notices", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("source", "channel_id", name=op.f("uq_notices_source_channel_id")),
    )
    op.create_index("ix_notices_about", "notices", ["connection_id", "kind"])
    op.create_index(op.f("ix_notices_due_at"), "notices", ["due_at"])
    op.create_index(op.f("ix_notices_workspace_id"), "notices", ["workspace_id"])
    _partial(
        "ix_notices_waiting",
        "notices",
        ["workspace_id", "channel_id", "id"],
        "due_at IS NOT NULL",
    )
    _partial("ix_notices_unposted", "notices", ["due_at", "created_at"], "ts = ''")
    op.create_table(
        "payments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("export_id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("xero_payment_id", sa.String(length=140), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("label", sa.String(length=255), nullable=False),
        sa.Column("amount", Money, nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("paymo_payment_id", PAYMO_ID, nullable=True),
        sa.Column("recorded_amount", Money, nullable=True),
        sa.Column("replaces_id", sa.Integer(), nullable=True),
        sa.Column("is_brought_back", sa.Boolean(), nullable=False),
        sa.Column("is_only_told", sa.Boolean(), nullable=False),
        sa.Column("is_late", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("seen_at", UtcDateTime, nullable=False),
        *_traced(),
        sa.Column("sent_at", UtcDateTime, nullable=True),
        _refers("payments", "connection_id", "connections"),
        _refers("payments", "export_id", "exports"),
        _refers("payments", "replaces_id", "payments"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint(
            "tenant_id", "xero_payment_id", name=op.f("uq_payments_tenant_id_xero_payment_id")
        ),
    )
    op.create_index(op.f("ix_payments_connection_id"), "payments", ["connection_id"])
    op.create_index(op.f("ix_payments_due_at"), "payments", ["due_at"])
    op.create_index(op.f("ix_payments_export_id"), "payments", ["export_id"])
    _partial(
        "ix_payments_on_their_way", "payments", ["connection_id", "due_at"], "due_at IS NOT NULL"
    )
    _partial("ix_payments_asked", "payments", ["connection_id"], "state IN ('asked', 'parked')")
    op.create_table(
        "tasks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("export_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("asked_by", sa.String(length=32), nullable=False),
        sa.Column("asked_at", UtcDateTime, nullable=False),
        sa.Column("reply_to", sa.JSON(), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        *_traced(),
        sa.Column("sent_at", UtcDateTime, nullable=True),
        _refers("tasks", "connection_id", "connections"),
        _refers("tasks", "export_id", "exports"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    op.create_index(op.f("ix_tasks_connection_id"), "tasks", ["connection_id"])
    op.create_index(op.f("ix_tasks_due_at"), "tasks", ["due_at"])
    op.create_index(op.f("ix_tasks_export_id"), "tasks", ["export_id"])
    _partial(
        "ix_tasks_open",
        "tasks",
        ["connection_id", "job", "subject"],
        "state = 'waiting'",
        unique=True,
    )


def downgrade() -> None:
    """Come back."""
    op.drop_table("tasks")
    op.drop_table("payments")
    op.drop_table("notices")
    op.drop_table("cards")
    op.drop_table("batch_rows")
    op.drop_table("audit_log")
    op.drop_table("exports")
    op.drop_table("xero_tax_rates")
    op.drop_table("xero_currencies")
    op.drop_table("xero_contacts")
    op.drop_table("xero_accounts")
    op.drop_table("tax_choices")
    op.drop_table("subscriptions")
    op.drop_table("schedules")
    op.drop_table("paymo_invoices")
    op.drop_table("paymo_clients")
    op.drop_table("one_time_links")
    op.drop_table("matches")
    op.drop_table("drafts")
    op.drop_table("batches")
    op.drop_table("access_requests")
    op.drop_table("connections")
    op.drop_table("xero_grants")
    op.drop_table("people")
    op.drop_table("workspaces")
    op.drop_table("slack_oauth_states")
    op.drop_table("slack_installations")
    op.drop_table("slack_bots")
    op.drop_table("changes")
