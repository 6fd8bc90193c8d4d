"""Rules for the parts that elements share: texts, options, confirmations, filters."""

from typing import Any

from sandbox.slack.rules.shapes import Check, Shape, array, boolean, choice, complain, string, typed

ID = string(255)
URL = string(3000)
OPTIONS = 100
PLAIN_ONLY = ("plain_text",)
EITHER = ("plain_text", "mrkdwn")


def text(longest: int, kinds: tuple[str, ...] = PLAIN_ONLY) -> Check:
    """Accept a text object of one of these kinds."""
    words = string(longest)
    shapes: dict[str, Check] = {
        "plain_text": Shape({"text": words}, {"emoji": boolean}),
        "mrkdwn": Shape({"text": words}, {"verbatim": boolean}),
    }
    return typed({kind: shapes[kind] for kind in kinds})


def option(kinds: tuple[str, ...] = PLAIN_ONLY) -> Check:
    """Accept one option of a menu, of checkboxes or of radio buttons."""
    return Shape(
        {"text": text(75, kinds), "value": string(150)},
        {"description": text(75), "url": URL},
    )


OPTION = option()
OPTION_LIST = array(OPTION, most=OPTIONS)
GROUP_LIST = array(Shape({"label": text(75), "options": OPTION_LIST}), most=OPTIONS)
CONFIRM = Shape(
    {"title": text(100), "text": text(300, EITHER), "confirm": text(30), "deny": text(30)},
    {"style": choice("primary", "danger")},
)
DISPATCH = Shape(
    {"trigger_actions_on": array(choice("on_enter_pressed", "on_character_entered"), most=2)}
)
FILTER = Shape(
    {},
    {
        "include": array(choice("im", "mpim", "private", "public"), most=4),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    },
)


def all_options(holder: dict[str, Any]) -> list[Any]:
    """A menu's options, those inside groups included."""
    groups = holder.get("option_groups") or []
    inner = [each for group in groups for each in group.get("options") or []]
    return [*(holder.get("options") or []), *inner]


def options_or_groups(value: Any, at: str, problems: list[str]) -> None:
    """Accept exactly one of the two ways to list options."""
    given = [name for name in ("options", "option_groups") if value.get(name) is not None]
    if len(given) != 1:
        complain(problems, at, "must define exactly one of: options, option_groups")


def initial_among_options(value: Any, at: str, problems: list[str]) -> None:
    """Refuse a preselected option that the menu does not list."""
    listed = all_options(value)
    chosen = [value.get("initial_option"), *(value.get("initial_options") or [])]
    if any(each is not None and each not in listed for each in chosen):
        complain(problems, at, "initial option must exactly match one of the provided options")
