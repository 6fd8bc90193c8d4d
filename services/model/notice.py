"""Kinds of notifications, their topics, and when a digest comes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum


class NoticeKind(StrEnum):
    """What a message tells; also its metadata's `event_type`."""

    INVOICE_EXPORTED = "invoice_exported"
    BATCH_EXPORTED = "batch_exported"
    EXPORT_FAILED = "export_failed"
    PAYMENT_RECEIVED = "payment_received"
    PAYMENT_REMOVED = "payment_removed"
    INVOICE_DELETED = "invoice_deleted"
    INVOICE_VOIDED = "invoice_voided"
    CONNECTION_BROKEN = "connection_broken"
    CONNECTION_RESTORED = "connection_restored"
    CONNECTION_ENDED = "connection_ended"
    SYNC_PAUSED = "sync_paused"
    SYNC_FAILING = "sync_failing"  # Xero could not be read for a day
    CAUGHT_UP = "caught_up"
    INVOICE_DRIFTED = "invoice_drifted"
    INVOICE_UNDONE = "invoice_undone"
    INVOICE_RESTORED = "invoice_restored"
    DIGEST = "digest"
    EXPORT_ASKED = "export_asked"  # not certain enough to go by itself
    AUTO_EXPORT_PAUSED = "auto_export_paused"
    WELCOME = "welcome"  # these go to people, never to channels; this one before any connection
    APPROVAL_ASKED = "approval_asked"
    EXPORT_CANCELLED = "export_cancelled"  # by somebody else than asked for it
    ACCESS_ASKED = "access_asked"
    ACCESS_ANSWERED = "access_answered"
    OWNER_CHANGED = "owner_changed"
    CHANNEL_PAUSED = "channel_paused"  # to whoever gets its notifications meanwhile
    HEALTH = "health"  # what may soon be a problem, to the owner


class Topic(StrEnum):
    """What a channel can subscribe to."""

    EXPORTS = "exports"
    PAYMENTS = "payments"
    DELETIONS = "deletions"
    FAILURES = "failures"
    DIGEST = "digest"


class Layout(StrEnum):
    """Where a channel reads what happens to an invoice that has its card there."""

    BROADCAST = "broadcast"  # in the card's thread, and what everybody should know in the channel
    THREAD = "thread"
    FLAT = "flat"  # each as a message of its own


class Every(StrEnum):
    """How often a channel gets its digest."""

    DAILY = "daily"
    WEEKLY = "weekly"  # on Mondays
    MONTHLY = "monthly"  # on the first


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a channel gets its digest; a zone of "" is the organisation's own."""

    every: Every = Every.MONTHLY
    hour: int = 7
    zone: str = ""

    def begin(self, day: date) -> date:
        """Return the first day of the period that this day is in."""
        if self.every is Every.MONTHLY:
            return day.replace(day=1)
        return day - timedelta(days=day.weekday() if self.every is Every.WEEKLY else 0)

    def ended(self, first: date, now: datetime, zone: tzinfo) -> date | None:
        """Return the day after what a digest now tells from `first` on; None: none is due.

        Whatever was missed meanwhile is one digest. An hour that the clocks skip is the next one,
        and one that comes twice is the first.
        """
        end = self.begin(now.astimezone(zone).date())
        if self._at(end, zone) > now:
            end = self.begin(end - timedelta(days=1))
        return end if end > first else None

    def _at(self, day: date, zone: tzinfo) -> datetime:
        return datetime.combine(day, time(self.hour), zone).astimezone(UTC)


MOST_DAYS_LATE = 60  # from there on a card no longer counts the days
AGES = (60, 30, 0)  # what is owed is grouped by being more than so many days overdue
USUAL_TOPICS = (Topic.EXPORTS, Topic.PAYMENTS, Topic.DELETIONS, Topic.FAILURES)
TOPIC_OF = {
    NoticeKind.INVOICE_EXPORTED: Topic.EXPORTS,
    NoticeKind.BATCH_EXPORTED: Topic.EXPORTS,
    NoticeKind.EXPORT_FAILED: Topic.FAILURES,
    NoticeKind.PAYMENT_RECEIVED: Topic.PAYMENTS,
    NoticeKind.PAYMENT_REMOVED: Topic.PAYMENTS,
    NoticeKind.INVOICE_DELETED: Topic.DELETIONS,
    NoticeKind.INVOICE_VOIDED: Topic.DELETIONS,
    NoticeKind.CONNECTION_BROKEN: Topic.FAILURES,
    NoticeKind.CONNECTION_RESTORED: Topic.FAILURES,
    NoticeKind.CONNECTION_ENDED: Topic.FAILURES,  # told to every channel, whatever it hears
    NoticeKind.SYNC_PAUSED: Topic.DELETIONS,
    NoticeKind.SYNC_FAILING: Topic.FAILURES,
    NoticeKind.INVOICE_DRIFTED: Topic.FAILURES,
    NoticeKind.INVOICE_UNDONE: Topic.EXPORTS,
    NoticeKind.INVOICE_RESTORED: Topic.DELETIONS,
    NoticeKind.CAUGHT_UP: Topic.PAYMENTS,
    NoticeKind.DIGEST: Topic.DIGEST,  # each channel has its own
    NoticeKind.EXPORT_ASKED: Topic.FAILURES,
    NoticeKind.AUTO_EXPORT_PAUSED: Topic.FAILURES,
}
_FOR_EVERYBODY = frozenset(
    {
        NoticeKind.EXPORT_FAILED,
        NoticeKind.PAYMENT_REMOVED,
        NoticeKind.INVOICE_DELETED,
        NoticeKind.INVOICE_VOIDED,
    }
)


def is_for_everybody(kind: NoticeKind, facts: Mapping[str, object]) -> bool:
    """Say whether a reply in a thread should not be overlooked."""
    if kind is NoticeKind.PAYMENT_RECEIVED:  # paid in full, or something that needs a person
        return any(facts.get(each) for each in ("is_paid", "gone", "asked", "waits"))
    return kind in _FOR_EVERYBODY
