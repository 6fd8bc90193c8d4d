"""Who did what, and what clients owe, in sentences."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from handlers import blocks
from handlers.blocks import day, escape, moment, one_line, render_line, shorten
from handlers.buttons import UNDO_MEANS
from handlers.export.text import check_line
from services.explain.findings import Finding
from services.explain.service import Explanation
from services.history.service import Done, History, Owed, OwedInvoice
from services.mapping.checks import reds
from services.model.export import NEW_CONTACT, Check, Colour
from services.model.notice import AGES
from services.model.wording import counted, listed, some_of

_APP = "paymo-xero"
_MOST_CHARACTERS = 300
FILE_HOLDS = "The file has every entry with all its details. Only you get it."
NO_NUMBER = "Type the invoice's number too, such as /paymo-xero {verb} INV-1."
_MOST_DETAILS = 8
_ARROW = "→"
# `{it}` stands for the invoice, `{organisation}` for Xero's; what else is in braces is in `_more`.
SENTENCES = {
    "paymo_connected": "connected Paymo",
    "xero_connected": "connected Xero",
    "organisation_confirmed": "confirmed {organisation} as the Xero organisation",
    "reconnected": "reconnected Paymo and Xero",
    "released": "queued {it} again, because nothing stops it any more",
    "disconnected": "disconnected Paymo and Xero",
    "app_removed": "disconnected Paymo and Xero, because the app was removed from Slack",
    "settings_changed": "changed the settings{changes}",
    "access_given": "made {people} {role}",
    "access_declined": "declined a request from {people}",
    "owner_changed": "made {owner} the owner",
    "matched": "matched {match}",
    "subscribed": "set up notifications in {channel}",
    "unsubscribed": "stopped notifications in {channel}",
    "exported": "{exported} {it}{as_status}{order}",
    "relinked": "linked {it} with Xero again",
    "export_failed": "tried to export {it}, but it failed{order}",
    "approval_asked": "asked for approval to export {it}",
    "export_approved": "approved the export of {it}",
    "export_cancelled": "cancelled the export of {it}",
    "auto_export_asked": "didn’t export {it} automatically{reason}",
    "auto_export_paused": "paused automatic export",
    "tax_overridden": "exported {it} although the tax differs{taxes}",
    "contact_merged": "used the merged contact for {it}",
    "batch_confirmed": "started a batch export",
    "batch_exported": "finished a batch export{batch}",
    "batch_noted": "added notes to the batch's invoices in Xero",
    "difference_accepted": "accepted the difference of {difference} on {it}",
    "drifted": "found a change in {side} since {it} was exported{changes}",
    "drift_ended": "found {it} the same in Paymo and Xero again",
    "updated_in_xero": "updated {it} in Xero{changes}",
    "update_refused": "tried to update {it} in Xero, but it failed{reason}",
    "undone": "undid the export of {it}: {how} in Xero",
    "undo_refused": "tried to undo the export of {it}, but it failed{reason}",
    "restored": "restored {it} in Paymo",
    "restore_refused": "tried to restore {it} in Paymo, but it failed{reason}",
    "payment_received": "saw a payment of {amount} on {it} in Xero{recorded}",
    "payment_removed": "saw a payment of {amount} removed from {it}",
    "payment_brought_back": "recorded a payment on {it} in Paymo after all",
    "invoice_deleted": "saw {it} deleted in {place}{then}",
    "invoice_voided": "saw {it} voided in Xero{then}",
    "deletion_confirmed": "deleted {it} in Paymo too",
    "void_chosen": "voided {it} in Paymo instead",
    "breaker_applied": "let Paymo follow Xero for {it}",
    "breaker_kept": "kept {it} in Paymo",
}
_STATUSES = {"AUTHORISED": " as Approved", "DRAFT": " as Draft"}
_ROLES = {"viewer": "a viewer", "exporter": "an exporter", "owner": "the owner"}
_THEN = {
    "deleted": ", and deleted it in Paymo",
    "void": ", and voided it in Paymo",
    "asked": ", and asked what to do in Paymo",
}
_SETTINGS = {
    "exporters": "exporters",
    "viewers": "viewers",
    "channel_viewers": "viewers in subscribed channels",
    "xero_status": "status in Xero",
    "void_means": "after voiding in Xero",
    "credits": "credits",
    "auto_export": "automatic export",
    "attach_pdf": "attached PDF",
    "approve_above": "approval above",
    "untaxed": "tax rate for lines without tax",
}
_VALUES = {
    "AUTHORISED": "Approved",
    "DRAFT": "Draft",
    "void": "void in Paymo",
    "delete": "delete in Paymo",
    "record": "record in Paymo",
    "notify": "notifications only",
}
_PEOPLE = {"exporters", "viewers", "owner", "people"}
_SIGNS = {Colour.GREEN: "✅", Colour.AMBER: "⚠️", Colour.RED: "⛔"}

WHICH_CLIENT = "Type the client's name too, such as `/paymo-xero client Acme`."
WHICH = "Type the invoice's number too, such as `/paymo-xero why INV-1`."


_OVERDUE = ("More than 60 days overdue", "31 to 60 days overdue", "Up to 30 days overdue")
_MOST = 8  # invoices that are named in one group
_LONGEST_NAME = 60


def file_text(found: History) -> str:
    """Say what the file holds."""
    about = one_line(found.number or found.organisation)
    return f"History of {about}: {counted(found.total, 'row')}."


def undo_question(number: str, client_name: str) -> str:
    """Ask before an export is undone."""
    return f"Undo the export of {one_line(number)} ({one_line(client_name)})? {UNDO_MEANS}"


def history_text(found: History) -> str:
    """Say what is listed, and how much of it."""
    about = one_line(found.number or found.organisation)
    if not found.audit:
        return f"Nothing has happened with {about} yet."
    shown = len(found.audit)
    many = f": the newest {shown} of {found.total} entries" if found.total > shown else ""
    return f"*History of {about}*{many}"


def sentence_of(act: Done, found: History) -> str:
    """Say who did what, as people would: what only the log needs stays in the file."""
    who = f"<@{act.by}>" if act.by.isalnum() else _APP
    words = SENTENCES.get(act.what, escape(act.what.replace("_", " ")))
    named = one_line(act.number) if act.number else "an invoice"
    facts = _Facts(act, it="it" if found.number else named, organisation=found.organisation)
    return f"{who} {words.format_map(facts) if '{' in words else words}"


class _Facts(dict[str, str]):
    """What fills the braces of a sentence, made when it is asked for."""

    def __init__(self, act: Done, *, it: str, organisation: str) -> None:
        super().__init__(it=it, organisation=one_line(organisation))
        self.act = act

    def __missing__(self, name: str) -> str:
        return _FACTS[name](self.act)


def _kept(act: Done, name: str) -> str:
    return render_line(str(act.after.get(name) or "")) if act.after.get(name) else ""


def _money(act: Done) -> str:
    try:
        value = Decimal(str(act.after.get("amount", "")))
    except ArithmeticError:
        return "an amount"
    return blocks.amount(value, act.currency, act.country)


def _reason(act: Done) -> str:
    said = blocks.shorten(_kept(act, "reason"), _MOST_CHARACTERS)
    return f": {said.removesuffix('.')}" if said else ""


def _order(act: Done) -> str:
    by = str(act.after.get("on_order_of", ""))
    return f" automatically (turned on by <@{by}>)" if by.isalnum() else ""


def _taxes(act: Done) -> str:
    there, here = render_line(str(act.before.get("xero") or "")), _kept(act, "paymo")
    return f": {here} in Paymo, {there} in Xero" if here and act.before.get("xero") else ""


def _batch(act: Done) -> str:
    exported, failed = act.after.get("exported"), act.after.get("failed")
    return f": {exported} exported, {failed} failed" if isinstance(exported, int) else ""


def _changes(act: Done) -> str:
    """Write what changed as `name before → after`; what stayed is left out."""
    names = dict.fromkeys([*act.before, *act.after])
    said = [
        f"{_SETTINGS.get(name) or escape(name.replace('_', ' '))} "
        f"{_change(name, act.before.get(name), act.after.get(name))}"
        for name in names
        if name != "side" and act.before.get(name) != act.after.get(name)
    ]
    more = f" and {len(said) - _MOST_DETAILS} more" if len(said) > _MOST_DETAILS else ""
    shown = blocks.shorten(", ".join(said[:_MOST_DETAILS]), _MOST_CHARACTERS)
    return f": {shown}{more}" if shown else ""


def _change(name: str, before: Any, after: Any) -> str:
    """Of a list say who came and who went: of many people the first are the same ones."""
    if not isinstance(before, list) or not isinstance(after, list):
        return f"{_value(name, before)} {_ARROW} {_value(name, after)}"
    ways = (("added", after, before), ("removed", before, after))
    moved = [
        (way, [_value(name, each) for each in some if each not in rest]) for way, some, rest in ways
    ]
    return ", ".join(f"{way} {some_of(those)}" for way, those in moved if those) or "reordered"


def _value(name: str, value: Any) -> str:
    """Write a value on one line; people as Slack shows them."""
    if isinstance(value, list):
        return " ".join(_value(name, each) for each in value[:_MOST_DETAILS]) or "none"
    text = str(value or "")
    if name in _PEOPLE and text.isalnum():
        return f"<@{text}>"
    return render_line(_VALUES.get(text, text)) if text else "none"


def _person(act: Done, name: str) -> str:
    return _value(name, act.after[name]) if act.after.get(name) else "somebody"


def _match(act: Done) -> str:
    """Say which client goes where now, and with which contact it was before."""
    client, contact, account = (_kept(act, each) for each in ("client", "contact", "account"))
    to = [f"the contact {contact}"] if contact else []
    to += ["a new contact"] if act.after.get("contact_id") == NEW_CONTACT else []
    to += [f"the account {account}"] if account else []
    former = render_line(str(act.before["contact"])) if act.before.get("contact") else ""
    said = f"{client or 'a client'}{f' with {listed(to)}' if to else ''}"
    return f"{said}, no longer with {former}" if former else said


def _channel(act: Done) -> str:
    channel_id = str(act.after.get("channel_id", ""))
    return blocks.channel(channel_id) if channel_id.isalnum() else "a channel"


_FACTS: dict[str, Callable[[Done], str]] = {
    "exported": lambda act: "linked" if act.after.get("is_linked") else "exported",
    "as_status": lambda act: (
        " to the invoice in Xero"
        if act.after.get("is_linked")
        else _STATUSES.get(str(act.after.get("status", "")), "")
    ),
    "order": _order,
    "reason": _reason,
    "taxes": _taxes,
    "batch": _batch,
    "changes": _changes,
    "channel": _channel,
    "match": _match,
    "amount": _money,
    "people": lambda act: _person(act, "people"),
    "owner": lambda act: _person(act, "owner"),
    "role": lambda act: _ROLES.get(str(act.after.get("role", "")), "a viewer"),
    "difference": lambda act: _kept(act, "difference") or "the totals",
    "side": lambda act: _kept(act, "side") or "Paymo",
    "how": lambda act: _kept(act, "how") or "ended",
    "recorded": lambda act: (
        ", and recorded it in Paymo" if act.after.get("state") == "recorded" else ""
    ),
    "place": lambda act: (
        "Paymo; it's still in Xero" if act.after.get("in_paymo") == "gone_in_paymo" else "Xero"
    ),
    "then": lambda act: _THEN.get(str(act.after.get("in_paymo", "")), ""),
}


def as_json(value: dict[str, Any]) -> str:
    """Write before or after for a file, everything in it."""
    if not value:
        return ""
    said = {
        name: blocks.render_plain(each) if isinstance(each, str) else each
        for name, each in value.items()
    }
    return json.dumps(said, ensure_ascii=False, sort_keys=True, default=str)


def why_text(found: Explanation) -> str:
    """Say which invoice this is, and first what keeps it where it is."""
    client = f" · {one_line(found.client_name)}" if found.client_name else ""
    head = f"*{one_line(found.number)}{client}*"
    return "\n".join([head, *(cause_line(each) for each in causes(found)[:1])])


def causes(found: Explanation) -> list[Check | Finding]:
    """Return what needs somebody, first what to fix; without any of it, how the export went."""
    worst: list[Check | Finding] = [*reds(found.checks)]
    worst += [
        each
        for colour in (Colour.RED, Colour.AMBER)
        for each in (found.export, *found.findings)
        if each.colour is colour
    ]
    return worst or [found.export]


def cause_line(cause: Check | Finding) -> str:
    """Say what to fix, or one thing that is known and what it rests on."""
    if isinstance(cause, Check):
        return check_line(cause)
    return f"{_SIGNS[cause.colour]} {fine_line(cause)}"


def fine_line(finding: Finding) -> str:
    """Say it without a mark; a dot in front of what it rests on stands for the full stop."""
    rests_on = [f"{word} <@{user_id}>".strip() for word, user_id in finding.people if user_id]
    rests_on += [f"{word} {moment(at)}" for word, at in finding.times]
    text = render_line(finding.text)
    said = f"*{finding.name}:* {text.removesuffix('.') if rests_on else text}"
    return " · ".join([said, *rests_on])


def overdue_text(found: Owed) -> str:
    """Say who owes how much, the longest first."""
    late = [each for each in found.open if each.days_late > 0]
    rest = [each for each in found.open if each.days_late <= 0]
    where = f"in {one_line(found.organisation)}"
    if not found.open:
        return f"✅ Nothing is owed on invoices exported to {one_line(found.organisation)}."
    not_due = f"{counted(len(rest), 'invoice')} not due yet: {_sums(rest, found.country)}."
    if not late:
        return f"✅ *No exported invoice is overdue* {where}.\n{not_due}"
    count = counted(len(late), "exported invoice")
    lines = [f"⚠️ *{_sums(late, found.country)} overdue* {where}, {count}."]
    for name, group in _by_age(late):
        lines += [f"*{name}:* {_sums(group, found.country)}", *_lines(group, found.country)]
    return "\n".join([*lines, *([not_due] if rest else [])])


def client_text(found: Owed) -> str:
    """Say what one client owes, and what it has paid."""
    name, where = one_line(found.client), one_line(found.organisation)
    if not found.open and not found.paid:
        return f"*{name}* has no approved exported invoices in {where}."
    lines = [f"*{name}* owes nothing on invoices exported to {where}."]
    if found.open:
        lines = [
            f"*{name}* owes {_sums(found.open, found.country)} on invoices exported to {where}.",
            *_lines(found.open, found.country),
        ]
    if found.paid:
        paid = counted(len(found.paid), "invoice")
        lines += [f"*Paid:* {paid}", *_lines(found.paid, found.country)]
    return "\n".join(lines)


def _by_age(late: Sequence[OwedInvoice]) -> list[tuple[str, list[OwedInvoice]]]:
    groups: dict[str, list[OwedInvoice]] = {name: [] for name in _OVERDUE}
    for each in late:
        age = next(nth for nth, least in enumerate(AGES) if each.days_late > least)
        groups[_OVERDUE[age]].append(each)
    return [(name, group) for name, group in groups.items() if group]


def _lines(invoices: Sequence[OwedInvoice], country: str) -> list[str]:
    lines = [_line(each, country) for each in invoices[:_MOST]]
    more = len(invoices) - _MOST
    return [*lines, f"• {more} more"] if more > 0 else lines


def _line(invoice: OwedInvoice, country: str) -> str:
    is_open = invoice.left > 0
    worth = invoice.left if is_open else invoice.total
    amount = blocks.amount(worth, invoice.currency, country)
    said = [f"• {_name(invoice.number)}", _name(invoice.client), amount]
    if invoice.due_on is not None and is_open:
        late = counted(invoice.days_late, "day")
        by = f", overdue by {late}" if invoice.days_late > 0 else ""
        said.append(f"due {day(invoice.due_on, country)}{by}")
    return " · ".join(said)


def _sums(invoices: Sequence[OwedInvoice], country: str) -> str:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for each in invoices:
        sums[each.currency] += each.left
    return listed([blocks.amount(total, name, country) for name, total in sorted(sums.items())])


def _name(text: str) -> str:
    return shorten(one_line(text), _LONGEST_NAME)
