"""Every action drawn as a button: the same ones in a form, below a refusal and in a channel."""

import json
from collections.abc import Iterable

from handlers import blocks, names
from handlers.blocks import Block
from handlers.routing import Body, key_in, pressed
from services.model.actions import Action
from services.model.export import Verdict
from services.model.wording import counted

_LONGEST_VALUE = 2000
TEXTS = {
    Action.RETRY: "Try Again",
    Action.LOOK_AGAIN: "Review Again",
    Action.CHANGE: "Change Export…",
    Action.LINK_EXISTING: "Link to That Invoice",
    Action.WITHOUT_NUMBER: "Export Without Number",
    Action.CANCEL: "Cancel Export",
    Action.APPROVE: "Approve",
    Action.RECONNECT: "Reconnect",
    Action.OVERRIDE_TAX: "Use Account’s Tax",
    Action.AS_DRAFT: "Export as Draft",
    Action.FIRST_OPEN_DAY: "Use First Open Day",
    Action.TODAY: "Use Today’s Date",
    Action.DUE_BY_TERMS: "Due by Paymo’s Terms",
    Action.DUE_AT_ONCE: "Due on Invoice Date",
    Action.USE_CONTACT: "Use That Contact",
    Action.ADD_CONTACT: "Add Client to Xero",
    Action.ACCEPT_DIFFERENCE: "Accept the Difference",
    Action.UPDATE_IN_XERO: "Update in Xero",
    Action.UNDO: "Undo",
    Action.RESTORE: "Restore in Paymo",
    Action.DELETE_IN_PAYMO: "Delete in Paymo Too",
    Action.VOID_IN_PAYMO: "Void in Paymo Instead",
    Action.BRING_BACK: "Bring Back",
    Action.RECORD_PAYMENT: "Record in Paymo",
    Action.EXPORT: "Export…",
    Action.MATCH: "Match Clients",
    Action.REQUEST_ACCESS: "Request Access",
    Action.OPEN_XERO: "Open in Xero",
    Action.OPEN_PAYMO: "Open in Paymo",
}
# In the form they choose, and nothing goes before its own button is pressed.
_IN_FORM: dict[Action, str] = {Action.AS_DRAFT: "Set Status to Draft"}
UNDO_MEANS = "Xero voids the invoice, or deletes it if it’s a draft. It stays in Paymo."
# Asked before the press counts.
_QUESTIONS = {
    Action.OVERRIDE_TAX: blocks.confirm(
        "Use the account’s tax?",
        "Xero gets Paymo’s amounts with the account’s tax rate, for this invoice only. The history "
        "shows that you decided this.",
        yes="Use It",
    ),
    Action.UNDO: blocks.confirm("Undo this export?", UNDO_MEANS, yes="Undo"),
    Action.UPDATE_IN_XERO: blocks.confirm(
        "Update it in Xero?",
        "Xero gets the lines, amounts, dates and number that Paymo has now.",
        yes="Update",
    ),
    Action.DELETE_IN_PAYMO: blocks.confirm(
        "Delete in Paymo too?",
        "The invoice and its payments are deleted in Paymo for good. Time and expenses on it can "
        "be billed again.",
        yes="Delete",
    ),
}
_STAND_OUT = frozenset(
    {Action.UPDATE_IN_XERO, Action.VOID_IN_PAYMO, Action.RECONNECT, Action.MATCH}
)
_NEVER_STAND_OUT = frozenset({Action.OVERRIDE_TAX, Action.CANCEL})
# One name for both: whether a payment was deleted or is asked about, it is recorded.
_NAMES: dict[Action, str] = {Action.RECORD_PAYMENT: Action.BRING_BACK}


def name_of(action: Action) -> str:
    """Return the name under which Slack hands a press back."""
    return _NAMES.get(action, action)


def button(action: Action, about: object = "", *, text: str = "", style: str = "") -> Block:
    """Draw an action on the row, or what else, that `about` names; some ask once more."""
    return blocks.button(
        text or TEXTS[action],
        name_of(action),
        about,
        style=style or ("primary" if action in _STAND_OUT else ""),
        ask=_QUESTIONS.get(action),
    )


def buttons(actions: Iterable[str], about: int, *, first: bool = True) -> list[Block]:
    """Draw what helps, in the order given; `first` stands out. What is not known is left out."""
    known = [Action(each) for each in actions if each in TEXTS]
    return [
        button(
            each,
            about,
            style="primary" if first and not place and each not in _NEVER_STAND_OUT else "",
        )
        for place, each in enumerate(known)
    ]


def chosen_with(actions: Iterable[Action], draft_id: int) -> list[Block]:
    """Draw what helps in a form: it changes what the form holds, and exports nothing."""
    return [button(each, draft_id, text=_IN_FORM.get(each, "")) for each in actions]


def quiet(drawn: Iterable[Block]) -> list[Block]:
    """Return the buttons with none that stands out: a screen has at most one that does."""
    return [{name: each[name] for name in each if each[name] != "primary"} for each in drawn]


def check_button() -> Block:
    """Draw what shows how much of the last 90 days can be exported."""
    return blocks.button("Check My Last 90 Days", names.CHECK_RECENT)


def match_button(missing: str, client_id: int) -> Block:
    """Draw what asks for the contact or the account that all of a client's invoices wait for."""
    text = "Choose Account" if missing == Verdict.ACCOUNT else "Match Client"
    return blocks.button(text, names.MATCH_CLIENT, client_id)


def fix_button(number: str, name: str, value: object) -> Block:
    """Draw what opens the form of an invoice that needs something first."""
    fix = blocks.button("Fix…", name, value)
    fix["accessibility_label"] = blocks.plain(f"Fix {number}", blocks.LONGEST_OPTION)["text"]
    return fix


def whom_to_ask(user_id: str) -> list[Block]:
    """Say who may let a tax differ, to a person who may not."""
    who = f"<@{user_id}>, who connected Paymo and Xero"
    return blocks.small_print(user_id and f"Only {who}, can export it with the account’s tax.")


def open_links(*, xero: str | None, paymo: str | None, rival: str | None = "") -> list[Block]:
    """Return links to an invoice on both sides, as far as there is one."""
    places = (
        ("Open That Invoice in Xero", names.OPEN_RIVAL, rival),
        ("Open in Xero", names.OPEN_XERO, xero),
        ("Open in Paymo", names.OPEN_PAYMO, paymo),
    )
    return [blocks.link_button(text, name, url) for text, name, url in places if url]


def breaker_buttons(connection_id: int, held: Iterable[int] = ()) -> list[Block]:
    """Return the two ways on when many invoices were deleted or voided at once.

    They carry the exports they were drawn for, as many as fit: a press decides about those.
    """
    value = ":".join(filter(None, (str(connection_id), ",".join(map(str, held)))))
    if len(value) > _LONGEST_VALUE:
        value = value[: _LONGEST_VALUE + 1].rpartition(",")[0]
    shown = held_in(value)[1]
    which = counted(len(shown), "invoice") if shown else "every waiting invoice"
    sure = blocks.confirm(
        "Follow Xero in Paymo?",
        f"Deletes or voids {which} in Paymo, as in Xero.",
        yes="Follow Xero",
    )
    return [
        blocks.button("Follow Xero", names.BREAKER_APPLY, value, style="danger", ask=sure),
        blocks.button("Keep in Paymo", names.BREAKER_KEEP, value),
    ]


def held_in(value: str) -> tuple[int | None, list[int] | None]:
    """Read the connection and the exports that a button of `breaker_buttons` carries."""
    connection_id, colon, held = value.partition(":")
    found = [key for each in held.split(",") if (key := key_in(each)) is not None]
    return key_in(connection_id), found if colon else None


def wanted(body: Body) -> list[str]:
    """Return what the person wants, for `carried`."""
    if "command" in body:
        return ["command", str(body.get("text", ""))]
    if body.get("type") == "message_action":
        return ["message", str((body.get("message") or {}).get("text", ""))]
    if body.get("type") == "shortcut":
        return ["action", names.EXPORT, ""]
    action = pressed(body)
    return ["action", str(action.get("action_id", "")), str(action.get("value", ""))]


def carried(wanted: list[str]) -> str:
    """Write what somebody wants as the value of a button that goes on with it; "" is too long."""
    value = blocks.escape(json.dumps(wanted, ensure_ascii=False))
    return value if len(value) <= _LONGEST_VALUE else ""


def going_on(button: Block, body: Body) -> Block:
    """Have a button go on with all that was typed, or with the message.

    Where that's too long for a button, only one that carries what it's about is left; else {}.
    """
    kind, what, *_ = asked = wanted(body)
    if kind == "action" or not what:
        return button
    value = carried(asked)
    if not value:
        return button if button.get("value") else {}
    return {**button, "action_id": names.WHICH, "value": value}
