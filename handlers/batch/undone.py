"""Invoices that were taken back from Xero: a question of their own, with nothing ticked."""

from collections.abc import Sequence

from handlers import blocks, names
from handlers.blocks import Block
from handlers.reading import Body, all_chosen, number_in
from services.batch.table import BatchLine
from services.model.chunks import chunks

_ROWS = 10  # that one group of boxes holds
_GROUPS = 5
_LABEL = "Taken back from Xero before. Export them again?"


def undone_fields(lines: Sequence[BatchLine]) -> list[Block]:
    """Draw a box for each; what has no room goes by its number."""
    groups = list(chunks(lines, _ROWS))
    drawn = [
        blocks.input_block(
            blocks.checkboxes(_name(place), [_row(each) for each in group]),
            _LABEL if place == 0 else "And these?",
            optional=True,
        )
        for place, group in enumerate(groups[:_GROUPS])
    ]
    left = len(lines) - _ROWS * _GROUPS
    if left > 0:
        said = f"{left} more were taken back. Type `/paymo-xero export` and the number of each."
        drawn.append(blocks.context(said))
    return drawn


def undone_ids(view: Body) -> tuple[int, ...]:
    """Return Paymo's ids of the invoices that are ticked."""
    ticked = [each for place in range(_GROUPS) for each in all_chosen(view, _name(place))]
    found = [number_in(each) for each in ticked]
    return tuple(each for each in found if each is not None)


def _name(place: int) -> str:
    return names.UNDONE if place == 0 else f"{names.UNDONE}_{place + 1}"


def _row(line: BatchLine) -> Block:
    return blocks.option(str(line.invoice_id), f"{line.number} · {line.client_name} · {line.total}")
