"""Reading an invoice from Paymo with all that an export may need."""

import msgspec

from services.clients.paymo import Invoice, PaymoClient


async def read_invoice(paymo: PaymoClient, invoice_id: int) -> Invoice:
    """Return the invoice; one without a usable due date with the days its client has to pay.

    What a client does not have of its own, Paymo takes from the company.
    """
    invoice = await paymo.invoice(invoice_id)
    is_due = invoice.due_on is not None and invoice.due_on >= invoice.issued_on
    if is_due or invoice.client is None or invoice.terms is not None:
        return invoice
    company = await paymo.company()
    client = msgspec.structs.replace(invoice.client, due_interval=company.due_interval)
    return msgspec.structs.replace(invoice, client=client)
