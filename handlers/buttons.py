"""Buttons that stand under more than one kind of message."""

from handlers import blocks, names
from handlers.blocks import Block


def open_links(*, xero: str | None, paymo: str | None, rival: str | None = "") -> list[Block]:
    """Return links to an invoice on both sides, as far as there is one."""
    places = (
        ("Open That One in Xero", names.OPEN_RIVAL, rival),
        ("Open in Xero", names.OPEN_XERO, xero),
        ("Open in Paymo", names.OPEN_PAYMO, paymo),
    )
    return [blocks.link_button(text, name, url) for text, name, url in places if url]


def restore_button(export_id: object) -> Block:
    """Return the button that makes an invoice again in Paymo."""
    return blocks.button("Restore in Paymo", names.RESTORE, export_id)


def bring_back_button(payment_id: object, *, is_deleted: bool) -> Block:
    """Return the button that records a payment which is left out: deleted there, or asked about."""
    word = "Bring Back" if is_deleted else "Record It in Paymo"
    return blocks.button(word, names.BRING_BACK, payment_id)


def void_instead(export_id: object) -> Block:
    """Return the button that voids in Paymo what would lose what hangs on it."""
    return blocks.button("Void in Paymo Instead", names.VOID_IN_PAYMO, export_id, style="primary")


def delete_too(export_id: object, *, style: str = "") -> Block:
    """Return the button that deletes in Paymo what is gone in Xero; it asks once more."""
    sure = blocks.confirm(
        "Delete in Paymo too?",
        "The invoice and its payments are deleted in Paymo for good. Time and expenses on it can "
        "be billed again.",
        yes="Delete",
    )
    return blocks.button(
        "Delete in Paymo Too", names.DELETE_IN_PAYMO, export_id, style=style, ask=sure
    )
