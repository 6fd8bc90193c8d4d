"""The export form: an invoice, suggestions or choices, and every check."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from services import money
from services.clients.paymo import Invoice
from services.errors import NotFound, ServiceError, SeveralFit
from services.export import claims, ledger_settings
from services.mapping import taxes
from services.mapping.case import ExportChoice, adding_of, picture_of
from services.mapping.checks import Case, codes_of, examine, first_open_day, reds
from services.matching import suggestions
from services.model import days
from services.model.actions import Action, in_the_form
from services.model.export import DUE_BY_TERMS, NEW_CONTACT, Check, Colour, ExportState
from services.model.invoice import InvoicePicture, Links
from services.model.notice import TOPIC_OF
from services.model.people import Option, Person, Role
from services.model.wording import Command, Typed, some_of
from services.store import exports, matches, mirror, notices, numbered, payments, people
from services.store.engine import Session
from services.store.tables import Connection, Contact, Draft, Export

_LONGEST_NAME = 26  # in a menu's row, which has little room


@dataclass(frozen=True, slots=True)
class ExportForm:
    """The export form as it is to be drawn now.

    `is_reading` says that the invoice is being read from Paymo and the form will be drawn again.
    `checks` is empty until there is an invoice to check. `tax_options` is filled only where the
    person must choose a tax rate, and `untaxed_options` where they must for lines without tax.
    """

    draft_id: int
    organisation: str
    company: str
    is_demo: bool
    is_reading: bool
    problem: str  # a sentence: why the invoice could not be read
    invoice: Option | None
    contact: Option | None
    contact_reason: str  # why this contact is selected, e.g. "used before"
    account: Option | None
    account_reason: str
    xero_status: str
    tax_options: tuple[Option, ...] = ()
    tax: Option | None = None
    tax_reason: str = ""  # why this tax rate is selected
    rate: str = ""  # the invoice's own, as people write it
    base_currency: str = ""  # the organisation's own
    picture: InvoicePicture | None = None
    checks: tuple[Check, ...] = ()
    actions: tuple[Action, ...] = ()
    untaxed_options: tuple[Option, ...] = ()
    untaxed: Option | None = None
    ask: str = ""  # who may override a tax that differs, where the reader may not
    connection_id: int = 0
    days: Mapping[str, date | None] = field(default_factory=dict)  # asked for, with what is chosen
    terms: int | None = None  # due after this many days, if terms decide
    is_taken: bool = False  # it waits or is on its way: `problem` says so
    card: dict[str, Any] | None = None  # of an invoice that is exported already
    batch_id: int = 0  # of the table that the form is open on top of


async def failed(
    session: Session, connection: Connection, draft: Draft | None, view_id: str
) -> Export | None:
    """Return the export for which this form was sent, if it failed."""
    if draft is None or draft.view_id:
        return None
    export = await exports.find_latest(session, connection, draft.invoice_id or 0)
    if export is None or export.state is not ExportState.FAILED:
        return None
    return export if (export.reply_to or {}).get("view_id") == view_id else None


async def require(session: Session, connection: Connection, person: Person, number: str) -> None:
    """Tell a viewer that the invoice isn't in Xero; an exporter is shown the form instead."""
    if await people.role_of(session, connection, person) < Role.EXPORTER:
        raise NotFound(
            f"Invoice {number.strip()} isn't in Xero. Type {Typed(Command.WHY, number.strip())} to "
            "see what it needs."
        )


async def card_of(
    session: Session, connection: Connection, invoice_id: int | None, links: Links, now: datetime
) -> dict[str, Any] | None:
    """Return the card of an invoice that is exported already."""
    export = await exports.find_latest(session, connection, invoice_id or 0)
    if export is None or not export.xero_invoice_id or not claims.why_taken(export, connection):
        return None
    return await facts_of(session, export, connection, links, now)


async def facts_of(
    session: Session, export: Export, connection: Connection, links: Links, now: datetime
) -> dict[str, Any]:
    """Return the facts of an export's card for who reads it over this connection of its pair.

    People of another workspace are nobody here, and only its own connection changes anything.
    """
    rows = await payments.list_of(session, [export.id])
    facts = notices.card_facts(export, connection, links, rows, now)
    said = await claims.elsewhere(session, export, connection)
    nobody = {"by": "", "on_order_of": "", "approved_by": "", "is_over": True, "elsewhere": said}
    return facts | nobody if said else facts


async def is_told(session: Session, export: Export, channel_id: str) -> bool:
    """Say whether this channel gets the invoice's notifications anyway."""
    heard = await notices.find_subscription(session, export.connection_id, channel_id)
    if heard is None or heard.paused_because:
        return False
    news = (notices.Notification(each, "", {}, export, export.total) for each in TOPIC_OF)
    return any(notices.hears(heard, each) for each in news)


def new_draft(connection: Connection, person: Person, now: datetime) -> Draft:
    """Begin the form that a person opens in this channel, or in none."""
    return Draft(
        connection_id=connection.id,
        workspace_id=connection.workspace_id,
        user_id=person.user_id,
        channel_id=person.channel_id,
        asked_number="",
        xero_status=connection.xero_status,
        created_at=now,
    )


async def meant(session: Session, connection: Connection, number: str) -> str:
    """Return the number of the invoice that is meant. Raises a refusal where several fit."""
    try:
        return await numbered.meant(session, connection, number)
    except SeveralFit as several:
        fitting = some_of([each.number for each in several.found])
        raise ServiceError(f"Several invoices fit {number}: {fitting}. Choose one above.") from None


def kept(draft: Draft) -> Invoice | None:
    """Return the invoice as it was last read, if it is the one that is chosen."""
    if draft.invoice is None or draft.invoice["id"] != draft.invoice_id:
        return None
    return Invoice.from_json(draft.invoice)


def choice_of(draft: Draft) -> ExportChoice:
    """Return what is chosen now."""
    return replace(claims.chosen_in(draft, draft.invoice_id), untaxed_type=draft.untaxed_type)


async def propose(session: Session, connection: Connection, draft: Draft, invoice: Invoice) -> None:
    """Select what was used before, or what surely fits; a person still presses the button."""
    proposer = await ledger_settings.proposer_for(session, connection, [invoice.client_id])
    draft.contact_id = proposer.contact_of(invoice)
    draft.account_id = proposer.account_of(invoice)
    case = Case(invoice, choice_of(draft), proposer.ledger)
    if not draft.due_rule and not case.is_due_known and invoice.terms is not None:
        draft.due_rule = DUE_BY_TERMS
    account = proposer.ledger.accounts.get(draft.account_id)
    if account is not None and not account.is_usable:
        # The form says why it cannot be used; it is not proposed again.
        await matches.forget_account(session, connection, account.account_id)


async def form_of(session: Session, connection: Connection, draft: Draft) -> ExportForm:
    """Return the form as it is now, with its checks if the invoice was read."""
    invoice = kept(draft)
    contact, reason = await _contact(session, connection, draft, invoice)
    form = ExportForm(
        draft_id=draft.id,
        organisation=connection.organisation_name,
        company=connection.paymo_company_name,
        is_demo=connection.is_demo,
        is_reading=draft.due_at is not None and invoice is None,
        problem=draft.reason,
        invoice=await _invoice_option(session, connection, draft, invoice),
        contact=contact,
        contact_reason=reason,
        account=await _account(session, connection, draft),
        account_reason="",
        base_currency=connection.base_currency,
        xero_status=draft.xero_status,
        connection_id=connection.id,
        batch_id=draft.batch_id or 0,
    )
    if invoice is None:
        return form
    latest = await exports.find_latest(session, connection, invoice.id)
    taken = claims.why_taken(latest, connection) if latest is not None else ""
    if taken:
        return replace(form, problem=taken, is_taken=True)  # no check would say more
    adding = adding_of(invoice)
    ledger = await ledger_settings.load(session, connection, draft.contact_id, adding)
    is_unlike = ledger.contact is not None and not reason
    case = Case(invoice, choice_of(draft), replace(ledger, is_unlike=is_unlike))
    form = replace(form, account_reason=await _why_account(session, connection, case))
    return _checked(form, case, connection, draft)


def _checked(form: ExportForm, case: Case, connection: Connection, draft: Draft) -> ExportForm:
    """Add the checks to the form, and the buttons that help."""
    checks = examine(case)
    rate, why = taxes.chosen(case)
    zero = taxes.untaxed_rate(case)
    today = days.day_in(connection.time_zone, draft.created_at)  # a form lives for minutes
    helpful = _actions(case, checks, today)
    is_owner = draft.user_id == connection.owner_id
    return replace(
        form,
        checks=checks,
        days=_days(case, checks),
        terms=case.invoice.terms if draft.due_rule == DUE_BY_TERMS else None,
        rate=case.ledger.written(case.invoice.rate),
        picture=_picture(case),
        tax_options=tuple(
            suggestions.tax_option(each, connection.country) for each in taxes.choices(case)
        ),
        tax=suggestions.tax_option(rate, connection.country) if rate is not None else None,
        tax_reason=why,
        untaxed_options=tuple(
            suggestions.tax_option(each, connection.country) for each in taxes.untaxed_choices(case)
        ),
        untaxed=suggestions.tax_option(zero, connection.country) if zero is not None else None,
        actions=tuple(each for each in helpful if is_owner or each != Action.OVERRIDE_TAX),
        ask="" if is_owner or Action.OVERRIDE_TAX not in helpful else connection.owner_id,
    )


def _days(case: Case, checks: tuple[Check, ...]) -> dict[str, date | None]:
    """Return the dates that a person may choose: where one is asked for, or was chosen."""
    asked, choice = {each.name for each in checks}, case.choice
    chosen = {"issue_on": choice.issue_on, "due_on": case.due_on if choice.due_rule else None}
    is_asked = {"issue_on": "locked" in asked, "due_on": "due" in asked}
    return {name: day for name, day in chosen.items() if day is not None or is_asked[name]}


def _picture(case: Case) -> InvoicePicture | None:
    try:
        picture = picture_of(case.invoice, case.ledger.country)
    except ServiceError:
        return None  # the check of the figures says why
    return replace(picture, issued_on=case.issued_on, due_on=case.due_on)


def _actions(case: Case, checks: tuple[Check, ...], today: date) -> tuple[Action, ...]:
    """Return the buttons that help with what is red."""
    locked, namesake = case.ledger.locked_until, case.ledger.namesake
    useless = {
        Action.TODAY: locked is not None and (today <= locked or today == first_open_day(locked)),
        Action.DUE_BY_TERMS: case.invoice.terms is None,
        Action.ADD_CONTACT: bool(case.choice.contact_id) or not case.invoice.client_name,
        Action.USE_CONTACT: namesake is None or not namesake.is_active,
    }
    found = in_the_form(codes_of(reds(checks)))
    return tuple(each for each in found if not useless.get(each))


async def _contact(
    session: Session, connection: Connection, draft: Draft, invoice: Invoice | None
) -> tuple[Option | None, str]:
    if draft.contact_id == NEW_CONTACT:
        return suggestions.new_option(invoice.client_name if invoice else ""), ""
    if not draft.contact_id:
        return None, ""
    contact = await mirror.find_contact(session, connection.id, draft.contact_id, follows=True)
    if contact is None:
        return None, ""
    return suggestions.contact_option(contact), await _reason(session, connection, contact, invoice)


async def _reason(
    session: Session, connection: Connection, contact: Contact, invoice: Invoice | None
) -> str:
    if invoice is None:
        return ""
    known = await matches.find(session, connection.id, connection.tenant_id, invoice.client_id)
    if known is not None and known.contact_id == contact.contact_id:
        return "used before"
    return suggestions.reason_for(ledger_settings.party_of(invoice), contact)


async def _account(session: Session, connection: Connection, draft: Draft) -> Option | None:
    if not draft.account_id:
        return None
    account = await mirror.find_account(session, connection.id, draft.account_id)
    if account is None:
        return None
    rates = await mirror.list_tax_rates(session, connection.id)
    return suggestions.account_option(connection, account, {each.tax_type: each for each in rates})


async def _why_account(session: Session, connection: Connection, case: Case) -> str:
    """Say why the account may be selected: as it was before, or as the only one that fits."""
    account_id, client_id = case.choice.account_id, case.invoice.client_id
    if not account_id:
        return ""
    known = await matches.find(session, connection.id, connection.tenant_id, client_id)
    if known is not None and known.account_id == account_id:
        return "used before"
    if await matches.find_last_account(session, connection.id, connection.tenant_id) == account_id:
        return "used in the last export"
    rate = case.invoice.rate
    if [each.account_id for each in case.ledger.accounts_with(rate)] == [account_id]:
        return f"the only account with {case.ledger.written(rate)}"
    return ""


async def _invoice_option(
    session: Session, connection: Connection, draft: Draft, invoice: Invoice | None
) -> Option | None:
    """Return the invoice as far as it is known: read, copied, or nothing but its id."""
    if draft.invoice_id is None:
        return None
    if invoice is not None:
        total = money.format_amount(invoice.total, invoice.currency, connection.country)
        text = invoice_text(invoice.number, invoice.client_name, total)
        return Option(str(invoice.id), text)
    header = await mirror.find_header(session, connection.id, draft.invoice_id)
    if header is None:
        return Option(str(draft.invoice_id), f"Invoice {draft.invoice_id}")
    client = await mirror.find_client(session, connection.id, header.client_id)
    total = money.format_amount(header.total, header.currency, connection.country)
    text = invoice_text(header.number, client.name if client else "", total)
    return Option(str(header.invoice_id), text)


def invoice_text(number: str, client: str, total: str) -> str:
    """Write an invoice for a menu; however long the names are, the total is seen."""
    shown = (_cut(number), _cut(client), total)
    return " · ".join(each for each in shown if each)


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1].rstrip()}…"


def red_field(check: Check) -> str:
    """Return the field of the form beside which a red check is shown."""
    fields = {
        "contact": "contact",
        "contact_taken": "contact",
        "account": "account",
        "tax": "account",
        "tax_rate": "account",
        "untaxed": "account",
        taxes.UNTAXED_CHOICE: "untaxed",
    }
    return fields.get(check.name, "invoice") if check.colour is Colour.RED else ""
