"""What notices say: one text for each kind, safe whatever the names in it."""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from handlers.blocks import counted, day, escape, moment, one_line, render, render_line
from handlers.reconcile.text import digest_text
from handlers.settings.text import access_asked_text, answered_text, owner_text
from handlers.slack import Sharing
from services import money
from services.model.notice import NoticeKind
from services.model.wording import listed, situated
from services.notices.delivery import Message
from services.notices.service import Listening

Facts = dict[str, Any]

_STATES = {
    "open": "open",
    "draft": "*Draft*",
    "part_paid": "part paid",
    "paid": "paid",
    "deleted": "deleted in Xero",
    "voided": "void in Xero",
    "different": "exported with a difference",
    "undone": "taken back",
}
_SIGNS = {
    "undone": "↩️",
    "different": "⚠️",
    "deleted": "🗑️",
    "voided": "🚫",
    "part_paid": "💰",
    "paid": "💰",
}

_ROUNDING = "rounding"

NOTHING = "This channel gets no notifications. Type `/paymo-xero subscribe` to change that."
ANYWAY = "Subscribe This Channel"
ASK = {
    Sharing.YES: "⚠️ This channel is shared with another company, or will be. People of other "
    "companies would read invoice numbers, clients and amounts here. Subscribe it all the same?",
    Sharing.UNKNOWN: "⚠️ I can't tell whether this channel is shared with another company. If it "
    "is, people of other companies may read along: invoice numbers, clients and amounts. "
    "Subscribe it?",
}


# What needs no more than its facts, written by `_said`.
_SENTENCES = {
    NoticeKind.EXPORT_FAILED: "⛔ *Invoice {number}* · {client} was not exported to "
    "{organisation}.\n{reason}",
    NoticeKind.EXPORT_ASKED: "❓ *Invoice {number}* · {client} · {total} was sent in Paymo, and is "
    "not exported to {organisation} by itself.\n{reason}",
    NoticeKind.AUTO_EXPORT_PAUSED: "⏸️ Automatic export to {organisation} is switched off: "
    "{numbers} failed one after the other. Nothing more goes by itself until {owner} switches it "
    "on again with /paymo-xero settings.",
    NoticeKind.CONNECTION_BROKEN: "⛔ {side} no longer accepts the connection of {company} with "
    "{organisation}. Everything waits, nothing is lost. {owner} can connect it again. If it was "
    "ended there on purpose, end it here too.",
    NoticeKind.CONNECTION_RESTORED: "✅ {company} and {organisation} are connected again by {by}. "
    "What waited goes on.",
    NoticeKind.CONNECTION_ENDED: "{by} disconnected {company} and {organisation}. Exported "
    "invoices stay as they are. Payments and deletions in Xero no longer reach Paymo, and this "
    "channel gets no more notifications.",
    NoticeKind.SYNC_PAUSED: "⚠️ {count} invoices were {kind} in {organisation} at once: {numbers}. "
    "Nothing was changed in Paymo. Should Paymo follow?",
    NoticeKind.SYNC_FAILING: "⚠️ {organisation} could not be synced since {since}. {problem} The "
    "app keeps trying. Payments and deletions in Xero reach Paymo once that works.",
    NoticeKind.INVOICE_UNDONE: "↩️ {by} took *invoice {number}* · {client} · {total} back from "
    "{organisation}: it was {how} there, and Paymo keeps it.",
}
_FACT = re.compile(r"\{(\w+)\}")
_PEOPLE = {"by", "owner"}
_OUR_SENTENCES = {"reason", "problem"}


def text_of(message: Message) -> str:
    """Return the notice's text."""
    ids = {"xero_invoice_id": message.metadata.get("xero_invoice_id", "")}
    facts = ids | message.facts
    if sentence := _SENTENCES.get(message.kind):
        return _FACT.sub(lambda found: _said(found[1], facts), sentence)
    return _TEXTS[message.kind](facts)


def _said(name: str, facts: Facts) -> str:
    """Write a fact as a sentence has it, harmless whatever it holds."""
    if name == "total":
        return amount(facts, name)
    value = facts[name]
    if name in _PEOPLE:
        return f"<@{value}>"
    if name in _OUR_SENTENCES:
        return render(value)
    if name == "since":
        return moment(datetime.fromisoformat(value))
    return ", ".join(one_line(str(each)) for each in (value if name == "numbers" else [value]))


def amount(facts: Facts, name: str) -> str:
    """Write an amount of the facts with its currency."""
    value = facts.get(name)
    if not value:
        return "–"
    return escape(money.format_amount(Decimal(value), facts["currency"], facts["country"]))


def intro_text(listening: Listening) -> str:
    """Say in a channel who subscribed it, to what, and how to change that."""
    topics = listed([each.value for each in listening.topics])
    only = f" of {one_line(listening.client_name)}" if listening.client_name else ""
    least = f" from {listening.minimum:f} on" if listening.minimum else ""
    return (
        f"<@{listening.set_by}> subscribed this channel to {topics}{only}{least}: "
        f"{one_line(listening.company)} in Paymo → {one_line(listening.organisation)} in Xero. "
        "`/paymo-xero unsubscribe` ends it."
    )


def _exported(facts: Facts) -> str:
    number, state = one_line(facts["number"]), facts.get("state", "open")
    said = (
        f"{_SIGNS.get(state, '✅')} *Invoice {number}* · {one_line(facts['client'])} · "
        f"{amount(facts, 'total')} · {_STATES.get(state, state)}"
    )
    if state == "different":
        said += f" (Xero states {amount(facts, 'xero_total')})"
    if state == "part_paid":
        said += f", {amount(facts, 'left')} left"
    lines = [said, _destination(facts), edited_line(facts.get("edited_in") or [])]
    return "\n".join(each for each in lines if each)


def _destination(facts: Facts) -> str:
    by = f" by <@{facts['by']}>" if facts.get("by") else ""
    if facts.get("on_order_of"):
        by = f" by itself, as <@{facts['on_order_of']}> ordered in the settings"
    number = ""
    if facts.get("number_left_out"):
        number = f" Its number there is {one_line(facts['xero_number'])}."
    known = f" ID in Xero: {one_line(facts['xero_invoice_id'])}" if facts["xero_invoice_id"] else ""
    return f"Exported to {one_line(facts['organisation'])}{by}.{number}{known}"


def _what(facts: Facts) -> str:
    """Name what settled a part of the invoice; a credit is never called a payment."""
    if facts.get("kind") in {None, "payment"}:
        return f"Payment of {amount(facts, 'amount')}"
    return f"{one_line(facts.get('label') or 'Credit')} over {amount(facts, 'amount')}"


def _received(facts: Facts) -> str:
    invoice = f"invoice {one_line(facts['number'])} · {one_line(facts['client'])}"
    when = day(date.fromisoformat(facts["paid_on"]), facts["country"])
    if facts.get("gone"):
        return (
            f"⚠️ {_what(facts)} of {when} in Xero on {invoice}, which is not in Paymo any more. "
            "Nothing was recorded."
        )
    if facts.get("asked"):
        return (
            f"⚠️ {_what(facts)} of {when} in Xero on {invoice} is not recorded in Paymo. "
            f"{render(facts['asked'])}"
        )
    if facts.get("changed_from"):
        return (
            f"✏️ The payment on {invoice} was changed in Xero from "
            f"{amount(facts, 'changed_from')} to {amount(facts, 'amount')}, {when}. {_left(facts)}"
        )
    short = ""
    if facts.get("short_by"):
        short = f" Paymo could take {amount(facts, 'short_by')} less than Xero states."
    if facts.get("over_by"):
        short = (
            f" Paymo has {amount(facts, 'over_by')} more: the difference that was accepted after "
            "the export."
        )
    if facts.get("is_rounding"):
        rounded = amount(facts, "short_by" if facts.get("short_by") else "over_by")
        short = f" The {rounded} between Xero and Paymo is Xero's rounding."
    return f"💰 {_what(facts)} of {when} on {invoice}. {_left(facts)}{short}"


def _left(facts: Facts) -> str:
    if facts.get("is_paid"):
        return "It is *paid in full*."
    return f"{amount(facts, 'left')} of {amount(facts, 'total')} is left."


def _removed(facts: Facts) -> str:
    invoice = f"invoice {one_line(facts['number'])} · {one_line(facts['client'])}"
    when = day(date.fromisoformat(facts["paid_on"]), facts["country"])
    if facts.get("by_person_in_paymo"):
        return (
            f"ℹ️ Somebody deleted in Paymo the {_lower(_what(facts))} of {when} on {invoice}. It "
            "stays in Xero, and is not brought back by itself."
        )
    if facts.get("is_stuck"):
        return (
            f"⚠️ {_what(facts)} of {when} on {invoice} was removed in Xero. Paymo didn’t delete it "
            "for a day, so it still counts there. Delete it in Paymo."
        )
    return (
        f"↩️ {_what(facts)} of {when} on {invoice} was removed in Xero, and in Paymo too. "
        f"{amount(facts, 'left')} is open again."
    )


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text.startswith("Payment") else text


def _ended(what: str, facts: Facts) -> str:
    invoice = (
        f"*Invoice {one_line(facts['number'])}* · {one_line(facts['client'])} · "
        f"{amount(facts, 'total')}"
    )
    endings = {
        "deleted": f"🗑️ {invoice} was {what} in Xero, and is deleted in Paymo.",
        "void": f"🚫 {invoice} was {what} in Xero, and is void in Paymo.",
        "gone_in_paymo": f"ℹ️ {invoice} was deleted in Paymo. It is still in Xero.",
        "asked": f"⚠️ {invoice} was {what} in Xero. {_why_asked(facts)}",
    }
    restored = f"\n♻️ <@{facts['restored_by']}> restored it." if facts.get("restored_by") else ""
    return endings[facts["in_paymo"]] + restored


def _why_asked(facts: Facts) -> str:
    """Say what a deletion in Paymo would take with it."""
    said = [render(facts["why"])] if facts.get("why") else []
    if facts.get("hand_typed"):
        typed = amount(facts, "hand_typed")
        said.append(f"In Paymo it has payments of {typed} that somebody typed there.")
    if facts.get("cuts"):
        said.append(
            f"Deleting it in Paymo cuts it off from {escape(facts['cuts'])}, which can be billed "
            "again then. Voiding it keeps them together."
        )
    return " ".join([*said, "It stays until somebody decides."])


def _made_again(facts: Facts) -> str:
    lost = [f"• {one_line(each)}" for each in (facts.get("lost") or "").split("\n") if each]
    parts = [
        "its lines",
        "taxes",
        "payments",
        *([render(facts["kept"])] if facts.get("kept") else []),
    ]
    said = (
        f"♻️ <@{facts['by']}> restored *invoice {one_line(facts['number'])}* · "
        f"{one_line(facts['client'])} · {amount(facts, 'total')} in Paymo, with {listed(parts)}."
    )
    return "\n".join([said, *lost])


def _caught_up(facts: Facts) -> str:
    came = [
        (facts["payments"], "payment", "recorded in Paymo"),
        (facts["removals"], "payment", "removed from Paymo"),
        (facts["deletions"], "invoice", "deleted or voided in Paymo"),
    ]
    said = [f"{counted(n, what)} {done}" for n, what, done in came if n]
    return (
        f"📬 Much came at once from {one_line(facts['organisation'])}: {', '.join(said)}. Each is "
        "told by itself, in the thread of its invoice."
    )


def drift_text(facts: Facts) -> str:
    """Say what differs, or that it does not any more, or that somebody updated Xero."""
    invoice = f"*Invoice {one_line(facts['number'])}* · {one_line(facts['client'])}"
    organisation = one_line(facts["organisation"])
    differences = facts.get("differences") or []
    if facts.get("by"):
        return (
            f"✅ <@{facts['by']}> updated {invoice} in {organisation}, as it is in Paymo now.\n"
            f"{_listed(facts)}"
        ).rstrip()
    side = one_line(facts["side"])
    if facts.get("is_shared"):
        return f"✅ {invoice} was changed in the same way in Paymo and in Xero: both agree again."
    if not differences:
        return f"✅ {invoice} is in {side} as it was exported again."
    if [name for name, _, _ in differences] == [_ROUNDING] and not facts.get("more"):
        by = _value(differences[0][2], facts)
        return (
            f"ℹ️ {invoice} is rounded by {by} in {organisation}. Paymo keeps its own total, and "
            "payments are recorded all the same."
        )
    verb = "edited in Paymo" if side == "Paymo" else "changed in Xero"
    said = f"✏️ {invoice} was {verb} after its export to {organisation}.\n{_listed(facts)}"
    other = "Xero" if side == "Paymo" else "Paymo"
    return f"{said}\n{other} stays as it is. {render(facts.get('advice', ''))}".rstrip()


def edited_line(sides: list[str]) -> str:
    """Say in a line of the invoice's card where it was edited since, or ""."""
    if not sides:
        return ""
    verbs = {"Paymo": "edited in Paymo", "Xero": "changed in Xero"}
    said = " and ".join(verbs[each] for each in sides if each in verbs)
    return f"✏️ It was {said} after its export, so the two differ."


def _listed(facts: Facts) -> str:
    said = [
        f"• {one_line(name)}: {_value(was, facts)} → {_value(now, facts)}"
        for name, was, now in facts.get("differences") or []
    ]
    if facts.get("more"):
        said.append(f"• and {facts['more']} more")
    return "\n".join(said)


def _value(text: str, facts: Facts) -> str:
    return render_line(situated(text, facts["country"]))


def has_text(listening: Listening) -> str:
    """Say what the channel gets now."""
    topics = listed([each.value for each in listening.topics])
    only = f" of {one_line(listening.client_name)}" if listening.client_name else ""
    return f"✅ This channel gets {topics}{only}. Type `/paymo-xero unsubscribe` to end it."


_TEXTS: dict[NoticeKind, Callable[[Facts], str]] = {
    NoticeKind.INVOICE_EXPORTED: _exported,
    NoticeKind.PAYMENT_RECEIVED: _received,
    NoticeKind.PAYMENT_REMOVED: _removed,
    NoticeKind.INVOICE_DELETED: partial(_ended, "deleted"),
    NoticeKind.INVOICE_VOIDED: partial(_ended, "voided"),
    NoticeKind.INVOICE_RESTORED: _made_again,
    NoticeKind.INVOICE_DRIFTED: drift_text,
    NoticeKind.CAUGHT_UP: _caught_up,
    NoticeKind.DIGEST: digest_text,
    NoticeKind.ACCESS_ASKED: access_asked_text,
    NoticeKind.ACCESS_ANSWERED: answered_text,
    NoticeKind.OWNER_CHANGED: owner_text,
}
