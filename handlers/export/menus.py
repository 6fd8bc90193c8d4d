"""Options for Slack's menus, within its limits."""

from collections.abc import Sequence

from handlers import blocks
from handlers.blocks import Block
from handlers.export.views import row_of
from services.model.people import Option, OptionGroup


def listed(options: Sequence[Option]) -> Block:
    """Return rows."""
    return {"options": [row_of(each) for each in options[: blocks.MOST_OPTIONS]]}


def grouped(groups: Sequence[OptionGroup]) -> Block:
    """Return rows under headings; Slack wants no empty group, and at least one."""
    filled = [each for each in groups if each.options]
    if not filled:
        return {"options": []}
    return {
        "option_groups": [
            {
                "label": blocks.plain(each.label, blocks.LONGEST_OPTION),
                "options": [row_of(row) for row in each.options[: blocks.MOST_OPTIONS]],
            }
            for each in filled[: blocks.MOST_OPTIONS]
        ]
    }
