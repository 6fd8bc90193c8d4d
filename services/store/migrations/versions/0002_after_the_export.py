"""Batches, errands, choices of tax, and what is told after an export."""

import sqlalchemy as sa
from alembic import op

import services.store.types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_PAYMO_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PAYMO_IDS = (
    ("connections", "paymo_company_id"),
    ("drafts", "invoice_id"),
    ("exports", "client_id"),
    ("exports", "paymo_company_id"),
    ("exports", "paymo_invoice_id"),
    ("matches", "client_id"),
    ("paymo_clients", "client_id"),
    ("paymo_invoices", "client_id"),
    ("paymo_invoices", "invoice_id"),
    ("payments", "paymo_payment_id"),
    ("subscriptions", "client_id"),
)


def _resize(kind: sa.types.TypeEngine[int]) -> None:
    """Change the columns of 0001 that hold ids of Paymo; SQLite's are wide enough as they are."""
    if op.get_bind().dialect.name != "sqlite":
        for table, column in _PAYMO_IDS:
            op.alter_column(table, column, type_=kind)


def upgrade() -> None:
    """Go there."""
    _resize(sa.BigInteger())
    op.create_table(
        "batches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "reading",
                "ready",
                "running",
                "done",
                name="batchstate",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("asked_numbers", sa.JSON(), nullable=False),
        sa.Column("asked_by", sa.String(length=32), nullable=False),
        sa.Column("place", sa.JSON(), nullable=False),
        sa.Column("due_at", services.store.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("created_at", services.store.types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("started_at", services.store.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("finished_at", services.store.types.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_batches_connection_id_connections")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    with op.batch_alter_table("batches", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_batches_connection_id"), ["connection_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_batches_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_batches_due_at"), ["due_at"], unique=False)

    op.create_table(
        "tax_choices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("rate", sa.String(length=40), nullable=False),
        sa.Column("tax_type", sa.String(length=64), nullable=False),
        sa.Column("set_by", sa.String(length=32), nullable=False),
        sa.Column("set_at", services.store.types.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_tax_choices_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tax_choices")),
        sa.UniqueConstraint(
            "connection_id",
            "tenant_id",
            "rate",
            name=op.f("uq_tax_choices_connection_id_tenant_id_rate"),
        ),
    )
    with op.batch_alter_table("tax_choices", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_tax_choices_connection_id"), ["connection_id"], unique=False
        )

    op.create_table(
        "batch_rows",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("paymo_invoice_id", _PAYMO_ID, nullable=False),
        sa.Column("number", sa.String(length=255), nullable=False),
        sa.Column("client_id", _PAYMO_ID, nullable=True),
        sa.Column("client_name", sa.String(length=255), nullable=False),
        sa.Column("total", services.store.types.Money(length=40), nullable=True),
        sa.Column("currency", sa.String(length=8), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("invoice", sa.JSON(), nullable=True),
        sa.Column("export_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.id"], name=op.f("fk_batch_rows_batch_id_batches")
        ),
        sa.ForeignKeyConstraint(
            ["export_id"], ["exports.id"], name=op.f("fk_batch_rows_export_id_exports")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_rows")),
        sa.UniqueConstraint(
            "batch_id", "paymo_invoice_id", name=op.f("uq_batch_rows_batch_id_paymo_invoice_id")
        ),
    )
    with op.batch_alter_table("batch_rows", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_batch_rows_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_batch_rows_export_id"), ["export_id"], unique=False)

    op.create_table(
        "errands",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column(
            "job",
            sa.Enum(
                "export",
                "preview",
                "sweep",
                "mirror",
                "notices",
                "disconnect",
                "batch",
                "undo",
                "update",
                "restore",
                "annotate",
                "reconcile",
                "auto",
                "due",
                name="job",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("export_id", sa.Integer(), nullable=True),
        sa.Column(
            "state",
            sa.Enum("waiting", "done", "refused", name="errandstate", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("due_at", services.store.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.String(length=32), nullable=False),
        sa.Column("asked_at", services.store.types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("sent_at", services.store.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("place", sa.JSON(), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_errands_connection_id_connections")
        ),
        sa.ForeignKeyConstraint(
            ["export_id"], ["exports.id"], name=op.f("fk_errands_export_id_exports")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_errands")),
    )
    with op.batch_alter_table("errands", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_errands_connection_id"), ["connection_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_errands_due_at"), ["due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_errands_export_id"), ["export_id"], unique=False)
        batch_op.create_index(
            "ix_errands_open",
            ["connection_id", "job", "subject"],
            unique=True,
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )

    with op.batch_alter_table("connections", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("auto_export", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(
            sa.Column("attach_pdf", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(
            sa.Column(
                "auto_export_since",
                services.store.types.UtcDateTime(timezone=True),
                nullable=True,
            )
        )
        batch_op.add_column(
            sa.Column("digest_month", sa.String(length=7), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("time_zone", sa.String(length=64), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("contacts_mark", sa.String(length=16), nullable=False, server_default="")
        )
        batch_op.create_index(
            "ix_connections_pair",
            ["workspace_id", "paymo_company_id", "tenant_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('active', 'broken', 'ending')"),
            postgresql_where=sa.text("state IN ('active', 'broken', 'ending')"),
        )
        batch_op.create_index(
            "ix_connections_attempt",
            ["workspace_id", "owner_id"],
            unique=True,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )

    with op.batch_alter_table("workspaces", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "installed_at", services.store.types.UtcDateTime(timezone=True), nullable=True
            )
        )

    with op.batch_alter_table("drafts", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("override_tax", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(sa.Column("issue_on", sa.Date(), nullable=True))
        batch_op.add_column(
            sa.Column("due_rule", sa.String(length=8), nullable=False, server_default="")
        )

    with op.batch_alter_table("xero_contacts", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("merged_to", sa.String(length=64), nullable=False, server_default="")
        )

    with op.batch_alter_table("xero_accounts", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("why_not", sa.String(length=16), nullable=False, server_default="")
        )

    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("due_at", services.store.types.UtcDateTime(timezone=True), nullable=True)
        )
        for name in ("fence", "tries"):
            batch_op.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
        batch_op.create_index(batch_op.f("ix_cards_due_at"), ["due_at"], unique=False)

    with op.batch_alter_table("exports", schema=None) as batch_op:
        for name, width in (("due_rule", 8), ("tax_rate", 40), ("rival_id", 64)):
            batch_op.add_column(
                sa.Column(name, sa.String(length=width), nullable=False, server_default="")
            )
        batch_op.add_column(
            sa.Column("override_tax", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(sa.Column("issue_on", sa.Date(), nullable=True))
        batch_op.add_column(
            sa.Column("accepted_difference", services.store.types.Money(length=40), nullable=True)
        )
        batch_op.add_column(
            sa.Column("xero_rounding", services.store.types.Money(length=40), nullable=True)
        )
        batch_op.add_column(
            sa.Column("drift", sa.String(length=200), nullable=False, server_default="")
        )
        batch_op.add_column(sa.Column("compared", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("batch_id", sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f("ix_exports_batch_id"), ["batch_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_exports_batch_id_batches"), "batches", ["batch_id"], ["id"]
        )

    with op.batch_alter_table("xero_grants", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("scopes", sa.String(length=1000), nullable=False, server_default="")
        )

    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_receipts_received_at"))
    op.drop_table("receipts")


def downgrade() -> None:
    """Come back."""
    with op.batch_alter_table("workspaces", schema=None) as batch_op:
        batch_op.drop_column("installed_at")

    _resize(sa.Integer())
    with op.batch_alter_table("xero_grants", schema=None) as batch_op:
        batch_op.drop_column("scopes")

    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cards_due_at"))
        for name in ("due_at", "fence", "tries"):
            batch_op.drop_column(name)

    with op.batch_alter_table("exports", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_exports_batch_id_batches"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_exports_batch_id"))
        batch_op.drop_column("batch_id")
        batch_op.drop_column("compared")
        batch_op.drop_column("drift")
        batch_op.drop_column("xero_rounding")
        batch_op.drop_column("accepted_difference")
        batch_op.drop_column("issue_on")
        batch_op.drop_column("override_tax")
        for name in ("due_rule", "tax_rate", "rival_id"):
            batch_op.drop_column(name)

    with op.batch_alter_table("xero_accounts", schema=None) as batch_op:
        batch_op.drop_column("why_not")

    with op.batch_alter_table("xero_contacts", schema=None) as batch_op:
        batch_op.drop_column("merged_to")

    with op.batch_alter_table("drafts", schema=None) as batch_op:
        batch_op.drop_column("due_rule")
        batch_op.drop_column("issue_on")
        batch_op.drop_column("override_tax")

    with op.batch_alter_table("connections", schema=None) as batch_op:
        batch_op.drop_column("contacts_mark")
        batch_op.drop_column("time_zone")
        batch_op.drop_index(
            "ix_connections_attempt",
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )
        batch_op.drop_index(
            "ix_connections_pair",
            sqlite_where=sa.text("state IN ('active', 'broken', 'ending')"),
            postgresql_where=sa.text("state IN ('active', 'broken', 'ending')"),
        )
        batch_op.drop_column("digest_month")
        batch_op.drop_column("auto_export_since")
        batch_op.drop_column("attach_pdf")
        batch_op.drop_column("auto_export")

    with op.batch_alter_table("errands", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_errands_open",
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )
        batch_op.drop_index(batch_op.f("ix_errands_export_id"))
        batch_op.drop_index(batch_op.f("ix_errands_due_at"))
        batch_op.drop_index(batch_op.f("ix_errands_connection_id"))

    op.drop_table("errands")
    with op.batch_alter_table("batch_rows", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_batch_rows_export_id"))
        batch_op.drop_index(batch_op.f("ix_batch_rows_batch_id"))

    op.drop_table("batch_rows")
    with op.batch_alter_table("tax_choices", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tax_choices_connection_id"))

    op.drop_table("tax_choices")
    with op.batch_alter_table("batches", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_batches_due_at"))
        batch_op.drop_index(batch_op.f("ix_batches_created_at"))
        batch_op.drop_index(batch_op.f("ix_batches_connection_id"))

    op.drop_table("batches")

    op.create_table(
        "receipts",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("received_at", services.store.types.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
    )
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_receipts_received_at"), ["received_at"], unique=False)
