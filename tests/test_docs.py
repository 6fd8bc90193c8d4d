"""The documents say what is so: settings as they are, links that lead somewhere."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import install
from bot.settings import SecretText, Settings
from handlers import rights, slack, words
from services import money
from services.clients import tokens
from services.connect import links
from services.errors import ServiceError
from services.jobs import policy
from services.jobs.policy import Policy
from services.model.export import RefusalCode
from services.model.jobs import CALL_LIMIT
from services.model.notice import TOPIC_OF, NoticeKind, Rhythm, Topic
from services.model.people import Role
from services.store import access
from services.store.leases import LEASE
from services.store.links import LIFETIME, TRIES
from services.store.worklists import NEEDED
from services.sync.run import MOST_AT_ONCE
from tests import test_words

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_SETTING = re.compile(r"^\| `([A-Z_]+)` \| ([^|]+) \|", re.MULTILINE)
_TRIES = re.compile(r"^\| `([A-Z_]+)` \| [^|]+ \| ([0-9]+) \|", re.MULTILINE)
_FILE = re.compile(r"`([a-z_]+(?:/[a-z_]+)+\.py)`")
_ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """Return what stands under a heading, up to the next."""
    return page.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


def usual(default: object) -> str:
    """Write a setting's default as the page does."""
    plain = default.get_secret_value() if isinstance(default, SecretText) else default
    return "" if plain in ("", None) else f"`{plain}`"


def in_words(number: float) -> str:
    return {1: "one", 2: "two", 3: "three", 5: "five", 7: "seven", 10: "ten"}[int(number)]


def promised() -> Iterator[tuple[str, str]]:
    """Yield what the docs promise in numbers, made of the numbers that hold."""
    lives = f"{in_words(LIFETIME / timedelta(minutes=1))} minutes"
    patience = f"for {in_words(access.PATIENCE.days)} days"
    yield "docs/guide.md", f"Each link works once, for {lives}"
    yield "docs/troubleshooting.md", f"older than {lives}"
    yield "docs/troubleshooting.md", f"The link closes after {in_words(TRIES)} tries"
    yield "docs/guide.md", f"doesn't answer a request {patience}"
    yield "docs/operations.md", f"doesn't answer an exporter's request {patience}"
    yield "docs/guide.md", f"**Numbers** over {money.LONGEST_NUMBER} characters"
    yield "docs/guide.md", f"after {in_words(NEEDED)} exports by hand without a difference"
    yield "docs/guide.md", f"more than {in_words(MOST_AT_ONCE)} invoices were deleted or voided"
    yield (
        "docs/operations.md",
        f"more than {in_words(MOST_AT_ONCE)} invoices were deleted or voided",
    )
    yield "README.md", f"more than {in_words(MOST_AT_ONCE)} invoices at once"
    yield "docs/guide.md", f"the default is {Rhythm().every} at {Rhythm().hour:02}:00"
    yield "docs/operations.md", f"ends within {CALL_LIMIT.seconds} seconds (`CALL_LIMIT`)"
    yield (
        "docs/operations.md",
        f"a new access token for Xero | {tokens.REFRESH_LIMIT.seconds} seconds |",
    )
    yield "docs/decisions/0006-the-work-engine.md", f"takes the row for {LEASE.seconds} seconds"


@pytest.mark.parametrize(("page", "words"), list(promised()))
def test_the_numbers_that_the_docs_promise_hold(page: str, words: str) -> None:
    assert words in " ".join(read(page).split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    near = [link.split("#")[0] for link in links if "://" not in link and link[0] != "#"]

    assert [link for link in near if not (page.parent / link).exists()] == []


def test_every_setting_stands_in_the_operations_page_with_its_default() -> None:
    rows = _SETTING.findall(section(read("docs/operations.md"), "Settings"))
    told = {name: "" if default in {"–", "empty"} else default for name, default in rows}

    assert told == {each.name.upper(): usual(each.default) for each in fields(Settings)}


def test_how_long_everything_is_tried_is_told() -> None:
    rows = _TRIES.findall(section(read("docs/operations.md"), "How long things are tried"))

    assert {name: int(tries) for name, tries in rows} == {
        name: each.tries
        for name, each in vars(policy).items()
        if isinstance(each, Policy) and each.tries
    }


def test_how_to_rotate_every_secret_is_told() -> None:
    rows = set(_ROW.findall(section(read("docs/security.md"), "Rotating each secret")))
    secrets = {
        each.name.upper() for each in fields(Settings) if isinstance(each.default, SecretText)
    }

    assert secrets - {"DATABASE_URL"} <= rows


def test_every_kind_of_notice_stands_under_its_topic() -> None:
    rows = section(read("docs/notices.md"), "Kinds and topics").splitlines()
    told = {
        topic: set(re.findall(r"`([a-z_]+)`", row.split("|")[2]))
        for row in rows
        for topic in Topic
        if row.startswith(f"| `{topic}` |")
    }

    assert told == {
        topic: {kind.value for kind in NoticeKind if TOPIC_OF.get(kind) is topic} for topic in Topic
    }


def test_every_kind_of_notice_names_its_facts() -> None:
    told = set(_ROW.findall(section(read("docs/notices.md"), "Facts")))

    assert told == {kind.value for kind in NoticeKind}


def test_every_decision_says_why_and_what_would_change_it() -> None:
    wanted = ["Context", "Decision", "Consequences", "What would change our mind"]
    found = {
        page.name: re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        for page in PAGES
        if page.parent.name == "decisions"
    }

    assert len(found) >= 6
    assert {name for name, headings in found.items() if headings != wanted} == set()


def test_the_guide_says_who_may_type_what() -> None:
    rows = [
        [cell.strip() for cell in row.strip("|").split("|")]
        for row in section(read("docs/guide.md"), "Who may do what").splitlines()
        if row.startswith("| `")
    ]
    told: dict[str, Role] = {}
    for what, *may in rows:
        least = [Role.OWNER, Role.EXPORTER, Role.VIEWER, Role.NOBODY][may.count("yes") - 1]
        for verb in re.findall(r"`([a-z]+)`", what):
            told[verb] = min(least, told.get(verb, least))

    own = {words.PANEL, words.ALL, words.SEVERAL}
    assert told == {verb: role for verb, role in rights.COMMANDS.items() if verb not in own}


@pytest.mark.parametrize(("way", "most"), [("One export", 45), ("One payment", 25)])
def test_a_walk_names_files_that_are_there_and_stays_short(way: str, most: int) -> None:
    files = set(_FILE.findall(section(read("docs/architecture.md"), f"{way}, file by file")))

    assert {each for each in files if not (ROOT / each).exists()} == set()
    assert len(files) <= most


def test_every_folder_of_the_tree_has_its_line_in_the_architecture() -> None:
    rooms = section(read("docs/architecture.md"), "The folders")
    named = set(re.findall(r"(?<=[`/])[a-z]+(?=[`/])", rooms))
    there = {each.parent.name for each in (ROOT / "services").glob("*/__init__.py")}

    assert there - named == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_engineers_are_sent_to_files_that_exist(page: Path) -> None:
    named = set(_FILE.findall(page.read_text(encoding="utf-8")))

    assert {each for each in named if not (ROOT / each).exists()} == set()


def test_every_permission_has_its_reason() -> None:
    page = read("docs/permissions.md")
    asked = yaml.safe_load(read("manifest.yml"))
    scopes, events = section(page, "Slack").split("| event |")
    xero = {*tokens.SCOPES.split(), tokens.ATTACHMENTS}

    assert set(_ROW.findall(scopes)) == set(asked["oauth_config"]["scopes"]["bot"])
    for name in asked["settings"]["event_subscriptions"]["bot_events"]:
        assert f"`{name}`" in events
    assert "`connections:write`" in page
    assert set(_ROW.findall(section(page, "Xero"))) == xero


def test_every_refusal_has_its_cause_and_its_cure() -> None:
    page = read("docs/troubleshooting.md")
    told = _named_first(section(page, "Something else went wrong"))

    assert _named_first(section(page, "An export was refused")) == set(RefusalCode)
    assert {each.__name__ for each in _kinds(ServiceError)} - told == set()
    assert set(slack.SHUT) <= _named_first(section(page, "Channels"))
    cells = {cell.strip() for row in page.splitlines() for cell in row.split("|") if cell.strip()}
    on_pages = [f"{each.title} {each.sentence}" for each in _kinds(links.PageRefusal)]
    for said in (*on_pages, *slack.SHUT.values()):
        assert [cell for cell in cells if cell in said], said


def test_what_the_troubleshooting_quotes_is_what_people_read() -> None:
    """A quote's … stands for whatever is filled in."""
    said = "\n".join(_all_sentences())
    quoted = re.findall("“([^”]+)”", read("docs/troubleshooting.md"))
    patterns = {each: "[^\n]*".join(map(re.escape, each.split("…"))) for each in quoted}

    assert len(quoted) > 30
    assert [each for each, pattern in patterns.items() if not re.search(pattern, said)] == []


def test_what_the_doctor_and_the_install_page_say_has_its_cure() -> None:
    """Of a sentence with something filled in, its longest part counts."""
    page = " ".join(read("docs/troubleshooting.md").split())
    said = {_longest_part(each) for each in _first_words("bot/doctor.py", "Ill", "Diagnosis")}
    known = {each for each in said if not each.startswith("unknown ") and " " in each}

    assert len(known) > 6
    assert {each for each in known if each not in page} == set()
    assert {
        each for each in (*install.REASONS.values(), install.OTHER) if each not in page
    } == set()


def _first_words(file: str, *kinds: str) -> Iterator[ast.expr]:
    """Yield what these are made with: a diagnosis after its name and its grade."""
    for node in ast.walk(ast.parse(read(file))):
        name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and name in kinds:
            yield node.args[2 if name == "Diagnosis" else 0]


def _longest_part(said: ast.expr) -> str:
    parts = [each.value for each in ast.walk(said) if isinstance(each, ast.Constant)]
    return max((each.strip(" (") for each in parts if isinstance(each, str)), key=len, default="")


def _all_sentences() -> Iterator[str]:
    for place in test_words.places():
        yield from (said for _, said in test_words.sentences(place))


def _named_first(part: str) -> set[str]:
    rows = [row.split("|")[1] for row in part.splitlines() if row.startswith("| `")]
    return {name for cell in rows for name in re.findall(r"`(\w+)`", cell)}


def _kinds(kind: type[Any]) -> Iterator[type[Any]]:
    """Yield every kind of refusal that somebody may read; pages have a table of their own."""
    for each in kind.__subclasses__():
        if each.__name__[0] != "_":
            yield each
            if kind is not ServiceError or each is not links.PageRefusal:
                yield from _kinds(each)


def test_every_point_of_a_review_has_its_proof_or_its_decision() -> None:
    rows = re.findall(
        r"^\| (\d+) \| [^|]+ \| ([^|]+) \|$", read("docs/slack-review.md"), re.MULTILINE
    )
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", file.read_text(encoding="utf-8"))
    }

    assert [int(number) for number, _ in rows] == list(range(1, 41))
    assert [proof for _, proof in rows if not re.search(r"`test_|Decision|\]\(", proof)] == []
    assert set(re.findall(r"`(test_\w+)`", " ".join(proof for _, proof in rows))) - there == set()
