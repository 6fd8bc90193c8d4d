"""Contacts: found, added, changed."""

import re
from collections.abc import Callable

from aiohttp import web

from sandbox.serving import Json
from sandbox.xero import query
from sandbox.xero.http import ledger_of
from sandbox.xero.ledger import Ledger
from sandbox.xero.model import Contact
from sandbox.xero.render import contact_json
from sandbox.xero.settings import BASE
from sandbox.xero.wire import (
    NOBODY,
    Commit,
    Invalid,
    answer,
    elements,
    kept,
    not_found,
    write_each,
)

LONGEST_NAME = 255
_SEARCHED = ("Name", "FirstName", "LastName", "ContactNumber", "EmailAddress")
_UNSEARCHED = re.compile(r"""[+()/"\\]""")  # a search finds nothing with these
_EMAIL = re.compile(r"[\w.+'-]+@(?:[\w-]+\.)+[a-z]{2,}", re.ASCII | re.IGNORECASE)
_OURS = {
    "ContactID",
    "ContactStatus",
    "Name",
    "IsCustomer",
    "IsSupplier",
    "UpdatedDateUTC",
    "ValidationErrors",
    "HasValidationErrors",
    "StatusAttributeString",
    "MergedToContactID",
}


async def list_contacts(request: web.Request) -> web.Response:
    """Search, filter and page through the contacts."""
    ledger, summary = ledger_of(request), query.truthy(request, "summaryOnly")
    since, ids = query.since(request), query.listed(request, "IDs")
    archived = query.truthy(request, "includeArchived")
    rows = [
        contact_json(contact, summary=summary)
        for contact in ledger.contacts.values()
        if (archived or contact.status == "ACTIVE")
        and (since is None or contact.updated >= since)
        and (not ids or contact.contact_id in ids)
    ]
    if term := request.query.get("searchTerm", "").casefold():
        found = [row for row in rows if any(term in _text(row, name) for name in _SEARCHED)]
        rows = [] if _UNSEARCHED.search(term) else found
    rows = query.chosen(request, rows)
    if summary or "page" in request.query:
        rows, about = query.page(request, rows)
        return answer(request, "Contacts", rows, **about)
    for row in rows:
        row.pop("MergedToContactID", None)
    return answer(request, "Contacts", rows)


def _text(row: Json, name: str) -> str:
    return str(row.get(name, "")).casefold()


async def get_contact(request: web.Request) -> web.Response:
    """One contact, archived ones too."""
    contact = ledger_of(request).contacts.get(request.match_info["id"].lower())
    if contact is None:
        raise not_found()
    return answer(request, "Contacts", [contact_json(contact)])


async def create(request: web.Request) -> web.Response:
    """Add contacts; a taken name is refused."""
    ledger = ledger_of(request)

    def check(element: Json) -> Commit:
        element.setdefault("ContactID", NOBODY)
        return _addition(ledger, element)

    return write_each(request, "Contacts", await elements(request, "Contacts"), check)


async def update_or_create(request: web.Request) -> web.Response:
    """Add contacts, or silently change those of the same id or name."""
    ledger = ledger_of(request)

    def check(element: Json) -> Commit:
        known = ledger.contacts.get(str(element.get("ContactID", "")).lower())
        known = known or ledger.contact_named(str(element.get("Name", "")))
        return _change(ledger, known, element) if known else _addition(ledger, element)

    return write_each(request, "Contacts", await elements(request, "Contacts"), check)


async def update(request: web.Request) -> web.Response:
    """Change one contact; what is left out stays."""
    ledger = ledger_of(request)
    contact = ledger.contacts.get(request.match_info["id"].lower())
    if contact is None:
        raise not_found()
    found = contact

    def check(element: Json) -> Commit:
        return _change(ledger, found, element)

    return write_each(request, "Contacts", (await elements(request, "Contacts"))[:1], check)


def _addition(ledger: Ledger, element: Json) -> Commit:
    name = _checked_name(element.get("Name"))
    _check_email(str(element.get("EmailAddress") or ""))
    _check_free(ledger, name, element)

    def commit() -> Json:
        _check_free(ledger, name, element)
        return contact_json(add(ledger, name, element))

    return commit


def add(ledger: Ledger, name: str, element: Json) -> Contact:
    """Keep a new contact."""
    contact = Contact(name, ledger.moment(), _known(element))
    ledger.contacts[contact.contact_id] = contact
    ledger.announce("CONTACT", "CREATE", contact.contact_id, {})
    return contact


def _change(ledger: Ledger, contact: Contact, element: Json) -> Commit:
    ledger.usable_contact(contact)
    name = _checked_name(element.get("Name", contact.name))
    _check_free(ledger, name, element, itself=contact)
    return lambda: contact_json(rewrite(ledger, contact, element | {"Name": name}))


def rewrite(ledger: Ledger, contact: Contact, element: Json) -> Contact:
    """Put what was sent over what was known."""
    contact.name = element.get("Name", contact.name)
    contact.fields |= _known(element)
    contact.status = element.get("ContactStatus", contact.status)
    contact.updated = ledger.moment()
    ledger.announce("CONTACT", "UPDATE", contact.contact_id, {})
    return contact


def _known(element: Json) -> Json:
    return {name: value for name, value in element.items() if name not in _OURS}


def _checked_name(name: object) -> str:
    text = kept(str(name or ""))
    if not text:
        raise Invalid("The contact name must be specified.")
    if len(text) > LONGEST_NAME:
        raise Invalid(f"The contact name cannot exceed {LONGEST_NAME} characters.")
    if "<" in text or ">" in text:
        raise Invalid("The contact name cannot contain angle brackets.")
    return text


def _check_email(email: str) -> None:
    if email and (len(email) > LONGEST_NAME or _EMAIL.fullmatch(email) is None):
        raise Invalid("Email address must be valid.")


def _check_free(ledger: Ledger, name: str, element: Json, *, itself: Contact | None = None) -> None:
    holder = ledger.contact_named(name)
    if holder is not None and holder is not itself:
        raise Invalid(
            f"The contact name {name} is already assigned to another contact. "
            "The contact name must be unique across all active contacts."
        )
    number = element.get("ContactNumber")
    same = _first(
        ledger, lambda other: bool(number) and other.fields.get("ContactNumber") == number
    )
    if same is not None and same is not itself:
        ledger.usable_contact(same)
        raise Invalid("Another contact has this contact number.")


def _first(ledger: Ledger, fits: Callable[[Contact], bool]) -> Contact | None:
    return next((contact for contact in ledger.contacts.values() if fits(contact)), None)


ROUTES = [
    web.get(f"{BASE}/Contacts", list_contacts),
    web.put(f"{BASE}/Contacts", create),
    web.post(f"{BASE}/Contacts", update_or_create),
    web.get(f"{BASE}/Contacts/{{id}}", get_contact),
    web.post(f"{BASE}/Contacts/{{id}}", update),
]
