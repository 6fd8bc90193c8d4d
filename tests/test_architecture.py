"""Rules of the house that no linter knows: sizes, one broad except, no mocks, no sleeping."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from tests.remote_calls import Calls, read

ROOT = Path(__file__).parent.parent
PACKAGES = ("bot", "handlers", "services", "sandbox", "tests")
FILES = sorted(
    file
    for package in PACKAGES
    for file in (ROOT / package).rglob("*.py")
    if "versions" not in file.parts
)
CODE = [file for file in FILES if file.relative_to(ROOT).parts[0] != "tests"]
# This file speaks of what is banned.
TESTS = [file for file in FILES if file not in CODE and file != Path(__file__)]
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def nodes(file: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize(("files", "most"), [(CODE, 400), (TESTS, 400)], ids=["code", "tests"])
def test_no_file_outgrows_its_limit(files: list[Path], most: int) -> None:
    long = {name_of(file): len(file.read_text(encoding="utf-8").splitlines()) for file in files}

    assert {name: lines for name, lines in long.items() if lines > most} == {}


@pytest.mark.parametrize(("files", "most"), [(CODE, 50), (TESTS, 40)], ids=["code", "tests"])
def test_no_function_outgrows_its_limit(files: list[Path], most: int) -> None:
    long = {
        f"{name_of(file)}:{node.lineno} {node.name}"
        for file in files
        for node in nodes(file)
        if isinstance(node, FUNCTION) and (node.end_lineno or 0) - node.lineno + 1 > most
    }

    assert long == set()


def test_nothing_in_services_is_left_out_of_the_contract_about_data_and_networks() -> None:
    """What has no line in it could import the database or the network, and nobody would see."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    held = {
        name
        for contract in contracts["tool"]["importlinter"]["contracts"]
        if {"sqlalchemy", "httpx"} & set(contract.get("forbidden_modules", ()))
        for name in contract["source_modules"]
    }
    there = {
        f"services.{each.stem}"
        for each in (ROOT / "services").iterdir()
        if each.suffix == ".py" or (each / "__init__.py").exists()
    }

    assert there - {"services.__init__"} - held == set()


def test_the_broad_except_stands_once_and_says_why() -> None:
    broad = [
        (name_of(file), before.strip())
        for file in CODE
        for before, line in pairwise(file.read_text(encoding="utf-8").splitlines())
        if re.search(r"except\s*(\(?\s*(Base)?Exception|:)", line)
    ]

    assert [name for name, _ in broad] == ["services/jobs/runner.py"]
    assert broad[0][1].startswith("# The only broad one here:")


def test_money_is_never_a_float() -> None:
    floats = [
        f"{name_of(file)}:{node.lineno}"
        for file in CODE
        if file.is_relative_to(ROOT / "services")
        for node in nodes(file)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Call) and ast.unparse(node.func) == "float")
    ]

    assert floats == []


def test_logs_are_handed_refusals_and_not_their_texts() -> None:
    """What a refusal says may name a client or an amount; bot/telemetry.py keeps its kind alone."""
    texts = [
        f"{name_of(file)}:{node.lineno}"
        for file in CODE
        if name_of(file) != "bot/distributed.py"  # its troubles are the database's own
        for node in nodes(file)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).startswith("log.")
        and any(ast.unparse(each.value).startswith("str(") for each in node.keywords)
    ]

    assert texts == []


@pytest.mark.parametrize("banned", ["monkeypatch.setattr", "time.sleep(", "freezegun"])
def test_no_test_patches_our_code_or_sleeps(banned: str) -> None:
    guilty = [name_of(file) for file in TESTS if banned in file.read_text(encoding="utf-8")]

    assert guilty == []


@cache
def calls_of_services() -> Calls:
    """Read once, and only where it is asked for: this takes a second or two."""
    return Calls.of(read(ROOT, "services"))


PLANTED = """
from services.batch.reading import whole
from services.sync import payments
from services.batch import reading as other

class Planted:
    async def run(self, key):
        paymo = self.kit.paymo.client(key)
        async with self.database.sessions.begin() as session:
            {call}

    async def _further(self, key):
        return await self._reads(key)

    async def _reads(self, key):
        return await self.xero.client(key).organisation()

    async def in_hand(self, session, paymo, key):
        {handed}

async def apart(paymo):
    await paymo.company()
"""


def planted(call: str = "pass", handed: str = "pass") -> list[str]:
    tree = ast.parse(PLANTED.format(call=call, handed=handed))
    more = calls_of_services().with_more({"services.planted": tree})
    return more.inside_transactions(below="services.planted")


def test_no_network_call_stands_inside_a_transaction() -> None:
    """Between `sessions.begin()` and its end, nothing but the store is awaited."""
    assert calls_of_services().inside_transactions() == []
    assert planted() == []


@pytest.mark.parametrize(
    "call",
    [
        "await self.kit.paymo.client(key).company()",
        "await paymo.company()",
        "found = [await paymo.invoice(each) for each in key]",
        "await asyncio.gather(paymo.company(), paymo.clients())",
        "await asyncio.wait_for(self.paymo.client(key).invoice(1), 3)",
        "task = asyncio.create_task(paymo.company())",
        "async for page in self.xero.client(key).contacts(): pass",
        "await whole(paymo, key)",
        "await other.whole(paymo, key)",
        "await self._reads(key)",
        "await self._further(key)",
        "await apart(paymo)",
        "await self.kit.mirror.refresh_contacts(key)",
        "await self.kit.screen.show_result(key)",
        "await course.board.post(key)",
        "await self.kit.oauth.refresh(key)",
        "if await paymo.company(): return",
        "return (await paymo.company()).name",
    ],
)
def test_a_network_call_inside_a_transaction_is_seen_however_it_is_written(call: str) -> None:
    for found in (planted(call=call), planted(handed=call)):
        assert {each.split(":")[0] for each in found} == {"services.planted"}


def test_nearly_every_call_of_the_clients_is_seen() -> None:
    """So that a way of writing them that hides them all does not pass for none."""
    seen = {
        (each.module, site.lineno)
        for each in calls_of_services().functions
        if ".clients" not in each.module
        for site in calls_of_services().sites(each)
    }
    written = {
        (module, node.lineno)
        for module, tree in calls_of_services().trees.items()
        if ".clients" not in module
        for node in ast.walk(tree)
        if isinstance(node, ast.Await)
        and isinstance(node.value, ast.Call)
        and re.search(r"\b(xero|paymo|ledger|oauth|board|screen)\b", ast.unparse(node.value.func))
    }

    assert len(seen) > 200
    assert written - seen == set()


# What belongs to Slack alone: mentions, links to channels, the command, names of its payloads.
SLACK = re.compile(
    r"<@|<#[A-Z{]|<!(?:channel|here|everyone|date|subteam)|/paymo-xero|action_id|block_id|mrkdwn"
)


def test_services_hold_nothing_that_only_slack_understands() -> None:
    """Sentences hold facts (see `wording`), which handlers write as Slack shows them."""
    guilty = [
        f"{name_of(file)}:{node.lineno}"
        for file in CODE
        if file.is_relative_to(ROOT / "services")
        for node in nodes(file)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and SLACK.search(node.value)
    ]

    assert guilty == []
