"""The states of a connection, and a Xero organisation as people see it."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

FEW_CALLS: Final = 250  # so few that Xero allows for the rest of a day are worth a word


class ConnectionState(StrEnum):
    """The state of a connection between a Paymo company and a Xero organisation."""

    PENDING = "pending"  # one of the two sides is not connected yet
    ACTIVE = "active"
    BROKEN = "broken"  # one side no longer accepts us; work is parked
    ENDING = "ending"  # somebody disconnects; both sides are being told
    ENDED = "ended"  # links are kept, secrets are gone


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
    short_code: str
    is_demo: bool
