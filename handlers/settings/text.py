"""What the owner, and whoever asked for access, are told."""

from handlers.blocks import one_line
from handlers.routing import Body
from services.model.people import Role

UNTAXED_HINT = "Xero has several rates of 0%. Lines that have no tax in Paymo get this one."
ONE_MORE = (
    "✅ The settings are saved. To attach the PDF, the app needs one more permission in Xero. "
    "Press *Connect Xero* and allow it for {organisation}. Until then invoices go without it."
)
GONE = "This button is too old. Type the command again."


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
    if not given:
        what = "to hand over" if facts["is_handover"] else "your request for access to"
        return f"🔑 {owner} declined {what} {pair}."
    may = {
        Role.VIEWER.word: "You can ask about invoices: type `/paymo-xero show INV-1`.",
        Role.EXPORTER.word: "You can export: type `/paymo-xero export`.",
        Role.OWNER.word: "You decide about settings, roles and connecting.",
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


def _pair(facts: Body) -> str:
    return f"*{one_line(facts['company'])}* in Paymo → *{one_line(facts['organisation'])}* in Xero"
