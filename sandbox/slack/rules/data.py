"""Rules for what shows figures: tables and charts; where sources differ, the narrower limit."""

from typing import Any

from sandbox.slack.rules.parts import ID
from sandbox.slack.rules.shapes import (
    Check,
    Shape,
    also,
    anything,
    array,
    complain,
    integer,
    string,
    typed,
)

CHARTS = 2  # in one message
_CELLS = 20
_CHARACTERS = 10_000
_TITLE = string(50)
_LABEL = string(20)
_BLOCK: dict[str, Check] = {"block_id": ID}


def _number(value: Any, at: str, problems: list[str]) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        complain(problems, at, "must provide a number")


def _positive(value: Any, at: str, problems: list[str]) -> None:
    _number(value, at, problems)
    if not problems and value <= 0:
        complain(problems, at, "must be more than 0")


_CELL = typed(
    {
        "raw_text": Shape({"text": string(_CHARACTERS)}),
        "raw_number": Shape({"value": _number, "text": string(_CHARACTERS)}),
        "rich_text": Shape({"elements": array(anything, most=1000)}, _BLOCK),
    }
)


def _rows(*, least: int, most: int) -> Check:
    return array(array(_CELL, most=_CELLS), least=least, most=most)


def _even(value: Any, at: str, problems: list[str]) -> None:
    rows = value["rows"]
    if len({len(row) for row in rows}) > 1:
        complain(problems, f"{at}/rows", "all rows must have the same number of cells")
    if sum(len(cell.get("text", "")) for row in rows for cell in row) > _CHARACTERS:
        complain(problems, f"{at}/rows", f"must be less than {_CHARACTERS + 1} characters")


def _plain_head(value: Any, at: str, problems: list[str]) -> None:
    if any(cell["type"] == "rich_text" for cell in value["rows"][0]):
        complain(problems, f"{at}/rows/0", "rich_text is not supported in header cells")


def _one_point_a_category(value: Any, at: str, problems: list[str]) -> None:
    names = [each["name"] for each in value["series"]]
    if len(set(names)) < len(names):
        complain(problems, f"{at}/series", "series names must be unique")
    categories = value["axis_config"]["categories"]
    for index, each in enumerate(value["series"]):
        if [point["label"] for point in each["data"]] != categories:
            complain(problems, f"{at}/series/{index}", "labels must match the categories")


_AXES = Shape(
    {"categories": array(_LABEL, most=100)}, {"x_label": string(50), "y_label": string(50)}
)
_POINTS = array(Shape({"label": _LABEL, "value": _number}), most=100)
_PLOT = also(
    Shape(
        {
            "series": array(Shape({"name": _TITLE, "data": _POINTS}), most=6),
            "axis_config": _AXES,
        }
    ),
    _one_point_a_category,
)
_PIE = Shape({"segments": array(Shape({"label": _LABEL, "value": _positive}), most=6)})

TABLE = also(
    Shape({"rows": _rows(least=1, most=100)}, {**_BLOCK, "column_settings": anything}), _even
)
DATA_TABLE = also(
    Shape(
        {"caption": string(255), "rows": _rows(least=2, most=101)},
        {
            **_BLOCK,
            "page_size": integer(1, 100),
            "row_header_column_index": integer(0, _CELLS - 1),
        },
    ),
    _even,
    _plain_head,
)
DATA_VISUALIZATION = Shape(
    {
        "title": _TITLE,
        "chart": typed({"pie": _PIE, "bar": _PLOT, "line": _PLOT, "area": _PLOT}),
    },
    _BLOCK,
)
