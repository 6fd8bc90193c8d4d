"""The marker in a Paymo payment's notes, by which a copy of Xero's is known again."""

import re

from services.clients.paymo import Invoice
from services.clients.paymo import Payment as Copy
from services.model.payment import PaymentKind
from services.store.tables import Payment

_MARKER = "Xero payment "
# As we write it, closing the notes; words that people type have no such id.
_OURS = re.compile(rf"{_MARKER}[0-9a-f-]{{36}}(:[0-9a-f-]{{36}})?\Z", re.IGNORECASE)


def notes_of(payment: Payment) -> str:
    """Return the notes for a copy: the marker, after what kind of credit it is."""
    is_cash = payment.kind is PaymentKind.PAYMENT
    return _marker(payment) if is_cash else f"{payment.label} · {_marker(payment)}"


def find_copy(invoice: Invoice, payment: Payment) -> Copy | None:
    """Return the payment in Paymo that carries this one's marker, if there is one."""
    marker = _marker(payment)
    return next((each for each in invoice.payments if (each.notes or "").endswith(marker)), None)


def is_ours(copy: Copy) -> bool:
    """Say whether a payment in Paymo is a copy of Xero's; all others were typed by people."""
    return _OURS.search(copy.notes or "") is not None


def _marker(payment: Payment) -> str:
    return f"{_MARKER}{payment.xero_payment_id}"
