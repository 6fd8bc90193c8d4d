"""An organisation as its pages show it: amounts are text, ready to be read."""

from collections.abc import Iterable
from decimal import Decimal

from sandbox.serving import Json
from sandbox.xero.model import ZERO, Account, Invoice, Line
from sandbox.xero.organisation import Organisation

_WORDS = {
    "DRAFT": "Draft",
    "SUBMITTED": "Awaiting approval",
    "AUTHORISED": "Awaiting payment",
    "PAID": "Paid",
    "VOIDED": "Voided",
    "DELETED": "Deleted",
}
_KINDS = {"CreditNote": "Credit note", "Overpayment": "Overpayment", "Prepayment": "Prepayment"}
_TIME = "%Y-%m-%d %H:%M"


def organisation_shown(books: Organisation) -> Json:
    """Everything about one organisation; sales invoices only, newest first."""
    invoices = [each for each in books.invoices.values() if each.kind == "ACCREC"][::-1]
    return {
        "tenant_id": books.tenant_id,
        "name": books.name,
        "short_code": books.short_code,
        "country": books.country,
        "currency": books.currency,
        "is_demo": books.is_demo,
        "tiles": _tiles(books, invoices),
        "accounts": [_account(books, each) for each in books.accounts.values()],
        "banks": [
            (each.code, _named(each)) for each in books.accounts.values() if _takes_money(each)
        ],
        "rates": [
            {
                "name": each.name,
                "tax_type": each.tax_type,
                "rate": _percent(each.effective),
                "status": each.status,
            }
            for each in books.tax_rates.values()
        ],
        "contacts": [
            {
                "name": each.name,
                "email": str(each.fields.get("EmailAddress") or ""),
                "status": each.status,
            }
            for each in books.contacts.values()
        ],
        "invoices": [_invoice(books, each) for each in invoices],
    }


def _tiles(books: Organisation, invoices: list[Invoice]) -> list[Json]:
    today = books.moment().date()
    waiting = [each for each in invoices if each.status == "AUTHORISED"]
    piles = {
        "Drafts": [each for each in invoices if each.status in {"DRAFT", "SUBMITTED"}],
        "Awaiting payment": waiting,
        "Overdue": [each for each in waiting if each.due and each.due < today],
    }
    return [
        {"name": name, "count": len(pile), "sum": _sums_of(pile)} for name, pile in piles.items()
    ]


def _sums_of(invoices: Iterable[Invoice]) -> str:
    sums: dict[str, Decimal] = {}
    for each in invoices:
        sums[each.currency] = sums.get(each.currency, ZERO) + each.due_amount
    return " · ".join(f"{currency} {money(amount)}" for currency, amount in sums.items())


def _takes_money(account: Account) -> bool:
    return account.status == "ACTIVE" and (account.kind == "BANK" or account.takes_payments)


def _account(books: Organisation, account: Account) -> Json:
    return {
        "code": account.code,
        "name": account.name,
        "kind": account.kind,
        "tax": _rate(books, account.tax_type),
        "status": account.status,
    }


def _named(account: Account | None) -> str:
    return f"{account.code} {account.name}".strip() if account else ""


def _rate(books: Organisation, tax_type: str) -> str:
    rate = books.tax_rates.get(tax_type)
    return rate.name if rate else ""


def _invoice(books: Organisation, invoice: Invoice) -> Json:
    return {
        "id": invoice.invoice_id,
        "number": invoice.number,
        "reference": invoice.reference,
        "contact": books.contacts[invoice.contact_id].name,
        "status": invoice.status,
        "status_words": _WORDS[invoice.status],
        "sent": invoice.sent,
        "date": invoice.day.isoformat(),
        "due_date": invoice.due.isoformat() if invoice.due else "",
        "currency": invoice.currency,
        "tax_mode": invoice.tax_mode,
        "created_by": "paymo-xero" if invoice.created_by else "",
        "url": invoice.url,
        "lines": [_line(books, each) for each in invoice.lines],
        "sums": _sums(invoice),
        "paid": money(invoice.paid + invoice.credited),
        "due": money(invoice.due_amount),
        "due_plain": f"{invoice.due_amount:.2f}",
        **_money_on(books, invoice),
        "history": [
            {
                "when": f"{note.moment:{_TIME}}",
                "changes": note.changes,
                "details": note.details,
                "user": note.user,
            }
            for note in reversed(invoice.history)
        ],
    }


def _line(books: Organisation, line: Line) -> Json:
    if line.is_text:
        empty = ("quantity", "price", "discount", "account", "tax", "tax_amount", "amount")
        return {"description": line.description, **dict.fromkeys(empty, "")}
    rate, amount = line.discount_rate, line.discount_amount
    return {
        "description": line.description,
        "quantity": _plain(line.quantity),
        "price": _plain(line.unit_amount),
        "discount": _percent(rate) if rate else money(amount) if amount else "",
        "account": _named(books.account_of(line)) or line.account_code,
        "tax": _rate(books, line.tax_type),
        "tax_amount": money(line.tax_amount),
        "amount": money(line.line_amount),
    }


def _sums(invoice: Invoice) -> list[tuple[str, str]]:
    applied = [("Less payments", -invoice.paid), ("Less credit", -invoice.credited)]
    rows = [
        ("Subtotal", invoice.sub_total),
        ("Total tax", invoice.total_tax),
        (f"Total {invoice.currency}", invoice.total),
        *((name, amount) for name, amount in applied if amount),
        (f"Amount due {invoice.currency}", invoice.due_amount),
    ]
    return [(name, money(amount)) for name, amount in rows]


def _money_on(books: Organisation, invoice: Invoice) -> Json:
    return {
        "payments": [
            {
                "id": each.payment_id,
                "date": each.day.isoformat(),
                "account": _named(books.accounts.get(each.account_id)),
                "reference": each.reference,
                "amount": money(each.amount),
            }
            for each in invoice.payments
        ],
        "credits": [
            {
                "id": each.allocation_id,
                "date": each.day.isoformat(),
                "kind": _KINDS[each.credit.kind],
                "number": each.credit.number,
                "amount": money(each.amount),
            }
            for each in invoice.allocations
        ],
    }


def _plain(figure: Decimal | None) -> str:
    """Write a figure without closing zeros, and never with an exponent."""
    return "" if figure is None else f"{figure.normalize():f}"


def _percent(rate: Decimal) -> str:
    return f"{_plain(rate)}%"


def money(amount: Decimal) -> str:
    """Write an amount for people, in cents and with thousands apart."""
    return f"{amount:,.2f}"
