"""The sentences about connecting, disconnecting and syncing."""

from handlers import blocks
from handlers.blocks import one_line
from services.connect.checklists import Checklist, Farewell
from services.model.connection import ConnectionState, Organisation
from services.model.wording import counted, some_of
from services.money import country_name
from services.sync.run import Swept
from services.sync.service import Asked

READ = (
    "*We read* from Paymo: the company's name, clients, invoices and payments. From Xero: the "
    "organisation's name, contacts, accounts, tax rates, currencies, invoices and payments."
)
WRITTEN = (
    "*We write* to Xero: the invoices that you export and the contacts that you add. To Paymo: "
    "payments and deletions made in Xero. Nothing else moves."
)
_SIGN_IN = "Sign in to Xero first and we'll find your account."
CHANNEL = "3. Where should notifications go?"
CHANNEL_MEANS = (
    "Exports, payments, deletions and failures. Type /paymo-xero subscribe in other channels to "
    "add them."
)

TOO_EARLY = "*Not finished yet.* Open the form again, and connect Paymo and Xero first."
FIRST = "*Not finished yet.* Connect Paymo and Xero with the buttons below, then press *Finish*."
READY = "✅ Paymo and Xero are connected. Type `/paymo-xero export` to export an invoice."
ENDING = "⏳ Disconnecting from Xero first. Then we delete all keys and tokens here."


def paymo_text(checklist: Checklist) -> str:
    """Say how the side of Paymo is, and what to do there."""
    company = one_line(checklist.company)
    if not checklist.paymo_link:
        return f"✅ *1. Paymo:* {company}"
    if checklist.broken_side == "Paymo":
        return f"⛔ *1. Paymo:* the API key of {company} no longer works."
    return "◻️ *1. Paymo:* paste an API key on our page. It never goes through Slack."


def xero_text(checklist: Checklist) -> str:
    """Say how the side of Xero is, and what to do there."""
    named = about(checklist.organisation)
    if not checklist.xero_link:
        confirm = "\nIf that's the right organisation, press *Confirm and Finish*."
        return f"✅ *2. Xero:* {named}{'' if checklist.is_confirmed else confirm}"
    if checklist.broken_side == "Xero":
        return f"⛔ *2. Xero:* the connection to {named} no longer works. {_SIGN_IN}"
    if checklist.takes_over:
        return f"🔑 *2. Xero:* reconnect {named} to become the owner. {_SIGN_IN}"
    return f"◻️ *2. Xero:* allow access. {_SIGN_IN}"


def farewell_lines(farewell: Farewell) -> list[str]:
    """Say what goes on each side, and what stays."""
    company, organisation = one_line(farewell.company), one_line(farewell.organisation)
    shared = "paymo-xero disappears from its connected apps."
    if farewell.others:
        named = blocks.escape(some_of(farewell.others))
        shared = f"Access stays for {named}: the same person in Xero allowed it."
    return [
        f"*First Xero:* we disconnect {organisation}. {shared}",
        f"*Then Paymo:* we delete our copy of {company}'s API key.",
        (
            f"*What stays:* {counted(farewell.exported, 'exported invoice')} in Paymo and Xero. "
            "If you connect the same two again, nothing is exported twice."
        ),
        "*What stops:* payments and deletions in Xero no longer reach Paymo.",
    ]


def ready_lines(channel_id: str) -> list[str]:
    """Say that everything is connected, and which channel is notified."""
    told = [f"Notifications go to {blocks.channel(channel_id)}."] if channel_id else []
    return [READY, *told]


def asked_text(asked: Asked) -> str:
    """Say what comes of asking for a sync."""
    name = blocks.one_line(asked.organisation)
    if asked.is_fresh:
        more = "If you've just changed something, sync again in a minute."
        return f"✅ {name} was synced a moment ago. {more}"
    if asked.held_until is not None:
        when = blocks.time_of(asked.held_until)
        return f"⏳ Xero limits how often we can sync {name}. The next sync is at {when}."
    return f"⏳ Still syncing {name}." if asked.is_under_way else f"⏳ Syncing {name} now."


def swept_text(swept: Swept) -> str:
    """Say what was found, or that there was nothing."""
    organisation = blocks.one_line(swept.organisation)
    counts = [
        (swept.payments, "recorded in Paymo", "payment"),
        (swept.removals, "removed from Paymo", "payment"),
        (swept.deletions, "deleted or voided in Paymo", "invoice"),
        (swept.held, "waiting for a decision", "deletion"),
    ]
    found = [f"{counted(count, noun)} {what}" for count, what, noun in counts if count]
    said = f"✅ {organisation} is in sync: {', '.join(found) or 'nothing new'}."
    if swept.problem:
        said = f"⚠️ {organisation}: {blocks.render(swept.problem)}\n{said if found else ''}"
    return said.strip()


def about(organisation: Organisation | None) -> str:
    """Describe an organisation so that nobody takes it for another one."""
    if organisation is None:
        return "not connected"
    demo = " · 🟨 demo company" if organisation.is_demo else ""
    return (
        f"{one_line(organisation.name)} · {one_line(country_name(organisation.country))} · "
        f"{one_line(organisation.currency)}{demo}"
    )


def connected_text(checklist: Checklist) -> str:
    """Say in a sentence how far connecting has come."""
    if checklist.state is not ConnectionState.ACTIVE:
        missing = "Xero" if checklist.xero_link else "Paymo"
        words = "connect another" if checklist.is_another else "connect"
        if checklist.xero_link and checklist.paymo_link:
            return f"Nothing is connected yet. Type /paymo-xero {words} for new links."
        return f"One side is connected. Type /paymo-xero {words} to connect {missing}."
    return (
        f"✅ {one_line(checklist.company)} in Paymo is connected with "
        f"{about(checklist.organisation)} in Xero. Type /paymo-xero export to begin."
    )
