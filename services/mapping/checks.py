"""Everything that is looked at before an invoice goes out, each with what was found.

A check is pure: the invoice as Paymo states it, the choices of the person, the books of the
organisation. Red means that nothing is sent; the sentence says what, why, and what to do.
"""

from collections.abc import Callable, Iterable

from services import money
from services.errors import ServiceError
from services.mapping.case import DRAFT, Case
from services.mapping.dates import check_dates
from services.mapping.parties import check_account, check_contact
from services.mapping.taxes import check_tax, tax_type_of, untaxed_type_of
from services.model.export import Check, Colour, RefusalCode
from services.model.wording import Amount

__all__ = ["DRAFT", "Case", "examine", "first_red", "reds"]


def examine(case: Case) -> tuple[Check, ...]:
    """Look at everything, and leave nothing out because something before it was red."""
    return tuple(found for look in _LOOKS for found in look(case))


def first_red(checks: Iterable[Check]) -> Check | None:
    """Return the first check that forbids the export, if any."""
    return next((check for check in checks if check.colour is Colour.RED), None)


def reds(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return every check that forbids the export."""
    return tuple(check for check in checks if check.colour is Colour.RED)


def codes_of(checks: Iterable[Check]) -> tuple[RefusalCode, ...]:
    """Return what these checks are about, each once."""
    return tuple(dict.fromkeys(RefusalCode(check.name) for check in checks))


def grounds_of(case: Case) -> dict[RefusalCode, str]:
    """Say what stands behind each refusal that may pass: where this is the same, so is the answer.

    Xero may refuse what no check has seen; it is asked again once something is another way.
    """
    ledger, choice, namesake = case.ledger, case.choice, case.ledger.namesake
    account, contact = case.account, case.ledger.contact
    rate = ledger.rate_of(account) if account is not None else None
    found: dict[RefusalCode, tuple[object, ...]] = {
        RefusalCode.CURRENCY: (case.invoice.currency in ledger.currencies,),
        RefusalCode.CONTACT: (choice.contact_id, contact is not None and contact.is_active),
        RefusalCode.CONTACT_TAKEN: (choice.contact_id, archived_namesake(case), namesake is None),
        RefusalCode.ACCOUNT: (
            (account.account_id, account.is_usable, account.code, account.tax_type, rate)
            if account is not None
            else ()
        ),
        RefusalCode.TAX: (choice.account_id, rate, choice.override_tax, tax_type_of(case)),
        RefusalCode.UNTAXED: tuple(each.tax_type for each in ledger.zero_rates()),
        RefusalCode.UNTAXED_CHOICE: (untaxed_type_of(case),),
        RefusalCode.LOCKED: (ledger.locked_until, case.issued_on, case.is_draft),
        RefusalCode.DUE: (case.due_on, case.is_draft),
        RefusalCode.PLAN_LIMIT: (case.is_draft,),
    }
    return {code: ":".join(str(each) for each in facts) for code, facts in found.items()}


def archived_namesake(case: Case) -> str:
    """Return the archived contact that has the client's name in Xero, or ""."""
    namesake = case.ledger.namesake
    return namesake.contact_id if namesake is not None and not namesake.is_active else ""


def _status(case: Case) -> Iterable[Check]:
    if case.invoice.status == "void":
        yield Check("status", Colour.RED, "The invoice is void in Paymo, so it is not exported.")


def _figures(case: Case) -> Iterable[Check]:
    try:
        figures = case.invoice.figures
        money.check_adds_up(figures)
        money.check_exportable(figures)
    except ServiceError as refusal:
        yield Check("figures", Colour.RED, str(refusal))
        return
    total = Amount(figures.total, figures.currency)
    yield Check("figures", Colour.GREEN, f"Lines, discount and tax add up to {total}.")
    if silent := money.lines_without_description(figures):
        places = ", ".join(str(place) for place in silent)
        which = f"Line {places} has" if len(silent) == 1 else f"Lines {places} have"
        text = f"{which} no description, and Xero needs one. Write it in Paymo."
        yield Check("description", Colour.RED, text)


def _currency(case: Case) -> Iterable[Check]:
    try:
        code = money.currency_code(case.invoice.currency)
    except ServiceError as refusal:
        yield Check("currency", Colour.RED, str(refusal))
        return
    if code in case.ledger.currencies:
        yield Check("currency", Colour.GREEN, f"{case.ledger.organisation} uses {code}.")
        return
    yield Check(
        "currency",
        Colour.RED,
        f"{case.ledger.organisation} has not enabled {code}. Add it in Xero at Accounting → "
        "Advanced → Currencies (Settings → Currencies on some plans), then check again.",
    )


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


_LOOKS: tuple[Callable[[Case], Iterable[Check]], ...] = (
    _status,
    _figures,
    _currency,
    check_contact,
    check_account,
    check_tax,
    _number,
    check_dates,
)
