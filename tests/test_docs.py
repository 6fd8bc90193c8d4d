"""The documents say what is so: settings as they are, links that lead somewhere."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.model import TOPIC_OF, NoticeKind, Topic

ROOT = Path(__file__).parent.parent
SETTINGS = ROOT / "bot" / "settings.py"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """Return what stands under a heading, up to the next."""
    return page.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


def fields_of_settings() -> Iterator[str]:
    """The annotated fields of the settings' class, in capitals as the environment has them."""
    for node in ast.walk(ast.parse(SETTINGS.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and node.name == "Settings":
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    yield field.target.id.upper()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    near = [link.split("#")[0] for link in links if "://" not in link and link[0] != "#"]

    assert [link for link in near if not (page.parent / link).exists()] == []


@pytest.mark.skipif(not SETTINGS.exists(), reason="bot/settings.py is not written yet")
def test_every_setting_stands_in_the_operations_page_and_no_other() -> None:
    told = _ROW.findall(section(read("docs/operations.md"), "Settings"))

    assert sorted(told) == sorted(name for name in fields_of_settings() if name != "MODEL_CONFIG")


def test_every_kind_of_notice_stands_under_its_topic() -> None:
    rows = section(read("docs/notices.md"), "Kinds and topics").splitlines()
    told = {
        topic: set(re.findall(r"`([a-z_]+)`", row.split("|")[2]))
        for row in rows
        for topic in Topic
        if row.startswith(f"| `{topic}` |")
    }

    assert told == {
        topic: {kind.value for kind in NoticeKind if TOPIC_OF[kind] is topic} for topic in Topic
    }


def test_every_kind_of_notice_names_its_facts() -> None:
    told = set(_ROW.findall(section(read("docs/notices.md"), "Facts")))

    assert told == {kind.value for kind in NoticeKind} - {"digest"}


def test_every_decision_says_why_and_what_would_change_it() -> None:
    wanted = ["Context", "Decision", "Consequences", "What would change our mind"]
    found = {
        page.name: re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        for page in PAGES
        if page.parent.name == "decisions"
    }

    assert len(found) >= 6
    assert {name for name, headings in found.items() if headings != wanted} == set()
