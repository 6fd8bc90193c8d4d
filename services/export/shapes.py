"""What the export form shows, what a person chooses in it, and what came of it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from services.model.actions import Action
from services.model.export import Check, ExportState
from services.model.invoice import InvoicePicture
from services.model.people import Option, ReplyTarget, Said


@dataclass(frozen=True, slots=True)
class ExportForm:
    """The export form as it is to be drawn now.

    `is_reading` says that the invoice is being read from Paymo and the form will be drawn again.
    `checks` is empty until there is an invoice to check. `tax_options` is filled only where the
    person must choose a tax rate, and `untaxed_options` where they must for lines without tax.
    """

    draft_id: int
    organisation: str
    company: str
    is_demo: bool
    is_reading: bool
    problem: str  # a sentence: why the invoice could not be read
    invoice: Option | None
    contact: Option | None
    contact_reason: str  # why this contact is suggested, e.g. "used before"
    account: Option | None
    tax_options: tuple[Option, ...]
    tax: Option | None
    xero_status: str
    picture: InvoicePicture | None
    checks: tuple[Check, ...]
    actions: tuple[Action, ...] = ()
    tax_reason: str = ""  # why this tax rate is selected
    untaxed_options: tuple[Option, ...] = ()
    untaxed: Option | None = None
    ask: str = ""  # who may override a tax that differs, where the reader may not
    connection_id: int = 0


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What came of an export, for the person who asked.

    `cures` names what can help, such as `retry`, `as_draft` or `link_existing`.
    """

    export_id: int
    state: ExportState
    organisation: str
    number: str  # as Paymo has it
    xero_number: str  # as Xero has it; "" before the export
    is_number_left_out: bool
    client_name: str
    total: Decimal | None
    currency: str
    xero_total: Decimal | None
    xero_status: str
    paymo_invoice_id: int
    xero_invoice_id: str
    tenant_id: str
    xero_url: str
    paymo_url: str
    reason: str
    actions: tuple[Action, ...]
    ask: str = ""  # who may override a tax that differs, where the reader may not
    rival_url: str = ""  # the invoice in Xero that has the number
    alike: tuple[str, ...] = ()  # numbers of others that wait for the same decision


class ExportScreen(Protocol):
    """Where the person who exports sees what happens."""

    async def show_form(self, reply_to: ReplyTarget, form: ExportForm) -> None:
        """Draw the open form again; nothing happens when the person closed it."""

    async def show_result(self, reply_to: ReplyTarget, result: ExportResult) -> None:
        """Show the outcome in the open view, or to the person alone when it was closed."""

    async def say(self, reply_to: ReplyTarget, said: Said) -> None:
        """Say it in the open view, or to the person alone when it was closed."""
