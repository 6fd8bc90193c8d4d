"""All checks before an export, each with its finding.

A check is pure: it takes Paymo's invoice, the person's choices and the organisation's settings. Red
means that nothing is sent; the sentence says what is wrong, why, and what to do.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta

from services import money
from services.clients.xero import Addition, is_email, name_in_xero
from services.mapping.case import DRAFT, Case, adding_of, email_of
from services.mapping.taxes import check_tax, tax_type_of, untaxed_type_of
from services.model.export import (
    DUE_BY_TERMS,
    NEW_CONTACT,
    Check,
    Colour,
    KnownAccount,
    KnownContact,
    RefusalCode,
)
from services.model.wording import Amount, Day, situated

__all__ = ["DRAFT", "Case", "examine", "reds"]


def examine(case: Case) -> tuple[Check, ...]:
    """Run every check, whatever the ones before it found."""
    country = case.ledger.country
    return tuple(
        replace(found, fact=situated(found.fact, country), cure=situated(found.cure, country))
        for check in _CHECKS
        for found in check(case)
    )


def reds(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Every check that forbids the export."""
    return tuple(check for check in checks if check.colour is Colour.RED)


def codes_of(checks: Iterable[Check]) -> tuple[RefusalCode, ...]:
    """What these checks are about, each once."""
    return tuple(dict.fromkeys(RefusalCode(check.name) for check in checks))


def grounds_of(case: Case) -> dict[RefusalCode, str]:
    """Say what stands behind each refusal that may pass: where this is the same, so is the answer.

    Xero may refuse what no check has seen; it is asked again once something is another way.
    """
    ledger, choice, namesake = case.ledger, case.choice, case.ledger.namesake
    account, contact = case.account, case.ledger.contact
    rate = ledger.rate_of(account) if account is not None else None
    tax = (choice.account_id, rate, choice.override_tax, tax_type_of(case))
    found: dict[RefusalCode, tuple[object, ...]] = {
        RefusalCode.CURRENCY: (case.invoice.currency in ledger.currencies,),
        RefusalCode.CONTACT: (choice.contact_id, contact is not None and contact.is_active),
        RefusalCode.CONTACT_TAKEN: (choice.contact_id, archived_namesake(case), namesake is None),
        RefusalCode.ACCOUNT: (
            (account.account_id, account.is_usable, account.code, account.tax_type, rate)
            if account is not None
            else ()
        ),
        RefusalCode.TAX: tax,
        RefusalCode.TAX_RATE: tax,
        RefusalCode.UNTAXED: tuple(each.tax_type for each in ledger.zero_rates()),
        RefusalCode.UNTAXED_CHOICE: (untaxed_type_of(case),),
        RefusalCode.LOCKED: (ledger.locked_until, case.issued_on, case.is_draft),
        RefusalCode.DUE: (case.due_on, case.is_draft),
        RefusalCode.PLAN_LIMIT: (case.is_draft,),
    }
    return {code: ":".join(str(each) for each in facts) for code, facts in found.items()}


def archived_namesake(case: Case) -> str:
    """The archived contact that has the client's name in Xero, or ""."""
    namesake = case.ledger.namesake
    return namesake.contact_id if namesake is not None and not namesake.is_active else ""


def _status(case: Case) -> Iterable[Check]:
    if case.invoice.status == "void":
        void = "This invoice is void in Paymo. Void invoices aren't exported."
        yield Check("status", Colour.RED, void)


def _figures(case: Case) -> Iterable[Check]:
    try:
        figures = case.invoice.figures
        money.check_adds_up(figures)
        money.check_exportable(figures)
    except money.NotExportable as refusal:
        yield Check("figures", Colour.RED, refusal.fact, refusal.cure)
        return
    total = Amount(figures.total, figures.currency)
    yield Check("figures", Colour.GREEN, f"Lines, discount and tax add up to {total}.")
    if silent := money.lines_without_description(figures):
        places = ", ".join(str(place) for place in silent)
        which = f"Line {places} has" if len(silent) == 1 else f"Lines {places} have"
        fact = f"{which} no description, and Xero needs one."
        yield Check("description", Colour.RED, fact, "Add it in Paymo.")


def check_currency(case: Case) -> Iterable[Check]:
    """Check that the organisation uses the invoice's currency."""
    try:
        code = money.currency_code(case.invoice.currency)
    except money.NotExportable as refusal:
        yield Check("currency", Colour.RED, refusal.fact, refusal.cure)
        return
    if code in case.ledger.currencies:
        yield Check("currency", Colour.GREEN, f"{case.ledger.organisation} uses {code}.")
        return
    yield Check(
        "currency",
        Colour.RED,
        f"{case.ledger.organisation} doesn't use {code} yet.",
        f"Add {code} in Xero under Accounting → Advanced → Currencies (Settings → Currencies on "
        "some plans), then check again.",
    )


def _number(case: Case) -> Iterable[Check]:
    number = case.invoice.number
    if money.fits_number(number):
        yield Check("number", Colour.GREEN, f"Xero gets the number {number}.")
        return
    yield Check(
        "number",
        Colour.AMBER,
        f"Numbers over {money.LONGEST_NUMBER} characters aren't sent to Xero. You'll find {number} "
        "in the reference.",
    )


_RESTORE = "Choose another contact, or restore it in Xero under Contacts → Archived."


def check_contact(case: Case) -> Iterable[Check]:
    """Check the contact, or what stands in the way of adding one."""
    chosen, contact, ledger = case.choice.contact_id, case.ledger.contact, case.ledger
    client = case.invoice.client_name or "this client"
    if not chosen:
        yield Check("contact", Colour.RED, "", f"Choose a contact in Xero for {client}.")
    elif chosen == NEW_CONTACT:
        yield _new_contact(case)
    elif contact is None:
        yield Check(
            "contact",
            Colour.RED,
            f"{ledger.organisation} no longer has this contact.",
            "Choose another contact.",
        )
    elif not contact.is_active:
        yield Check("contact", Colour.RED, f"{contact.name} is archived in Xero.", _RESTORE)
    elif ledger.merged_from:
        text = (
            f"{ledger.merged_from} was merged into {contact.name} in Xero. The invoice goes to "
            f"{contact.name}."
        )
        yield Check("contact", Colour.AMBER, text)
    elif ledger.is_unlike:
        text = f"{contact.name} doesn't look like {client}. Check that it's the right contact."
        yield Check("contact", Colour.AMBER, text)
    else:
        yield Check("contact", Colour.GREEN, f"The invoice goes to {contact.name}.")


def _new_contact(case: Case) -> Check:
    name, taken = case.invoice.client_name, case.ledger.namesake
    there = name_in_xero(name)
    if not there:
        cure = "Give the client a name in Paymo."
        return Check("contact", Colour.RED, "Xero needs a name for this client.", cure)
    if taken is not None:
        return Check("contact_taken", Colour.RED, *taken_texts(taken, adding_of(case.invoice)))
    said = f"This export adds {name} to Xero as a new contact"
    if there != name:
        said += f", written {there}, as Xero needs it"
    email = email_of(case.invoice)
    if email and not is_email(email):
        said += f", without {email}, which Xero doesn't accept as an e-mail address"
    return Check("contact", Colour.AMBER, f"{said}.")


def taken_texts(there: KnownContact, adding: Addition) -> tuple[str, str]:
    """Say that Xero has a contact for this client, and in a second sentence what to do."""
    if there.number and there.number == adding.number:
        said, other = f"This client is already in Xero as {there.name}", "choose another contact"
    else:
        said, other = (
            f"Xero already has a contact called {there.name}",
            "rename the client in Paymo",
        )
    if there.is_active:
        return f"{said}.", f"Use that contact, or {other}."
    return (
        f"{said}, but it's archived.",
        f"Restore it in Xero under Contacts → Archived and check again, or {other}.",
    )


_OTHER_ACCOUNT = "Choose another account."


def check_account(case: Case) -> Iterable[Check]:
    """Check that the account takes sales."""
    account = case.account
    if not case.choice.account_id:
        yield Check("account", Colour.RED, "", "Choose the account for this invoice.")
    elif account is None:
        yield Check("account", Colour.RED, "Xero no longer has this account.", _OTHER_ACCOUNT)
    elif not account.is_usable:
        yield Check("account", Colour.RED, _why_not(account), _OTHER_ACCOUNT)
    else:
        kind = ", a liability account for advance payments" if account.is_liability else ""
        yield Check("account", Colour.GREEN, f"All lines go to {account.title}{kind}.")


def _why_not(account: KnownAccount) -> str:
    reasons = {
        "archived": "is archived in Xero (Accounting → Advanced → Chart of accounts → Archive)",
        "system": "is one of Xero's system accounts, which can't be used for sales",
        "kind": "is neither a revenue account nor a liability account for advance payments",
    }
    why = reasons.get(account.why_not or "", "can't be used for sales")
    return f"{account.title} {why}."


def first_open_day(locked_until: date | None) -> date | None:
    """The day after the lock, or None where nothing is locked."""
    return locked_until + timedelta(days=1) if locked_until is not None else None


def check_lock(case: Case) -> Iterable[Check]:
    """Check the lock dates."""
    if case.is_locked:
        yield Check(
            "locked",
            Colour.RED,
            f"The invoice is dated {_day(case.issued_on)}, and {case.ledger.organisation} is "
            f"locked up to {_day(case.ledger.locked_until)}.",
            "Choose another date for Xero (Paymo keeps its own), or export it as a draft.",
        )


def check_dates(case: Case) -> Iterable[Check]:
    """Check that the due date is there and late enough."""
    due_on = case.due_on
    if due_on is None or not case.is_due_known:
        why = "has no due date" if due_on is None else "is due before its invoice date"
        if case.choice.due_rule == DUE_BY_TERMS and case.invoice.terms is None:
            why += ", and Paymo has no payment terms for the client or the company"
        colour = Colour.AMBER if case.is_draft else Colour.RED
        yield Check(
            "due",
            colour,
            f"The invoice {why}.",
            "Set the due date in Paymo, choose one for Xero, or export it as a draft.",
        )
    elif not case.is_locked:
        yield _open(case, due_on)


def _open(case: Case, due_on: date) -> Check:
    said = f"Dated {_day(case.issued_on)}, due {_day(due_on)}."
    if case.issued_on == case.invoice.issued_on and due_on == case.invoice.due_on:
        return Check("dates", Colour.GREEN, said)
    theirs = case.invoice.due_on
    due = f"due {_day(theirs)}" if theirs else "no due date"
    said += f" Paymo keeps {_day(case.invoice.issued_on)}, {due}."
    return Check("dates", Colour.AMBER, said)


def _day(day: date | None) -> str:
    return str(Day(day)) if day is not None else ""


_CHECKS: tuple[Callable[[Case], Iterable[Check]], ...] = (
    _status,
    _figures,
    check_currency,
    check_contact,
    check_account,
    check_tax,
    _number,
    check_lock,
    check_dates,
)
