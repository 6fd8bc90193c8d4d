"""Reading an invoice that was sent, and Xero's reasons to refuse it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from sandbox.serving import Json
from sandbox.xero import contacts
from sandbox.xero.ledger import Ledger
from sandbox.xero.model import ZERO, Contact, Invoice, Line
from sandbox.xero.totals import cents, fill_line, places, sum_up, tax_of
from sandbox.xero.wire import Invalid, kept, read_day, read_number

LONGEST_NUMBER = 255
LONGEST_DESCRIPTION = 4000
_APPROVED = {"AUTHORISED", "PAID"}
_MODES = {"exclusive": "Exclusive", "inclusive": "Inclusive", "notax": "NoTax"}
_FIRST_STATUSES = {"DRAFT", "SUBMITTED", "AUTHORISED"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One invoice as it was sent, read into these books."""

    ledger: Ledger
    sent: Json
    unit_places: int
    app: str

    def drafted(self) -> Invoice:
        """A new invoice, checked but not kept; its contact may still have to be made."""
        ledger = self.ledger
        today = ledger.moment()
        contact = self.contact()
        invoice = Invoice(
            contact.contact_id if contact else "",
            "",
            today.date(),
            ledger.currency,
            today,
            created_by=self.app,
        )
        invoice.kind = self.sent.get("Type", "")
        if invoice.kind not in {"ACCREC", "ACCPAY"}:
            raise Invalid("Invoice type must be one of ACCREC, ACCPAY")
        status = self.sent.get("Status", "DRAFT")
        if status not in _FIRST_STATUSES:
            raise Invalid(f"Invoice status {status} is not valid for a new invoice")
        self.write_over(invoice, status)
        return invoice

    def contact(self) -> Contact | None:
        """The contact that is meant; None stands for one that is to be added."""
        said = self.sent.get("Contact") or {}
        if contact_id := said.get("ContactID"):
            known = self.ledger.contacts.get(str(contact_id).lower())
            if known is None:
                raise Invalid("The specified contact could not be found")
            return self.ledger.usable_contact(known, on_document=True)
        if name := said.get("Name"):
            return self.ledger.contact_named(str(name))
        raise Invalid("A Contact must be specified for this type of transaction")

    def settle_contact(self, invoice: Invoice) -> None:
        """Add the contact, or let what was said beside its id rewrite it."""
        said = self.sent.get("Contact") or {}
        if not said:
            return
        contact = self.contact()
        if contact is None:
            contact = contacts.add(self.ledger, str(said["Name"]).strip(), said)
        elif set(said) - {"ContactID"} and {"ContactID"} <= set(said):
            contacts.rewrite(self.ledger, contact, {"ContactPersons": []} | said)
        invoice.contact_id = contact.contact_id

    def write_over(self, invoice: Invoice, status: str) -> None:
        """Put what was sent onto the invoice, and check the whole as if it had that status."""
        self._texts(invoice)
        self._dates(invoice, status)
        self._currency(invoice)
        mode = str(self.sent.get("LineAmountTypes", invoice.tax_mode)).lower()
        if mode not in _MODES:
            raise Invalid(f"LineAmountTypes {mode} is not valid")
        invoice.tax_mode = _MODES[mode]
        if "LineItems" in self.sent:
            invoice.lines = [self._line(said, invoice) for said in self.sent["LineItems"]]
        if status in _APPROVED:
            _check_lines(invoice)
            if invoice.status not in _APPROVED and self.ledger.approvals_left == 0:
                raise Invalid("You have reached the limit of invoices you can approve")
        sum_up(invoice)
        if status in _APPROVED and invoice.total < ZERO:
            raise Invalid("The document total must not be negative")
        invoice.status = status

    def _texts(self, invoice: Invoice) -> None:
        number = kept(str(self.sent.get("InvoiceNumber") or invoice.number))
        if len(number) > LONGEST_NUMBER:
            raise Invalid(f"Invoice # cannot exceed {LONGEST_NUMBER} characters")
        self._check_number(invoice, number)
        invoice.number = number
        reference = kept(str(self.sent.get("Reference", invoice.reference)))
        if len(reference) > LONGEST_NUMBER:
            raise Invalid(f"Reference cannot exceed {LONGEST_NUMBER} characters")
        invoice.reference = reference
        invoice.url = self._url(str(self.sent.get("Url", invoice.url)))

    def _url(self, url: str) -> str:
        parts = urlsplit(url)
        is_link = parts.scheme in {"http", "https"} and parts.hostname and not url.split()[1:]
        if url and (self.ledger.url_refusal or not is_link or "xero" in url.lower()):
            raise Invalid(self.ledger.url_refusal or "Url must be a valid URL")
        return url

    def _check_number(self, invoice: Invoice, number: str) -> None:
        holder = self.ledger.invoice_numbered(number) if number else None
        same = holder is not None and holder.invoice_id == invoice.invoice_id
        if invoice.kind == "ACCREC" and holder is not None and not same:
            raise Invalid("Invoice # must be unique.")

    def _dates(self, invoice: Invoice, status: str) -> None:
        if self.sent.get("Date"):
            invoice.day = read_day(self.sent["Date"])
        if self.sent.get("DueDate"):
            invoice.due = read_day(self.sent["DueDate"])
        if status in _APPROVED and invoice.due is None:
            raise Invalid("The Due Date must be specified")
        if status in _APPROVED:
            self.ledger.check_lock(invoice.day)
        if "SentToContact" in self.sent:
            if self.sent["SentToContact"] and status not in _APPROVED:
                raise Invalid("SentToContact can only be set on approved invoices")
            invoice.sent = bool(self.sent["SentToContact"])

    def _currency(self, invoice: Invoice) -> None:
        code = str(self.sent.get("CurrencyCode") or invoice.currency)
        if code not in self.ledger.currencies:
            raise Invalid(f"Organisation is not subscribed to currency {code}")
        invoice.currency = code
        if "CurrencyRate" in self.sent:
            invoice.currency_rate = read_number(self.sent["CurrencyRate"])

    def _line(self, said: Json, invoice: Invoice) -> Line:
        description = str(said.get("Description") or "")
        if len(description) > LONGEST_DESCRIPTION:
            raise Invalid(f"Description must be no longer than {LONGEST_DESCRIPTION} characters")
        line = Line(
            description,
            quantity=_number(said, "Quantity"),
            unit_amount=_number(said, "UnitAmount"),
            discount_rate=_number(said, "DiscountRate"),
            discount_amount=_number(said, "DiscountAmount"),
        )
        if line.unit_amount is not None:
            line.unit_amount = places(line.unit_amount, self.unit_places)
        discounts = (line.discount_rate, line.discount_amount)
        if invoice.kind == "ACCPAY" and any(part is not None for part in discounts):
            raise Invalid("Discounts are only supported on sales invoices")
        fill_line(line, _number(said, "LineAmount"))
        if not line.is_text:
            self._account(line, said)
            self._tax(line, said, invoice)
        return line

    def _account(self, line: Line, said: Json) -> None:
        line.account_code = str(said.get("AccountCode") or "")
        line.account_id = str(said.get("AccountID") or "").lower()
        if not line.account_code and not line.account_id:
            return
        account = self.ledger.account_of(line)
        is_named = bool(line.account_code) or self.ledger.takes_account_ids
        if account is None or account.status != "ACTIVE" or account.system_account or not is_named:
            raise Invalid(
                f"Account code '{line.account_code}' is not a valid code for this document."
            )

    def _tax(self, line: Line, said: Json, invoice: Invoice) -> None:
        account = self.ledger.account_of(line)
        line.tax_type = str(said.get("TaxType") or (account.tax_type if account else "NONE"))
        if invoice.tax_mode == "NoTax":
            line.tax_type = "NONE"
        rate = self.ledger.tax_rates.get(line.tax_type)
        if rate is None or rate.status != "ACTIVE":
            raise Invalid(
                f"The TaxType code '{line.tax_type}' does not exist "
                "or cannot be used for this type of transaction."
            )
        if account and account.account_class == "REVENUE" and not rate.revenue:
            raise Invalid(
                f"The TaxType code '{line.tax_type}' cannot be used "
                f"with account code '{line.account_code}'"
            )
        stated = _number(said, "TaxAmount")
        line.tax_amount = tax_of(line, rate.effective, invoice.tax_mode)
        if stated is not None and invoice.tax_mode != "NoTax":
            line.tax_amount = cents(stated)


def _check_lines(invoice: Invoice) -> None:
    charged = [line for line in invoice.lines if not line.is_text]
    wrong = {
        "One or more line items must be specified": not charged,
        "Description is required on line items of approved invoices": not all(
            line.description for line in invoice.lines
        ),
        "Account code must be specified on approved invoices": not all(
            line.account_code or line.account_id for line in charged
        ),
    }
    if messages := [message for message, is_wrong in wrong.items() if is_wrong]:
        raise Invalid(*messages)


def _number(said: Json, name: str) -> Decimal | None:
    value: Any = said.get(name)
    return None if value is None else read_number(value)
