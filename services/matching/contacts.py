"""Contacts of Xero's and clients of Paymo's as the mirror keeps them."""

import re
from dataclasses import dataclass
from typing import Any, Self

from services import money
from services.clients.paymo import Client
from services.clients.xero import Contact
from services.model import texts

LONGEST_NAME = 255
_LONGEST_EMAIL = 255
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_EMAIL = re.compile(rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?=[A-Za-z]){_LABEL}")


@dataclass(frozen=True, slots=True)
class Addition:
    """A client as it would be added to Xero; by the number it is known again there."""

    name: str = ""
    number: str = ""

    @classmethod
    def of(cls, client_id: int | None, client_name: str) -> Self:
        """Return what the client's contact would be called."""
        return cls(name_in_xero(client_name), f"paymo:{client_id}" if client_id else "")


def is_email(text: str) -> bool:
    """Say whether the text is one plain e-mail address, which is all that Xero takes."""
    return len(text) <= _LONGEST_EMAIL and _EMAIL.fullmatch(text) is not None


def contact_row(contact: Contact) -> dict[str, Any]:
    """Return the mirror's row for a contact."""
    return {
        "contact_id": contact.contact_id,
        "name": contact.name,
        "email": contact.email_address,
        "tax_number": contact.tax_number,
        "is_active": contact.contact_status == "ACTIVE",
        "merged_to": contact.merged_to,
        "number": contact.contact_number,
    }


def name_in_xero(client_name: str) -> str:
    """Return the name under which Xero takes a client: one line, at most 255 characters.

    Xero refuses angle brackets in a contact's name (its contacts page), and drops emoji.
    """
    plain = texts.one_line(client_name.replace("<", " ").replace(">", " "))
    return money.kept(plain)[:LONGEST_NAME].strip()


def client_row(client: Client) -> dict[str, Any]:
    """Return the mirror's row for a client."""
    return {
        "client_id": client.id,
        "name": client.name,
        "email": client.email or "",
        "tax_number": client.fiscal_information or "",
        "details": {},
        "is_active": client.active,
    }
