"""The tables, one class each; importing this package fills the metadata."""

from services.store.tables.connections import (
    AccessRequest,
    Acquaintance,
    Change,
    Connection,
    Grant,
    OneTimeLink,
    Schedule,
    SlackBot,
    SlackInstallation,
    SlackState,
    Workspace,
)
from services.store.tables.exports import Batch, BatchRow, Draft, Export, Payment, Task
from services.store.tables.mirror import (
    Account,
    Client,
    Contact,
    Currency,
    InvoiceHeader,
    Match,
    TaxChoice,
    TaxRate,
)
from services.store.tables.notices import AuditEntry, Card, Notice, Subscription
from services.store.types import Base

__all__ = [
    "AccessRequest",
    "Account",
    "Acquaintance",
    "AuditEntry",
    "Base",
    "Batch",
    "BatchRow",
    "Card",
    "Change",
    "Client",
    "Connection",
    "Contact",
    "Currency",
    "Draft",
    "Export",
    "Grant",
    "InvoiceHeader",
    "Match",
    "Notice",
    "OneTimeLink",
    "Payment",
    "Schedule",
    "SlackBot",
    "SlackInstallation",
    "SlackState",
    "Subscription",
    "Task",
    "TaxChoice",
    "TaxRate",
    "Workspace",
]
