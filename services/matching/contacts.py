"""A contact of Xero's as the mirror keeps it."""

from typing import Any

from services.clients.xero import Contact


def contact_row(contact: Contact) -> dict[str, Any]:
    """Return the mirror's row for a contact."""
    return {
        "contact_id": contact.contact_id,
        "name": contact.name,
        "email": contact.email_address,
        "tax_number": contact.tax_number,
        "is_active": contact.contact_status == "ACTIVE",
    }
