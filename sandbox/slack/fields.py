"""What people have filled in: the state of a view's fields, as Slack keeps it."""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.slack.model import NotPossible
from sandbox.slack.rules.blocks import interactive

Values = dict[str, dict[str, Any]]
KEYS = {
    "plain_text_input": "value",
    "number_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "rich_text_input": "rich_text_value",
    "file_input": "files",
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "checkboxes": "selected_options",
    "users_select": "selected_user",
    "multi_users_select": "selected_users",
    "conversations_select": "selected_conversation",
    "multi_conversations_select": "selected_conversations",
    "channels_select": "selected_channel",
    "multi_channels_select": "selected_channels",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
}
REQUIRED = "Please complete this required field."
EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s]+"


@dataclass(frozen=True, slots=True)
class Field:
    """An element that people act on, and the block that holds it."""

    block: dict[str, Any]
    element: dict[str, Any]

    @property
    def place(self) -> tuple[str, str]:
        """Its block_id and its action_id."""
        return self.block["block_id"], self.element["action_id"]

    @property
    def key(self) -> str:
        """The name under which Slack keeps its answer; empty for a button."""
        return KEYS.get(self.element["type"], "")

    @property
    def dispatches(self) -> bool:
        """Whether a change is told to the app at once."""
        return self.block["type"] != "input" or bool(self.block.get("dispatch_action"))


def fields(blocks: list[dict[str, Any]]) -> Iterator[Field]:
    """Yield every element that people act on."""
    for block in blocks:
        for element in interactive(block):
            yield Field(block, element)


def find_field(blocks: list[dict[str, Any]], block_id: str, action_id: str) -> Field:
    """The element at this place; an empty block_id means any block."""
    fitting = [
        each
        for each in fields(blocks)
        if each.element["action_id"] == action_id and block_id in {"", each.block["block_id"]}
    ]
    if not fitting:
        places = sorted("/".join(each.place) for each in fields(blocks))
        raise NotPossible(f"There is no {block_id}/{action_id} here, only {', '.join(places)}.")
    return fitting[0]


def with_ids(blocks: list[dict[str, Any]], make: Callable[[str], str]) -> list[dict[str, Any]]:
    """Give an id to every block and element that came without one, as Slack does."""
    named = [{**block, "block_id": block.get("block_id") or make("b")} for block in blocks]
    for block in named:
        for element in interactive(block):
            if not element.get("action_id"):
                element["action_id"] = make("a")
    return named


def initial(field: Field, channel_id: str) -> dict[str, Any]:
    """What a field says before anybody touched it."""
    key = field.key
    name = "initial_value" if "value" in key else key.replace("selected", "initial")
    value = field.element.get(name)
    if value is None and field.element.get("default_to_current_conversation"):
        value = channel_id or None
    if value is None and key.endswith("s"):
        value = []
    return {"type": field.element["type"], key: value}


def carried(blocks: list[dict[str, Any]], old: Values, channel_id: str) -> Values:
    """The answers for these blocks: kept where both ids and the type are the same."""
    values: Values = {}
    for field in fields(blocks):
        if not field.key:
            continue
        block_id, action_id = field.place
        kept = old.get(block_id, {}).get(action_id)
        same = kept is not None and kept["type"] == field.element["type"]
        values.setdefault(block_id, {})[action_id] = kept if same else initial(field, channel_id)
    return values


def escaped(option: dict[str, Any]) -> dict[str, Any]:
    """An option as Slack gives it back: its words with entities."""
    words = html.escape(html.unescape(option["text"]["text"]), quote=False)
    return {**option, "text": {**option["text"], "text": words}}


def refusals(blocks: list[dict[str, Any]], values: Values) -> dict[str, str]:
    """Say which inputs Slack's own screen would not let pass, by block_id."""
    found: dict[str, str] = {}
    for field in fields(blocks):
        if field.block["type"] == "input":
            block_id, action_id = field.place
            answer = values[block_id][action_id][field.key]
            if words := _refusal(field, answer):
                found[block_id] = words
    return found


def _refusal(field: Field, answer: Any) -> str:
    if answer in (None, "", []):
        return "" if field.block.get("optional") else REQUIRED
    checks = {
        "plain_text_input": _text_refusal,
        "number_input": _number_refusal,
    }
    check = checks.get(field.element["type"])
    if field.element["type"] == "email_text_input":
        return "" if re.fullmatch(EMAIL, answer) else "Please enter an e-mail address."
    return check(field.element, answer) if check else ""


def _text_refusal(element: dict[str, Any], answer: str) -> str:
    if len(answer) < element.get("min_length", 0):
        return f"Please enter at least {element['min_length']} characters."
    if len(answer) > element.get("max_length", 3000):
        return f"Please enter at most {element['max_length']} characters."
    return ""


def _number_refusal(element: dict[str, Any], answer: str) -> str:
    try:
        number = Decimal(answer)
    except InvalidOperation:
        return "Please enter a number."
    if not element["is_decimal_allowed"] and number != number.to_integral_value():
        return "Please enter a whole number."
    if "min_value" in element and number < Decimal(element["min_value"]):
        return f"Please enter at least {element['min_value']}."
    if "max_value" in element and number > Decimal(element["max_value"]):
        return f"Please enter at most {element['max_value']}."
    return ""
