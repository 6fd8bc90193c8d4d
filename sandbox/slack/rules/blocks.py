"""Rules for blocks: what each holds, on which surface it may stand, and which ids are unique."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from sandbox.slack.rules.data import CHARTS, DATA_TABLE, DATA_VISUALIZATION, TABLE
from sandbox.slack.rules.elements import (
    ELEMENTS,
    IN_ACTIONS,
    IN_INPUT,
    IN_SECTION,
    among,
    one_picture,
)
from sandbox.slack.rules.parts import EITHER, ID, URL, text
from sandbox.slack.rules.shapes import (
    Check,
    Shape,
    also,
    anything,
    array,
    boolean,
    choice,
    complain,
    string,
    typed,
)

Surface = Literal["modal", "home", "message"]
MOST: Mapping[Surface, int] = {"modal": 100, "home": 100, "message": 50}
BLOCK_ID: Mapping[str, Check] = {"block_id": ID}
MARKDOWN = 12_000


def _text_or_fields(value: Any, at: str, problems: list[str]) -> None:
    if value.get("text") is None and not value.get("fields"):
        complain(problems, at, "must define either text or fields")


def _loose(**required: Check) -> Shape:
    return Shape(required, BLOCK_ID, loose=True)


_CARD_FIELDS: dict[str, Check] = {
    **BLOCK_ID,
    "title": text(150, EITHER),
    "subtitle": text(150, EITHER),
    "body": text(200, EITHER),
    "actions": array(typed(among({"button"})), most=3),
}
_CARD = Shape({}, _CARD_FIELDS, loose=True)

BLOCKS: dict[str, Check] = {
    "section": also(
        Shape(
            {},
            {
                **BLOCK_ID,
                "text": text(3000, EITHER),
                "fields": array(text(2000, EITHER), most=10),
                "accessory": typed(among(IN_SECTION)),
                "expand": boolean,
            },
        ),
        _text_or_fields,
    ),
    "divider": Shape({}, BLOCK_ID),
    "header": Shape({"text": text(150)}, BLOCK_ID),
    "context": Shape(
        {
            "elements": array(
                typed(
                    {
                        "image": ELEMENTS["image"],
                        "plain_text": text(3000),
                        "mrkdwn": text(3000, EITHER),
                    }
                ),
                most=10,
            )
        },
        BLOCK_ID,
    ),
    "actions": Shape({"elements": array(typed(among(IN_ACTIONS)), most=25)}, BLOCK_ID),
    "input": Shape(
        {"label": text(2000), "element": typed(among(IN_INPUT))},
        {**BLOCK_ID, "hint": text(2000), "optional": boolean, "dispatch_action": boolean},
    ),
    "image": also(
        Shape(
            {"alt_text": string(2000)},
            {**BLOCK_ID, "image_url": URL, "slack_file": anything, "title": text(2000)},
        ),
        one_picture,
    ),
    "rich_text": _loose(elements=array(anything, most=1000)),
    "video": _loose(alt_text=string(2000), title=text(199), video_url=URL, thumbnail_url=URL),
    "markdown": Shape({"text": string(MARKDOWN)}, BLOCK_ID),
    "table": TABLE,
    "data_table": DATA_TABLE,
    "data_visualization": DATA_VISUALIZATION,
    "card": _CARD,
    "carousel": _loose(elements=array(typed({"card": _CARD}), most=10)),
    "container": _loose(),
    "alert": Shape(
        {"text": text(200, EITHER)},
        {**BLOCK_ID, "level": choice("default", "info", "warning", "error", "success")},
    ),
    "plan": _loose(),
    "task_card": _loose(),
    "context_actions": _loose(elements=array(anything, most=5)),
    "file": _loose(external_id=ID, source=choice("remote")),
}

_EVERYWHERE = {
    "section",
    "divider",
    "header",
    "context",
    "actions",
    "input",
    "image",
    "rich_text",
    "video",
    "card",
}
_WIDE = {"table", "data_table", "data_visualization", "carousel", "container"}
SURFACES: Mapping[Surface, set[str]] = {
    "modal": _EVERYWHERE | {"alert"},
    "home": _EVERYWHERE | _WIDE,
    "message": _EVERYWHERE | _WIDE | {"markdown", "plan", "task_card", "context_actions", "file"},
}


def block_problems(blocks: Any, at: str, surface: Surface) -> list[str]:
    """Say everything that Slack would refuse in these blocks."""
    problems: list[str] = []
    here = {kind: BLOCKS[kind] for kind in SURFACES[surface]}
    array(typed(here), least=0, most=MOST[surface])(blocks, at, problems)
    if not problems:
        _unique_ids(blocks, at, problems)
        _few_of_a_kind(blocks, at, problems)
    return problems


def interactive(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the elements of a block that a person can act on."""
    inner = [block.get("element"), block.get("accessory"), *(block.get("elements") or [])]
    inner += block.get("actions") or []
    for each in inner:
        if isinstance(each, dict) and each.get("type") in ELEMENTS and each["type"] != "image":
            yield each


def _unique_ids(blocks: list[dict[str, Any]], at: str, problems: list[str]) -> None:
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        block_id = block.get("block_id")
        if block_id in seen:
            complain(problems, f"{at}/{index}/block_id", f"block_id {block_id} already exists")
        elif block_id is not None:
            seen.add(block_id)
        ids = [each["action_id"] for each in interactive(block) if each.get("action_id")]
        if len(ids) != len(set(ids)):
            complain(problems, f"{at}/{index}", "action_id already exists in this block")


def _few_of_a_kind(blocks: list[dict[str, Any]], at: str, problems: list[str]) -> None:
    kinds = [block["type"] for block in blocks]
    if kinds.count("table") > 1:
        complain(problems, at, "only_one_table_allowed")
    if kinds.count("data_visualization") > CHARTS:
        complain(problems, at, f"no more than {CHARTS} data_visualization blocks allowed")
    words = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    if words > MARKDOWN:
        complain(problems, at, f"markdown blocks must be less than {MARKDOWN + 1} characters")
    focused = [each for block in blocks for each in interactive(block) if each.get("focus_on_load")]
    if len(focused) > 1:
        complain(problems, at, "only one element may have focus_on_load")
