"""What people ask for: an export, another try, or a way around a number that is taken."""

from dataclasses import asdict, replace

from services.clients.paymo import Invoice
from services.errors import AlreadyRequested, NotAccepted, NotFound, NotMatched, ServiceError
from services.export import books, claims, forms
from services.export.checks import Case, examine
from services.export.kit import Kit
from services.export.shapes import ExportChoice
from services.model import Colour, ExportState, Job, Person, Place
from services.store import connections, drafts, exports, matches
from services.store.engine import Session
from services.store.tables import Connection, Draft, Export, Match

LINK_EXISTING = "link_existing"  # in `Export.problem`: what the queued row is to do
_CLOSED = "This form was open for too long. Run /paymo-xero export again."
_READING = "The invoice is still being read from Paymo. Wait a moment, then press again."
_OTHER_INVOICE = "The form shows another invoice by now. Look at it, then press again."


async def request(
    kit: Kit, person: Person, draft_id: int, choice: ExportChoice, place: Place
) -> str:
    """Claim the invoice and have it sent; return its number.

    Raises `NotAccepted` by the form's fields, `AlreadyRequested`, `NotAllowed`, `NotConnected`.
    """
    asked = claims.Request(person, place, kit.now(), choice)
    async with kit.database.sessions.begin() as session:
        connection = await connections.get_for_exporter(session, person)
        draft = await draft_of(session, draft_id, person)
        if draft.connection_id != connection.id:
            raise ServiceError(_CLOSED)  # it shows another organisation
        invoice = _previewed(draft, choice)
        await _require_sendable(
            session, connection, Case(invoice, choice, await _books(session, connection, choice))
        )
        row = claims.new_row(connection, invoice, asked)
        export = await claims.claim(session, connection, invoice, row)
        await _remember(session, connection, export, asked)
        export_id, number = export.id, export.number
    await kit.work.nudge(Job.EXPORT, export_id)
    return number


async def draft_of(session: Session, draft_id: int, person: Person) -> Draft:
    """Return this person's own draft."""
    draft = await drafts.find(session, draft_id)
    if draft is None or draft.user_id != person.user_id:
        raise ServiceError(_CLOSED)
    await connections.get_here(session, person, draft.connection_id)
    return draft


def _previewed(draft: Draft, choice: ExportChoice) -> Invoice:
    """Return the invoice that the person has seen; nothing else is sent."""
    if choice.invoice_id is None:
        raise NotAccepted({"invoice": "Choose the invoice to export."})
    if choice.invoice_id != draft.invoice_id:
        raise NotAccepted({"invoice": _OTHER_INVOICE})
    invoice = forms.kept(draft)
    if invoice is None:
        raise NotAccepted({"invoice": draft.problem or _READING})
    return invoice


async def _books(session: Session, connection: Connection, choice: ExportChoice) -> books.Books:
    return await books.load(session, connection, choice.contact_id)


async def _require_sendable(session: Session, connection: Connection, case: Case) -> None:
    latest = await exports.find_latest(session, connection, case.invoice.id)
    if latest is not None and (taken := claims.why_taken(latest, connection)):
        raise AlreadyRequested(taken)
    wrong: dict[str, str] = {}
    for check in examine(case):
        if check.colour is Colour.RED:
            wrong.setdefault(forms.red_field(check), check.text)
    if wrong:
        raise NotAccepted(wrong)


async def _remember(
    session: Session, connection: Connection, export: Export, asked: claims.Request
) -> None:
    if export.client_id is None:
        raise NotMatched("Paymo does not say whose invoice this is.")
    match = Match(
        connection_id=connection.id,
        tenant_id=connection.tenant_id,
        client_id=export.client_id,
        contact_id=asked.choice.contact_id,
        account_id=asked.choice.account_id,
        set_by=asked.person.user_id,
        set_at=asked.at,
    )
    await matches.remember(session, match)


async def retry(kit: Kit, person: Person, export_id: int, place: Place) -> str:
    """Try again what was refused, with what is true now; return a sentence to show."""
    return await _restart(kit, person, export_id, place)


async def link_existing(kit: Kit, person: Person, export_id: int, place: Place) -> str:
    """Link the invoice that has this number in Xero already, if it is the same one."""
    return await _restart(kit, person, export_id, place, problem=LINK_EXISTING)


async def without_number(kit: Kit, person: Person, export_id: int, place: Place) -> str:
    """Export without the number, so that Xero gives its own."""
    return await _restart(kit, person, export_id, place, leave_out_number=True)


async def _restart(kit: Kit, person: Person, export_id: int, place: Place, **values: object) -> str:
    now = kit.now()
    async with kit.database.sessions.begin() as session:
        export = await exports.find(session, export_id)
        if export is None:
            raise NotFound("This export is not known any more.")
        connection = connections.require_ready(
            await connections.get_here(session, person, export.connection_id)
        )
        if export.state in exports.DONE:
            raise AlreadyRequested(claims.why_taken(export, connection) or "It is exported.")
        if export.state is not ExportState.FAILED:
            export.due_at = now  # it waits; look at it at once
        else:
            asked_by = {
                "requested_by": person.user_id,
                "requested_at": now,
                "place": asdict(replace(place, view_hash="")),
                "due_at": now,
                "seen_updated_on": None,  # the person has read what changed, and goes on
            }
            await exports.restart(session, export, **asked_by, **values)
        number, organisation = export.number, connection.organisation_name
    await kit.work.nudge(Job.EXPORT, export_id)
    return f"Invoice {number} is on its way to {organisation}."
