"""What a look at Xero found, and who is told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.model.people import ReplyTarget, Said


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep found and did."""

    organisation: str
    payments: int = 0
    removals: int = 0
    deletions: int = 0
    held: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What comes of asking for a look: a new one, unless one is under way or was just done."""

    organisation: str
    is_fresh: bool = False
    is_under_way: bool = False
    held_until: datetime | None = None  # a limit's pause, which nobody shortens


class SyncScreen(Protocol):
    """Where the person who typed `sync` sees what came of it."""

    async def show_swept(self, reply_to: ReplyTarget, swept: Swept) -> None:
        """Say it to that person alone."""

    async def say(self, reply_to: ReplyTarget, said: Said) -> None:
        """Say it in the open view, or to the person alone when it was closed."""
