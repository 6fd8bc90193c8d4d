"""What a person's choice becomes in the state of a field."""

import html
from typing import Any

from sandbox.slack.fields import Field, escaped
from sandbox.slack.model import NotPossible
from sandbox.slack.rules.parts import all_options

Json = dict[str, Any]
_EMPTY: tuple[Any, ...] = (None, "", [])


def picked(field: Field, value: Any, options: list[Json]) -> Json:
    """What Slack keeps for this choice; options are named by value or by their words."""
    kind = field.element["type"]
    if kind == "button":
        raise NotPossible("A button is pressed, nothing is chosen there.")
    key = field.key or "selected_option"
    if key == "selected_option":
        found = None if value in _EMPTY else _option(options, str(value))
        return {"type": kind, key: found}
    if key == "selected_options":
        return {"type": kind, key: [_option(options, str(each)) for each in value or []]}
    if key.endswith("s"):
        return {"type": kind, key: [str(each) for each in value or []]}
    return {"type": kind, key: None if value in _EMPTY else value}


def listed(field: Field) -> list[Json]:
    """The options that stand in the menu itself."""
    return all_options(field.element)


def asks(field: Field) -> bool:
    """Whether this menu asks the app for its options."""
    return "external_select" in field.element["type"]


def _option(options: list[Json], wanted: str) -> Json:
    for option in options:
        if wanted in {option["value"], html.unescape(option["text"]["text"])}:
            return escaped(option)
    offered = ", ".join(f"{each['value']} ({each['text']['text']})" for each in options)
    raise NotPossible(f"{wanted} is not among what is offered: {offered or 'nothing'}.")
