"""Contacts of Xero's and clients of Paymo's as the mirror keeps them."""

import re
from typing import Any

from services import texts
from services.clients.paymo import Client
from services.clients.xero import Contact

LONGEST_NAME = 255
_EMAIL = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;]+")


def is_email(text: str) -> bool:
    """Say whether the text is one e-mail address, which is all that Xero takes."""
    return _EMAIL.fullmatch(text) is not None


def contact_row(contact: Contact) -> dict[str, Any]:
    """Return the mirror's row for a contact."""
    return {
        "contact_id": contact.contact_id,
        "name": contact.name,
        "email": contact.email_address,
        "tax_number": contact.tax_number,
        "is_active": contact.contact_status == "ACTIVE",
        "merged_to": contact.merged_to,
    }


def name_in_xero(client_name: str) -> str:
    """Return the name under which Xero takes a client: one line, at most 255 characters.

    Xero refuses angle brackets in a contact's name (its contacts page).
    """
    return texts.one_line(client_name.replace("<", " ").replace(">", " "))[:LONGEST_NAME]


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
