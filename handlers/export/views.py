"""The export form: how it is drawn, and what a person chose in it."""

from collections.abc import Iterable
from typing import Any, Unpack

from handlers import blocks, names
from handlers.blocks import Block, How, one_line, render_line
from handlers.buttons import button, buttons, chosen_with, open_links, whom_to_ask
from handlers.export.text import (
    DEMO,
    DUE_DATE,
    EXPORTED,
    FEW_LINES,
    ISSUE_DATE,
    MOST_LINES,
    READING,
    SEARCHES,
    TAX_HELP,
    account_hint,
    alike_text,
    amount_of,
    approval_text,
    check_line,
    contact_hint,
    conversion_text,
    dates_text,
    due_hint,
    id_text,
    line_cells,
    passed_text,
    result_text,
    route_text,
    tax_hint,
    totals_text,
    untaxed_hint,
    verdict,
)
from handlers.notices.views import card_of
from handlers.reply import export_view_of, telling_end
from handlers.routing import Body, Note, chosen, number_in
from handlers.settings.text import STATUSES, status_name
from services.batch.table import BatchForm
from services.export.forms import ExportForm
from services.export.recording import ExportResult
from services.mapping.case import ExportChoice
from services.mapping.checks import codes_of, reds
from services.model import chunks
from services.model.actions import Action, in_the_form
from services.model.export import Check, Colour, ExportState
from services.model.invoice import InvoicePicture
from services.model.people import Option

TITLE = "Export Invoice"

_TAX_CHECKS = frozenset({"tax", "tax_rate", "untaxed"})


def export_view(
    form: ExportForm, channel_id: str = "", *, refused: str = "", is_unfolded: bool = False
) -> Block:
    """Draw the form as it is now; `refused` says why a press did not count.

    Slack keeps what a person sees in a field for as long as the field stays. So while an invoice
    is being read, the fields that depend on it are not drawn, and come back with fresh proposals.
    """
    note = Note(form.draft_id, form.connection_id, batch_id=form.batch_id, channel_id=channel_id)
    drawn = route_line(form)
    if form.invoice or not form.is_reading:
        drawn.append(_invoice_field(form))
    if form.is_reading:
        drawn.append(blocks.section(render_line(refused or READING)))
    elif form.card:
        drawn += _card(form.card)
    else:
        drawn += [*_verdict(form, refused), *_fields(form), *_needs(form)]
        drawn += _passed(form, is_unfolded=is_unfolded)
        if form.picture:
            most = MOST_LINES if is_unfolded else FEW_LINES
            drawn += [blocks.divider(), *picture_blocks(form.picture, most)]
            drawn += blocks.small_print(conversion_text(form.picture, form.base_currency))
    view = blocks.modal(names.EXPORT, TITLE, drawn, submit="Export Invoice", metadata=note.dump())
    return telling_end(view, is_wanted=bool(form.batch_id))


def export_choice(view: Body) -> ExportChoice:
    """Read what was chosen; a field that is not drawn counts as not chosen."""
    return ExportChoice(
        invoice_id=number_in(chosen(view, names.INVOICE)),
        contact_id=chosen(view, names.CONTACT),
        account_id=chosen(view, names.ACCOUNT),
        tax_type=chosen(view, names.TAX),
        untaxed_type=chosen(view, names.UNTAXED),
        xero_status=chosen(view, names.XERO_STATUS),
    )


def route_line(form: ExportForm | BatchForm) -> list[Block]:
    """Say which company's invoices go to which organisation."""
    return [blocks.context(route_text(form.company, form.organisation), DEMO * form.is_demo)]


def _verdict(form: ExportForm, refused: str) -> list[Block]:
    """Say at the top whether the invoice can go, and what to do where it cannot."""
    if form.problem:
        again = blocks.actions([recheck_button(form.draft_id)])
        return [_boxed(render_line(form.problem)), *again]
    if not form.checks:
        return [_boxed(render_line(refused))] if refused else []
    stops = reds(form.checks)
    notes = sum(each.colour is Colour.AMBER for each in form.checks)
    said = verdict(stops, notes, is_pressed=bool(refused))
    level = "success" if not stops else "error" if refused else "warning"
    return [blocks.alert(said, level)]


def _card(facts: dict[str, Any]) -> list[Block]:
    """Say that the invoice is exported already, how it stands, and where to open it."""
    text, below = card_of(facts)
    links = blocks.keeping(below, lambda each: "url" in each)
    return [blocks.alert(EXPORTED, "warning"), *blocks.paragraphs(text.split("\n")), *links]


def _boxed(trouble: str) -> Block:
    """Draw what is wrong in a box, unless it would not fit whole."""
    is_short = len(trouble) <= blocks.LONGEST_ALERT
    return blocks.alert(trouble, "error") if is_short else blocks.section(f"⛔ {trouble}")


def _invoice_field(form: ExportForm) -> Block:
    return blocks.search(
        names.INVOICE,
        "Invoice in Paymo",
        "Number, client or amount",
        form.invoice,
        hint="" if form.invoice else SEARCHES,
        tells=True,
    )


def _fields(form: ExportForm) -> list[Block]:
    """Ask for what the export needs, unless nothing would let it go."""
    if form.is_taken:
        return []
    contact = contact_field(form.contact, hint=contact_hint(form.contact_reason), tells=True)
    account = account_field(form.account, hint=account_hint(form), tells=True)
    status = blocks.choice(
        names.XERO_STATUS, "Status in Xero", STATUSES, form.xero_status, tells=True
    )
    return [contact, account, *_taxes(form), status, *_day_fields(form)]


def contact_field(chosen: Option | None, **how: Unpack[How]) -> Block:
    """Ask for the contact of an invoice, or of a client's invoices."""
    return blocks.search(
        names.CONTACT, "Contact in Xero", "Type a name, e-mail or tax number", chosen, **how
    )


def account_field(chosen: Option | None, **how: Unpack[How]) -> Block:
    """Ask for the account of an invoice's lines, likewise."""
    return blocks.search(names.ACCOUNT, "Account in Xero", "For example Sales", chosen, **how)


def _day_fields(form: ExportForm) -> list[Block]:
    fields = ((names.ISSUE_ON, ISSUE_DATE, ""), (names.DUE_ON, DUE_DATE, due_hint(form)))
    return [
        blocks.date_field(name, label, form.days[name], hint)
        for name, label, hint in fields
        if name in form.days
    ]


def _taxes(form: ExportForm) -> list[Block]:
    """Ask for the tax rates that nothing else says."""
    drawn: list[Block] = []
    if form.tax_options:
        rows, chosen = form.tax_options, form.tax.value if form.tax else ""
        how = How(hint=tax_hint(form), optional=True, tells=True)
        drawn.append(blocks.choice(names.TAX, "Tax rate in Xero", rows, chosen, **how))
    if form.untaxed_options:
        rows, chosen = form.untaxed_options, form.untaxed.value if form.untaxed else ""
        how = How(hint=untaxed_hint(form), tells=True)
        label = "Tax rate for lines without tax"
        drawn.append(blocks.choice(names.UNTAXED, label, rows, chosen, **how))
    return drawn


def _needs(form: ExportForm) -> list[Block]:
    """Write what stops the export, each with the act beside it, and what to know before it."""
    drawn: list[Block] = []
    for each in reds(form.checks):
        drawn.append(blocks.section(check_line(each)))
        offered = in_the_form(codes_of([each]))
        helpful = [action for action in offered if action in form.actions]
        drawn += blocks.actions(chosen_with(helpful, form.draft_id))
        drawn += whom_to_ask(form.ask) if Action.OVERRIDE_TAX in offered else []
    drawn += tax_help(form.checks)
    drawn += blocks.paragraphs(check_line(each) for each in _of(form.checks, Colour.AMBER))
    if wants_recheck(form.checks) and not form.problem:
        drawn = _with_recheck(drawn, recheck_button(form.draft_id))
    return drawn


def _with_recheck(drawn: list[Block], again: Block) -> list[Block]:
    """Put the button beside the last line, or with the buttons below it: a form has little room."""
    *before, last = drawn
    if last["type"] == "actions":
        return [*before, last | {"elements": [*last["elements"], again]}]
    if last["type"] == "section" and "accessory" not in last:
        return [*before, last | {"accessory": again}]
    return [*drawn, *blocks.actions([again])]


def _passed(form: ExportForm, *, is_unfolded: bool) -> list[Block]:
    """Fold what is well into a line, and open it when asked."""
    found = _of(form.checks, Colour.GREEN)
    if form.problem or not found:
        return []
    name, value = ("Hide", "") if is_unfolded else ("Show", "all")
    unfold = blocks.button(name, names.SHOW_CHECKS, value)
    unfold["accessibility_label"] = f"{name} the checks that passed"
    drawn = [blocks.section(passed_text(len(found)), accessory=unfold)]
    if is_unfolded:
        drawn += blocks.paragraphs(f"• {render_line(each.text)}" for each in found)
    return drawn


def result_view(result: ExportResult, channel_id: str = "", batch_id: int = 0) -> Block:
    """Show the outcome in place of the form: a sentence, the facts, and the buttons that help."""
    drawn = [blocks.section(result_text(result))]
    if result.xero_invoice_id:
        drawn.append(_facts(result))
    drawn += blocks.small_print(approval_text(result))
    links = open_links(xero=result.xero_url, paymo=result.paymo_url, rival=result.rival_url)
    helps = [*buttons(result.actions, result.export_id), *links, *_after(result)]
    drawn += [*whom_to_ask(result.ask), *_alike(result), *blocks.actions(helps)]
    drawn += blocks.small_print(id_text(result))
    return export_view_of(drawn, channel_id, batch_id)


def _alike(result: ExportResult) -> list[Block]:
    """Say before a press which others it lets go as well."""
    if not result.alike:
        return []
    return [blocks.context(alike_text(result.alike))]


def _after(result: ExportResult) -> list[Block]:
    """Return what changes an invoice that is in Xero; it comes after the links."""
    is_different = result.state is ExportState.DIFFERENT
    drawn = [button(Action.ACCEPT_DIFFERENCE, result.export_id)] if is_different else []
    is_ours = result.xero_invoice_id and not result.is_linked
    return [*drawn, button(Action.UNDO, result.export_id)] if is_ours else drawn


def _facts(result: ExportResult) -> Block:
    return blocks.columns(
        [
            ("Number in Xero", one_line(result.xero_number)),
            ("Client", one_line(result.client_name)),
            ("Total", amount_of(result.total, result)),
            ("Status in Xero", status_name(result.xero_status)),
        ]
    )


def picture_blocks(picture: InvoicePicture, most: int) -> list[Block]:
    """Draw what Xero will show: dates, lines in two columns, and totals."""
    drawn = [line_cells(each, picture) for each in picture.lines[:most]]
    more = len(picture.lines) - most
    return [
        blocks.section(f"*In Xero* · {dates_text(picture)}"),
        *(blocks.cells(some) for some in chunks(drawn, FEW_LINES)),
        *blocks.small_print(f"{more} more" if more > 0 else ""),
        blocks.section(totals_text(picture)),
    ]


def tax_help(checks: Iterable[Check]) -> list[Block]:
    """Say once where Xero keeps its rates, if one is wrong."""
    is_wrong = any(each.name in _TAX_CHECKS for each in reds(checks))
    return blocks.small_print(TAX_HELP if is_wrong else "")


def _of(checks: Iterable[Check], colour: Colour) -> list[Check]:
    return [each for each in checks if each.colour is colour]


def wants_recheck(checks: Iterable[Check]) -> bool:
    """Say whether a person may put something right elsewhere, and then check again."""
    return any(each.colour is not Colour.GREEN for each in checks)


def recheck_button(draft_id: int) -> Block:
    """Return the button that reads Xero and Paymo again."""
    return blocks.button("Check Again", names.RECHECK, draft_id)
