"""What is told of an exported invoice that was edited in Paymo, or changed in Xero, since."""

from datetime import date
from typing import Any

from handlers.blocks import Block, day, one_line, render
from handlers.buttons import button
from services.model.actions import Action

Facts = dict[str, Any]

_ROUNDING = "rounding"
_DAYS = {"date", "due date"}


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
        by = one_line(differences[0][2])
        return (
            f"ℹ️ {invoice} is rounded by {by} in {organisation}. Paymo keeps its own total, and "
            "payments are recorded all the same."
        )
    verb = "edited in Paymo" if side == "Paymo" else "changed in Xero"
    said = f"✏️ {invoice} was {verb} after its export to {organisation}.\n{_listed(facts)}"
    other = "Xero" if side == "Paymo" else "Paymo"
    return f"{said}\n{other} stays as it is. {render(facts.get('advice', ''))}".rstrip()


def drift_buttons(facts: Facts) -> list[Block]:
    """Return the button that brings Xero after Paymo, where that is safe."""
    is_safe = facts.get("side") == "Paymo" and not (facts.get("advice") or facts.get("by"))
    if not is_safe or not facts.get("differences"):
        return []
    return [button(Action.UPDATE_IN_XERO, facts["export_id"])]


def edited_line(sides: list[str]) -> str:
    """Say in a line of the invoice's card where it was edited since, or ""."""
    if not sides:
        return ""
    verbs = {"Paymo": "edited in Paymo", "Xero": "changed in Xero"}
    said = " and ".join(verbs[each] for each in sides if each in verbs)
    return f"✏️ It was {said} after its export, so the two differ."


def _listed(facts: Facts) -> str:
    said = [
        f"• {one_line(name)}: {_value(name, was)} → {_value(name, now)}"
        for name, was, now in facts.get("differences") or []
    ]
    if facts.get("more"):
        said.append(f"• and {facts['more']} more")
    return "\n".join(said)


def _value(name: str, text: str) -> str:
    if name not in _DAYS or not text:
        return one_line(text)
    return day(date.fromisoformat(text))
