"""Every sentence that people read, by the rules of the house: short, active, one word a thing."""

import ast
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_SENTENCE = 25  # words
LONGEST_IN_DOCS = 45  # words of a sentence; its code does not count
LONGEST_BUTTON = 30  # characters
HOLE = "…"  # what a sentence is filled with when somebody reads it
NEVER = {
    "the product is paymo-xero": r"Paymo (?:Xero|& Xero|→ Xero)\b",
    "an organisation": r"(?i:\b(?:tenants?|ledgers?|books)\b)",
    "a notification": r"(?i:\b(?:notices?|news)\b)",
    "a sync": r"(?i:\b(?:looks?|looked|looking) at\b)",
    "undo": r"(?i:\b(?:tak(?:e|es|ing)|took|taken) back\b|\btakes? \S+(?: \S+)? back\b)",
    "a command is typed": r"\b(?:[Rr]un|[Ee]nter) (?:`|…|/paymo-xero)",
    "approved, draft, voided, deleted": r"\b(?:AUTHORISED|SUBMITTED|DRAFT|VOIDED|DELETED)\b",
    "active": r"\b(?i:it is noted|(?:is|are) told of|by (?:itself|themselves)|hears? of)\b",
    "it is so": r"(?i:\bstands?\b(?!-))",
    "no small talk": r"\b(?:[Pp]lease|[Oo]ops|[Ss]uccessfully|[Ss]orry)\b",
    "one space": r"\S {2,}\S",
    "both plural forms": r"\w\(e?s\)",
}
# Words that are compared, and SQL.
_LISTS = ("services/store/migrations/", "services/matching/readings", "services/matching/vocab")
_END = re.compile(r"[.!?](?:[*_`”)\"]*)\s+|\n+")
_NAMED = re.compile(r"\bPaymo (?:& |→ )?Xero\b")
_BUTTONS = {"button", "link_button"}
_PRESSED = {"yes", "submit"}  # the arguments that label a button
_PRESSED_IN = re.compile(r"\b[Pp]ress \*?([A-Z]\w+(?: (?:and )?[A-Z]\w+)*)")  # a sentence
_SMALL = {
    "a",
    "an",
    "and",
    "as",
    "at",
    "by",
    "for",
    "in",
    "of",
    "on",
    "or",
    "the",
    "to",
    "with",
    "…",
}
# What stands alone beside what it is about, or opens a place by its name.
_ALONE = {
    *("Allow", "Approve", "Cancel", "Connect", "Decline", "Delete", "Disconnect", "Export", "Fix"),
    *("Finish", "Help", "Hide", "Match", "Notifications", "Reconnect", "Save", "Settings", "Show"),
    *("Subscribe", "Undo", "Update"),
}
# Pages of the docs that are prose.
_DOCS = (
    *("docs/matching.md", "docs/notices.md", "docs/security.md", "docs/architecture.md"),
    *("docs/guide.md", "docs/troubleshooting.md", "CONTRIBUTING.md", "SECURITY.md", "README.md"),
)
_MOST_FACTS = 5  # a cell that lists more of them is no sentence
_OF_SCREENS = {"one space", "a command is typed"}  # a program in a terminal is run
# Rooms whose views and listeners leave every sentence to their `text.py`.
_PARTED = (
    *("batch", "connect", "export", "history", "home"),
    *("matching", "notices", "reconcile", "settings"),
)
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
    passed -= {id(each) for each in _commands_in(tree)} if place == "bot/cli.py" else set()
    for node in ast.walk(tree):
        if id(node) not in passed and isinstance(node, ast.Constant | ast.JoinedStr):
            said = _filled(node)
            is_read = place.endswith("text.py") or _is_sentence(said) or _is_label(said, place)
            if is_read or _NAMED.search(said):
                yield node.lineno, said


def _commands_in(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the docstrings of the commands: a terminal shows them as help."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            yield node.body[0].value  # type: ignore[attr-defined]


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


def _is_label(said: str, place: str) -> bool:
    """Tell the names of fields, options and columns from keys."""
    is_named = re.match(r"[^a-z]*[A-Z][a-z’']+", said) is not None
    return is_named or (
        place.startswith("handlers/") and re.search("[a-z]{2} [a-z…]", said) is not None
    )


def buttons(place: str) -> Iterator[str]:
    """Yield the labels of a file's buttons, with … for what is put in."""
    for node in ast.walk(ast.parse((ROOT / place).read_text(encoding="utf-8"))):
        yield from (_filled(each) for each in _labels(node) if _filled(each))


def _labels(node: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    """Yield what a call, a table of acts or a choice of words labels buttons with."""
    found: list[ast.expr] = []
    match node:
        case ast.Call(args=args, keywords=named, func=func):
            name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
            found += args[:1] if name in _BUTTONS else []
            found += [each.value for each in named if each.arg in _PRESSED]
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            found += [label for key, label in pairs if key and "Action." in ast.unparse(key)]
        case ast.Assign(targets=[ast.Name(id="word" | "fix" | "submit"), *_], value=value):
            found.append(value)
    for each in found:
        either = [each.body, each.orelse] if isinstance(each, ast.IfExp) else [each]
        yield from (one for one in either if isinstance(one, ast.Constant | ast.JoinedStr))


def mislabelled(label: str) -> bool:
    """Say whether a button is too long, not in Title Case, or no act on its own."""
    words = re.sub(r"(?<=\w)…$", "", label.strip("➕ ")).split()
    is_title = all(each[:1].isupper() or each in _SMALL or not each[0].isalpha() for each in words)
    is_act = len(words) > 1 or words[0] in _ALONE
    return len(label) > LONGEST_BUTTON or not is_title or not is_act


def in_prose(place: str) -> Iterator[str]:
    """Yield the sentences of a page of the docs, without code, links and drawings."""
    text = re.sub(
        r"```.*?```|^ {4}.*?$",
        "",
        (ROOT / place).read_text(encoding="utf-8"),
        flags=re.DOTALL | re.MULTILINE,
    )
    text = re.sub(r"\]\([^)]*\)", "]", re.sub(r"`[^`]*`", HOLE, text))
    for part in re.split(r"\n\n|\n(?=[|#>*-]|\d+\.)|\|| · |; ", text):
        yield from (each.strip() for each in _END.split(part.replace("\n", " ")))


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


def test_buttons_are_short_acts_in_title_case() -> None:
    code = [each for each in places() if each.startswith("handlers/") and each.endswith(".py")]
    labels = {label for place in code for label in buttons(place)}

    assert len(labels) > 60
    assert {each for each in labels if mislabelled(each)} == set()


def test_a_button_that_a_sentence_names_is_there() -> None:
    labels = {
        part.value.strip("|<>…")
        for file in (ROOT / "handlers").rglob("*.py")
        for part in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }
    said = [each for place in places() for _, each in sentences(place)]
    said += [(ROOT / place).read_text(encoding="utf-8") for place in _DOCS]

    named = {name for each in said for name in _PRESSED_IN.findall(each)}
    assert len(named) > len(_PRESSED)
    assert named - labels == set()


@pytest.mark.parametrize("room", _PARTED)
def test_sentences_are_in_the_text_of_their_room(room: str) -> None:
    loose = [
        f"{line}: {said}"
        for place in (f"handlers/{room}/views.py", f"handlers/{room}/listeners.py")
        for line, said in sentences(place)
        if len(said.split()) > 3 and said.endswith((".", "?"))
    ]

    assert loose == []


@pytest.mark.parametrize("place", _DOCS)
def test_docs_follow_the_rules(place: str) -> None:
    said = list(in_prose(place))
    never = [
        f"({rule}): {each}"
        for rule, pattern in NEVER.items()
        for each in said
        if rule not in _OF_SCREENS and re.search(pattern, each)
    ]

    assert len(said) > 8
    assert never == []
    prose = [each for each in said if each.count(HOLE) <= _MOST_FACTS]
    assert [each for each in prose if len(re.findall(r"[\w’']+", each)) > LONGEST_IN_DOCS] == []
