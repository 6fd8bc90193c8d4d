"""Who may export an invoice now: the invoice's single row decides."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from operator import attrgetter

from services import money
from services.clients.paymo import Invoice
from services.clients.xero import Addition
from services.errors import AlreadyRequested, ServiceError
from services.lifecycle import export as lifecycle
from services.lifecycle.export import ExportColumns
from services.lifecycle.task import ask_again
from services.mapping.case import DRAFT, ExportChoice
from services.mapping.checks import first_open_day
from services.model import days
from services.model.actions import Action
from services.model.connection import ConnectionState
from services.model.export import DUE_BY_TERMS, DUE_ON_DATE, NEW_CONTACT, ExportState, Wish
from services.model.invoice import ENDED_IN_XERO, InvoiceState
from services.model.people import Person, ReplyTarget, Role
from services.model.wording import Day, Member, Moment
from services.store import connections, drafts, exports, matches, mirror, people
from services.store.engine import Session, add_all_new, add_new
from services.store.settled import EXPORTS, Settled, settle
from services.store.tables import Connection, Draft, Export, InvoiceHeader, Match

WIDEST = 255  # what a row keeps of a number or a name
# Xero has let go of the former copy, so a person may export the invoice again.
_OVER = (
    InvoiceState.DELETED,
    InvoiceState.VOIDED,
    InvoiceState.KEPT,
    InvoiceState.GONE,
    InvoiceState.UNDONE,
)


@dataclass(frozen=True, slots=True)
class Request:
    """Who asked for an export, where, when, what was chosen, and of which invoice."""

    by: str  # "" when the app asks itself
    reply_to: ReplyTarget
    at: datetime
    choice: ExportChoice
    invoice: ExportColumns  # as the row keeps it
    batch_id: int | None = None  # the batch that sends it; without one it goes at once


def chosen_in(row: Draft | Export, invoice_id: int | None) -> ExportChoice:
    """Return what forms and exports alike keep of a choice."""
    return ExportChoice(
        invoice_id=invoice_id,
        contact_id=row.contact_id,
        account_id=row.account_id,
        tax_type=row.tax_type,
        xero_status=row.xero_status,
        override_tax=row.override_tax,
        issue_on=row.issue_on,
        due_rule=row.due_rule,
    )


def columns_of(invoice: Invoice) -> ExportColumns:
    """Return what a row keeps of an invoice that was read."""
    return {
        "number": invoice.number[:WIDEST],
        "client_id": invoice.client_id,
        "client_name": invoice.client_name[:WIDEST],
        "currency": money.currency_code(invoice.currency),
        "total": invoice.total,
        **seen_columns(invoice),
    }


def seen_columns(invoice: Invoice) -> ExportColumns:
    """Return what identifies this state of an invoice; it's sent only while unchanged."""
    return {
        "seen_updated_on": invoice.updated_on,
        "invoice": invoice.as_json(),
        "tax_rate": money.plain(invoice.rate),
    }


def columns_of_head(header: InvoiceHeader, client_name: str) -> ExportColumns:
    """Return what a row keeps of an invoice that nobody has seen: only its head is known."""
    return {
        "number": header.number[:WIDEST],
        "client_id": header.client_id,
        "client_name": client_name[:WIDEST],
        "currency": money.currency_code(header.currency),
        "total": header.total,
        "seen_updated_on": None,
        "invoice": None,
        "tax_rate": "",
    }


async def remember_match(session: Session, export: Export, at: datetime) -> None:
    """Remember the contact and the account of an export for its client's next one."""
    if export.client_id is None:
        return
    former = await matches.find(session, export.connection_id, export.tenant_id, export.client_id)
    match = Match(
        connection_id=export.connection_id,
        tenant_id=export.tenant_id,
        client_id=export.client_id,
        contact_id=export.contact_id,
        account_id=export.account_id,
        set_by=export.requested_by,
        set_at=at,
    )
    is_same = former is not None and (former.contact_id, former.account_id) == (
        export.contact_id,
        export.account_id,
    )
    await matches.remember(session, match)
    if not is_same:
        connection = await connections.get(session, export.connection_id)
        await ask_again(session, connection, at, client_id=export.client_id)


def why_taken(export: Export, connection: Connection) -> str:
    """Say why the invoice of this row cannot be exported anew, or ""."""
    number = export.number
    if export.state is ExportState.FAILED or export.invoice_state in _OVER:
        return ""
    if export.state is ExportState.AWAITING:
        return f"Invoice {number} is waiting for approval. {export.reason}"
    if export.state in exports.WAITING:
        return f"{asked_by(export)} is exporting invoice {number} right now."
    if export.invoice_state is InvoiceState.UNDOING:
        return f"Somebody is undoing the export of invoice {number} right now."
    if export.invoice_state in ENDED_IN_XERO:
        return (
            f"Invoice {number} was deleted or voided in Xero, and Paymo hasn't followed yet. "
            "Check it in Paymo first."
        )
    known = export.xero_number or "an invoice without a number"
    as_what = "" if known == number else f" as {known}"
    said = f"Invoice {number} is already exported to {connection.organisation_name}{as_what}."
    return f"{said} {_exported_by(export)}".strip()


def asked_by(export: Export) -> str:
    """Name who asked for an export."""
    return f"{Member(export.requested_by)}" if export.requested_by else "Automatic export"


def _exported_by(export: Export) -> str:
    if export.exported_at is None:
        return ""
    return f"{asked_by(export)} exported it at {Moment(export.exported_at)}."


async def claim(session: Session, connection: Connection, request: Request) -> Export:
    """Claim the invoice's one row for this request. Raises `AlreadyRequested`."""
    latest = await exports.find_latest(session, connection, request.choice.invoice_id or 0)
    export = await claim_after(session, connection, request, latest)
    if export is not latest:
        await _outdate(session, connection, [export], request.at)
    return export


async def claim_after(
    session: Session, connection: Connection, request: Request, latest: Export | None
) -> Export:
    """Claim it likewise, where its `latest` row was just read; a new row is to be followed up."""
    wanted = _wanted(connection, request)
    if latest is not None:
        if taken := why_taken(latest, connection):
            raise AlreadyRequested(taken)
        if latest.state is ExportState.FAILED:
            return await _again(session, connection, latest, _asked(connection, request))
        wanted.generation = latest.generation + 1
    if claimed := await add_new(session, lifecycle.queue(wanted)):
        return claimed
    winner = await exports.find_latest(session, connection, wanted.paymo_invoice_id)
    raise AlreadyRequested(why_taken(winner, connection) if winner else "Somebody got there first.")


async def claim_all(
    session: Session,
    connection: Connection,
    requests: Sequence[Request],
    known: Mapping[int, Export],
) -> list[Export | AlreadyRequested]:
    """Claim many; return the refusal for each that is taken. `known` ones have rows.

    New ones are claimed together; where somebody else is faster with one, that one says so.
    """
    if known:
        await exports.hold_all(session, [each.id for each in known.values()])
    wanted = [lifecycle.queue(_wanted(connection, each)) for each in requests]
    new = [each for each in wanted if each.paymo_invoice_id not in known]
    added = await add_all_new(session, sorted(new, key=attrgetter("paymo_invoice_id")))
    if added:
        await _outdate(session, connection, added, requests[0].at)
    claimed = {each.paymo_invoice_id: each for each in added}
    return [
        claimed.get(each.choice.invoice_id or 0) or await _claimed(session, connection, each)
        for each in requests
    ]


async def _claimed(
    session: Session, connection: Connection, request: Request
) -> Export | AlreadyRequested:
    try:
        return await claim(session, connection, request)
    except AlreadyRequested as refusal:
        return refusal


async def follow_up(session: Session, connection: Connection, export: Export, at: datetime) -> None:
    """Redraw what shows the invoice, and remember what was chosen for it in a form.

    That need not come before the claim, so the export's job does it, maybe twice.
    """
    is_new = export.sent is None and export.attempt == 1
    if not (is_new and export.requested_by) or export.batch_id is not None:
        return
    await _outdate(session, connection, [export], at)
    client_id = export.client_id or 0
    known = await matches.find(session, connection.id, connection.tenant_id, client_id)
    if known is None or known.set_at <= export.requested_at:  # else somebody has chosen since
        await remember_match(session, export, export.requested_at)


async def _outdate(
    session: Session, connection: Connection, claimed: Sequence[Export], at: datetime
) -> None:
    await drafts.outdate(session, claimed, at)
    await people.outdate(session, connection, at)


async def _again(
    session: Session, connection: Connection, failed: Export, asked: ExportColumns
) -> Export:
    """Requeue a failed row; of two people, one gets it."""
    if not await lifecycle.requeue(session, failed, asked):
        latest = await exports.find_latest(session, connection, failed.paymo_invoice_id)
        raise AlreadyRequested(why_taken(latest or failed, connection))
    said = Settled(EXPORTS, asked["requested_by"], "tried it again", failed.id)
    await settle(session, connection, said, asked["requested_at"])
    await drafts.outdate(session, [failed], asked["requested_at"])
    return failed


async def elsewhere(session: Session, export: Export, connection: Connection) -> str:
    """Say which workspace follows an export that was made over its own connection of the pair."""
    if export.connection_id == connection.id:
        return ""
    own = await connections.get(session, export.connection_id)
    if own.state is ConnectionState.ENDED:
        return (
            "Exported from another Slack workspace, which has since been disconnected. Its "
            "payments, deletions and edits sync again once somebody reconnects there."
        )
    return (
        "Exported from another Slack workspace. Its payments reach Paymo as usual, but only people "
        "there can undo or change it."
    )


def _wanted(connection: Connection, request: Request) -> Export:
    return Export(
        **_asked(connection, request),
        paymo_company_id=connection.paymo_company_id or 0,
        tenant_id=connection.tenant_id,
        paymo_invoice_id=request.choice.invoice_id or 0,
    )


def _asked(connection: Connection, request: Request) -> ExportColumns:
    choice = request.choice
    return {
        "connection_id": connection.id,
        "due_at": request.at if request.batch_id is None else None,
        "batch_id": request.batch_id,
        "requested_by": request.by,
        "requested_at": request.at,
        "reply_to": asdict(request.reply_to),
        "changed_by": "",
        "contact_id": choice.contact_id,
        "contact_name": "",
        "account_id": choice.account_id,
        "tax_type": choice.tax_type,
        "override_tax": choice.override_tax,
        "issue_on": choice.issue_on,
        "due_rule": choice.due_rule,
        "leave_out_number": choice.leave_out_number,
        "xero_status": choice.xero_status,
        **request.invoice,
    }


_ENDS = {
    InvoiceState.UNDONE: "was undone in {}",
    InvoiceState.DELETED: "was deleted in {}",
    InvoiceState.VOIDED: "was voided in {}",
    InvoiceState.KEPT: "was deleted or voided in {}, and somebody decided to keep it in Paymo",
}


async def said_of_former(
    session: Session, connection: Connection, invoice: Invoice, latest: Export | None
) -> str:
    """Say that the invoice was in Xero before and is not any more, or "".

    An invoice that was restored is another one to Paymo; its number tells which it was.
    """
    former = latest
    if former is None:
        former = await exports.find_deleted(session, connection, invoice.number)
    if former is None or former.state not in exports.DONE or former.invoice_state not in _ENDS:
        return ""
    end = _ENDS[former.invoice_state].format(connection.organisation_name)
    then = " and restored in Paymo" if latest is None else ""
    return f"Invoice {invoice.number} {end}{then}"


@dataclass(frozen=True, slots=True)
class Press:
    """What somebody pressed, when, and how the invoice's client would be added to Xero."""

    action: Action
    person: Person
    at: datetime
    adding: Addition


async def decided_by(session: Session, connection: Connection, press: Press) -> ExportColumns:
    """Return what the press changes, in a form or in an export alike. Raises a refusal."""
    today = days.day_in(connection.time_zone, press.at)
    if press.action == Action.OVERRIDE_TAX:
        await people.require(session, connection, press.person, Role.OWNER)
        return {"override_tax": True}
    if press.action == Action.USE_CONTACT:
        return {"contact_id": await _namesake(session, connection, press.adding)}
    if press.action == Action.FIRST_OPEN_DAY:
        return {"issue_on": first_open_day(connection.locked_until)}
    if press.action == Action.TODAY:
        _require_open(connection, today)
    plain: dict[Action, ExportColumns] = {
        Action.ADD_CONTACT: {"contact_id": NEW_CONTACT},
        Action.AS_DRAFT: {"xero_status": DRAFT},
        Action.TODAY: {"issue_on": today},
        Action.DUE_BY_TERMS: {"due_rule": DUE_BY_TERMS},
        Action.DUE_AT_ONCE: {"due_rule": DUE_ON_DATE},
        Action.RETRY: {},
        Action.LINK_EXISTING: {"wish": Wish.LINK_EXISTING},
        Action.WITHOUT_NUMBER: {"leave_out_number": True},
    }
    return plain[press.action]


def _require_open(connection: Connection, day: date) -> None:
    locked = connection.locked_until
    if locked is not None and day <= locked:
        raise ServiceError(
            f"{connection.organisation_name} is locked up to "
            f"{Day(locked, connection.country)}, so today's date won't work. "
            "Use the first open day, or export it as a draft."
        )


async def _namesake(session: Session, connection: Connection, adding: Addition) -> str:
    found = await mirror.find_namesake(session, connection.id, adding.name, adding.number)
    if found is None or not found.is_active:
        raise ServiceError(
            f"Xero has no active contact called {adding.name}. Choose one in the form."
        )
    return found.contact_id
