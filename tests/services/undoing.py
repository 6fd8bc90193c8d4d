"""Undoing an export as people do: the question that is typed, then its button."""

from services.model.people import Person
from tests.services.bridge import Bridge, reply_to


async def undo_number(bridge: Bridge, person: Person, number: str) -> str:
    """Ask for it by number, and press the button."""
    asked = await bridge.undo.find(person, number)
    return await bridge.undo.undo(person, asked.export_id, reply_to())
