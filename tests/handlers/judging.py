"""Judges of what is drawn: Slack's own SDK, the rules of its stand-in, and an eye for mentions."""

import json
import re
from typing import Any

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from sandbox.slack.rules.surfaces import (
    message_problems,
    metadata_problems,
    options_problems,
    too_large,
    view_problems,
)
from services.model import wording

Json = dict[str, Any]
# People and channels that the tests name on purpose, and dates in the reader's own zone.
# Blocks that the SDK has no class for, and would skip.
UNKNOWN = frozenset({"data_table", "data_visualization"})
MEANT = re.compile(r"<(@(UOWNER|UANNA)>|#C1\d*>|@D1>|!date\^|https://app.example/)")


def judge_view(view: Json) -> None:
    """Accept a view that Slack would take, with nothing in it that calls anybody."""
    parsed = View(**view)
    assert parsed.blocks is not None
    assert all(parsed.blocks), "the SDK does not know one of the blocks"
    parsed.to_dict()
    assert view_problems(view, view["type"]) == []
    assert not too_large(view)
    judge_words(view)
    assert _primary(view) <= 1, "two buttons stand out"


def judge_message(text: str, blocks: list[Json], metadata: Json | None = None) -> None:
    """Accept a message that Slack would take, with a text that stands for it."""
    for each in Block.parse_all([each for each in blocks if each["type"] not in UNKNOWN]):
        each.validate_json()
    assert message_problems(blocks) == []
    assert text.strip()
    assert len(text) <= 4000
    judge_words([text, blocks])
    assert _primary(blocks) <= 1, "two buttons stand out"
    if metadata is not None:
        assert metadata_problems(metadata) == []


def judge_options(answer: Json) -> None:
    """Accept rows that Slack would show."""
    assert options_problems(answer) == []
    judge_words(answer)


def judge_words(drawn: Any) -> None:
    """Accept no mention, link or special word that came from outside, nor addresses made links."""
    for text in strings(drawn):
        assert "<" not in MEANT.sub("", text), text
        assert wording.clean(text) == text
    assert all(each.get("verbatim") for each in marked_up(drawn))


def marked_up(drawn: Any) -> list[Json]:
    """Return every text in which Slack would make links of addresses."""
    if isinstance(drawn, dict):
        own = [drawn] if drawn.get("type") == "mrkdwn" else []
        return own + [found for each in drawn.values() for found in marked_up(each)]
    return [found for each in drawn for found in marked_up(each)] if isinstance(drawn, list) else []


def strings(drawn: Any) -> list[str]:
    """Return every string of this."""
    if isinstance(drawn, str):
        return [drawn]
    if isinstance(drawn, dict):
        return [text for each in drawn.values() for text in strings(each)]
    if isinstance(drawn, list):
        return [text for each in drawn for text in strings(each)]
    return []


def said(drawn: Any) -> str:
    """Return all that can be read, as one text."""
    return json.dumps(drawn, ensure_ascii=False)


def buttons(blocks: list[Json]) -> dict[str, str]:
    """Return the buttons by their names, with their values."""
    return {
        each["action_id"]: each.get("value", "")
        for block in blocks
        for each in [*block.get("elements", []), block.get("accessory") or {}]
        if each.get("type") == "button"
    }


def fields(view: Json) -> dict[str, Json]:
    """Return the inputs by their names; each block carries the name of its element."""
    found = [block for block in view["blocks"] if block["type"] == "input"]
    assert all(block["block_id"] == block["element"]["action_id"] for block in found)
    return {block["block_id"]: block["element"] for block in found}


def _primary(drawn: Any) -> int:
    """Count the buttons that stand out."""
    if isinstance(drawn, dict):
        return (drawn.get("style") == "primary") + sum(map(_primary, drawn.values()))
    return sum(map(_primary, drawn)) if isinstance(drawn, list) else 0
