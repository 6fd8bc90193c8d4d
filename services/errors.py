"""The refusals a service may raise.

* ServiceError        expected; its text is one safe sentence or two: what, why, what to do
  + NotConnected      no usable connection to the remote system
  + SeveralConnections  there are several, and nothing says which one is meant
  + NotMatched        a client has no Xero contact yet
  + AlreadyRequested  this invoice is exported, or on its way
  + NotAllowed        this person may not do this
  + SeveralFit        several invoices fit the number that was typed
  + NotFound          the remote system knows no such object
  + Rejected          the remote system understood the request and said no
    + Forbidden       it doesn't allow our connection to do this one thing
    + Unreadable      what it has there cannot be read; only questions raise this
  + Throttled         the remote system asked us to wait, before it did anything
  + Unavailable       the remote system could not answer, and may have acted
  + StillUnderWay     an earlier write may still take effect
  + ChannelClosed     a channel cannot be written to
  + NotAccepted       some fields of a form are not valid

`Lost` is none of them: somebody took a row since, and the runner of jobs alone catches it.
Anything else that escapes a service is a bug.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

System = Literal["Xero", "Paymo"]


class ServiceError(Exception):
    """An expected refusal."""


class NotConnected(ServiceError):
    """No usable connection to `system`; `is_stale` says that a fresh token may help.

    `access` is what was refused: the id of a consent, or the `mark_of` a key; None if unknown.
    """

    access: int | str | None = None

    def __init__(self, text: str, *, system: System, is_stale: bool = False) -> None:
        """Keep which side is to be connected again."""
        super().__init__(text)
        self.system = system
        self.is_stale = is_stale


@contextmanager
def of_access(access: int | str) -> Iterator[None]:
    """Have every `NotConnected` raised in here say which access was refused."""
    try:
        yield
    except NotConnected as refusal:
        refusal.access = access
        raise


@dataclass(frozen=True, slots=True)
class Pair:
    """A connection by its two names, so that nobody takes it for another one."""

    connection_id: int
    company: str
    organisation: str
    is_demo: bool
    owner_id: str


class SeveralConnections(ServiceError):
    """The workspace has several connections, and nothing says which one is meant."""

    def __init__(self, pairs: tuple[Pair, ...]) -> None:
        """Keep those to choose from."""
        super().__init__("This workspace has several connections. Which one do you mean?")
        self.pairs = pairs


@dataclass(frozen=True, slots=True)
class Fitting:
    """An invoice that may be meant: its number, and what tells it from the others."""

    number: str
    about: str


class SeveralFit(ServiceError):
    """Several invoices may be meant by what was typed."""

    def __init__(self, typed: str, found: tuple[Fitting, ...]) -> None:
        """Keep those to choose from."""
        super().__init__(f"{len(found)} invoices fit {typed}. Which one do you mean?")
        self.typed = typed
        self.found = found


class NotMatched(ServiceError):
    """A client has no Xero contact yet."""


class AlreadyRequested(ServiceError):
    """This invoice is exported, or on its way."""


class NotAllowed(ServiceError):
    """This person may not do this; `wants` is the role to ask the owner of `connection_id` for."""

    def __init__(self, text: str, *, connection_id: int = 0, wants: str = "") -> None:
        """Keep what can be asked for; without a connection there is nobody to ask."""
        super().__init__(text)
        self.connection_id = connection_id
        self.wants = wants


class NotFound(ServiceError):
    """The remote system knows no such object."""


class Rejected(ServiceError):
    """The remote system understood the request and said no, in its own `messages`."""

    def __init__(self, text: str, *, messages: tuple[str, ...] = ()) -> None:
        """Keep the remote system's own texts; they are outside text, so escape them."""
        super().__init__(text)
        self.messages = messages


class Forbidden(Rejected):
    """The remote system doesn't allow our connection to do this one thing; the rest goes on.

    `is_its_own` says that the remote system itself answered, and no network in its place.
    """

    def __init__(self, text: str, *, messages: tuple[str, ...] = (), is_its_own: bool) -> None:
        """Keep who said no."""
        super().__init__(text, messages=messages)
        self.is_its_own = is_its_own


class Unreadable(Rejected):
    """What was asked for is there, and cannot be read. Nothing was done; asking again may help."""


class Throttled(ServiceError):
    """The remote system refused before it did anything, and asked us to wait.

    `problem` is the limit that was hit: "minute", "day", "appminute", "concurrent", or "".
    """

    def __init__(self, text: str, *, retry_after: timedelta, problem: str = "") -> None:
        """Keep how long to wait, and for which limit."""
        super().__init__(text)
        self.retry_after = retry_after
        self.problem = problem


class Unavailable(ServiceError):
    """The remote system could not answer, and may have acted.

    `has_answered` says that it answered with a failure of its own, which an idempotency key would
    only bring back again.
    """

    def __init__(self, text: str, *, has_answered: bool = False) -> None:
        """Keep whether there was an answer at all."""
        super().__init__(text)
        self.has_answered = has_answered


class Unreachable(Unavailable):
    """No connection was made, so the remote system surely did nothing."""


class StillUnderWay(ServiceError):
    """An earlier write may still take effect, so nothing is sent or settled before `until`."""

    def __init__(self, *, until: datetime) -> None:
        """Keep when it is over."""
        super().__init__("What we sent may still arrive. We'll check first.")
        self.until = until


class ChannelClosed(ServiceError):
    """A channel cannot be written to: archived, gone, or the app is not in it."""


class NotAccepted(ServiceError):
    """Some fields of a form cannot stand; `fields` says why, by the field's name."""

    def __init__(self, fields: dict[str, str]) -> None:
        """Keep a sentence for each field; together they are the refusal's text."""
        super().__init__(" ".join(fields.values()))
        self.fields = fields


class Lost(Exception):
    """Somebody took the row since, and goes on with it; only the runner of jobs catches this."""

    def __init__(self, text: str = "Somebody else goes on with this.") -> None:
        """Say so in the log, should it ever get there."""
        super().__init__(text)
