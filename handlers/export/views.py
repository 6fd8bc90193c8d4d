"""The export form: how it is drawn, and what a person chose in it."""

from collections.abc import Iterable

from handlers import blocks, names
from handlers.blocks import Block, day, one_line, render, render_line
from handlers.buttons import button, buttons, open_links, whom_to_ask
from handlers.export.text import (
    APPLY_TAX,
    CHECK_SIGNS,
    RESPONSIBILITY,
    SET_UP_TAX,
    amount_in,
    amount_of,
    picture_lines,
    result_text,
    status_name,
)
from handlers.reply import export_view_of
from handlers.routing import Body, Note, chosen, number_in
from services import money
from services.batch.table import BatchForm
from services.export.forms import ExportForm
from services.export.recording import ExportResult
from services.mapping.case import ExportChoice
from services.model.actions import Action
from services.model.export import Check, Colour, ExportState
from services.model.invoice import InvoicePicture
from services.model.wording import some_of

TITLE = "Export Invoice"

_TAX_CHECKS = frozenset({"tax", "untaxed"})


def export_view(form: ExportForm, channel_id: str = "") -> Block:
    """Draw the form as it is now.

    Slack keeps what a person sees in a field for as long as the field stays. So while an invoice
    is being read, the fields that depend on it are not drawn, and come back with fresh proposals.
    """
    note = Note(draft_id=form.draft_id, connection_id=form.connection_id, channel_id=channel_id)
    drawn = route_line(form)
    if form.invoice or not form.is_reading:
        drawn.append(_invoice_field(form))
    if form.is_reading:
        drawn.append(blocks.section("⏳ Reading the invoice from Paymo …"))
    else:
        drawn += [*_problem(form), *_fields(form), *_preview(form)]
    return blocks.modal(names.EXPORT, TITLE, drawn, submit="Export Invoice", metadata=note.dump())


def export_choice(view: Body) -> ExportChoice:
    """Read what was chosen; a field that is not drawn counts as not chosen."""
    return ExportChoice(
        invoice_id=number_in(chosen(view, names.INVOICE)),
        contact_id=chosen(view, names.CONTACT),
        account_id=chosen(view, names.ACCOUNT),
        tax_type=chosen(view, names.TAX),
        untaxed_type=chosen(view, names.UNTAXED),
        xero_status=chosen(view, names.XERO_STATUS) or "AUTHORISED",
    )


def route_line(form: ExportForm | BatchForm) -> list[Block]:
    """Say which company's invoices go to which organisation."""
    route = f"From *{one_line(form.company)}* in Paymo to *{one_line(form.organisation)}* in Xero"
    band = "🟨 This is Xero’s demo company: nothing in it is real." if form.is_demo else ""
    return [blocks.context(route, band)]


def _problem(form: ExportForm) -> list[Block]:
    if not form.problem:
        return []
    return [
        blocks.section(f"⛔ {render(form.problem)}"),
        *blocks.actions([recheck_button(form.draft_id)]),
    ]


def _invoice_field(form: ExportForm) -> Block:
    about = "Number, client or amount"
    return blocks.search(names.INVOICE, "Invoice in Paymo", about, form.invoice, tells=True)


def _fields(form: ExportForm) -> list[Block]:
    contact = blocks.search(
        names.CONTACT,
        "Contact in Xero",
        "Who this client is in Xero",
        form.contact,
        hint=f"Suggested: {form.contact_reason}." if form.contact_reason else "",
        tells=True,
    )
    account = blocks.search(
        names.ACCOUNT,
        "Account in Xero",
        "For example Sales",
        form.account,
        hint=RESPONSIBILITY,
        tells=True,
    )
    status = blocks.choice(
        names.XERO_STATUS, "Status in Xero", blocks.STATUSES, form.xero_status, tells=True
    )
    return [contact, account, *_tax_field(form), *_untaxed_field(form), status]


def _tax_field(form: ExportForm) -> list[Block]:
    if not form.tax_options:
        return []
    reason = f"Suggested: {form.tax_reason}." if form.tax_reason == "used before" else ""
    return [
        blocks.choice(
            names.TAX,
            "Tax rate in Xero",
            form.tax_options,
            form.tax.value if form.tax else "",
            hint=reason or "The account’s own tax is another one. It is remembered for this rate.",
            optional=True,
            tells=True,
        )
    ]


def _untaxed_field(form: ExportForm) -> list[Block]:
    if not form.untaxed_options:
        return []
    return [
        blocks.choice(
            names.UNTAXED,
            "Tax rate of lines without tax",
            form.untaxed_options,
            form.untaxed.value if form.untaxed else "",
            hint=f"{form.organisation} has several rates of 0%. We’ll remember this choice, and "
            "you can change it in the settings.",
            tells=True,
        )
    ]


def _preview(form: ExportForm) -> list[Block]:
    drawn: list[Block] = []
    if form.picture:
        drawn += [blocks.divider(), blocks.header("What Xero will show")]
        drawn += picture_blocks(form.picture, form.xero_status)
    if form.checks:
        drawn += [blocks.divider(), blocks.header("Checks"), *check_blocks(form.checks)]
        if wants_recheck(form.checks) and not form.problem:
            helpful = buttons(form.actions, form.draft_id, first=False)
            drawn += whom_to_ask(form.ask)
            drawn += blocks.actions([*helpful, recheck_button(form.draft_id)])
    return drawn


def result_view(result: ExportResult, channel_id: str = "") -> Block:
    """Show the outcome in place of the form: a sentence, the facts, and the buttons that help."""
    drawn = [blocks.section(result_text(result))]
    if result.xero_invoice_id:
        drawn.append(_facts(result))
    links = open_links(xero=result.xero_url, paymo=result.paymo_url, rival=result.rival_url)
    helps = [*buttons(result.actions, result.export_id), *_after(result), *links]
    drawn += [*whom_to_ask(result.ask), *_alike(result), *blocks.actions(helps)]
    return export_view_of(drawn, channel_id)


def _alike(result: ExportResult) -> list[Block]:
    """Say before a press which others it lets go as well."""
    if not result.alike:
        return []
    numbers = some_of([one_line(each) for each in result.alike])
    wait = "waits" if len(result.alike) == 1 else "wait"
    said = f"{numbers} {wait} for the same. Another date or status that you press here is for all."
    return [blocks.context(said)]


def _after(result: ExportResult) -> list[Block]:
    """Return what can be done about an invoice that is in Xero."""
    is_different = result.state is ExportState.DIFFERENT
    drawn = [button(Action.ACCEPT_DIFFERENCE, result.export_id)] if is_different else []
    return [*drawn, button(Action.UNDO, result.export_id)] if result.xero_invoice_id else drawn


def _facts(result: ExportResult) -> Block:
    return blocks.columns(
        [
            ("Number in Xero", one_line(result.xero_number)),
            ("Client", one_line(result.client_name)),
            ("Total", amount_of(result.total, result)),
            ("Status in Xero", status_name(result.xero_status)),
        ]
    )


def picture_blocks(picture: InvoicePicture, xero_status: str) -> list[Block]:
    """Draw an invoice: its head, its lines with the tax of each, and its totals."""
    left_out = "" if money.fits_number(picture.number) else " (left out, Xero gives its own)"
    head = blocks.columns(
        [
            ("Number", one_line(picture.number) + left_out),
            ("Contact", one_line(picture.contact_name)),
            ("Account", one_line(picture.account_name)),
            ("Status in Xero", status_name(xero_status)),
            ("Date", day(picture.issued_on, picture.country)),
            ("Due", day(picture.due_on, picture.country) if picture.due_on else "no due date"),
        ]
    )
    totals = blocks.columns(
        [
            ("Subtotal", amount_in(picture, picture.sub_total)),
            ("Tax", amount_in(picture, picture.tax_total)),
            ("Total", f"*{amount_in(picture, picture.total)}*"),
        ]
    )
    return [head, *blocks.paragraphs(picture_lines(picture)), totals]


def check_blocks(checks: Iterable[Check]) -> list[Block]:
    """Write one line for each check, what stops the export first, and how a wrong tax is mended."""
    worst_first = sorted(checks, key=lambda check: list(reversed(Colour)).index(check.colour))
    drawn = blocks.paragraphs(
        f"{CHECK_SIGNS[each.colour]} {render_line(each.text)}" for each in worst_first
    )
    if any(each.name in _TAX_CHECKS and each.colour is Colour.RED for each in worst_first):
        drawn.append(blocks.context(SET_UP_TAX, APPLY_TAX))
    return drawn


def wants_recheck(checks: Iterable[Check]) -> bool:
    """Say whether a person may put something right elsewhere, and then check again."""
    return any(each.colour is not Colour.GREEN for each in checks)


def recheck_button(draft_id: int) -> Block:
    """Return the button that reads Xero and Paymo again."""
    return blocks.button("Check Again", names.RECHECK, draft_id)
