"""What was done, as it is shown and written into a file."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.model.people import Role


@dataclass(frozen=True, slots=True)
class Done:
    """One act; `by` is "" when the app acted by itself. Secrets are masked already."""

    at: datetime
    by: str
    what: str
    number: str = ""  # Paymo's, "" where it is about no invoice
    paymo_invoice_id: int | None = None
    xero_invoice_id: str = ""
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """The newest acts of a connection, or of one of its invoices, and how many there are."""

    company: str
    organisation: str
    number: str  # as Paymo has it; "" where it is about everything
    total: int
    audit: tuple[Done, ...]
    connection_id: int = 0
    role: Role = Role.OWNER  # of whoever asks
