"""Projects, and the expenses and the time that are billed with an invoice's lines."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sandbox.paymo.model import number, stamp
from sandbox.serving import Json


@dataclass(slots=True)
class Project:
    """A project of a client."""

    id: int
    name: str
    client_id: int
    time: datetime

    def json(self) -> Json:
        """As Paymo shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "client_id": self.client_id,
            "active": True,
            "created_on": stamp(self.time),
            "updated_on": stamp(self.time),
        }


@dataclass(slots=True)
class Expense:
    """What was spent for a client, and the line that bills it."""

    id: int
    client_id: int
    amount: Decimal
    notes: str
    day: date
    time: datetime
    currency: str
    project_id: int | None = None
    item_id: int | None = None

    @property
    def is_billed(self) -> bool:
        """Whether a line bills it."""
        return self.item_id is not None

    def json(self) -> Json:
        """As Paymo shows it."""
        return {
            "id": self.id,
            "client_id": self.client_id,
            "project_id": self.project_id,
            "user_id": 1,
            "amount": number(self.amount),
            "currency": self.currency,
            "date": self.day.isoformat(),
            "notes": self.notes,
            "invoiced": self.is_billed,
            "invoice_item_id": self.item_id,
            "file": "",
            "tags": [],
            "created_on": stamp(self.time),
            "updated_on": stamp(self.time),
        }


@dataclass(slots=True)
class Entry:
    """A piece of time on a project, and the line that bills it."""

    id: int
    client_id: int
    project_id: int
    seconds: int
    description: str
    day: date
    time: datetime
    item_id: int | None = None

    @property
    def is_billed(self) -> bool:
        """Whether a line bills it."""
        return self.item_id is not None

    def json(self) -> Json:
        """As Paymo shows it."""
        return {
            "id": self.id,
            "project_id": self.project_id,
            "client_id": self.client_id,
            "task_id": 1,
            "user_id": 1,
            "date": self.day.isoformat(),
            "duration": self.seconds,
            "description": self.description,
            "added_manually": True,
            "is_bulk": True,
            "billed": self.is_billed,
            "invoice_item_id": self.item_id,
            "created_on": stamp(self.time),
            "updated_on": stamp(self.time),
        }
