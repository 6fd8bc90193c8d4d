"""Rules for block elements, and for which block may hold which of them."""

from collections.abc import Mapping
from typing import Any

from sandbox.slack.rules.parts import (
    CONFIRM,
    DISPATCH,
    EITHER,
    FILTER,
    GROUP_LIST,
    ID,
    OPTION,
    OPTION_LIST,
    URL,
    initial_among_options,
    option,
    options_or_groups,
    text,
)
from sandbox.slack.rules.shapes import (
    Check,
    Shape,
    also,
    anything,
    array,
    boolean,
    choice,
    complain,
    integer,
    string,
)

MANY = 10_000
TEXT_INPUT = 3000
DATE = string(10, pattern=r"\d{4}-\d{2}-\d{2}")
TIME = string(5, pattern=r"\d{2}:\d{2}")
RICH_OPTION = option(EITHER)
BASE: Mapping[str, Check] = {"action_id": ID, "focus_on_load": boolean}
PLACEHOLDER: Mapping[str, Check] = {**BASE, "placeholder": text(150)}
MENU: Mapping[str, Check] = {**PLACEHOLDER, "confirm": CONFIRM}
MULTI: Mapping[str, Check] = {**MENU, "max_selected_items": integer(1, MANY)}
LISTED: Mapping[str, Check] = {"options": OPTION_LIST, "option_groups": GROUP_LIST}
ONE: Mapping[str, Check] = {"initial_option": OPTION}
SEVERAL: Mapping[str, Check] = {"initial_options": array(OPTION, most=100)}
LOADED: Mapping[str, Check] = {"min_query_length": integer(0, MANY)}
IDS = array(ID, most=MANY)
CONVERSATIONS: Mapping[str, Check] = {"default_to_current_conversation": boolean, "filter": FILTER}
TYPED: Mapping[str, Check] = {**PLACEHOLDER, "dispatch_action_config": DISPATCH}


def _menu(*fields: Mapping[str, Check]) -> Shape:
    merged = {name: check for each in fields for name, check in each.items()}
    return Shape({}, merged)


def one_picture(value: Any, at: str, problems: list[str]) -> None:
    """Accept exactly one of the two ways to name a picture."""
    if (value.get("image_url") is None) == (value.get("slack_file") is None):
        complain(problems, at, "must define exactly one of: image_url, slack_file")


def _boxes(*fields: Mapping[str, Check]) -> Check:
    merged = {name: check for each in (BASE, *fields) for name, check in each.items()}
    listed = array(RICH_OPTION, most=10)
    return also(Shape({"options": listed}, {**merged, "confirm": CONFIRM}), initial_among_options)


ELEMENTS: dict[str, Check] = {
    "button": Shape(
        {"text": text(75)},
        {
            "action_id": ID,
            "url": URL,
            "value": string(2000, shortest=0),
            "style": choice("primary", "danger"),
            "confirm": CONFIRM,
            "accessibility_label": string(75),
        },
    ),
    "image": also(
        Shape({"alt_text": string(2000)}, {"image_url": URL, "slack_file": anything}), one_picture
    ),
    "static_select": also(_menu(MENU, LISTED, ONE), options_or_groups, initial_among_options),
    "multi_static_select": also(
        _menu(MULTI, LISTED, SEVERAL), options_or_groups, initial_among_options
    ),
    "external_select": _menu(MENU, LOADED, ONE),
    "multi_external_select": _menu(MULTI, LOADED, SEVERAL),
    "users_select": _menu(MENU, {"initial_user": ID}),
    "multi_users_select": _menu(MULTI, {"initial_users": IDS}),
    "conversations_select": _menu(
        MENU, CONVERSATIONS, {"initial_conversation": ID, "response_url_enabled": boolean}
    ),
    "multi_conversations_select": _menu(MULTI, CONVERSATIONS, {"initial_conversations": IDS}),
    "channels_select": _menu(MENU, {"initial_channel": ID, "response_url_enabled": boolean}),
    "multi_channels_select": _menu(MULTI, {"initial_channels": IDS}),
    "overflow": Shape({"options": array(OPTION, most=5)}, {"action_id": ID, "confirm": CONFIRM}),
    "checkboxes": _boxes({"initial_options": array(RICH_OPTION, most=10)}),
    "radio_buttons": _boxes({"initial_option": RICH_OPTION}),
    "datepicker": _menu(MENU, {"initial_date": DATE}),
    "timepicker": _menu(MENU, {"initial_time": TIME, "timezone": string(255)}),
    "datetimepicker": _menu(
        BASE, {"confirm": CONFIRM, "initial_date_time": integer(10**9, 10**10 - 1)}
    ),
    "plain_text_input": _menu(
        TYPED,
        {
            "initial_value": string(TEXT_INPUT, shortest=0),
            "multiline": boolean,
            "min_length": integer(0, TEXT_INPUT),
            "max_length": integer(1, TEXT_INPUT),
        },
    ),
    "number_input": Shape(
        {"is_decimal_allowed": boolean},
        {
            **TYPED,
            "initial_value": string(TEXT_INPUT),
            "min_value": string(TEXT_INPUT),
            "max_value": string(TEXT_INPUT),
        },
    ),
    "email_text_input": _menu(TYPED, {"initial_value": string(TEXT_INPUT, shortest=0)}),
    "url_text_input": _menu(TYPED, {"initial_value": string(TEXT_INPUT, shortest=0)}),
    "rich_text_input": _menu(TYPED, {"initial_value": anything}),
    "file_input": _menu({"action_id": ID, "filetypes": IDS, "max_files": integer(1, 10)}),
    "workflow_button": Shape({"text": text(75), "workflow": anything}, {}, loose=True),
}

_SELECTS = {each for each in ELEMENTS if each.endswith("_select")}
_PICKERS = {"datepicker", "timepicker", "datetimepicker", "checkboxes", "radio_buttons"}
_TEXTS = {each for each in ELEMENTS if each.endswith("_input")}
IN_INPUT = _SELECTS | _PICKERS | _TEXTS
IN_ACTIONS = _SELECTS | _PICKERS | {"button", "overflow", "rich_text_input", "workflow_button"}
IN_SECTION = (_SELECTS | _PICKERS | {"button", "overflow", "image", "workflow_button"}) - {
    "datetimepicker"
}


def among(kinds: set[str]) -> dict[str, Check]:
    """The elements that one kind of block may hold."""
    return {kind: ELEMENTS[kind] for kind in sorted(kinds)}
