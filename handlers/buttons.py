"""The buttons that help with a refusal: the same ones before an export and after it."""

from collections.abc import Sequence

from handlers import blocks, names
from handlers.blocks import Block

CURES = {
    names.RETRY: "Try Again",
    names.LOOK_AGAIN: "Look Again",
    names.CHANGE: "Change…",
    names.LINK_EXISTING: "Link to That One",
    names.WITHOUT_NUMBER: "Export Without a Number",
    names.CANCEL: "Cancel",
    names.RECONNECT: "Reconnect",
    names.OVERRIDE_TAX: "Export With This Tax",
    names.AS_DRAFT: "As a Draft",
    names.FIRST_OPEN_DAY: "Date It the First Open Day",
    names.TODAY: "Date It Today",
    names.DUE_BY_TERMS: "Due by Paymo’s Terms",
    names.DUE_AT_ONCE: "Due on Its Date",
    names.USE_CONTACT: "Use That Contact",
}
# What the buttons of a form change; after a refusal they try again with it.
PRESSED = (
    names.OVERRIDE_TAX,
    names.AS_DRAFT,
    names.FIRST_OPEN_DAY,
    names.TODAY,
    names.DUE_BY_TERMS,
    names.DUE_AT_ONCE,
    names.USE_CONTACT,
)


_PLAIN = (names.OVERRIDE_TAX, names.CANCEL)  # never the press that stands out


def cure_buttons(cures: Sequence[str], subject_id: int, *, first: bool = True) -> list[Block]:
    """Return the buttons that can help, in the order given; `first` stands out."""
    known = [each for each in cures if each in CURES]
    return [
        blocks.button(
            CURES[each],
            each,
            subject_id,
            style="primary" if first and not place and each not in _PLAIN else "",
            ask=_SURE if each == names.OVERRIDE_TAX else None,
        )
        for place, each in enumerate(known)
    ]


_SURE = blocks.confirm(
    "Export with a tax that differs?",
    "This one invoice goes out with the account’s tax in Xero and with Paymo’s amounts. It is "
    "noted that you decided so.",
    yes="Export It",
)


def whom_to_ask(user_id: str) -> list[Block]:
    """Say who may let a tax differ, to a person who may not."""
    if not user_id:
        return []
    said = (
        f"Only <@{user_id}>, who connected Paymo and Xero, can export it with a tax that differs."
    )
    return [blocks.context(said)]


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
