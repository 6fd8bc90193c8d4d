"""Everything that is looked at before an invoice goes out, each with what was found.

A check is pure: the invoice as Paymo states it, the choices of the person, the books of the
organisation. Red means that nothing is sent; the sentence says what, why, and what to do.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from services import money
from services.clients.paymo import Invoice
from services.errors import ServiceError
from services.export.books import Books
from services.export.figures import figures_of, invoice_rate
from services.export.shapes import ExportChoice
from services.matching.contacts import name_in_xero
from services.matching.menus import name_of, percent
from services.model import NEW_CONTACT, Check, Colour
from services.store.tables import Account

DRAFT = "DRAFT"
_MOST_NAMED = 5
_TAX_SETUP = (
    "In Xero a rate is set up at Accounting → Advanced → Tax rates → New tax rate, and given to an "
    "account at Accounting → Advanced → Chart of accounts → the account → Edit details → Tax."
)


@dataclass(frozen=True, slots=True)
class Case:
    """One invoice that somebody wants exported, with everything there is to know about it."""

    invoice: Invoice
    choice: ExportChoice
    books: Books

    @property
    def account(self) -> Account | None:
        """The account that was chosen, if the mirror knows it."""
        return self.books.accounts.get(self.choice.account_id)

    @property
    def is_draft(self) -> bool:
        """Whether it is to be a draft in Xero."""
        return self.choice.xero_status == DRAFT


def examine(case: Case) -> tuple[Check, ...]:
    """Look at everything, and leave nothing out because something before it was red."""
    return tuple(found for look in _LOOKS for found in look(case))


def first_red(checks: Iterable[Check]) -> Check | None:
    """Return the first check that forbids the export, if any."""
    return next((check for check in checks if check.colour is Colour.RED), None)


def _status(case: Case) -> Iterable[Check]:
    if case.invoice.status == "void":
        yield Check("status", Colour.RED, "The invoice is void in Paymo, so it is not exported.")


def _figures(case: Case) -> Iterable[Check]:
    try:
        figures = figures_of(case.invoice)
        money.check_adds_up(figures)
        money.check_exportable(figures)
    except ServiceError as refusal:
        yield Check("figures", Colour.RED, str(refusal))
        return
    total = money.format_amount(figures.total, figures.currency)
    yield Check("figures", Colour.GREEN, f"Lines, discount and tax add up to {total}.")
    if silent := money.lines_without_description(figures):
        places = ", ".join(str(place) for place in silent)
        yield Check(
            "description",
            Colour.RED,
            f"Line {places} has no description, and Xero needs one. Write it in Paymo.",
        )


def _currency(case: Case) -> Iterable[Check]:
    try:
        code = money.currency_code(case.invoice.currency)
    except ServiceError as refusal:
        yield Check("currency", Colour.RED, str(refusal))
        return
    if code in case.books.currencies:
        yield Check("currency", Colour.GREEN, f"{case.books.organisation} uses {code}.")
        return
    yield Check(
        "currency",
        Colour.RED,
        f"{case.books.organisation} has not enabled {code}. Add it in Xero at Accounting → "
        "Advanced → Currencies (Settings → Currencies on some plans), then check again.",
    )


def _contact(case: Case) -> Iterable[Check]:
    chosen, contact = case.choice.contact_id, case.books.contact
    if not chosen:
        yield Check("contact", Colour.RED, "Choose the Xero contact that this client is.")
    elif chosen == NEW_CONTACT:
        yield _new_contact(case.invoice.client_name)
    elif contact is None:
        yield Check(
            "contact",
            Colour.RED,
            "Xero does not list this contact. It may have been merged; choose another one.",
        )
    elif not contact.is_active:
        yield Check(
            "contact",
            Colour.RED,
            f"{contact.name} is archived in Xero. Choose another contact, or restore it in Xero "
            "at Contacts → Archived.",
        )
    else:
        yield Check("contact", Colour.GREEN, f"Goes to the contact {contact.name}.")


def _new_contact(name: str) -> Check:
    there = name_in_xero(name)
    if not there:
        return Check(
            "contact", Colour.RED, "The client has no name in Paymo that Xero takes. Give it one."
        )
    said = f"{name} will be added to Xero as a new contact"
    if there != name:
        said += f" called {there}, since Xero takes no other form of the name"
    return Check("contact", Colour.AMBER, f"{said}.")


def _account(case: Case) -> Iterable[Check]:
    account = case.account
    if not case.choice.account_id:
        yield Check("account", Colour.RED, "Choose the Xero account for all items.")
    elif account is None:
        yield Check("account", Colour.RED, "Xero does not list this account. Choose another one.")
    elif not account.is_usable:
        yield Check(
            "account",
            Colour.RED,
            f"{account.name} cannot take sales: it is archived, has no code, or is not a revenue "
            "account. Choose another one.",
        )
    else:
        yield Check("account", Colour.GREEN, f"All items go to {name_of(account)}.")


def _tax(case: Case) -> Iterable[Check]:
    account = case.account
    if account is None or not account.is_usable:
        return
    invoice = case.invoice
    wanted = invoice_rate(invoice)
    carried = case.books.rate_of(account)
    if carried is None or not money.rates_agree(wanted, carried):
        yield Check("tax", Colour.RED, _tax_differs(case, account, wanted, carried))
        return
    rate = case.books.tax_rates[account.tax_type]
    yield Check("tax", Colour.GREEN, f"{percent(wanted)} on both sides ({rate.name}).")
    if any(not each.is_taxed for each in figures_of(invoice).lines) and wanted:
        yield _untaxed(case.books)


def _untaxed(books: Books) -> Check:
    zero = books.zero_rate()
    if zero is None:
        return Check(
            "untaxed",
            Colour.RED,
            f"Some lines carry no tax, and {books.organisation} has no rate of 0 % for sales. "
            + _TAX_SETUP,
        )
    return Check("untaxed", Colour.GREEN, f"Lines without tax go out with {zero.name}.")


def _tax_differs(case: Case, account: Account, wanted: Decimal, carried: Decimal | None) -> str:
    if carried is None:
        states = f"{name_of(account)} has no tax rate in Xero that can be used"
    else:
        states = f"{name_of(account)} carries {percent(carried)} in Xero"
    differs = f"{states}, and the invoice has {percent(wanted)} in Paymo."
    fitting = [
        name_of(each)
        for each in case.books.accounts.values()
        if each.is_usable
        and (rate := case.books.rate_of(each)) is not None
        and money.rates_agree(rate, wanted)
    ]
    if fitting:
        return f"{differs} These accounts have {percent(wanted)}: {_some(fitting)}."
    rates = [
        rate.name
        for rate in case.books.tax_rates.values()
        if rate.is_usable and money.rates_agree(rate.effective_rate, wanted)
    ]
    if rates:
        return (
            f"{differs} No account has {percent(wanted)}; these rates have: {_some(rates)}. "
            + _TAX_SETUP
        )
    return f"{differs} {case.books.organisation} has no rate of {percent(wanted)}. {_TAX_SETUP}"


def _number(case: Case) -> Iterable[Check]:
    number = case.invoice.number
    if money.fits_number(number):
        yield Check("number", Colour.GREEN, f"The number is {number}.")
        return
    yield Check(
        "number",
        Colour.AMBER,
        f"The number has {len(number)} characters and at most {money.LONGEST_NUMBER} go out, so it "
        f"is left out and Xero gives its own. {number} stands in the reference.",
    )


def _dates(case: Case) -> Iterable[Check]:
    invoice, locked = case.invoice, case.books.locked_until
    if locked is not None and invoice.issued_on <= locked and not case.is_draft:
        yield Check(
            "dates",
            Colour.RED,
            f"The invoice is dated {invoice.issued_on:%d %b %Y} and {case.books.organisation} is "
            f"locked up to {locked:%d %b %Y}. Export it as a draft, or change the date in Paymo.",
        )
    elif invoice.due_on is None or invoice.due_on < invoice.issued_on:
        why = "has no due date" if invoice.due_on is None else "is due before its own date"
        colour = Colour.AMBER if case.is_draft else Colour.RED
        yield Check(
            "dates",
            colour,
            f"The invoice {why}. Set it in Paymo, or export it as a draft.",
        )
    else:
        yield Check(
            "dates",
            Colour.GREEN,
            f"Dated {invoice.issued_on:%d %b %Y}, due {invoice.due_on:%d %b %Y}.",
        )


_LOOKS: tuple[Callable[[Case], Iterable[Check]], ...] = (
    _status,
    _figures,
    _currency,
    _contact,
    _account,
    _tax,
    _number,
    _dates,
)


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
