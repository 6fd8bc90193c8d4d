"""The text of each kind of notification, safe whatever names are in it."""

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import Any

from handlers import blocks
from handlers.blocks import day, escape, moment, one_line, render
from handlers.notices.subscribed import pausing_text
from handlers.reconcile.text import digest_text, drift_text, edited_text, invoice_text, sums_text
from handlers.settings.text import (
    access_asked_text,
    answered_text,
    approval_asked_text,
    owner_text,
    welcome_text,
)
from services.model.notice import MOST_DAYS_LATE, NoticeKind
from services.model.wording import counted, listed, some_of
from services.notices.delivery import Message

Facts = dict[str, Any]

_STATES = {
    "open": "Approved",
    "draft": "Draft",
    "part_paid": "Part paid",
    "paid": "Paid",
    "deleted": "Deleted",
    "voided": "Voided",
    "undone": "Undone",
}
_SIGNS = {
    "undone": "🗑️",
    "different": "⚠️",
    "deleted": "🗑️",
    "voided": "🗑️",
    "part_paid": "💰",
    "paid": "💰",
}
_OWED = frozenset({"open", "part_paid", "different"})
# What needs no more than its facts, written by `_fact`.
_SENTENCES = {
    NoticeKind.EXPORT_FAILED: "⛔ *Not exported* to {organisation}: {invoice}.\n{reason}",
    NoticeKind.EXPORT_CANCELLED: "⛔ *{by} cancelled your export* of {invoice}. {reason}",
    NoticeKind.EXPORT_ASKED: "⚠️ *Not exported automatically* to {organisation}: {invoice}. It was "
    "sent in Paymo.\n{reason}",
    NoticeKind.AUTO_EXPORT_PAUSED: "⚠️ *Automatic export to {organisation} is off.* {numbers} "
    "failed in a row. {owner} can turn it on again: type `/paymo-xero settings`.",
    NoticeKind.CONNECTION_BROKEN: "⛔ *{side} no longer accepts the connection* between {company} "
    "and {organisation}. Exports and payments will resume when {owner} reconnects. If somebody "
    "ended it there on purpose, disconnect it here too.",
    NoticeKind.CONNECTION_RESTORED: "✅ {by} reconnected {company} and {organisation}. Exports and "
    "payments resume now.",
    NoticeKind.CONNECTION_ENDED: "{by} disconnected {company} and {organisation}. Exported "
    "invoices stay as they are. Payments and deletions in Xero no longer reach Paymo, and this "
    "channel gets no more notifications.",
    NoticeKind.SYNC_PAUSED: "⚠️ *{count} {kind}* in {organisation}: {numbers}. Unchanged in "
    "Paymo so far. Should Paymo follow Xero?",
    NoticeKind.SYNC_FAILING: "⚠️ *{organisation} hasn't synced* since {since}. {problem} We keep "
    "trying. Payments and deletions in Xero will reach Paymo once it works again.",
    NoticeKind.HEALTH: "⚠️ *{company} and {organisation}:* {problem}",
    NoticeKind.INVOICE_UNDONE: "🗑️ {by} undid the export of {invoice}. It was {how} in "
    "{organisation} and stays in Paymo.",
}
# A fact in such a sentence; people are ids, and our own sentences are rendered.
_FACT = re.compile(r"\{(\w+)\}")
_PEOPLE = frozenset({"by", "owner"})
_RENDERED = frozenset({"reason", "problem"})


def text_of(message: Message) -> str:
    """Return the notice's text, and who settled since what it asked for."""
    done = message.facts.get("done") or message.facts.get("earlier")
    return f"{_event_text(message)}{settled_text(done)}"


def settled_text(settled: Facts | None) -> str:
    """Say on a line of its own who settled what was asked, how and when; "" while it is open."""
    if not settled:
        return ""
    who = f"<@{settled['by']}>" if settled["by"] else "The app"
    return f"\n{who} {one_line(settled['what'])} · {_moment(settled, 'at')}"


def _event_text(message: Message) -> str:
    facts = {"xero_invoice_id": message.metadata.get("xero_invoice_id", "")} | message.facts
    if sentence := _SENTENCES.get(message.kind):
        return _FACT.sub(lambda found: _fact(found[1], facts), sentence)
    return _TEXTS[message.kind](facts)


def _fact(name: str, facts: Facts) -> str:
    """Write a fact as a sentence has it, harmless whatever it holds."""
    if name == "invoice":
        return f"{invoice_text(facts)}, {amount(facts, 'total')}"
    value = facts[name]
    if name == "count":
        return f"{counted(value, 'invoice')} {'was' if value == 1 else 'were'}"
    if name == "numbers":
        return some_of([one_line(str(each)) for each in value], facts.get("count") or 0)
    if name in _PEOPLE:
        return f"<@{value}>"
    if name in _RENDERED:
        return render(value)
    return _moment(facts, name) if name == "since" else one_line(str(value))


def amount(facts: Facts, name: str) -> str:
    """Write an amount of the facts with its currency."""
    return blocks.amount(facts.get(name), facts["currency"], facts["country"])


def _day(facts: Facts, name: str) -> str:
    return day(date.fromisoformat(facts[name]), facts["country"])


def _moment(facts: Facts, name: str) -> str:
    return moment(datetime.fromisoformat(facts[name]))


def _exported(facts: Facts) -> str:
    state, edited = facts.get("state", "open"), edited_text(facts.get("edited_in") or [])
    said = [
        f"{'⚠️' if edited else _SIGNS.get(state, '✅')} *{_state_name(state, facts)}*",
        one_line(facts["number"]),
        one_line(facts["client"]),
        amount(facts, "total"),
    ]
    if state == "different":
        said[-1] += f" in Paymo, {amount(facts, 'xero_total')} in Xero"
    if state == "part_paid":
        said[-1] += f", {amount(facts, 'left')} left"
    if state in {*_OWED, "draft"} and facts.get("due_on"):
        said.append(_due(facts, is_owed=state in _OWED))
    return "\n".join(filter(None, [" · ".join(said), edited, facts.get("elsewhere")]))


def _state_name(state: str, facts: Facts) -> str:
    if state == "different":
        state = "draft" if facts.get("xero_status") == "DRAFT" else "open"
    return _STATES.get(state, state)


def _due(facts: Facts, *, is_owed: bool) -> str:
    said = f"due {_day(facts, 'due_on')}"
    late = facts.get("overdue_by") or 0
    if late <= 0 or not is_owed:
        return said
    more = "more than " if late > MOST_DAYS_LATE else ""
    return f"{said}, *overdue by {more}{counted(min(late, MOST_DAYS_LATE), 'day')}*"


def card_lines(facts: Facts) -> list[str]:
    """Say who exported an invoice, when and where to, and its id; small print of its card."""
    by = f" by <@{facts['by']}>" if facts.get("by") else ""
    if facts.get("on_order_of"):
        by = f" automatically (turned on by <@{facts['on_order_of']}>)"
    when = f" · {_moment(facts, 'exported_at')}" if facts.get("exported_at") else ""
    way = "Linked to the invoice in" if facts.get("is_linked") else "Exported to"
    said = [f"{way} {one_line(facts['organisation'])}{by}{when}"]
    if facts.get("approved_by"):
        when = _moment(facts, "approved_at")
        said.append(f"Approved by <@{facts['approved_by']}> · {when}")
    if facts.get("number_left_out"):
        said.append(f"Number in Xero: {one_line(facts['xero_number'])}")
    if facts.get("xero_invoice_id"):
        said.append(f"ID in Xero: {one_line(facts['xero_invoice_id'])}")
    return said


def _settlement(facts: Facts) -> str:
    """Name what settled a part of the invoice; a credit is never called a payment."""
    if facts.get("kind") in {None, "payment"}:
        return f"The payment of {amount(facts, 'amount')}"
    return f"{one_line(facts.get('label') or 'A credit')} ({amount(facts, 'amount')})"


def _arrival(facts: Facts) -> str:
    """Say what came, for which invoice and of which day."""
    is_payment = facts.get("kind") in {None, "payment"}
    what = f"{amount(facts, 'amount')} received" if is_payment else f"{_settlement(facts)} applied"
    return f"*{what}* {'for' if is_payment else 'to'} {invoice_text(facts)}, {_dated(facts)}"


def _dated(facts: Facts) -> str:
    return f"dated {_day(facts, 'paid_on')}"


def _received(facts: Facts) -> str:
    if facts.get("gone"):
        return f"⚠️ {_arrival(facts)}. *Paymo didn't record it,* because the invoice is gone there."
    came = _edit(facts) if facts.get("changed_from") else _arrival(facts)
    if facts.get("asked"):
        said = f"⚠️ {came}. *Paymo didn't record it.* {render(facts['asked'])}"
        gone = "The earlier payment is gone from Paymo, too." if facts.get("changed_from") else ""
        return " ".join(filter(None, [said, gone, _reminder(facts)]))
    if facts.get("waits"):
        said = f"⚠️ {_arrival(facts)}. *Paymo hasn't recorded it yet.* We'll keep trying."
        return f"{said} {_reminder(facts)}"
    warned = _reminder(facts, "Paymo doesn't record it, and")
    return " ".join(filter(None, [f"💰 {came}.", _remainder(facts), _difference(facts), warned]))


def _edit(facts: Facts) -> str:
    """Say what was edited in Xero: the amount, the day, or nothing that Paymo has."""
    before, now = amount(facts, "changed_from"), amount(facts, "amount")
    what = (
        f"Changed in Xero from {before} to {now}"
        if before != now
        else f"{_settlement(facts)} changed in Xero"
    )
    is_moved = facts.get("dated_before", facts["paid_on"]) != facts["paid_on"]
    instead = f" instead of {_day(facts, 'dated_before')}" if is_moved else ""
    return f"*{what}* for {invoice_text(facts)}, {_dated(facts)}{instead}"


def _reminder(facts: Facts, said: str = "Until it does, Paymo") -> str:
    """Warn that the client may be reminded of what is paid, and when."""
    if not facts.get("may_remind"):
        return ""
    when = f" on {_day(facts, 'reminds_on')}" if facts.get("reminds_on") else ""
    if not when and facts.get("due_on"):
        when = f", due {_day(facts, 'due_on')}"
    return f"{said} may still remind the client about this invoice{when}."


def _difference(facts: Facts) -> str:
    """Say by how much the copy in Paymo is not what Xero has, and why."""
    if facts.get("is_rounding"):
        rounded = amount(facts, "short_by" if facts.get("short_by") else "over_by")
        return f"The difference of {rounded} is Xero's rounding."
    if facts.get("over_by"):
        more = amount(facts, "over_by")
        return f"Paymo has {more} more, the difference that somebody accepted after the export."
    if facts.get("short_by"):
        less = amount(facts, "short_by")
        return f"Paymo recorded {less} less, because it doesn't accept more than is left to pay."
    return ""


def _remainder(facts: Facts) -> str:
    """Say how much of the invoice is left to pay."""
    if facts.get("is_paid"):
        return "Paid in full."
    return f"{amount(facts, 'left')} of {amount(facts, 'total')} left."


def _removed(facts: Facts) -> str:
    about = f"{invoice_text(facts)}, {_dated(facts)}"
    if facts.get("by_person_in_paymo"):
        return f"⚠️ *{_settlement(facts)} was deleted in Paymo:* {about}. It stays in Xero."
    if facts.get("is_stuck"):
        return (
            f"⚠️ *{_settlement(facts)} was removed in Xero:* {about}. It's still in Paymo, "
            "because we couldn't delete it there for a day. Delete it by hand."
        )
    return (
        f"🗑️ *{_settlement(facts)} was removed* in Xero and in Paymo: {about}. "
        f"{amount(facts, 'left')} is outstanding again."
    )


def _ended(what: str, facts: Facts) -> str:
    invoice = f"{invoice_text(facts)}, {amount(facts, 'total')}"
    endings = {
        "deleted": f"🗑️ *Deleted in Paymo:* {invoice}. It was {what} in Xero.",
        "void": f"🗑️ *Voided in Paymo:* {invoice}. It was {what} in Xero.",
        "gone_in_paymo": f"🗑️ *Deleted in Paymo:* {invoice}. It is still in Xero.",
        "asked": f"⚠️ *{what.capitalize()} in Xero:* {invoice}. {_why_asked(facts)}",
    }
    return endings[facts["in_paymo"]]


def _why_asked(facts: Facts) -> str:
    """Say what a deletion in Paymo would take with it."""
    said = [render(facts["why"])] if facts.get("why") else []
    if facts.get("hand_typed"):
        paid = amount(facts, "hand_typed")
        said.append(f"Paymo has payments of {paid} that didn't come from this invoice in Xero.")
    if facts.get("cuts"):
        said.append(
            f"Deleting it in Paymo unlinks {escape(facts['cuts'])}, which can then be billed "
            "again. Voiding it keeps them linked."
        )
    return " ".join([*said, "It stays in Paymo until somebody decides."])


def _restored(facts: Facts) -> str:
    lost = [f"• {one_line(each)}" for each in (facts.get("lost") or "").split("\n") if each]
    said = (
        f"✅ <@{facts['by']}> restored {invoice_text(facts)}, {amount(facts, 'total')}, in Paymo "
        f"with {render(facts.get('kept') or 'its lines')}."
    )
    return "\n".join([said, *lost])


def _caught_up(facts: Facts) -> str:
    nouns = {"payments": "payment", "removals": "removed payment", "deletions": "deletion"}
    said = listed([counted(facts[each], noun) for each, noun in nouns.items() if facts[each]])
    organisation = one_line(facts["organisation"])
    return f"💰 Catching up: {said} from {organisation}. Each has its own notification."


def _batch(facts: Facts) -> str:
    """Sum up what a batch exported."""
    by, organisation = f"<@{facts['by']}>", one_line(facts["organisation"])
    numbers = some_of([one_line(each) for each in facts["numbers"]], facts["count"])
    failed = f" {facts['failed']} failed." if facts["failed"] else ""
    what = f"✅ *{counted(facts['count'], 'invoice')} exported* to {organisation} by {by}"
    return f"{what}: {sums_text(facts['sums'], facts['country'])}.\n{numbers}.{failed}"


_TEXTS: dict[NoticeKind, Callable[[Facts], str]] = {
    NoticeKind.INVOICE_EXPORTED: _exported,
    NoticeKind.BATCH_EXPORTED: _batch,
    NoticeKind.PAYMENT_RECEIVED: _received,
    NoticeKind.PAYMENT_REMOVED: _removed,
    NoticeKind.INVOICE_DELETED: partial(_ended, "deleted"),
    NoticeKind.INVOICE_VOIDED: partial(_ended, "voided"),
    NoticeKind.INVOICE_RESTORED: _restored,
    NoticeKind.INVOICE_DRIFTED: drift_text,
    NoticeKind.CAUGHT_UP: _caught_up,
    NoticeKind.DIGEST: digest_text,
    NoticeKind.WELCOME: welcome_text,
    NoticeKind.APPROVAL_ASKED: approval_asked_text,
    NoticeKind.ACCESS_ASKED: access_asked_text,
    NoticeKind.ACCESS_ANSWERED: answered_text,
    NoticeKind.OWNER_CHANGED: owner_text,
    NoticeKind.CHANNEL_PAUSED: pausing_text,
}
