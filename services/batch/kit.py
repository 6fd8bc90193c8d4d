"""What batches work with, beside what exporting works with."""

from dataclasses import dataclass, fields
from typing import Self

from services.batch.shapes import BatchScreen
from services.export.kit import Kit


@dataclass(frozen=True, slots=True)
class BatchKit(Kit):
    """The ports of exporting, and the screen that batches are drawn on."""

    board: BatchScreen

    @classmethod
    def on(cls, kit: Kit, board: BatchScreen) -> Self:
        """Return a service that works with these ports and clients, and draws here."""
        return cls(**{each.name: getattr(kit, each.name) for each in fields(Kit)}, board=board)
