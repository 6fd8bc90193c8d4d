"""Tell what was measured: the table and the picture of docs/performance.md, from one source."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

_DOCS = Path(__file__).parent.parent / "docs"
PAGE, PICTURE = _DOCS / "performance.md", _DOCS / "images" / "performance.svg"
_PLACE = re.compile(r"(<!-- figures: make bench -->\n).*(<!-- end of figures -->\n)", re.DOTALL)

_HEAD = """\
| name | what | limit | ours / limit | peer | peer / ours | besides |
|---|---|---|---|---|---|---|
"""
_ROW, _TOP, _LEFT, _WIDTH, _RIGHT = 30, 58, 110, 520, 90
_STYLE = """\
<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.bar { fill: #2f6feb } .line { stroke: #59636e } .grid { stroke: #d1d9e0 }
.wanted { stroke: #bc4c00; stroke-width: 3 }
.peer { fill: #ffffff; stroke: #59636e; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .bar { fill: #4493f8 } .line { stroke: #9198a1 } .grid { stroke: #3d444d }
.wanted { stroke: #f0883e } .peer { fill: #0d1117; stroke: #9198a1 }
}
</style>
"""


def write(results: Mapping[str, Any]) -> None:
    """Bring the page and the picture up to date."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_table(page, results), encoding="utf-8")
    PICTURE.write_text(picture(results["benchmarks"]), encoding="utf-8")


def with_table(page: str, results: Mapping[str, Any]) -> str:
    """Return the page with the table of these results."""
    return _PLACE.sub(lambda found: f"{found[1]}{table(results)}{found[2]}", page)


def table(results: Mapping[str, Any]) -> str:
    """Write the results as the page shows them."""
    machine, rows = results["machine"], results["benchmarks"]
    lines = [_line(name, row) for name, row in rows.items()]
    taken = sorted({row["pairs"] for row in rows.values()})
    pairs = f"{taken[0]} to {taken[-1]}" if len(taken) > 1 else f"{taken[0]}"
    load = f"load {machine['load_before']:.1f} to {machine['load_after']:.1f}"
    return (
        f"{_HEAD}{''.join(lines)}\nTaken with {pairs} pairs on {machine['cores']} cores ({load}).\n"
    )


def _line(name: str, row: Mapping[str, Any]) -> str:
    beside = "; ".join(f"{each} {value}" for each, value in row.get("figures", {}).items())
    cells = [
        f"`{name}`",
        row["what"],
        row["limit"],
        _ratio(row["ours_to_limit"], "≤", row.get("reach")),
        row["peer"] or "–",
        _ratio(row["peer_to_ours"], "≥", row.get("ahead")),
        beside or "–",
    ]
    return f"| {' | '.join(cells)} |\n"


def _ratio(measured: float | None, sign: str, wanted: float | None) -> str:
    if measured is None:
        return "–"
    return f"{measured}" if wanted is None else f"{measured} (wanted {sign} {wanted})"


def picture(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Draw how many times its limit each takes, on a logarithmic scale."""
    drawn = {name: row for name, row in rows.items() if row["ours_to_limit"]}
    ends = [each for row in drawn.values() for each in _points(row)]
    low = 10 ** math.floor(math.log10(min(0.5, *ends)))
    high = 10 ** math.ceil(math.log10(max(10, *ends)))
    scale = _WIDTH / math.log10(high / low)
    height = _TOP + _ROW * len(drawn) + 12

    def at(ratio: float) -> float:
        return round(_LEFT + scale * math.log10(ratio / low), 1)

    parts = [
        (
            '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'viewBox="0 0 {_LEFT + _WIDTH + _RIGHT} {height}">\n'
        ),
        "<title>Each benchmark beside its limit</title>\n",
        _STYLE,
        '<rect class="bar" x="110" y="8" width="26" height="10" rx="2"/>',
        '<text x="142" y="18">ours, in times of the limit</text>',
        '<line class="wanted" x1="340" y1="6" x2="340" y2="20"/>',
        '<text x="349" y="18">wanted at most</text>',
        '<circle class="peer" cx="478" cy="13" r="5"/><text x="490" y="18">the peer</text>\n',
    ]
    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        x, kind = at(10**power), "grid" if power else "line"
        parts.append(f'<line class="{kind}" x1="{x}" y1="{_TOP - 8}" x2="{x}" y2="{height - 8}"/>')
        parts.append(f'<text x="{x}" y="{_TOP - 14}" text-anchor="middle">{10**power:g}</text>\n')
    for number, (name, row) in enumerate(drawn.items()):
        y = _TOP + _ROW * number
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 13}" text-anchor="end">{name}</text>')
        parts += _bar(row, y, at)
    return "".join([*parts, "</svg>\n"])


def _points(row: Mapping[str, Any]) -> list[float]:
    ours: float = row["ours_to_limit"]
    others = (row.get("reach"), ours * row["peer_to_ours"] if row["peer_to_ours"] else None)
    return [ours, *filter(None, others)]


def _bar(row: Mapping[str, Any], y: int, at: Callable[[float], float]) -> Iterator[str]:
    """Draw a bar from the limit to ours, what is wanted, and the peer."""
    ours, reach, ahead = row["ours_to_limit"], row.get("reach"), row["peer_to_ours"]
    left, right = sorted((at(1), at(ours)))
    width = max(round(right - left, 1), 2)
    yield f'<rect class="bar" x="{left}" y="{y + 2}" width="{width}" height="14" rx="2"/>'
    if ahead:
        yield f'<circle class="peer" cx="{at(ours * ahead)}" cy="{y + 9}" r="5"/>'
    if reach:
        yield f'<line class="wanted" x1="{at(reach)}" y1="{y}" x2="{at(reach)}" y2="{y + 18}"/>'
    yield f'<text x="{_LEFT + _WIDTH + 10}" y="{y + 13}">{ours:g} ×</text>\n'
