"""Why an invoice is where it is: everything we know, and every check with its facts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services import compare
from services.clients.paymo import Invoice
from services.errors import NotConnected, NotFound
from services.explain import findings, worklist
from services.explain.findings import Finding
from services.explain.worklist import WorkList
from services.export import claims, forms, ledger_settings, recording
from services.jobs.runner import Work
from services.mapping.case import ExportChoice, adding_of
from services.mapping.checks import Case, examine
from services.model.actions import Action
from services.model.connection import ConnectionState
from services.model.export import NEW_CONTACT, Check, Colour, ExportState
from services.model.invoice import InvoiceState, Links, PaymentState
from services.model.jobs import Job, TaskState
from services.model.people import Person, Role
from services.model.wording import Command, Typed, situated
from services.store import (
    connections,
    drafts,
    exports,
    matches,
    mirror,
    numbered,
    payments,
    people,
    schedules,
)
from services.store.engine import Database, Session
from services.store.tables import Connection, Export, InvoiceHeader, Match, Payment

# What the head of an invoice is enough for; the rest needs its lines.
_OF_THE_HEAD = frozenset({"status", "currency", "contact", "account", "number"})
_READING = "We're reading the lines, tax and dates from Paymo now. Ask again in a moment."
_FOR_VIEWERS = "Lines, tax and dates are checked once an exporter opens it."
_CLOSED = "Lines, tax and dates are checked once the connection works again."
_OPEN = (PaymentState.TOMBSTONE, PaymentState.ASKED)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that is known of one invoice. `unread` says what was not checked, or is ""."""

    number: str
    client_name: str
    export: Finding
    findings: tuple[Finding, ...]  # everything else
    checks: tuple[Check, ...]
    unread: str
    export_id: int
    actions: tuple[Action, ...]
    payments: tuple[tuple[int, bool], ...]  # those to decide on; True where a person deleted it
    can_export: bool
    paused_connection: int  # the connection whose breaker waits for somebody, or 0
    xero_url: str
    paymo_url: str
    connection_id: int = 0
    more_actions: tuple[Action, ...] = ()  # what can be done about an invoice in Xero
    is_being_read: bool = False  # ask again in a moment for the checks that are left out
    role: Role = Role.OWNER  # of whoever asks
    ids: tuple[str, ...] = ()  # of the invoice in Paymo and in Xero, for support
    held: tuple[int, ...] = ()  # the exports that the breaker stopped


@dataclass(frozen=True, slots=True)
class ExplainService:
    """Reads rows only, so that it answers at once; an invoice never read is read meanwhile."""

    database: Database
    links: Links
    work: Work
    now: Callable[[], datetime]

    async def why(self, person: Person, number: str) -> Explanation:
        """Explain the invoice with this number. Raises `NotConnected`, `NotAllowed`, `NotFound`."""
        async with self.database.sessions() as session:
            connection = await connections.find_current(session, person)
            if connection is None or connection.state is ConnectionState.PENDING:
                raise NotConnected(connections.CONNECT_FIRST, system="Xero")
            await people.require(session, connection, person, Role.VIEWER)
            number = await numbered.meant(session, connection, number, person)
            found = await numbered.find(session, connection, number)
            if found.header is None and found.latest is None:
                company, said = connection.paymo_company_name or "Paymo", number.strip()
                raise NotFound(
                    f"{company} lists no invoice with the number {said}. If it's new, type "
                    f"{Typed(Command.EXPORT, said)} to ask Paymo again."
                )
            role = await people.require_sight(session, connection, person, _client_id(found))
            explained = await self._explain(session, connection, found, role)
        if explained.is_being_read and found.header is not None:
            await self._have_read(connection, found.header.invoice_id, person)
        told, *others = (
            replace(each, text=situated(each.text, connection.country))
            for each in (explained.export, *explained.findings)
        )
        return replace(explained, export=told, findings=tuple(others))

    async def worklist(self, person: Person) -> WorkList:
        """What there is to do about the only connection of this person, or the chosen one.

        Raises `NotConnected`, `NotAllowed`.
        """
        async with self.database.sessions() as session:
            connection = await connections.find_current(session, person)
            if connection is None:
                raise NotConnected(connections.CONNECT_FIRST, system="Xero")
            role = await people.require(session, connection, person, Role.VIEWER)
            return await worklist.load(session, connection, (person.user_id, role), self.now())

    async def _have_read(self, connection: Connection, invoice_id: int, person: Person) -> None:
        """Have the invoice read from Paymo, as for a form that nobody sees."""
        now = self.now()
        async with self.database.sessions.begin() as session:
            latest = next(iter(await drafts.list_last(session, connection.id, invoice_id, 1)), None)
            if latest is not None and latest.due_at is not None:
                return
            draft = forms.new_draft(connection, replace(person, channel_id=""), now)
            draft.invoice_id, draft.due_at = invoice_id, now
            session.add(draft)
            await session.flush()
            draft_id = draft.id
        await self.work.nudge(Job.PREVIEW, draft_id)

    async def _explain(
        self,
        session: Session,
        connection: Connection,
        found: numbered.Numbered,
        role: Role,
    ) -> Explanation:
        header, export = found.header, found.latest
        rows = await payments.list_of(session, [export.id]) if export else ()
        asked = await schedules.list_tasks(session, export.id) if export else ()
        is_free = export is None or not claims.why_taken(export, connection)
        is_open = is_free and header is not None and connection.state is ConnectionState.ACTIVE
        can_export = is_open and role >= Role.EXPORTER
        checks, is_read = await _checked(session, connection, header) if is_free else ((), True)
        sweep = await schedules.find(session, connection.id, Job.SWEEP)
        trouble = await schedules.trouble_of(session, connection)
        is_restored = any(row.job is Job.RESTORE and row.state is TaskState.DONE for row in asked)
        return Explanation(
            number=header.number if header else export.number if export else "",
            client_name=await _client_name(session, connection, found),
            export=findings.exported(export, len(found.exports), connection),
            findings=(
                findings.in_paymo(header, connection),
                findings.in_xero(export, connection, sweep, trouble),
                *await _elsewhere(session, export, connection),
                *findings.paid(rows, export),
                *findings.drifted(export),
                *findings.wanted(asked),
                *await _matched(session, connection, _client_id(found), is_free=is_free),
                *findings.connected(connection),
            ),
            checks=checks,
            unread="" if is_read else _unread(is_open=is_open, can_export=can_export),
            export_id=export.id if export else 0,
            actions=_actions(export, role) if export else (),
            payments=_to_decide(rows),
            can_export=can_export,
            paused_connection=connection.id if connection.is_paused else 0,
            xero_url=self.links.xero(
                connection.short_code, export.xero_invoice_id if export else None
            ),
            paymo_url=self.links.paymo(header.invoice_id) if header else "",
            connection_id=connection.id,
            more_actions=tuple(_more_actions(export, connection, is_restored=is_restored)),
            is_being_read=can_export and not is_read,
            role=role,
            ids=_ids(header, export),
            held=await exports.list_held_ids(session, connection),
        )


def _ids(header: InvoiceHeader | None, export: Export | None) -> tuple[str, ...]:
    """The invoice as both systems know it, for support."""
    found = []
    if header is not None or export is not None:
        known = header.invoice_id if header is not None else export and export.paymo_invoice_id
        found.append(f"Paymo {known}")
    if export is not None and export.xero_invoice_id:
        found.append(f"Xero {export.xero_invoice_id}")
    return tuple(found)


def _unread(*, is_open: bool, can_export: bool) -> str:
    """Say why only a part was checked; for viewers nothing is fetched."""
    if can_export:
        return _READING
    return _FOR_VIEWERS if is_open else _CLOSED


def _actions(export: Export, role: Role) -> tuple[Action, ...]:
    """What this person can press; only the owner goes past a tax that differs."""
    found = recording.actions_of(export)
    if role is Role.OWNER:
        return found
    return tuple(each for each in found if each != Action.OVERRIDE_TAX)


def _more_actions(
    export: Export | None, connection: Connection, *, is_restored: bool
) -> Iterator[Action]:
    """What helps; each is judged once more when pressed."""
    if connection.state is ConnectionState.BROKEN:
        yield Action.RECONNECT
    if export is None or export.state not in exports.DONE or export.connection_id != connection.id:
        return
    if connection.state is not ConnectionState.ACTIVE or export.tenant_id != connection.tenant_id:
        return
    match export.invoice_state:
        case InvoiceState.LIVE:
            yield from _while_it_lives(export, connection)
        case InvoiceState.DELETED if export.snapshot is not None and not is_restored:
            yield Action.RESTORE
        case InvoiceState.ASKED:
            yield from (Action.VOID_IN_PAYMO, Action.DELETE_IN_PAYMO)
        case InvoiceState.VOIDED:
            yield Action.DELETE_IN_PAYMO


def _while_it_lives(export: Export, connection: Connection) -> Iterator[Action]:
    if export.state is ExportState.DIFFERENT:
        yield Action.ACCEPT_DIFFERENCE
    if export.drift:
        edited = compare.standing(export, compare.compared_of(export)).in_paymo
        if edited and not compare.why_not_updated(export, connection, edited):
            yield Action.UPDATE_IN_XERO
    if not export.is_linked and export.xero_due in {None, export.xero_total}:
        yield Action.UNDO


def _to_decide(rows: Sequence[Payment]) -> tuple[tuple[int, bool], ...]:
    return tuple(
        (each.id, each.state is PaymentState.TOMBSTONE) for each in rows if each.state in _OPEN
    )


def _client_id(found: numbered.Numbered) -> int | None:
    if found.header is not None:
        return found.header.client_id
    return found.latest.client_id if found.latest else None


async def _client_name(session: Session, connection: Connection, found: numbered.Numbered) -> str:
    client_id = _client_id(found)
    client = await mirror.find_client(session, connection.id, client_id) if client_id else None
    if client is not None:
        return client.name
    return found.latest.client_name if found.latest else ""


async def _elsewhere(
    session: Session, export: Export | None, connection: Connection
) -> tuple[Finding, ...]:
    said = await claims.elsewhere(session, export, connection) if export is not None else ""
    return (Finding("Workspace", said, Colour.AMBER),) if said else ()


async def _matched(
    session: Session, connection: Connection, client_id: int | None, *, is_free: bool
) -> tuple[Finding, ...]:
    """What is remembered for the invoice's client; what is missing matters before the export."""
    match = None
    if client_id is not None:
        match = await matches.find(session, connection.id, connection.tenant_id, client_id)
    if match is None:
        text = "No contact or account chosen yet. You choose them when you export."
        return (Finding("Client", text, Colour.AMBER),) if is_free else ()
    contact, account = await _names(session, connection, match)
    people = (("by", match.set_by),) if match.set_by else ()
    is_whole = bool(match.contact_id and match.account_id)
    colour = Colour.GREEN if is_whole or not is_free else Colour.AMBER
    times = (("chosen", match.set_at),)
    return (Finding("Client", f"Matched with {contact} and {account}.", colour, times, people),)


async def _names(session: Session, connection: Connection, match: Match) -> tuple[str, str]:
    contact = "no contact yet"
    if match.contact_id == NEW_CONTACT:
        contact = "a new contact"
    elif match.contact_id:
        known = await mirror.find_contact(session, connection.id, match.contact_id)
        gone = "a contact that Xero doesn't list any more"
        contact = f"the contact {known.name}" if known else gone
        contact += " (archived)" if known and not known.is_active else ""
    account = "no account yet"
    if match.account_id:
        row = await mirror.find_account(session, connection.id, match.account_id)
        gone = "an account that Xero doesn't list any more"
        account = f"the account {row.title}" if row else gone
    return contact, account


async def _checked(
    session: Session, connection: Connection, header: InvoiceHeader | None
) -> tuple[tuple[Check, ...], bool]:
    """Check the invoice as it was last read, else as far as its head in the list goes.

    Returns as well whether it was read.
    """
    if header is None:
        return (), True
    shown = invoice = await _last_read(session, connection, header)
    if shown is None:
        client = await mirror.find_client(session, connection.id, header.client_id)
        shown = worklist.invoice_of(header, client)
    proposer = await ledger_settings.proposer_for(session, connection, [shown.client_id])
    choice = ExportChoice(
        invoice_id=shown.id,
        contact_id=proposer.contact_of(shown),
        account_id=proposer.account_of(shown),
        xero_status=connection.xero_status,
    )
    known = await ledger_settings.load(session, connection, choice.contact_id, adding_of(shown))
    checks = examine(Case(shown, choice, known))
    if invoice is not None:
        return checks, True
    return tuple(each for each in checks if each.name in _OF_THE_HEAD), False


async def _last_read(
    session: Session, connection: Connection, header: InvoiceHeader
) -> Invoice | None:
    """The invoice as a form read it, unless it changed in Paymo since."""
    read = await drafts.list_last(session, connection.id, header.invoice_id)
    found = [each for each in map(forms.kept, read) if each is not None]
    return next((each for each in found if each.updated_on >= header.updated_on), None)
