"""The states of a connection, and a Xero organisation as people see it."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

from services.model.wording import counted

SMALLEST_DAY: Final = 1000  # calls: what Xero gives a new app for each organisation
KEPT_OF_A_DAY: Final = 5  # the last fifth of a day's calls is for exports


class ConnectionState(StrEnum):
    """The state of a connection between a Paymo company and a Xero organisation."""

    PENDING = "pending"  # one of the two sides is not connected yet
    ACTIVE = "active"
    BROKEN = "broken"  # one side no longer accepts us; work is parked
    ENDING = "ending"  # somebody disconnects; both sides are being told
    ENDED = "ended"  # links are kept, secrets are gone


def few_calls(left: int) -> str:
    """Say that Xero allows few more calls today, and what we do about it."""
    return (
        f"Xero allows {counted(left, 'more call')} today. We keep them for exports and sync once "
        "an hour until the count starts again."
    )


def mark_of(key: str | None) -> str:
    """Return what tells an API key from others, and isn't secret."""
    return sha256((key or "").encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Organisation:
    """A Xero organisation, as shown to the person who connects it."""

    tenant_id: str
    name: str
    country: str
    currency: str
    is_demo: bool
