"""What a connection's people have to do and what they wait for, from rows only.

Home shows it and is redrawn from the current rows, so several events cost one update.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import structlog

from services.clients.paymo import Client as PaymoClient
from services.clients.paymo import Invoice
from services.errors import ChannelClosed, NotFound, ServiceError
from services.export import approvals, claims, ledger_settings, recording
from services.jobs import policy
from services.jobs.runner import Step, Turn
from services.mapping.case import Case, ExportChoice
from services.mapping.checks import check_contact, check_currency, check_lock, reds
from services.model.actions import Action
from services.model.days import day_in
from services.model.export import BY_CLIENT, ExportState, RefusalCode, Verdict
from services.model.invoice import SENT_IN_PAYMO
from services.model.jobs import Job
from services.model.people import Person, Role
from services.model.wording import Amount, Day, situated
from services.store import access, batches, people, worklists, workspaces
from services.store.engine import Database, Session
from services.store.tables import (
    Acquaintance,
    BatchRow,
    Client,
    Connection,
    Export,
    InvoiceHeader,
    Match,
)

log = structlog.get_logger(__name__)

_MOST = 5
_MOST_JUDGED = 50
# What stops an export as far as the last table of what is ready knows; the rest is ready or gone.
_BY_MATCH = frozenset({Verdict.ACCOUNT, Verdict.TAX, Verdict.UNTAXED})
_STOPPED = _BY_MATCH | {Verdict.OLD, Verdict.HELD, Verdict.OTHER}
_ENDED = "Deleted or voided in Xero. Decide whether Paymo should follow."


@dataclass(frozen=True, slots=True)
class Line:
    """One invoice: whose, how much, and why it is listed."""

    number: str
    client: str
    amount: str  # a sentence's fact, or ""
    text: str = ""
    export_id: int = 0
    action: Action | None = None  # what helps at once, where there is such a thing
    value: str = ""  # what its button carries, where that is more than the export
    missing: str = ""  # "contact" or "account", where it waits for one of its client's
    client_id: int = 0


@dataclass(frozen=True, slots=True)
class AccessAsked:
    """Somebody who asks for access."""

    request_id: int
    user_id: str
    role: str


@dataclass(frozen=True, slots=True)
class WorkList:
    """The first few of each kind, and how many there are."""

    needs: tuple[Line, ...] = ()
    needs_count: int = 0
    asked: tuple[AccessAsked, ...] = ()  # for the owner
    ready: tuple[Line, ...] = ()  # as far as is known without reading them
    ready_count: int = 0
    unready: tuple[Line, ...] = ()  # what is known to need something first, and what
    unready_count: int = 0
    unjudged: int = 0  # so many more were not exported yet
    overdue: tuple[Line, ...] = ()
    overdue_count: int = 0
    paid: tuple[Line, ...] = ()


async def load(
    session: Session, connection: Connection, who: tuple[str, Role], now: datetime
) -> WorkList:
    """Collect what this person sees: who can't export has nothing to do, but may look."""
    user_id, role = who
    needs = [each async for each in _needs(session, connection, user_id)]
    numbers = {each.number for each in needs}
    ready, unready, unjudged = await _not_exported(session, connection, numbers)
    requests = await access.list_open(session, connection.id) if role is Role.OWNER else ()
    overdue = await worklists.list_overdue(session, connection, day_in(connection.time_zone, now))
    return WorkList(
        needs=tuple(needs[:_MOST]),
        needs_count=len(needs),
        asked=tuple(AccessAsked(each.id, each.user_id, each.role) for each in requests[:_MOST]),
        ready=tuple(ready[:_MOST]),
        ready_count=len(ready),
        unready=tuple(unready[:_MOST]),
        unready_count=len(unready),
        unjudged=unjudged,
        overdue=tuple(_overdue(each, connection, now) for each in overdue[:_MOST]),
        overdue_count=len(overdue),
        paid=tuple(
            Line(each.number, each.client_name, _amount(each.total, each.currency, connection))
            for each in await worklists.list_paid(session, connection, _MOST)
        ),
    )


def invoice_of(head: InvoiceHeader, client: Client | None) -> Invoice:
    """Return an invoice without lines, as far as the copied lists have it."""
    known = None
    if client is not None:
        known = PaymoClient(
            id=client.client_id,
            name=client.name,
            email=client.email,
            fiscal_information=client.tax_number,
        )
    return Invoice(
        id=head.invoice_id,
        number=head.number,
        client_id=head.client_id,
        status=head.status,
        currency=head.currency,
        issued_on=head.issued_on,
        subtotal=head.total,
        total=head.total,
        updated_on=head.updated_on,
        client=known,
    )


async def _not_exported(
    session: Session, connection: Connection, named: Collection[str]
) -> tuple[list[Line], list[Line], int]:
    """Split off what needs something first, and count what nobody has checked yet."""
    ids = await batches.list_candidates(session, connection, SENT_IN_PAYMO)
    judged = ids[: _MOST_JUDGED + len(named)]
    heads = await worklists.list_heads(session, connection, judged)
    proposer = await ledger_settings.proposer_for(
        session, connection, {head.client_id for head, _ in heads}
    )
    last = await batches.last_verdicts(session, connection, judged)
    refused = await batches.list_latest(session, connection, judged)
    ready: list[Line] = []
    unready: list[Line] = []
    for head, client in heads:
        if head.number in named:
            continue
        invoice = invoice_of(head, client)
        choice = ExportChoice(
            contact_id=proposer.contact_of(invoice), xero_status=connection.xero_status
        )
        line = Line(
            head.number,
            client.name if client else "",
            _amount(head.total, head.currency, connection),
            client_id=head.client_id,
        )
        line = _with_need(line, Case(invoice, choice, proposer.ledger))
        if not line.text:
            line = _as_checked(line, last.get(head.invoice_id), proposer.matches)
        if not line.text:
            line = _as_refused(line, head, refused.get(head.invoice_id))
        line = replace(line, text=situated(line.text, connection.country))
        (unready if line.text else ready).append(line)
    return ready, unready, len(ids) - len(judged)


def _with_need(line: Line, case: Case) -> Line:
    """Say what an invoice needs, as far as its head tells."""
    if not case.choice.contact_id:
        [stop] = check_contact(case)
        return replace(line, text=stop.text, missing=Verdict.CONTACT)
    stops = reds((*check_currency(case), *check_lock(case)))
    return replace(line, text=stops[0].text) if stops else line


def _as_checked(
    line: Line, found: tuple[BatchRow, datetime] | None, known: Mapping[int, Match]
) -> Line:
    """Say what stopped it when an exporter last saw a table of what is ready."""
    if found is None:
        return line
    row, at = found
    match = known.get(row.client_id or 0)
    is_older = match is not None and match.set_at > at and row.verdict in _BY_MATCH
    if is_older or row.verdict not in _STOPPED:
        return line
    missing = row.verdict if row.verdict in BY_CLIENT else ""
    return replace(line, text=f"{row.reason} {row.cure}".strip(), missing=missing)


def _as_refused(line: Line, head: InvoiceHeader, export: Export | None) -> Line:
    """Say why it was refused, unless somebody left it at that or edited it in Paymo since."""
    if export is None or export.state is not ExportState.FAILED:
        return line
    is_over = RefusalCode.CANCELLED in export.refusals
    if is_over or head.updated_on > (export.seen_updated_on or export.requested_at):
        return line
    text, action = _why(export)
    return replace(line, text=text, export_id=export.id, action=action)


async def _needs(session: Session, connection: Connection, user_id: str) -> AsyncIterator[Line]:
    for export in await worklists.list_needing(session, connection):
        if export.state is ExportState.AWAITING:
            others = approvals.approvers(connection, export)
            if user_id in others:
                yield _to_approve(export, connection)
            elif not others and user_id == connection.owner_id:
                yield _line(export, connection, export.reason, None)
        elif RefusalCode.CANCELLED not in export.refusals:
            yield _line(export, connection, *_why(export))
    for payment, export in await worklists.list_asking(session, connection):
        amount = Amount(payment.amount, export.currency)
        text = f"A payment of {amount}, dated {Day(payment.paid_on)}, needs a decision."
        yield _line(export, connection, text, None)


def _why(export: Export) -> tuple[str, Action | None]:
    if export.state is ExportState.FAILED:
        return export.reason, next(iter(recording.actions_of(export)), None)
    if export.state is ExportState.DIFFERENT:
        return "The totals in Paymo and Xero differ.", None
    return _ENDED, None


def _to_approve(export: Export, connection: Connection) -> Line:
    said = f"{claims.asked_by(export)} wants to export it."
    line = _line(export, connection, said, Action.APPROVE)
    return replace(line, value=approvals.press_value(export))


def _overdue(export: Export, connection: Connection, now: datetime) -> Line:
    late = worklists.days_late(export, connection, now)
    left = _amount(worklists.left_of(export), export.currency, connection)
    text = f"overdue by {late} {'day' if late == 1 else 'days'}"
    return Line(export.number, export.client_name, left, text)


def _line(export: Export, connection: Connection, text: str, action: Action | None) -> Line:
    return Line(
        export.number,
        export.client_name,
        _amount(export.total, export.currency, connection),
        situated(text, connection.country),
        export.id,
        action,
    )


def _amount(value: Decimal | None, currency: str, connection: Connection) -> str:
    return str(Amount(value, currency, connection.country)) if value is not None else ""


class HomeScreen(Protocol):
    """Where Home tabs are published."""

    async def publish(self, workspace_id: int, person: Person) -> None:
        """Draw a person's Home tab as everything is now; raises as a board does."""


@dataclass(frozen=True, slots=True)
class HomeStep(Step[Acquaintance]):
    """Draws the Home tabs of a workspace again that are out of date; its key is the workspace's."""

    job = Job.NOTICES
    table = Acquaintance
    policy = policy.CARD
    is_queue = True

    database: Database
    screen: HomeScreen
    now: Callable[[], datetime]

    async def take(self, session: Session, key: int, now: datetime) -> Acquaintance | None:
        """Take the person who waits for longest."""
        return await people.take_outdated(session, key, now)

    async def run(self, turn: Turn[Acquaintance]) -> None:
        """Draw it; where Slack does not take it, the next event does."""
        row = turn.row
        async with self.database.sessions() as session:
            workspace = await workspaces.get(session, row.workspace_id)
        person = Person(workspace.enterprise_id, workspace.team_id, row.user_id)
        with contextlib.suppress(ChannelClosed, NotFound):
            await self.screen.publish(workspace.id, person)
        await self._close(row)

    async def give_up(self, turn: Turn[Acquaintance], refusal: ServiceError) -> None:
        """Leave it as it is."""
        log.warning("home_given_up", refusal=refusal)
        await self._close(turn.row)

    async def _close(self, row: Acquaintance) -> None:
        async with self.database.sessions.begin() as session:
            await people.close(session, row, self.now())
