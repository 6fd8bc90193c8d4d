"""Every sentence that people read, by the rules of the house: short, active, one word a thing."""

import ast
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_SENTENCE = 25  # words
LONGEST_BUTTON = 30  # characters
HOLE = "…"  # what a sentence is filled with when somebody reads it
NEVER = {
    "the product is paymo-xero": r"Paymo (?:Xero|& Xero|→ Xero)\b",
    "an organisation": r"\b(?:tenants?|ledgers?|books)\b",
    "a notification": r"\b(?:notices?|news)\b",
    "a sync": r"\b(?:looks?|looked|looking) at\b",
    "undo": r"\b(?:tak(?:e|es|ing)|took|taken) back\b|\btakes? \S+(?: \S+)? back\b",
    "a command is typed": r"\b(?:[Rr]un|[Ee]nter) (?:`|…|/paymo-xero)",
    "approved, draft, voided, deleted": r"\b(?:AUTHORISED|SUBMITTED|DRAFT|VOIDED|DELETED)\b",
    "active and plain": r"\b(?:it is noted|(?:is|are) told of|by itself|by themselves|hears? of)\b",
    "it is so": r"\bstands?\b(?!-)",
    "no small talk": r"\b(?:[Pp]lease|[Oo]ops|[Ss]uccessfully|[Ss]orry)\b",
    "one space": r"\S {2,}\S",
    "both plural forms": r"\w\(e?s\)",
}
# Words that are compared, and SQL.
_LISTS = ("services/store/migrations/", "services/matching/readings", "services/matching/vocab")
_END = re.compile(r"[.!?](?:[*_`”)\"]*)\s+|\n+")
_NAMED = re.compile(r"\bPaymo (?:& |→ )?Xero\b")
_BUTTONS = {"button", "link_button"}
_QUIET = {"log", "metrics"}  # what is said to machines


def places() -> list[str]:
    """Return every file that says something to people."""
    code = [
        each for room in ("bot", "handlers", "services") for each in (ROOT / room).rglob("*.py")
    ]
    pages = (ROOT / "bot/pages").glob("*.html")
    named = [each.relative_to(ROOT).as_posix() for each in (*code, *pages)]
    return sorted(each for each in named if not each.startswith(_LISTS))


def sentences(place: str) -> Iterator[tuple[int, str]]:
    """Yield what a file says, with the line where it begins."""
    text = (ROOT / place).read_text(encoding="utf-8")
    found = _on_page(text) if place.endswith(".html") else _in_code(text, place)
    for line, said in found:
        for each in _END.split(said):
            if " " in each.strip():
                yield line, each.strip()


def _on_page(text: str) -> Iterator[tuple[int, str]]:
    for place, line in enumerate(text.splitlines(), 1):
        plain = re.sub(r"\{%.*?%\}", "", re.sub(r"\{\{.*?\}\}", HOLE, line))
        for cell in plain.split("</td>"):
            yield place, unescape(re.sub(r"<[^>]+>", "", re.sub(r"<code>\w+</code>", "", cell)))


def _in_code(text: str, place: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(text)
    passed = {id(each) for node in ast.walk(tree) for each in _unread(node)}
    for node in ast.walk(tree):
        if id(node) not in passed and isinstance(node, ast.Constant | ast.JoinedStr):
            said = _filled(node)
            if place.endswith("text.py") or _is_sentence(said) or _NAMED.search(said):
                yield node.lineno, said


def _unread(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what nobody reads: docstrings, logs, and the pieces of what is yielded whole."""
    match node:
        case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            if node.body and isinstance(node.body[0], ast.Expr):
                yield node.body[0].value
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name))) if name in _QUIET:
            yield from ast.walk(node)
        case ast.Call(func=ast.Name(id="text" | "Field" | "AssertionError")):
            yield from ast.walk(node)
        case ast.JoinedStr():
            yield from (each for part in node.values for each in ast.walk(part))


def _filled(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_filled(e) if isinstance(e, ast.Constant) else HOLE for e in node.values)
    return node.value if isinstance(node.value, str) else ""


def _is_sentence(said: str) -> bool:
    """Tell sentences from keys, patterns and addresses."""
    return re.search(r"[a-z’']{2,} [a-z…]+ [a-z…]+", said) is not None and "\\" not in said


def buttons(place: str) -> Iterator[str]:
    """Yield the labels of a file's buttons, but for those that are put together."""
    for node in ast.walk(ast.parse((ROOT / place).read_text(encoding="utf-8"))):
        match node:
            case ast.Call(args=[ast.Constant(value=str(label)), *_], func=func):
                name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
                if name in _BUTTONS:
                    yield label


def wrong(place: str) -> list[str]:
    """Return what a file says that nobody in an office would say."""
    found = []
    for line, said in sentences(place):
        found += [
            f"{place}:{line} ({rule}): {said}"
            for rule, pattern in NEVER.items()
            if re.search(pattern, said)
        ]
        if len(said.split()) > LONGEST_SENTENCE:
            found.append(f"{place}:{line} ({len(said.split())} words): {said}")
    return found


@pytest.mark.parametrize("place", places())
def test_what_people_read_follows_the_rules(place: str) -> None:
    assert wrong(place) == []


def test_buttons_are_short() -> None:
    labels = {label for place in places() if place[-3:] == ".py" for label in buttons(place)}

    assert len(labels) > 20
    assert {each for each in labels if len(each) > LONGEST_BUTTON} == set()
