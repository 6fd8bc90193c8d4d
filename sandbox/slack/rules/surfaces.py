"""Rules for whole views, messages, and answers to a menu that asks for options."""

import json
from typing import Any

from sandbox.slack.rules.blocks import block_problems
from sandbox.slack.rules.parts import GROUP_LIST, OPTION, OPTIONS, options_or_groups, text
from sandbox.slack.rules.shapes import (
    Check,
    Shape,
    also,
    anything,
    array,
    boolean,
    complain,
    string,
)

VIEW_BYTES = 250_000
METADATA_TYPE = 255
_COMMON: dict[str, Check] = {
    "private_metadata": string(3000, shortest=0),
    "callback_id": string(255, shortest=0),
    "external_id": string(255, shortest=0),
}
_MODAL = Shape(
    {"title": text(24), "blocks": anything},
    {
        **_COMMON,
        "submit": text(24),
        "close": text(24),
        "clear_on_close": boolean,
        "notify_on_close": boolean,
        "submit_disabled": boolean,
    },
)
_HOME = Shape({"blocks": anything}, _COMMON)
_METADATA = Shape({"event_type": string(METADATA_TYPE), "event_payload": Shape({}, loose=True)})
_OPTIONS_ANSWER = also(
    Shape(
        {},
        {"options": array(OPTION, least=0, most=OPTIONS), "option_groups": anything},
    ),
    options_or_groups,
)


def view_problems(view: Any, kind: str) -> list[str]:
    """Say everything that Slack would refuse in a view of this kind."""
    problems: list[str] = []
    if not isinstance(view, dict):
        complain(problems, "/view", "must provide an object")
        return problems
    if view.get("type") != kind:
        complain(problems, "/view/type", f"must be {kind}")
        return problems
    (_MODAL if kind == "modal" else _HOME)(view, "/view", problems)
    if problems:
        return problems
    problems += block_problems(
        view["blocks"], "/view/blocks", "modal" if kind == "modal" else "home"
    )
    if not problems and kind == "modal" and not view.get("submit"):
        _no_inputs(view["blocks"], problems)
    return problems


def _no_inputs(blocks: list[dict[str, Any]], problems: list[str]) -> None:
    if any(block["type"] == "input" for block in blocks):
        complain(problems, "/view", "must define `submit` to use an `input` block in modals")


def too_large(view: Any) -> bool:
    """Whether a view is over Slack's limit for the whole."""
    return len(json.dumps(view, ensure_ascii=False).encode()) > VIEW_BYTES


def message_problems(blocks: Any) -> list[str]:
    """Say everything that Slack would refuse in a message's blocks."""
    return block_problems(blocks, "/blocks", "message")


def metadata_problems(metadata: Any) -> list[str]:
    """Say everything that Slack would refuse in a message's metadata."""
    problems: list[str] = []
    _METADATA(metadata, "/metadata", problems)
    return problems


def options_problems(answer: Any) -> list[str]:
    """Say everything that Slack would refuse in the answer to a `block_suggestion`."""
    problems: list[str] = []
    _OPTIONS_ANSWER(answer, "", problems)
    if not problems and answer.get("option_groups"):
        GROUP_LIST(answer["option_groups"], "/option_groups", problems)
    return problems


def errors_problems(view: dict[str, Any], errors: Any) -> list[str]:
    """Say what is wrong with field errors: each belongs to an input block and has words."""
    problems: list[str] = []
    inputs = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors:
        complain(problems, "/errors", "must provide an object with at least one error")
        return problems
    for block_id, words in errors.items():
        if block_id not in inputs:
            complain(problems, f"/errors/{block_id}", "no input block has this block_id")
        if not isinstance(words, str) or not words:
            complain(problems, f"/errors/{block_id}", "must provide a string")
    return problems
