"""Whether the contact and the account that were chosen can take the invoice."""

from collections.abc import Iterable

from services.clients.xero import Addition, is_email, name_in_xero
from services.mapping.case import Case, adding_of
from services.model import numbers
from services.model.export import NEW_CONTACT, Check, Colour
from services.store.tables import Account, Contact

_RESTORE = "Choose another contact, or restore it in Xero at Contacts → Archived."


def check_contact(case: Case) -> Iterable[Check]:
    """Look at the contact, or at what stands in the way of adding one."""
    chosen, contact, ledger = case.choice.contact_id, case.ledger.contact, case.ledger
    if not chosen:
        yield Check("contact", Colour.RED, "Choose the Xero contact that this client is.")
    elif chosen == NEW_CONTACT:
        yield _new_contact(case)
    elif contact is None:
        yield Check(
            "contact",
            Colour.RED,
            f"{ledger.organisation} does not list this contact any more. Choose another one.",
        )
    elif not contact.is_active:
        text = f"{contact.name} is archived in Xero. {_RESTORE}"
        yield Check("contact", Colour.RED, text)
    elif ledger.merged_from:
        text = (
            f"{ledger.merged_from} was merged into {contact.name} in Xero, so the invoice goes "
            f"to {contact.name}."
        )
        yield Check("contact", Colour.AMBER, text)
    else:
        yield Check("contact", Colour.GREEN, f"Goes to the contact {contact.name}.")


def _new_contact(case: Case) -> Check:
    name, taken = case.invoice.client_name, case.ledger.namesake
    there = name_in_xero(name)
    if not there:
        return Check(
            "contact", Colour.RED, "The client has no name in Paymo that Xero takes. Give it one."
        )
    if taken is not None:
        return Check("contact_taken", Colour.RED, taken_text(taken, adding_of(case.invoice)))
    said = f"{name} will be added to Xero as a new contact"
    if there != name:
        said += f" called {there}, since Xero takes no other form of the name"
    email = numbers.spaced(case.invoice.client.email or "") if case.invoice.client else ""
    if email and not is_email(email):
        said += f", without {email}, which Xero doesn't take as an e-mail address"
    return Check("contact", Colour.AMBER, f"{said}.")


def taken_text(there: Contact, adding: Addition) -> str:
    """Say that Xero has a contact for this client, and what to do."""
    if there.number and there.number == adding.number:
        said, other = f"This client was added to Xero before, as {there.name}", "choose another one"
    else:
        said, other = (
            f"Xero already has a contact called {there.name}",
            "rename the client in Paymo",
        )
    if there.is_active:
        return f"{said}. Use that contact, so that nothing is there twice, or {other}."
    return (
        f"{said}, and it is archived. Restore it in Xero at Contacts → Archived and check again, "
        f"or {other}."
    )


def check_account(case: Case) -> Iterable[Check]:
    """Look at whether the account takes sales."""
    account = case.account
    if not case.choice.account_id:
        yield Check("account", Colour.RED, "Choose the Xero account for all items.")
    elif account is None:
        yield Check("account", Colour.RED, "Xero does not list this account. Choose another one.")
    elif not account.is_usable:
        yield Check("account", Colour.RED, f"{_why_not(account)} Choose another one.")
    else:
        kind = ", a liability account for advance payments" if account.is_liability else ""
        yield Check("account", Colour.GREEN, f"All items go to {account.title}{kind}.")


def _why_not(account: Account) -> str:
    reasons = {
        "archived": "is archived in Xero (Accounting → Advanced → Chart of accounts → Archive)",
        "system": "is one of Xero's own system accounts, which take no sales",
        "kind": "is neither a revenue account nor a liability account for advance payments",
    }
    why = reasons.get(account.why_not or "", "cannot take sales")
    return f"{account.title} {why}."
