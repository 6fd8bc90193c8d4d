"""What became of the copy that an invoice had in Xero before: said wherever it would go anew."""

from services.clients.paymo import Invoice
from services.model.invoice import InvoiceState
from services.store import exports
from services.store.engine import Session
from services.store.tables import Connection, Export

_ENDS = {
    InvoiceState.UNDONE: "was taken back from {} with undo",
    InvoiceState.DELETED: "was deleted in {}",
    InvoiceState.VOIDED: "was voided in {}",
    InvoiceState.KEPT: "was deleted or voided in {}, and somebody decided that Paymo keeps it",
}


async def said_of_former(
    session: Session, connection: Connection, invoice: Invoice, latest: Export | None
) -> str:
    """Say that the invoice was in Xero before and is not any more, or "".

    An invoice that was restored is another one to Paymo; its number tells which it was.
    """
    former = latest
    if former is None:
        former = await exports.find_deleted(session, connection, invoice.number)
    if former is None or former.state not in exports.DONE or former.invoice_state not in _ENDS:
        return ""
    end = _ENDS[former.invoice_state].format(connection.organisation_name)
    then = " and restored in Paymo" if latest is None else ""
    return f"Invoice {invoice.number} {end}{then}"
