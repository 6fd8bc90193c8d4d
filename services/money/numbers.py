"""Invoice numbers, and the marker by which an invoice is found again in Xero."""

import re

LONGEST_NUMBER = 22
_LONGEST_REFERENCE = 255
_MARKER = re.compile(r" \(paymo:([0-9]{1,18})\)\Z")


def fits_number(number: str) -> bool:
    """Say whether the number goes to Xero, counted in characters and not in bytes."""
    return len(number) <= LONGEST_NUMBER


def reference(number: str, paymo_invoice_id: int) -> str:
    """Return what Xero's Reference holds: the full number and the marker."""
    marker = f" (paymo:{paymo_invoice_id})"
    return number[: _LONGEST_REFERENCE - len(marker)] + marker


def invoice_id_in(reference: str) -> int | None:
    """Return the Paymo invoice id in a Reference of ours, or None in anybody else's."""
    found = _MARKER.search(reference)
    return int(found[1]) if found else None
