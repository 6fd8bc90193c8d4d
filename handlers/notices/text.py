"""The text of each kind of notification, safe whatever names are in it."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlencode

from handlers.blocks import counted, day, escape, moment, one_line, render, render_line
from handlers.notices.subscribed import pausing_text
from handlers.reconcile.text import digest_text
from handlers.settings.text import (
    access_asked_text,
    answered_text,
    approval_asked_text,
    owner_text,
    welcome_text,
)
from services import money
from services.model.notice import MOST_DAYS_LATE, NoticeKind
from services.model.wording import listed, situated
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
_MOST_NAMED = 3
_ROUNDING = "rounding"
_MANAGE = "Manage notifications"
# What needs no more than its facts, written by `_said`.
_SENTENCES = {
    NoticeKind.EXPORT_FAILED: "⛔ *Not exported* to {organisation}: {invoice}.\n{reason}",
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
    "Paymo so far. Should Paymo follow?",
    NoticeKind.SYNC_FAILING: "⚠️ *{organisation} hasn't synced* since {since}. {problem} We keep "
    "trying. Payments and deletions in Xero will reach Paymo once it works again.",
    NoticeKind.HEALTH: "⚠️ *{company} and {organisation}:* {problem}",
    NoticeKind.INVOICE_UNDONE: "🗑️ {by} undid the export of {invoice}. It was {how} in "
    "{organisation}, and Paymo keeps it.",
}


def manage_text(team_id: str, app_id: str) -> str:
    """Lead to the app's Home, where notifications are chosen, or say what to type."""
    if not team_id or not app_id:
        return f"{_MANAGE}: `/paymo-xero subscribe`"
    query = urlencode({"team": team_id, "id": app_id, "tab": "home"})
    return f"<slack://app?{escape(query)}|{_MANAGE}>"


def text_of(message: Message) -> str:
    """Return the notice's text, and who settled since what it asked for."""
    done = message.facts.get("done") or message.facts.get("earlier")
    return f"{_happened(message)}{settled_text(done)}"


def settled_text(settled: Facts | None) -> str:
    """Say on a line of its own who settled what was asked, how and when; "" while it is open."""
    if not settled:
        return ""
    who = f"<@{settled['by']}>" if settled["by"] else "The app"
    when = moment(datetime.fromisoformat(settled["at"]))
    return f"\n{who} {one_line(settled['what'])} · {when}"


def _happened(message: Message) -> str:
    facts = {"xero_invoice_id": message.metadata.get("xero_invoice_id", "")} | message.facts
    if sentence := _SENTENCES.get(message.kind):
        return re.sub(r"\{(\w+)\}", lambda found: _said(found[1], facts), sentence)
    return _TEXTS[message.kind](facts)


def _said(name: str, facts: Facts) -> str:
    """Write a fact as a sentence has it, harmless whatever it holds."""
    if name == "invoice":
        return f"{_invoice(facts)}, {amount(facts, 'total')}"
    value = facts[name]
    if name == "count":
        return f"{counted(value, 'invoice')} {'was' if value == 1 else 'were'}"
    if name == "numbers":
        return _some([one_line(str(each)) for each in value], facts.get("count") or len(value))
    if name in {"by", "owner"}:
        return f"<@{value}>"
    if name in {"reason", "problem"}:
        return render(value)
    return moment(datetime.fromisoformat(value)) if name == "since" else one_line(str(value))


def _some(named: Sequence[str], count: int) -> str:
    """Name the first few of so many."""
    more = count - _MOST_NAMED
    return listed([*named[:_MOST_NAMED], f"{more} more"] if more > 0 else named)


def _invoice(facts: Facts) -> str:
    """Name an invoice with its client, as "INV-2041 (Lighthouse Coffee)"."""
    return f"{one_line(facts['number'])} ({one_line(facts['client'])})"


def amount(facts: Facts, name: str) -> str:
    """Write an amount of the facts with its currency."""
    value = facts.get(name)
    if not value:
        return "–"
    return escape(money.format_amount(Decimal(value), facts["currency"], facts["country"]))


def _exported(facts: Facts) -> str:
    state, edited = facts.get("state", "open"), edited_line(facts.get("edited_in") or [])
    said = [
        f"{'⚠️' if edited else _SIGNS.get(state, '✅')} *{_status(state, facts)}*",
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
    return "\n".join(filter(None, [" · ".join(said), edited]))


def _status(state: str, facts: Facts) -> str:
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
    when = ""
    if facts.get("exported_at"):
        when = f" · {moment(datetime.fromisoformat(facts['exported_at']))}"
    way = "Linked to the invoice in" if facts.get("is_linked") else "Exported to"
    said = [f"{way} {one_line(facts['organisation'])}{by}{when}"]
    if facts.get("approved_by"):
        when = moment(datetime.fromisoformat(facts["approved_at"]))
        said.append(f"Approved by <@{facts['approved_by']}> · {when}")
    if facts.get("number_left_out"):
        said.append(f"Number in Xero: {one_line(facts['xero_number'])}")
    if facts.get("xero_invoice_id"):
        said.append(f"ID in Xero: {one_line(facts['xero_invoice_id'])}")
    return said


def _what(facts: Facts) -> str:
    """Name what settled a part of the invoice; a credit is never called a payment."""
    if facts.get("kind") in {None, "payment"}:
        return f"The payment of {amount(facts, 'amount')}"
    return f"{one_line(facts.get('label') or 'A credit')} ({amount(facts, 'amount')})"


def _came(facts: Facts) -> str:
    """Say what came, for which invoice and of which day."""
    is_payment = facts.get("kind") in {None, "payment"}
    what = f"{amount(facts, 'amount')} received" if is_payment else f"{_what(facts)} applied"
    return f"*{what}* {'for' if is_payment else 'to'} {_invoice(facts)}, {_dated(facts)}"


def _day(facts: Facts, name: str) -> str:
    return day(date.fromisoformat(facts[name]), facts["country"])


def _dated(facts: Facts) -> str:
    return f"dated {_day(facts, 'paid_on')}"


def _received(facts: Facts) -> str:
    if facts.get("gone"):
        return f"⚠️ {_came(facts)}. The invoice is gone from Paymo, so Paymo didn't record it."
    if facts.get("asked"):
        said = f"⚠️ {_came(facts)}. *Paymo didn't record it.* {render(facts['asked'])}"
        return " ".join(filter(None, [said, _reminder(facts)]))
    if facts.get("waits"):
        said = f"⚠️ {_came(facts)}. *Paymo hasn't recorded it yet.* We'll keep trying."
        return f"{said} {_reminder(facts)}"
    if facts.get("changed_from"):
        return f"💰 {_changed(facts)}. {_left(facts)}"
    warned = _reminder(facts, "Paymo doesn't record it, and")
    return " ".join(filter(None, [f"💰 {_came(facts)}.", _left(facts), _short(facts), warned]))


def _changed(facts: Facts) -> str:
    """Say what was edited in Xero: the amount, the day, or nothing that Paymo has."""
    before, now = amount(facts, "changed_from"), amount(facts, "amount")
    what = f"Changed in Xero from {before} to {now}" if before != now else f"{now} changed in Xero"
    is_moved = facts.get("dated_before", facts["paid_on"]) != facts["paid_on"]
    instead = f" instead of {_day(facts, 'dated_before')}" if is_moved else ""
    return f"*{what}* for {_invoice(facts)}, {_dated(facts)}{instead}"


def _reminder(facts: Facts, said: str = "Until it does, Paymo") -> str:
    """Warn that the client may be reminded of what is paid, and when."""
    if not facts.get("may_remind"):
        return ""
    when = f" on {_day(facts, 'reminds_on')}" if facts.get("reminds_on") else ""
    if not when and facts.get("due_on"):
        when = f", due {_day(facts, 'due_on')}"
    return f"{said} may still remind the client about this invoice{when}."


def _short(facts: Facts) -> str:
    """Say by how much the copy in Paymo is not what Xero has, and why."""
    short, over = facts.get("short_by"), facts.get("over_by")
    if facts.get("is_rounding"):
        rounded = amount(facts, "short_by" if short else "over_by")
        return f"The difference of {rounded} is Xero's rounding."
    if over:
        more = amount(facts, "over_by")
        return f"Paymo has {more} more: the difference that somebody accepted after the export."
    said = "Paymo recorded {} less: it doesn't accept more than is open."
    return said.format(amount(facts, "short_by")) if short else ""


def _left(facts: Facts) -> str:
    left = "" if facts.get("is_paid") else f"{amount(facts, 'left')} of {amount(facts, 'total')}"
    return f"{left} left." if left else "Paid in full."


def _removed(facts: Facts) -> str:
    about = f"{_invoice(facts)}, {_dated(facts)}"
    if facts.get("by_person_in_paymo"):
        return f"⚠️ *{_what(facts)} was deleted in Paymo:* {about}. It stays in Xero."
    if facts.get("is_stuck"):
        return (
            f"⚠️ *{_what(facts)} was removed in Xero:* {about}. It still counts in Paymo: we tried "
            "for a day to delete it there. Delete it by hand."
        )
    return (
        f"🗑️ *{_what(facts)} was removed* in Xero and in Paymo: {about}. "
        f"{amount(facts, 'left')} is outstanding again."
    )


def _ended(what: str, facts: Facts) -> str:
    invoice = f"{_invoice(facts)}, {amount(facts, 'total')}"
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
        said.append(f"Somebody entered payments of {amount(facts, 'hand_typed')} in Paymo by hand.")
    if facts.get("cuts"):
        said.append(
            f"Deleting it in Paymo cuts it off from {escape(facts['cuts'])}, which can "
            "then be billed again. Voiding it keeps them together."
        )
    return " ".join([*said, "Paymo keeps it until somebody decides."])


def _made_again(facts: Facts) -> str:
    lost = [f"• {one_line(each)}" for each in (facts.get("lost") or "").split("\n") if each]
    kept = [render(facts["kept"])] if facts.get("kept") else []
    said = (
        f"✅ <@{facts['by']}> restored {_invoice(facts)}, {amount(facts, 'total')}, in Paymo with "
        f"{listed(['its lines', 'taxes', 'payments', *kept])}."
    )
    return "\n".join([said, *lost])


def _caught_up(facts: Facts) -> str:
    nouns = {"payments": "payment", "removals": "removed payment", "deletions": "deletion"}
    said = listed([counted(facts[each], noun) for each, noun in nouns.items() if facts[each]])
    organisation = one_line(facts["organisation"])
    return f"💰 Catching up: {said} from {organisation}. Each has its own notification."


def drift_text(facts: Facts) -> str:
    """Say what differs, or that it does not any more, or that somebody updated Xero."""
    invoice, organisation = _invoice(facts), one_line(facts["organisation"])
    differences = facts.get("differences") or []
    if facts.get("by"):
        return (
            f"✅ <@{facts['by']}> updated {invoice} in {organisation} to match Paymo.\n"
            f"{_listed(facts)}"
        ).rstrip()
    side = one_line(facts["side"])
    if facts.get("is_shared"):
        return f"✅ {invoice} was changed the same way in Paymo and in Xero. Both agree again."
    if not differences:
        return f"✅ In {side}, {invoice} is back to how it was exported."
    if [name for name, _, _ in differences] == [_ROUNDING] and not facts.get("more"):
        by = _value(differences[0][2], facts)
        return (
            f"{invoice} is rounded by {by} in {organisation}. Paymo keeps its own total, and "
            "still records payments."
        )
    verb = "edited in Paymo" if side == "Paymo" else "changed in Xero"
    said = f"⚠️ {invoice} was *{verb}* after its export to {organisation}.\n{_listed(facts)}"
    other = "Xero" if side == "Paymo" else "Paymo"
    return f"{said}\n{other} stays as it is. {render(facts.get('advice', ''))}".rstrip()


def edited_line(sides: list[str]) -> str:
    """Say in a line of the invoice's card where it was edited since, or nothing."""
    if not sides:
        return ""
    verbs = {"Paymo": "edited in Paymo", "Xero": "changed in Xero"}
    said = " and ".join(verbs[each] for each in sides if each in verbs)
    return f"It was {said} after its export, so the two differ."


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


def _batch(facts: Facts) -> str:
    """Sum up what a batch exported."""
    sums = [
        escape(money.format_amount(Decimal(each), currency, facts["country"]))
        for currency, each in facts["sums"].items()
    ]
    by, organisation = f"<@{facts['by']}>", one_line(facts["organisation"])
    numbers = _some([one_line(each) for each in facts["numbers"]], facts["count"])
    failed = f" {facts['failed']} failed." if facts["failed"] else ""
    what = f"✅ *{counted(facts['count'], 'invoice')} exported* to {organisation} by {by}"
    return f"{what}: {listed(sums)}.\n{numbers}.{failed}"


_TEXTS: dict[NoticeKind, Callable[[Facts], str]] = {
    NoticeKind.INVOICE_EXPORTED: _exported,
    NoticeKind.BATCH_EXPORTED: _batch,
    NoticeKind.PAYMENT_RECEIVED: _received,
    NoticeKind.PAYMENT_REMOVED: _removed,
    NoticeKind.INVOICE_DELETED: partial(_ended, "deleted"),
    NoticeKind.INVOICE_VOIDED: partial(_ended, "voided"),
    NoticeKind.INVOICE_RESTORED: _made_again,
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
