"""What happens after a job fails: how long it waits, how often it retries, when it gives up.

Nothing is retried for ever in silence. Each line below has the pauses after the first tries, in
seconds (the last one repeats), and how many tries there are in all. The comment above it says who
is notified of what; docs/operations.md has the same table for people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from services.errors import NotConnected, ServiceError, StillUnderWay, Throttled, Unavailable
from services.model.wording import Moment
from services.store import is_outage

PARKED = timedelta(hours=1)  # what waits for a connection that is broken, which is told in channels
SILENT = timedelta(days=1)  # without a sweep that went well; then the channels are told once
AFTER_A_BUG = timedelta(minutes=5)
# Most outages are over within a minute. What waited goes on within half a minute of their end.
_SHORT = (2, 5, 15, 20, 20)
BUG = (
    "Something went wrong on our side. We'll try again in a few minutes. Whoever runs paymo-xero "
    "finds the details in the log."
)

OUTAGE = "Our database had a problem. Whoever runs paymo-xero finds the details in the log."


class Then(Enum):
    """What follows on a refusal."""

    RETRY = auto()  # after the next pause; it counts as a try
    WAIT = auto()  # as long as the remote system asks for; nobody failed, so it is no try
    PARK = auto()  # until somebody has connected again, or for an hour; it is no try either
    END = auto()  # it is given up


@dataclass(frozen=True, slots=True)
class Wait:
    """Until when a job waits, and why."""

    until: datetime
    why: str
    is_try: bool
    is_limit: bool  # a remote system asked for the pause, so nobody shortens it
    problem: Exception

    def sentence(self) -> str:
        """Return what to say of it to people."""
        return f"{self.why} We'll go on at {Moment(self.until)}."


@dataclass(frozen=True, slots=True)
class Policy:
    """What follows on each kind of refusal. A write that may still arrive is always waited for."""

    pauses: Sequence[int] = (0,)
    tries: int = 0  # in all; 0: without end
    throttled: Then = Then.WAIT
    disconnected: Then = Then.PARK
    unavailable: Then = Then.RETRY
    refused: Then = Then.END
    bug: Then = Then.RETRY
    least: timedelta = timedelta(0)  # the shortest pause for a limit

    def pause_after(self, tries: int) -> timedelta:
        """Return the pause after this many tries, from 1."""
        return timedelta(seconds=self.pauses[min(tries, len(self.pauses)) - 1])

    def is_over(self, tries: int) -> bool:
        """Say whether this was the last try."""
        return bool(self.tries) and tries >= self.tries

    def decide(self, problem: Exception, tries: int, now: datetime) -> Wait | None:
        """Return how long the job waits after this many tries; None: it is given up."""
        if isinstance(problem, StillUnderWay):
            return Wait(problem.until, "", is_try=False, is_limit=False, problem=problem)
        if is_outage(problem):
            return self._wait_out(problem, tries, now)
        then, is_bug = self._then(problem), not isinstance(problem, ServiceError)
        if then is Then.END or (then is Then.RETRY and self.is_over(tries) and not is_bug):
            return None
        pause = {Then.RETRY: self.pause_after(tries), Then.PARK: PARKED}.get(then, self.least)
        if isinstance(problem, Throttled):
            pause = max(pause, problem.retry_after)
        return Wait(
            until=now + (AFTER_A_BUG if is_bug else pause),
            why=BUG if is_bug else str(problem),
            is_try=then is Then.RETRY,
            is_limit=isinstance(problem, Throttled),
            problem=problem,
        )

    def _wait_out(self, problem: Exception, tries: int, now: datetime) -> Wait:
        """Wait a little for a database of our own; it ends no row, and uses up no last try."""
        pause = timedelta(seconds=_SHORT[min(tries, len(_SHORT)) - 1])
        is_try = tries < len(_SHORT) and not self.is_over(tries + 1)
        return Wait(now + pause, OUTAGE, is_try=is_try, is_limit=False, problem=problem)

    def _then(self, problem: Exception) -> Then:
        for kind, then in (
            (Throttled, self.throttled),
            (NotConnected, self.disconnected),
            (Unavailable, self.unavailable),
            (ServiceError, self.refused),
        ):
            if isinstance(problem, kind):
                return then
        return self.bug


# An invoice that is read for a form: whatever is the matter stands in the form at once.
PREVIEW = Policy(throttled=Then.END, disconnected=Then.END, unavailable=Then.END, bug=Then.END)
# An invoice that Xero did not take, and that is not there either: it fails, with Try Again and
# Cancel, where the person asked and in the channels.
SENDING = Policy((*_SHORT, 60, 180), 7)
# The same where Paymo or Xero cannot be asked at all; about an hour. A longer wait is
# said where the person asked.
EXPORT = Policy((*_SHORT, 60, 180, 600), 14)
# A sweep of an organisation, tried as long as Xero fails. Status says why; after a day without one
# the channels and the owner are told, once.
SWEEP = Policy((*_SHORT, 60), refused=Then.RETRY)
# A payment on its way into Paymo, or out of it; about a day. Then a person decides: the channels
# are asked, with Record It in Paymo, and status counts it.
PAYMENT = Policy(
    (*_SHORT, 60, 180, 600, 3600),
    28,
    disconnected=Then.WAIT,
    refused=Then.RETRY,
    least=timedelta(seconds=15),
)
# A deletion or voiding that Paymo does not take; about a day. Then a person decides, likewise.
DELETION = Policy((*_SHORT, 300), 288, disconnected=Then.WAIT, refused=Then.RETRY)
# The copies of both systems' lists. Each side is tried by itself, and status says why one is old.
MIRROR = Policy((60,), refused=Then.RETRY)
# Paymo's webhooks; from the third try on once an hour, and status says so. Without them the app
# asks every few minutes anyway.
HOOK = Policy((20, 100, 3600), 3)
# A message in a channel; about two hours. It is kept, and the log has it.
NOTICE = Policy((*_SHORT, 60, 300), 32, refused=Then.RETRY, least=timedelta(seconds=1))
# A card that is out of date; the next event draws it again.
CARD = Policy((*_SHORT, 60, 300), 12, refused=Then.RETRY, throttled=Then.RETRY)
# The end of a connection at Xero, while somebody waits, and where the app was taken away: the
# farewell says what is left to do by hand, and the log.
ENDING = Policy((*_SHORT, 60, 90, 120), 8, refused=Then.RETRY, throttled=Then.RETRY)
ENDING_ALONE = Policy(
    (60, 120, 240, 480, 960, 1920, 3840, 7680, 14400),
    14,
    refused=Then.RETRY,
    throttled=Then.RETRY,
)
# A batch; then its invoices fail as above, each with a line in its report. A table that is not read
# says why.
BATCH = Policy((*_SHORT, 60, 180, 600), 14, refused=Then.PARK)
# An undo, an update or a restored invoice; about an hour. It is refused, to whoever pressed, and
# can be pressed again. While nobody can even check whether it is done, it goes on once an hour, and
# whoever pressed is told so.
TASK = Policy((*_SHORT, 60, 180, 600), 12, refused=Then.RETRY, least=timedelta(seconds=5))
# Whether an invoice goes by itself; about a day. The channels, or the owner, are asked to export.
AUTO = Policy((300,), 288, refused=Then.RETRY, disconnected=Then.WAIT, least=timedelta(minutes=5))
# A note in Xero's history, Paymo's PDF beside an invoice: only limits are waited for, and nothing
# is lost with them. The PDF's end is told to whoever exported.
COURTESY = Policy((5, 15, 60, 180, 600), 5, throttled=Then.RETRY)
# A comparison that somebody waits for, which is refused to whoever asked; and one for a channel's
# digest, about two hours. The digest is told without it then, with the reason.
COMPARISON = Policy((20,), 3, disconnected=Then.END, least=timedelta(seconds=20))
DIGEST = Policy((900,), 8, disconnected=Then.RETRY, least=timedelta(seconds=20))
