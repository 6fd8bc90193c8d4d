"""The local mirror: what menus and modals read instead of calling Xero or Paymo."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.store.types import PAYMO_ID, Base, Money, UtcDateTime


class Contact(Base):
    """A contact in Xero."""

    __tablename__ = "xero_contacts"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), primary_key=True)
    contact_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    folded_name: Mapped[str] = mapped_column(String(255))  # lower case, for searching
    email: Mapped[str] = mapped_column(String(255), default="")
    tax_number: Mapped[str] = mapped_column(String(64), default="")
    is_active: Mapped[bool] = mapped_column(default=True)
    merged_to: Mapped[str] = mapped_column(String(64), default="")  # the contact that took it over
    number: Mapped[str] = mapped_column(String(64), default="")  # where we added it, Paymo's client
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when Xero was asked about it


class Account(Base):
    """An account in Xero."""

    __tablename__ = "xero_accounts"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    code: Mapped[str] = mapped_column(String(16), default="")
    name: Mapped[str] = mapped_column(String(255))
    type: Mapped[str] = mapped_column(String(32))
    tax_type: Mapped[str] = mapped_column(String(64), default="")
    is_usable: Mapped[bool] = mapped_column(default=True)  # active, for sales or for advances
    is_liability: Mapped[bool] = mapped_column(default=False)  # holds advance payments
    why_not: Mapped[str] = mapped_column(String(16), default="")  # "archived", "system", "kind"

    @property
    def title(self) -> str:
        """As people call it: name and code."""
        return f"{self.name} ({self.code})" if self.code else self.name


class TaxRate(Base):
    """A tax rate in Xero; `effective_rate` in per cent, compound parts included."""

    __tablename__ = "xero_tax_rates"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), primary_key=True)
    tax_type: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    effective_rate: Mapped[Decimal] = mapped_column(Money)
    is_usable: Mapped[bool] = mapped_column(default=True)  # active and fit for revenue

    @property
    def is_zero(self) -> bool:
        """Whether lines without tax could have it."""
        return self.is_usable and not self.effective_rate


class Currency(Base):
    """A currency that the organisation has enabled."""

    __tablename__ = "xero_currencies"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), primary_key=True)
    code: Mapped[str] = mapped_column(String(8), primary_key=True)


class Client(Base):
    """A client in Paymo."""

    __tablename__ = "paymo_clients"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), primary_key=True)
    client_id: Mapped[int] = mapped_column(PAYMO_ID, primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    folded_name: Mapped[str] = mapped_column(String(255))  # for searching, like a contact's
    email: Mapped[str] = mapped_column(String(255), default="")
    tax_number: Mapped[str] = mapped_column(String(255), default="")
    is_active: Mapped[bool] = mapped_column(default=True)


class InvoiceHeader(Base):
    """The head of an invoice in Paymo."""

    __tablename__ = "paymo_invoices"
    __table_args__ = (Index("ix_paymo_invoices_newest", "connection_id", "updated_on"),)

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), primary_key=True)
    invoice_id: Mapped[int] = mapped_column(PAYMO_ID, primary_key=True)
    number: Mapped[str] = mapped_column(String(255))
    folded_number: Mapped[str] = mapped_column(String(255))  # lower case, without a leading #
    client_id: Mapped[int] = mapped_column(PAYMO_ID)
    status: Mapped[str] = mapped_column(String(16))
    currency: Mapped[str] = mapped_column(String(8))
    issued_on: Mapped[date]
    total: Mapped[Decimal] = mapped_column(Money)
    updated_on: Mapped[datetime] = mapped_column(UtcDateTime)


class Match(Base):
    """Which contact and account a Paymo client goes to; remembered from use to use."""

    __tablename__ = "matches"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    client_id: Mapped[int] = mapped_column(PAYMO_ID, primary_key=True)
    contact_id: Mapped[str] = mapped_column(String(64), default="")
    account_id: Mapped[str] = mapped_column(String(64), default="")
    set_by: Mapped[str] = mapped_column(String(32))
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TaxChoice(Base):
    """The tax rate that a person chose where none, or several, of Xero's equal Paymo's."""

    __tablename__ = "tax_choices"
    __table_args__ = (UniqueConstraint("connection_id", "tenant_id", "rate"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), index=True)
    tenant_id: Mapped[str] = mapped_column(String(64))
    rate: Mapped[str] = mapped_column(String(40))  # Paymo's effective rate in per cent, normalised
    tax_type: Mapped[str] = mapped_column(String(64))
    set_by: Mapped[str] = mapped_column(String(32))
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)
