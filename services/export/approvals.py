"""Approval by a second person: which exports wait for one, and who may approve.

Single exports and groups both ask here before anything counts as sent, with exactly what would go
to Xero. Only that is approved; anything else needs a new approval.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from services import money
from services.clients.paymo import Invoice
from services.errors import AlreadyRequested, ServiceError
from services.export import checking, claims
from services.lifecycle import export as lifecycle
from services.model.export import NEW_CONTACT, ExportState
from services.model.invoice import Links
from services.model.notice import NoticeKind
from services.model.wording import Amount, Member, Moment, some_of
from services.store import audit, connections, exports, mirror, notices, worklists
from services.store.audit import AuditNote
from services.store.engine import Session
from services.store.settled import (
    APPROVALS,
    Settled,
    ask_only,
    deliveries,
    list_missed,
    settle,
)
from services.store.tables import Connection, Export

_MOST_LINES = 5
_LONGEST = 200
_SHORT = 32  # of a key, in a button
_OLD = (
    "This invoice or its export has changed since. Press *Approve* on the newest message about it."
)
_NOBODY = (
    "Nobody else can approve it now. The owner can name another exporter in the settings, or turn "
    "approvals off there."
)
_MISSED = "Slack doesn't deliver our messages to {}, who can approve {} on the app's Home."
_UNREACHED = (
    "Slack doesn't deliver our messages to {}. Ask them to approve it on the app's Home. The owner "
    "can also name another exporter in the settings, or turn approvals off there."
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What would reach Xero: the invoice as read, and the body as it would be sent."""

    invoice: Invoice
    body: Mapping[str, Any]

    def key_for(self, export: Export) -> str:
        """Return a key of what would be sent, without the link to Paymo."""
        said = {name: value for name, value in self.body.items() if name != "Url"}
        said |= {"ClientName": self.invoice.client_name, "PaymoTotal": str(self.invoice.total)}
        return checking.key_of(export, 0, said)


@dataclass(frozen=True, slots=True)
class Telling:
    """The time of a notification, and how its links are made."""

    now: datetime
    links: Links


def approvers(connection: Connection, export: Export) -> list[str]:
    """Return who may approve it: no one who asked for it, or changed it last, in any role."""
    makers = {_maker(connection, export), export.changed_by}
    return [each for each in (connection.owner_id, *connection.exporters) if each not in makers]


def _maker(connection: Connection, export: Export) -> str:
    """Return who asked for it, or turned on the automatic export that did."""
    return export.requested_by or export.ordered_by or connection.owner_id


def press_value(export: Export) -> str:
    """Return what *Approve* carries: the export, and what of it the person was shown."""
    return f"{export.id}:{export.approval_key[-_SHORT:]}"


def is_approved(export: Export, key: str) -> bool:
    """Say whether a second person has approved exactly this."""
    return export.approved_by != "" and export.approval_key == key


async def let_through(
    session: Session, of: Connection, export: Export, shown: Shown, at: Telling
) -> bool:
    """Say whether it may go to Xero now; if not, it waits, and those who may approve are asked."""
    connection = await connections.get(session, of.id)
    key = shown.key_for(export)
    currency = money.currency_code(shown.invoice.currency)
    is_needed = connection.needs_approval(shown.invoice.total, currency)
    if not is_needed or is_approved(export, key):
        return True
    others, asked = approvers(connection, export), _source(export, key)
    may_reach = await deliveries(session, f"{asked}{True}")
    reached = [each for each in others if may_reach.get(each, True)]
    reason = _reason(connection, others, reached)
    if not await lifecycle.await_approval(
        session, export, key, reason, claims.columns_of(shown.invoice)
    ):
        return False  # somebody else has it by now
    facts = await _facts(session, connection, export, shown, at.links)
    notification = notices.Notification(
        kind=NoticeKind.APPROVAL_ASKED,
        source=f"{asked}{bool(reached)}",
        facts=facts | {"reason": reason, "is_open": bool(reached)},
        export=export,
        also=reached or [connection.owner_id],
    )
    is_new = await notices.enqueue(session, connection, notification, at.now)
    await ask_only(session, notification.source, notification.also, reason, at.now)
    if is_new and (reached or not others):  # else it was asked before, in vain
        after = {"people": reached, "total": facts["total"], "currency": facts["currency"]}
        entry = AuditNote("approval_asked", at.now, export.requested_by, export.id, after=after)
        audit.record(session, connection, entry)
    return False


@dataclass(frozen=True, slots=True)
class Approval:
    """Who presses, what their message showed, and when."""

    by: str
    seen: str
    at: datetime


async def approve(
    session: Session, connection: Connection, export: Export, press: Approval
) -> None:
    """Approve exactly what this person was shown. Raises a refusal that they read."""
    export = await exports.hold(session, export.id)
    if export.state is not ExportState.AWAITING:
        raise AlreadyRequested(_why_over(export, connection))
    if export.approval_key[-_SHORT:] != press.seen:
        raise ServiceError(_OLD)
    if press.by not in approvers(connection, export):
        raise ServiceError(
            "You asked for this export or changed it last, so somebody else has to approve it. "
            f"{export.reason}"
        )
    if not await lifecycle.approve(session, export, press.by, press.at):
        raise AlreadyRequested(_why_over(export, connection))
    after = {"people": [_maker(connection, export)]}
    said = Settled(APPROVALS, press.by, "approved it", export.id)
    await settle(session, connection, said, press.at)
    entry = AuditNote("export_approved", press.at, press.by, export.id, after=after)
    audit.record(session, connection, entry)


async def stop_automatic(
    session: Session, connection: Connection, reason: str, by: str, now: datetime
) -> None:
    """Switch automatic export off, with what it queued; nobody is asked to approve that any more.

    `by` is "" where the app did it.
    """
    for each in await lifecycle.stop_automatic(session, worklists.queued_by(connection), reason):
        over = Settled(APPROVALS, by, "turned off automatic export", each.id)
        await settle(session, connection, over, now)
    connection.auto_export = False


def _why_over(export: Export, connection: Connection) -> str:
    if export.approved_by and export.approved_at:
        return f"{Member(export.approved_by)} approved it at {Moment(export.approved_at)}."
    taken = claims.why_taken(export, connection)
    return taken or f"Invoice {export.number} isn't waiting for approval any more. {export.reason}"


def _source(export: Export, key: str) -> str:
    """Return how the source of a question begins; it ends with whether anybody can answer it."""
    return f"approval:{export.id}:{export.attempt}:{key[-_SHORT:]}:"


def _reason(connection: Connection, others: list[str], reached: list[str]) -> str:
    limit = Amount(
        connection.approve_above or Decimal(0), connection.base_currency, connection.country
    )
    rule = f"Exports above {limit} or in another currency need a second person's approval."
    if not others:
        return f"{rule} {_NOBODY}"
    missed = some_of([str(Member(each)) for each in others if each not in reached])
    if not reached:
        return f"{rule} {_UNREACHED.format(missed)}"
    said = f"{rule} Asked: {some_of([str(Member(each)) for each in reached])}."
    return f"{said} {_MISSED.format(missed, 'it')}" if missed else said


async def missed_in(session: Session, batch_id: int, awaiting: int) -> str:
    """Say whom Slack doesn't ask about these many of a batch's exports; "" where all are asked."""
    missed = await list_missed(session, batch_id) if awaiting else ()
    if not missed:
        return ""
    them = "it" if awaiting == 1 else "them"
    return _MISSED.format(some_of([str(Member(each)) for each in missed]), them)


async def _facts(
    session: Session, connection: Connection, export: Export, shown: Shown, links: Links
) -> dict[str, Any]:
    """Return what the approver sees: everything that Xero would be sent."""
    invoice, body = shown.invoice, shown.body
    contact = await mirror.find_contact(session, connection.id, export.contact_id, follows=True)
    account = await mirror.find_account(session, connection.id, export.account_id)
    is_new = export.contact_id == NEW_CONTACT
    lines = [
        [each.description[:_LONGEST], notices.amount_text(each.amount)]
        for each in money.xero_lines(invoice.figures)
    ]
    return notices.common_facts(export, connection, links) | {
        "by": export.requested_by,
        **notices.order_of(export),
        "changed_by": export.changed_by,
        "contact": invoice.client_name if contact is None else contact.name,
        "is_new_contact": is_new,
        "account": account.title if account is not None else "",
        "tax": notices.amount_text(money.expected_totals(invoice.figures)[1]),
        "xero_status": export.xero_status,
        "dated": str(body.get("Date", "")),
        "due": str(body.get("DueDate", "")),
        "links_to": str(body.get("InvoiceID", "")),
        "without_number": export.leave_out_number,
        "override_tax": export.override_tax,
        "lines": lines[:_MOST_LINES],
        "more_lines": max(0, len(lines) - _MOST_LINES),
        "approval": press_value(export),
    }
