"""The sentences of an export: its form, and how it ended."""

from collections.abc import Sequence
from decimal import Decimal

from handlers import blocks
from handlers.blocks import (
    LONGEST_ALERT,
    day,
    moment,
    one_line,
    render,
    render_line,
    shorten,
)
from services import money
from services.export.forms import ExportForm
from services.export.recording import ExportResult
from services.model.export import Check, Colour, ExportState
from services.model.invoice import InvoiceLine, InvoicePicture
from services.model.wording import counted, some_of

RESPONSIBILITY = "Every line goes to this account. Choosing the right one is your responsibility."
USED_BEFORE = "used before"
EXPORTED = "This invoice is already in Xero. To export, choose another one above."
SEARCHES = "Searches numbers (any part, digits only), client names and totals."
ISSUE_DATE = "Invoice date in Xero"
DUE_DATE = "Due date in Xero"
NO_NUMBER = (
    "There's no Paymo invoice number in this message. Type `/paymo-xero export` and the number."
)
DEMO = "🟨 This is Xero’s demo company: nothing in it is real."
READING = "Reading the invoice from Paymo…"

FEW_LINES = 5
MOST_LINES = 60
_LONGEST_TITLE = 150
_LONGEST_DESCRIPTION = 300
_SHORTEST_FACT = 20
CHECK_SIGNS = {
    Colour.GREEN: "*OK:*",
    Colour.AMBER: "*Note:*",
    Colour.RED: "⚠️ *Fix:*",
}


def on_its_way_text(number: str) -> str:
    """Say that an export has begun."""
    return f"Invoice {one_line(number)} is on its way to Xero."


def route_text(company: str, organisation: str) -> str:
    """Say which company's invoices go to which organisation."""
    return f"From *{one_line(company)}* in Paymo to *{one_line(organisation)}* in Xero"


def untaxed_hint(form: ExportForm) -> str:
    """Say why a rate for lines without tax is asked for."""
    several = f"{form.organisation} has several 0% rates."
    return f"{several} We’ll remember this choice, and you can change it in the settings."


def alike_text(alike: Sequence[str]) -> str:
    """Say before a press which others it lets go as well."""
    numbers = some_of([one_line(each) for each in alike])
    wait = "is waiting" if len(alike) == 1 else "are waiting"
    return f"{numbers} {wait} for the same thing. A date or status chosen here applies to all."


def contact_hint(reason: str) -> str:
    """Say why a contact is selected."""
    if reason == USED_BEFORE:
        return "Used for this client before."
    return f"Suggested match: {reason}." if reason else ""


def account_hint(form: ExportForm) -> str:
    """Say which tax comes with the account, why it is selected, and who answers for it."""
    tax = form.account.description if form.account and not form.tax_options else ""
    reason = form.account_reason
    why = "used for this client before" if reason == USED_BEFORE else reason
    said = (f"Tax: {tax}." if tax else "", f"Suggested: {why}." if why else "", RESPONSIBILITY)
    return " ".join(each for each in said if each)


def tax_hint(form: ExportForm) -> str:
    """Say why a tax rate is asked for, and that this is asked once."""
    if form.tax_reason == USED_BEFORE:
        return f"Used for {form.rate} before."
    account = form.account.text if form.account else "The account"
    return f"{account} uses a different rate. We’ll remember this choice for {form.rate}."


def due_hint(form: ExportForm) -> str:
    """Say why a due date is selected."""
    if form.terms is None:
        return ""
    return f"Suggested: {counted(form.terms, 'day')}, from Paymo’s payment terms."


def conversion_text(picture: InvoicePicture, base_currency: str) -> str:
    """Say how Xero converts an invoice in another currency, or ""."""
    if not base_currency or picture.currency == base_currency:
        return ""
    on = day(picture.issued_on, picture.country)
    return f"Xero converts {picture.currency} to {base_currency} at the XE.com rate for {on}."


def verdict(reds: Sequence[Check], notes: int, *, is_pressed: bool) -> str:
    """Say whether the invoice can go, and after a press what to do first."""
    if not reds:
        return "Ready to export" + (f", with {counted(notes, 'note')} below" if notes else "")
    things = f"{counted(len(reds), 'thing')} to fix"
    if not is_pressed:
        return things
    head = f"*Not exported: {things}.*"
    return f"{head} {fitted(reds[0].fact, reds[0].cure, LONGEST_ALERT - len(head) - 1)}"


def fitted(fact: str, cure: str, room: int, more: str = "") -> str:
    """Write what is wrong, what to do and `more`, in `room` characters; the cure is cut last."""
    said = shorten(render_line(cure), room) if cure else ""
    for form, each in (("{0} {1}", fact), ("{1} {0}", more)):
        left = room - len(said) - 1
        shown = _whole(render_line(each), left) if each and left >= _SHORTEST_FACT else ""
        said = form.format(shown, said).strip()
    return said


def _whole(text: str, room: int) -> str:
    """Cut behind the last sentence that fits, unless that leaves less than half."""
    said = shorten(text, room)
    end = said.rfind(". ") + 1
    return said[:end] if said != text and end * 2 > room else said


def check_line(check: Check) -> str:
    """Say what a check found, and whether it stops the export."""
    return f"{CHECK_SIGNS[check.colour]} {render_line(check.text)}"


def passed_text(count: int) -> str:
    """Say how many checks passed."""
    return f"{counted(count, 'check')} passed"


def result_text(result: ExportResult) -> str:
    """Say in one or two sentences how it ended; safe for a message's `text`."""
    number, organisation = one_line(result.number), one_line(result.organisation)
    reason = render(result.reason)
    was = "was linked to the one in" if result.is_linked else "was exported to"
    if result.state is ExportState.EXPORTED:
        said = f" {reason}" if reason else ""
        return f"✅ Invoice {number} {was} {organisation}.{_left_out(result)}{said}"
    if result.state is ExportState.DIFFERENT:
        mine, theirs = amount_of(result.total, result), amount_of(result.xero_total, result)
        return (
            f"⚠️ Invoice {number} {was} {organisation} with a difference: Paymo has "
            f"{mine}, Xero has {theirs}. {reason}"
        ).strip()
    if result.state is ExportState.FAILED:
        return f"⛔ Invoice {number} wasn’t exported to {organisation}. {reason}".strip()
    if result.state is ExportState.AWAITING:
        return f"⏳ Invoice {number} is *waiting for approval*. {reason}".strip()
    if result.state is ExportState.UNKNOWN:
        return (
            f"⏳ We don’t know yet if Xero has invoice {number}. We’re checking, and nothing is "
            f"sent twice. {reason}"
        ).strip()
    return f"⏳ Invoice {number} is on its way to {organisation}. {reason}".strip()


def approval_text(result: ExportResult) -> str:
    """Say who asked for it, and who approved it and when; "" where nobody had to."""
    if not result.approved_by or result.approved_at is None:
        return ""
    asked = f"Requested by <@{result.requested_by}> · approved by" if result.requested_by else ""
    when = moment(result.approved_at)
    return f"{asked or 'Exported automatically · approved by'} <@{result.approved_by}> · {when}"


def id_text(result: ExportResult) -> str:
    """Name the invoice as support asks for it, or ""."""
    return f"ID in Xero: {one_line(result.xero_invoice_id)}" if result.xero_invoice_id else ""


def _left_out(result: ExportResult) -> str:
    if not result.is_number_left_out:
        return ""
    if money.fits_number(result.number):
        return f" In Xero its number is {one_line(result.xero_number)}."
    return (
        f" Numbers over {money.LONGEST_NUMBER} characters aren’t sent to Xero. There it’s "
        f"{one_line(result.xero_number)}, with the full number in the reference."
    )


def amount_of(amount: Decimal | None, invoice: ExportResult | InvoicePicture) -> str:
    """Write an amount of the invoice's currency, or a dash where there is none."""
    return blocks.amount(amount, invoice.currency, invoice.country)


TAX_HELP = (
    "To add a rate in Xero: Accounting → Advanced → Tax rates → New tax rate. To give an account "
    "another rate: Accounting → Advanced → Chart of accounts → the account → Edit details → Tax."
)


def dates_text(picture: InvoicePicture) -> str:
    """Say which dates the invoice has in Xero."""
    due = f"due {day(picture.due_on, picture.country)}" if picture.due_on else "no due date"
    return f"Dated {day(picture.issued_on, picture.country)} · {due}"


def totals_text(picture: InvoicePicture) -> str:
    """Write the sums of the lines."""
    sums = (picture.sub_total, picture.tax_total, picture.total)
    before, tax, total = (amount_of(each, picture) for each in sums)
    return f"Subtotal {before} · Tax {tax} · *Total {total}*"


def line_cells(line: InvoiceLine, picture: InvoicePicture) -> tuple[str, str]:
    """Write a line in two cells: what it is, and what it costs."""
    title, _, rest = line.description.strip().partition("\n")
    said = " ".join(rest.split())
    what = f"*{one_line(shorten(title, _LONGEST_TITLE))}*"
    if said:
        what += f"\n{one_line(shorten(said, _LONGEST_DESCRIPTION))}"
    price, amount, tax = (
        amount_of(each, picture) for each in (line.unit_amount, line.amount, line.tax)
    )
    less = " less discount" if line.quantity * line.unit_amount > line.amount else ""
    quantity = money.format_number(line.quantity, picture.country)
    return what, f"{quantity} × {price}{less} = *{amount}*\nTax {tax}"
