"""What came of an export, as the person who asked is told: in the open form, or in a message."""

from decimal import Decimal

from handlers import blocks, names
from handlers.blocks import Block, escape, one_line, render
from handlers.buttons import button, buttons, open_links, whom_to_ask
from handlers.export.picture import status_name
from handlers.export.views import TITLE
from handlers.reading import Note
from services import money
from services.export.shapes import ExportResult
from services.model.actions import Action
from services.model.export import ExportState
from services.model.wording import some_of


def said_view(sentence: str, channel_id: str = "") -> Block:
    """Say one thing in place of the form."""
    note = Note(channel_id=channel_id)
    drawn = [blocks.section(render(sentence))]
    return blocks.modal(names.EXPORT, TITLE, drawn, metadata=note.dump())


def result_view(result: ExportResult, channel_id: str = "") -> Block:
    """Show the outcome in place of the form."""
    note = Note(channel_id=channel_id)
    return blocks.modal(names.EXPORT, TITLE, result_blocks(result), metadata=note.dump())


def result_blocks(result: ExportResult) -> list[Block]:
    """Draw the outcome: a sentence, the facts, and a button for each thing that helps."""
    drawn = [blocks.section(result_text(result))]
    if result.xero_invoice_id:
        drawn.append(_facts(result))
    links = open_links(xero=result.xero_url, paymo=result.paymo_url, rival=result.rival_url)
    helps = [*buttons(result.actions, result.export_id), *_after(result), *links]
    return [*drawn, *whom_to_ask(result.ask), *_alike(result), *blocks.actions(helps)]


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


def result_text(result: ExportResult) -> str:
    """Say in one or two sentences what came of it; safe for a message's `text`."""
    number, organisation = one_line(result.number), one_line(result.organisation)
    reason = render(result.reason)
    if result.state is ExportState.EXPORTED:
        said = f" {reason}" if reason else ""
        known = f" ID in Xero: {one_line(result.xero_invoice_id)}"
        return (
            f"✅ Invoice {number} was exported to {organisation}.{_left_out(result)}{said}{known}"
        )
    if result.state is ExportState.DIFFERENT:
        return (
            f"⚠️ Invoice {number} was exported to {organisation} with a difference: Paymo states "
            f"{_money(result.total, result)}, Xero states {_money(result.xero_total, result)}. "
            f"{reason}"
        ).strip()
    if result.state is ExportState.FAILED:
        return f"⛔ Invoice {number} was not exported to {organisation}. {reason}".strip()
    if result.state is ExportState.UNKNOWN:
        return (
            f"⏳ It is not known yet whether Xero took invoice {number}. It is being looked up, "
            f"and nothing is sent twice. {reason}"
        ).strip()
    return f"⏳ Invoice {number} is on its way to {organisation}. {reason}".strip()


def _facts(result: ExportResult) -> Block:
    return blocks.columns(
        [
            ("Number in Xero", one_line(result.xero_number)),
            ("Client", one_line(result.client_name)),
            ("Total", _money(result.total, result)),
            ("Status in Xero", status_name(result.xero_status)),
        ]
    )


def _left_out(result: ExportResult) -> str:
    if not result.is_number_left_out:
        return ""
    if money.fits_number(result.number):
        return f" It went without its number; in Xero it is {one_line(result.xero_number)}."
    return (
        f" Its number has more than {money.LONGEST_NUMBER} characters and was left out; in Xero it "
        f"is {one_line(result.xero_number)}, with the full number in the reference."
    )


def _money(amount: Decimal | None, result: ExportResult) -> str:
    return escape(money.format_amount(amount, result.currency)) if amount is not None else "–"
