"""The sentences of the settings, and of what people are sent: the welcome, roles, approvals."""

from collections.abc import Iterator
from datetime import date

from handlers import blocks
from handlers.blocks import day, one_line, render
from handlers.routing import Body
from services.model.people import Option, Role
from services.settings.service import SettingsForm

WHAT_IT_IS = (
    "paymo-xero exports invoices from Paymo to Xero, and brings payments and deletions back."
)
_WELCOME = "👋 *Welcome to paymo-xero.*"
_BEGIN = "Connect Paymo and Xero to export your first invoice."
_BEGIN_MEANS = (
    "It takes a minute: a Paymo API key and a visit to Xero. Nothing is exported until you say so."
)
ROLES = (
    Option(Role.VIEWER.word, "As viewer", "Can see invoices and payments"),
    Option(Role.EXPORTER.word, "As exporter", "Can also export, undo, match and sync"),
)
# How an invoice arrives in Xero: asked in the export form, too.
STATUSES = (
    Option("AUTHORISED", "Approved", "Xero takes payments on it"),
    Option("DRAFT", "Draft", "Somebody approves it in Xero first"),
)
VOID = (
    Option("void", "Void in Paymo", "The same as in Xero, and it can be undone"),
    Option("delete", "Delete in Paymo", "The same as when it’s deleted in Xero"),
)
CREDITS = (
    Option("record", "Record in Paymo", "As a payment that names the credit"),
    Option("notify", "Only notify channels", "The invoice stays open in Paymo"),
)
AUTO = (
    Option("off", "Off", "A person exports each invoice"),
    Option("on", "On", "Three failures in a row turn it off"),
)
PDF = (
    Option("off", "Off", "Only the invoice goes to Xero"),
    Option("on", "On", "Needs one more permission in Xero"),
)
CHANNELS = (
    Option(
        "on",
        "People in subscribed channels",
        "In those channels only, where they read notifications anyway",
    ),
    Option("off", "Nobody else", "Only the owner, exporters and viewers"),
)
HAND_OVER_ON_SAVE = "When you save, this person becomes the owner. Only they can give it back."
HAND_OVER = "They'll be in charge of settings, roles and the connection. You stay an exporter."
AUTO_HINT = (
    "Exports each invoice sent in Paymo from now on, if every check passes and the client is "
    "already matched. We ask about the rest in your channels."
)
VIEWERS_HINT = "They can look up invoices anywhere in Slack, but can't export or change anything."
OWNER_HINT = "Choose somebody else to hand over. You stay an exporter."
EXPORTERS_HINT = "They can also match clients and press the buttons under notifications."
_NOT_YOU = "You can't approve it any more, because your role or the export has changed."
APPROVE_HINT = (
    "Above this amount, another exporter has to press Approve. Other currencies always need "
    "approval. Leave it empty to turn this off."
)
UNTAXED_HINT = "Xero has several 0% rates. Lines that have no tax in Paymo get this one."
SAVED = "✅ The settings are saved."
ONE_MORE = (
    f"{SAVED} To attach the PDF, the app needs one more permission in Xero. "
    "Press *Connect Xero* and allow it for the same organisation. Until then, invoices go without "
    "it."
)


def welcome_text(facts: Body) -> str:
    """Say to whoever comes first what this is, and how to begin, unless somebody has."""
    if facts.get("done"):
        return f"{_WELCOME}\n{WHAT_IT_IS}"
    return f"{_WELCOME} {_BEGIN}\n{WHAT_IT_IS}\n{_BEGIN_MEANS}"


def heading_text(form: SettingsForm) -> str:
    """Say whose settings these are."""
    return f"Settings of {one_line(form.organisation)}. Only <@{form.owner_id}> can change them."


def access_asked_text(facts: Body) -> str:
    """Tell the owner who asks for what."""
    by, pair = f"<@{facts['by']}>", _pair(facts)
    if facts["role"] == Role.OWNER.word:
        return (
            f"🔑 {by} asks to become the owner of {pair}. If you don't answer within seven days, "
            "they can take over by connecting Xero again."
        )
    return f"🔑 {by} asks for access to {pair}. Choose a role, then press *Allow*."


def answered_text(facts: Body) -> str:
    """Tell whoever asked what the owner said."""
    given, pair, owner = facts["given"], _pair(facts), f"<@{facts['owner']}>"
    if facts.get("is_undelivered"):
        what = "to hand over" if facts["is_handover"] else "for access to"
        how = (
            "If they don't answer within seven days, you can take over by connecting Xero again."
            if facts["is_handover"]
            else "Ask them yourself. If they have left, an exporter can become the owner, or "
            "whoever runs the app can name another one."
        )
        return f"⛔ Slack can't deliver your request {what} {pair} to {owner}. {how}"
    if not given:
        what = "to hand over" if facts["is_handover"] else "your request for access to"
        return f"🔑 {owner} declined {what} {pair}."
    may = {
        Role.VIEWER.word: "You can ask about invoices: type `/paymo-xero show INV-1`.",
        Role.EXPORTER.word: "You can export: type `/paymo-xero export`.",
        Role.OWNER.word: "You're in charge of settings, roles and the connection.",
    }
    a = {Role.VIEWER.word: "a viewer", Role.EXPORTER.word: "an exporter"}.get(given, "the owner")
    return f"✅ You are now {a} of {pair}. {may[given]}"


def owner_text(facts: Body) -> str:
    """Tell the new and the former owner who owns a connection now."""
    former, owner = f"<@{facts['former']}>", f"<@{facts['owner']}>"
    why = {
        "given": f"{former} handed it over.",
        "taken": f"{former} didn't answer for seven days, and {owner} connected Xero again.",
        "ordered": "Whoever runs paymo-xero decided this.",
    }[facts["by_way"]]
    return f"🔑 {owner} is now the owner of {_pair(facts)}. {why} {former} stays an exporter."


def approval_asked_text(facts: Body) -> str:
    """Show the second person everything that Xero would be sent."""
    who = f"<@{facts['by']}> wants" if facts["by"] else "Automatic export wants"
    invoice = f"*invoice {one_line(facts['number'])}* · {one_line(facts['client'])}"
    head = (
        f"⚠️ {who} to export {invoice} · {_worth(facts, facts['total'])} to "
        f"{one_line(facts['organisation'])}."
    )
    no_more = [] if facts.get("may_answer", True) else [_NOT_YOU]
    return "\n".join([head, *_approval_lines(facts), render(facts["reason"]), *no_more])


def _approval_lines(facts: Body) -> Iterator[str]:
    """Yield what is to be approved, a line for each fact."""
    if facts.get("changed_by"):
        yield f"<@{facts['changed_by']}> changed it last."
    if facts.get("links_to"):
        yield "No new invoice: it's linked to the one in Xero with this number."
    new = " (new in Xero)" if facts.get("is_new_contact") else ""
    yield f"Contact: {one_line(facts['contact'])}{new}"
    tax, status = _worth(facts, facts["tax"]), status_name(facts["xero_status"])
    yield f"Account: {one_line(facts['account'])} · tax {tax} · as *{status}*"
    days = (("Dated", facts["dated"]), ("due", facts["due"]))
    said = [f"{word} {day(date.fromisoformat(on), facts['country'])}" for word, on in days if on]
    if said:
        yield ", ".join(said)
    for description, worth in facts["lines"]:
        yield f"• {one_line(description)}: {_worth(facts, worth)}"
    if facts.get("more_lines"):
        yield f"• and {facts['more_lines']} more"
    if facts.get("without_number"):
        yield "It goes to Xero without its number."
    if facts.get("override_tax"):
        yield "Its tax differs from the account's tax in Xero."


def status_name(xero_status: str) -> str:
    """Write the status an invoice arrives with the way Xero's own pages do."""
    return "Draft" if xero_status == "DRAFT" else "Approved"


def _worth(facts: Body, amount: str) -> str:
    return blocks.amount(amount, facts["currency"], facts["country"])


def _pair(facts: Body) -> str:
    return f"*{one_line(facts['company'])}* in Paymo → *{one_line(facts['organisation'])}* in Xero"
