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


# An invoice that Xero did not take, and that is not there either: it fails, with Try Again and
# Cancel, where the person asked and in the channels.
SENDING = Patience((2, 5, 15, 60, 180), 5)
# The same where Paymo or Xero cannot be asked at all; about an hour and a quarter.
EXPORT = Patience((2, 5, 15, 60, 180, 600), 12)
# A group of a batch; then its invoices fail as above, each with a line in the batch's report.
BATCH = Patience((2, 5, 15, 60, 180, 600), 12)
# A payment on its way into Paymo, or out of it; about a day. Then a person decides: the channels
# are asked, with Record It in Paymo, and status counts it.
PAYMENT = Patience((15, 60, 180, 600, 3600), 28)
# A deletion or voiding that Paymo does not take, tried with every look at Xero; about a day. Then a
# person decides, likewise.
DELETION = Patience((300,), 288)
# An undo, an update or a restored invoice; about an hour. It is refused, to whoever pressed, and
# can be pressed again. While nobody can even look whether it is done, it goes on once an hour, and
# whoever pressed is told so.
TASK = Patience((5, 15, 60, 180, 600), 10)
# Whether an invoice goes by itself; about a day. The channels, or the owner, are asked to export.
AUTO = Patience((300,), 288)
# A note in Xero's history, Paymo's PDF beside an invoice: only limits are waited for, and nothing
# is lost with them. The PDF's end is told to whoever exported.
COURTESY = Patience((5, 15, 60, 180, 600), 5)
# A comparison that somebody waits for, and a month's digest; about a day. It is refused, to whoever
# asked; the digest's end is in the log, and the next month has its own.
COMPARISON = Patience((20,), 3)
DIGEST = Patience((900,), 96)
# Paymo's webhooks; from the third try on once an hour, and status says so. Without them the app
# asks every few minutes anyway.
HOOK = Patience((60, 60, 3600), 3)
