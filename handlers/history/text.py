"""Who did what, in sentences."""

import json
from typing import Any

from handlers import blocks
from handlers.blocks import escape, moment, one_line, render_line
from services.explain.findings import Finding
from services.explain.service import Explanation
from services.history.service import Done, History
from services.model.export import Colour

_APP = "The app"
_MOST_CHARACTERS = 300
_MOST_DETAILS = 8
_ARROW = "→"
# `{it}` stands for the invoice, `{organisation}` for the books in Xero.
SENTENCES = {
    "paymo_connected": "connected Paymo",
    "xero_connected": "connected Xero",
    "organisation_confirmed": "confirmed that {organisation} is the right organisation",
    "reconnected": "connected the same two again",
    "released": "queued {it} again, since what had stopped it was answered",
    "disconnected": "ended the connection",
    "app_removed": "ended the connection, since the app was taken out of Slack",
    "settings_changed": "changed the settings",
    "access_given": "gave somebody access",
    "access_declined": "declined a request for access",
    "owner_changed": "changed the owner",
    "matched": "matched a client",
    "subscribed": "let a channel hear of events",
    "unsubscribed": "let a channel hear of nothing more",
    "exported": "exported {it} to {organisation}",
    "export_failed": "tried to export {it}, which was refused",
    "export_cancelled": "left {it} as it is, not exported",
    "auto_export_asked": "asked about {it} instead of exporting it by itself",
    "auto_export_paused": "stopped exporting by itself",
    "tax_overridden": "exported {it} although the tax differs",
    "contact_merged": "followed a contact that was merged in Xero, for {it}",
    "batch_confirmed": "confirmed an export of many invoices",
    "batch_exported": "finished an export of many invoices",
    "batch_noted": "wrote notes about an export of many invoices into Xero's own history",
    "difference_accepted": "accepted the difference of {it} in Xero",
    "drifted": "noticed that {it} changed after its export",
    "drift_ended": "noticed that {it} is the same on both sides again",
    "updated_in_xero": "updated {it} in Xero",
    "update_refused": "wanted to update {it} in Xero, which was refused",
    "undone": "took the export of {it} back",
    "undo_refused": "wanted to take the export of {it} back, which was refused",
    "restored": "made {it} again in Paymo",
    "restore_refused": "wanted to make {it} again in Paymo, which was refused",
    "payment_received": "recorded in Paymo a payment that {it} got in Xero",
    "payment_removed": "followed a payment of {it} that went away",
    "payment_brought_back": "had a payment of {it} recorded in Paymo after all",
    "invoice_deleted": "followed the deletion of {it}",
    "invoice_voided": "followed the voiding of {it} in Xero",
    "deletion_confirmed": "had {it} deleted in Paymo too",
    "void_chosen": "had {it} voided in Paymo instead",
    "breaker_applied": "let Paymo follow Xero, though many went at once, with {it}",
    "breaker_kept": "kept {it} in Paymo",
}
_PEOPLE = {"exporters", "viewers", "owner", "people"}
_LABELS = {
    "xero_invoice_id": "ID in Xero",
    "xero_payment_id": "payment ID in Xero",
    "xero_number": "number in Xero",
    "xero_status": "status in Xero",
    "in_paymo": "in Paymo",
    "client_id": "client in Paymo",
    "contact_id": "contact in Xero",
    "account_id": "account in Xero",
    "channel_id": "channel",
    "void_means": "void means",
    "exporters": "may export",
    "viewers": "may ask",
    "channel_viewers": "subscribed channels may ask",
    "problem": "reason",
}

_SIGNS = {Colour.GREEN: "✅", Colour.AMBER: "⚠️", Colour.RED: "⛔"}

NO_FILE = (
    "⛔ Slack did not take the file. If the app was installed before it sent files, install it "
    "again from its page."
)
WHICH = "Say which invoice: `/paymo-xero why INV-1`."


def history_text(found: History) -> str:
    """Say what is listed, and how much of it."""
    about = f"invoice {one_line(found.number)}" if found.number else one_line(found.organisation)
    if not found.audit:
        return f"Nothing was done yet with {about}."
    shown = len(found.audit)
    many = (
        f"the newest {shown} of {found.total} acts"
        if found.total > shown
        else blocks.counted(shown, "act")
    )
    return f"*What was done with {about}:* {many}, the newest first."


def sentence_of(act: Done, organisation: str) -> str:
    """Say who did what, and what changed by it."""
    who = f"<@{act.by}>" if act.by.isalnum() else _APP
    it = f"invoice {one_line(act.number)}" if act.number else "an invoice"
    words = SENTENCES.get(act.what, escape(act.what.replace("_", " ")))
    said = words.format(it=it, organisation=one_line(organisation)) if "{" in words else words
    details = changes(act)
    return f"{who} {said}{': ' if details else ''}{details}."


def changes(act: Done) -> str:
    """Write what changed as `name before → after`; what stayed, and what is long, is left out."""
    before = act.before if len(act.before) <= _MOST_DETAILS else {}
    names_of = [*act.after, *(name for name in before if name not in act.after)]
    said = [
        _change(name, before, act.after)
        for name in names_of
        if before.get(name) != act.after.get(name)
    ]
    return blocks.shorten(", ".join(each for each in said if each), _MOST_CHARACTERS)


def _change(name: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    label = _LABELS.get(name, escape(name.replace("_", " ")))
    if name not in before:
        value = _value(name, after.get(name))
        return f"{label} {value}" if value else ""
    return f"{label} {_value(name, before[name]) or 'none'} {_ARROW} " + (
        _value(name, after.get(name)) or "none"
    )


def _value(name: str, value: Any) -> str:
    """Write a value on one line; people and channels as Slack shows them."""
    if isinstance(value, list):
        return " ".join(_value(name, each) for each in value[:_MOST_DETAILS])
    if value is None or value == "" or isinstance(value, dict):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    if name in _PEOPLE and text.isalnum():
        return f"<@{text}>"
    if name == "channel_id" and text.isalnum():
        return blocks.channel(text)
    return render_line(text)


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
    """Say which invoice this is, and how far its export has come."""
    client = f" of {one_line(found.client_name)}" if found.client_name else ""
    head = f"*Invoice {one_line(found.number)}{client}*, for {one_line(found.organisation)}"
    return f"{head}\n{finding_line(found.export)}"


def finding_line(finding: Finding) -> str:
    """Say one thing that is known, and what it rests on."""
    rests_on = [f"{word} <@{user_id}>".strip() for word, user_id in finding.people]
    rests_on += [f"{word} {moment(at)}" for word, at in finding.times]
    shown = f" _({', '.join(rests_on)})_" if rests_on else ""
    return f"{_SIGNS[finding.colour]} *{finding.name}:* {render_line(finding.text)}{shown}"
