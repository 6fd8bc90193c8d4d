"""What an organisation's books are made of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import uuid4

from sandbox.serving import Json

Announce = Callable[[str, str, str, Json], None]
CreditKind = Literal["CreditNote", "Overpayment", "Prepayment"]

ZERO = Decimal(0)
HUNDRED = Decimal(100)
_CLASSES = {
    "REVENUE": ("REVENUE", "SALES", "OTHERINCOME"),
    "EXPENSE": ("EXPENSE", "DIRECTCOSTS", "OVERHEADS", "DEPRECIATN"),
    "LIABILITY": ("CURRLIAB", "LIABILITY", "TERMLIAB"),
    "EQUITY": ("EQUITY",),
}


def new_id() -> str:
    """A fresh identifier."""
    return str(uuid4())


@dataclass(slots=True)
class Account:
    """An account of the chart; banks often have no code."""

    code: str
    name: str
    kind: str
    tax_type: str
    updated: datetime
    takes_payments: bool = False
    status: str = "ACTIVE"
    system_account: str = ""
    account_id: str = field(default_factory=new_id)

    @property
    def account_class(self) -> str:
        """What kind of thing its type is."""
        return next((name for name, kinds in _CLASSES.items() if self.kind in kinds), "ASSET")


@dataclass(frozen=True, slots=True)
class TaxComponent:
    """A part of a tax rate; a compound one is charged on top of the others."""

    name: str
    rate: Decimal
    compound: bool = False


@dataclass(slots=True)
class TaxRate:
    """A tax rate and where it may be used."""

    tax_type: str
    name: str
    components: tuple[TaxComponent, ...]
    status: str = "ACTIVE"
    revenue: bool = True
    report_type: str = "OUTPUT"

    @property
    def effective(self) -> Decimal:
        """The one rate that all components come to."""
        simple = sum((part.rate for part in self.components if not part.compound), ZERO)
        compound = sum((part.rate for part in self.components if part.compound), ZERO)
        return simple + compound * (1 + simple / HUNDRED)


@dataclass(slots=True)
class Contact:
    """A client or supplier; `fields` holds what else is known, as it was sent."""

    name: str
    updated: datetime
    fields: Json = field(default_factory=dict)
    status: str = "ACTIVE"
    merged_to: str = ""
    is_customer: bool = False
    contact_id: str = field(default_factory=new_id)


@dataclass(slots=True)
class Line:
    """A line of a document; without quantity and amount it is only text."""

    description: str
    quantity: Decimal | None = None
    unit_amount: Decimal | None = None
    account_code: str = ""
    tax_type: str = ""
    discount_rate: Decimal | None = None
    discount_amount: Decimal | None = None
    line_amount: Decimal = ZERO
    tax_amount: Decimal = ZERO
    account_id: str = ""
    line_id: str = field(default_factory=new_id)

    @property
    def is_text(self) -> bool:
        """Whether the line carries no money."""
        return self.quantity is None and self.unit_amount is None


@dataclass(slots=True)
class Payment:
    """Money that settles an invoice; never edited, only deleted."""

    invoice_id: str
    amount: Decimal
    day: date
    account_id: str
    updated: datetime
    reference: str = ""
    status: str = "AUTHORISED"
    reconciled: bool = False
    batch_id: str = ""
    bank_amount: Decimal | None = None  # in the bank account's currency, where that is another
    payment_id: str = field(default_factory=new_id)


@dataclass(slots=True)
class Credit:
    """A credit note, an overpayment or a prepayment."""

    kind: CreditKind
    contact_id: str
    total: Decimal
    day: date
    updated: datetime
    currency: str
    number: str = ""
    reference: str = ""
    status: str = "AUTHORISED"
    allocations: list["Allocation"] = field(default_factory=list)
    credit_id: str = field(default_factory=new_id)

    @property
    def remaining(self) -> Decimal:
        """What may still be allocated."""
        return self.total - sum((part.amount for part in self.allocations), ZERO)


@dataclass(slots=True)
class Allocation:
    """A part of a credit, applied to an invoice."""

    credit: Credit
    invoice_id: str
    amount: Decimal
    day: date
    allocation_id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Note:
    """An entry of a document's history."""

    changes: str
    details: str
    user: str
    moment: datetime


@dataclass(slots=True)
class Invoice:
    """A sales invoice or, with the type ACCPAY, a bill."""

    contact_id: str
    number: str
    day: date
    currency: str
    updated: datetime
    kind: str = "ACCREC"
    status: str = "DRAFT"
    due: date | None = None
    reference: str = ""
    url: str = ""
    tax_mode: str = "Exclusive"
    lines: list[Line] = field(default_factory=list)
    currency_rate: Decimal = Decimal(1)
    sent: bool = False
    created_by: str = ""
    paid_on: date | None = None
    sub_total: Decimal = ZERO
    total_tax: Decimal = ZERO
    rounding: Decimal = ZERO
    payments: list[Payment] = field(default_factory=list)
    allocations: list[Allocation] = field(default_factory=list)
    history: list[Note] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    invoice_id: str = field(default_factory=new_id)

    @property
    def total(self) -> Decimal:
        """What the client is asked for."""
        return self.sub_total + self.total_tax + self.rounding

    @property
    def paid(self) -> Decimal:
        """What came as payments."""
        return sum((payment.amount for payment in self.payments), ZERO)

    @property
    def credited(self) -> Decimal:
        """What came as credit notes, prepayments and overpayments."""
        return sum((part.amount for part in self.allocations), ZERO)

    @property
    def due_amount(self) -> Decimal:
        """What is still owed; voiding leaves it as it is."""
        return self.total - self.paid - self.credited

    @property
    def is_touched(self) -> bool:
        """Whether money is applied to it."""
        return bool(self.payments or self.allocations)
