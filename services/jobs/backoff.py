"""How long something that may have passed is tried again, and what happens when it does not pass.

Nothing is tried for ever without a word. Each row: the pauses after the first tries, the last one
for all that follow, and how many tries there are in all. What happens then is written beside it;
docs/operations.md has the same table for people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

PARKED = timedelta(hours=1)  # what waits for a connection that is broken, which is told in channels


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one kind of work is tried again."""

    pauses: Sequence[int]  # seconds
    tries: int

    def pause_after(self, tries: int) -> timedelta:
        """Return the pause after this many tries, from 1; the last one is for all that follow."""
        return timedelta(seconds=self.pauses[min(tries, len(self.pauses)) - 1])

    def is_over(self, tries: int) -> bool:
        """Say whether this was the last try."""
        return tries >= self.tries


# A payment on its way into Paymo, or out of it; about a day. Then a person decides: the channels
# are asked, with Record It in Paymo, and status counts it.
PAYMENT = Patience((15, 60, 180, 600, 3600), 28)
# A deletion or voiding that Paymo does not take, tried with every look at Xero; about a day. Then a
# person decides, likewise.
DELETION = Patience((300,), 288)
