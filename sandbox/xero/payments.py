"""Payments: listed, made, deleted."""

from aiohttp import web

from sandbox.serving import Json
from sandbox.xero import query
from sandbox.xero.http import ledger_of
from sandbox.xero.invoices import find
from sandbox.xero.ledger import Ledger
from sandbox.xero.model import Account, Payment
from sandbox.xero.render import payment_json
from sandbox.xero.settings import BASE
from sandbox.xero.wire import (
    Commit,
    Invalid,
    answer,
    elements,
    invalid,
    not_found,
    read_day,
    read_number,
    write_each,
)


async def list_payments(request: web.Request) -> web.Response:
    """Filter and page through the payments, deleted ones too, oldest change first."""
    ledger, since = ledger_of(request), query.since(request)
    payments = sorted(
        ledger.payments.values(), key=lambda payment: (payment.updated, payment.payment_id)
    )
    rows = query.chosen(
        request,
        [
            payment_json(ledger, payment)
            for payment in payments
            if since is None or payment.updated >= since
        ],
    )
    if "page" not in request.query:
        return answer(request, "Payments", rows)
    rows, about = query.page(request, rows)
    return answer(request, "Payments", rows, **about)


def _named(request: web.Request) -> Payment:
    payment = ledger_of(request).payments.get(request.match_info["id"].lower())
    if payment is None:
        raise not_found()
    return payment


async def get_payment(request: web.Request) -> web.Response:
    """One payment."""
    return answer(request, "Payments", [payment_json(ledger_of(request), _named(request))])


async def create(request: web.Request) -> web.Response:
    """Settle invoices."""
    ledger = ledger_of(request)

    def check(element: Json) -> Commit:
        ledger.check_payment(_read(ledger, element))
        return lambda: _added(ledger, element)

    return write_each(request, "Payments", await elements(request, "Payments"), check)


def _added(ledger: Ledger, element: Json) -> Json:
    payment = _read(ledger, element)
    ledger.add_payment(payment)
    return payment_json(ledger, payment)


def _read(ledger: Ledger, element: Json) -> Payment:
    said = element.get("Invoice") or {}
    name = said.get("InvoiceID") or said.get("InvoiceNumber") or element.get("InvoiceNumber") or ""
    invoice = find(ledger, str(name))
    if invoice is None:
        raise not_found()
    account = _account(ledger, element.get("Account") or {})
    if account is None:
        raise Invalid("The account could not be found")
    now = ledger.moment()
    return Payment(
        invoice.invoice_id,
        read_number(element.get("Amount", 0)),
        read_day(element["Date"]) if element.get("Date") else now.date(),
        account.account_id,
        now,
        reference=str(element.get("Reference", "")),
        reconciled=bool(element.get("IsReconciled", False)),
    )


def _account(ledger: Ledger, said: Json) -> Account | None:
    if account_id := said.get("AccountID"):
        return ledger.accounts.get(str(account_id).lower())
    return ledger.account(str(said["Code"])) if said.get("Code") else None


async def delete(request: web.Request) -> web.Response:
    """Delete one payment, which takes its status and nothing else."""
    ledger, payment = ledger_of(request), _named(request)
    sent = (await elements(request, "Payments"))[0]
    wrong = {
        "Only Status accepted for updates.": set(sent) - {"PaymentID"} != {"Status"}
        or sent["Status"] != "DELETED",
        "Payments within a batch cannot be deleted": bool(payment.batch_id),
        "Payment cannot be deleted as it has been reconciled": payment.reconciled,
    }
    try:
        _check(wrong)
        ledger.drop_payment(payment)
    except Invalid as refusal:
        errors = [{"Message": message} for message in refusal.messages]
        raise invalid([payment_json(ledger, payment) | {"ValidationErrors": errors}]) from refusal
    return answer(request, "Payments", [payment_json(ledger, payment)])


def _check(wrong: dict[str, bool]) -> None:
    if messages := [message for message, is_wrong in wrong.items() if is_wrong]:
        raise Invalid(*messages)


ROUTES = [
    web.get(f"{BASE}/Payments", list_payments),
    web.put(f"{BASE}/Payments", create),
    web.post(f"{BASE}/Payments", create),
    web.get(f"{BASE}/Payments/{{id}}", get_payment),
    web.post(f"{BASE}/Payments/{{id}}", delete),
]
