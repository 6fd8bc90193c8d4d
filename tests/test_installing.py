"""Installing: the locks hold what is needed and nothing else, and serving needs no stand-in."""

import asyncio
import re
import sys
import tomllib
from asyncio.subprocess import PIPE
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, cast
from zipfile import ZipFile

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.bot.program import NEEDED, ROOT, ended, run, serving, start

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
_HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def locked(name: str) -> dict[str, Requirement]:
    """Return what a lock pins, by name; every line is a pin or a hash."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not _HASH.fullmatch(line) and line != "-r requirements.lock"]
    found = [Requirement(line.removesuffix(" \\")) for line in pins]
    assert all(re.fullmatch(r"==[^*]+", str(each.specifier)) for each in found)
    return {canonicalize_name(each.name): each for each in found}


def applies(each: Requirement, python: str, extra: str = "") -> bool:
    """Say whether a requirement counts on this Python."""
    place = {"python_version": python, "python_full_version": f"{python}.0", "extra": extra}
    return each.marker is None or each.marker.evaluate(cast("dict[str, Any]", place))


def needed(wanted: Iterable[str], python: str) -> dict[str, set[str]]:
    """Return everything that these requirements bring, with the extras that somebody asks for."""
    found: dict[str, set[str]] = {}
    ahead = list(map(Requirement, wanted))
    while ahead:
        each = ahead.pop()
        name = canonicalize_name(each.name)
        asked = {"", *each.extras}
        new = asked - found.setdefault(name, set())
        found[name] |= new
        ahead += [one for extra in new for one in _brought(name, python, extra)]
    return {name: extras - {""} for name, extras in found.items()}


def _brought(name: str, python: str, extra: str) -> Iterator[Requirement]:
    try:
        texts = metadata.requires(name) or ()
    except metadata.PackageNotFoundError:
        return  # needed on other Pythons alone
    for text in texts:
        each = Requirement(text)
        if applies(each, python, extra) and (not extra or not applies(each, python)):
            yield each


@pytest.mark.parametrize("python", PYTHONS)
def test_the_first_lock_holds_what_the_program_needs_and_nothing_else(python: str) -> None:
    pins = locked("requirements.lock")
    here = {name: each.extras for name, each in pins.items() if applies(each, python)}

    assert here == needed(PROJECT["dependencies"], python)


@pytest.mark.parametrize("python", PYTHONS)
def test_the_second_lock_adds_what_developers_need(python: str) -> None:
    first, rest = locked("requirements.lock"), locked("requirements-dev.lock")
    wanted = needed(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"], python)

    assert first.keys() & rest.keys() == set()
    assert {name for name, each in (first | rest).items() if applies(each, python)} == set(wanted)
    assert [name for name, extras in wanted.items() if extras - (first | rest)[name].extras] == []


@pytest.mark.thorough
async def test_serving_loads_neither_the_stand_ins_nor_what_others_need(tmp_path: Path) -> None:
    """A start is as long as what it loads, and all of that stays in memory."""
    others = "alembic jinja2 joserfc procrastinate psycopg pydantic pygments rich"
    for name in ("sandbox", *others.split()):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise SystemError('{name} is loaded')")

    async with serving(tmp_path, **NEEDED) as (process, _):
        await ended(process)
    demo = await start(tmp_path, "demo")
    _, told = await demo.communicate()

    assert b"sandbox is loaded" in told


async def test_the_version_stands_in_one_place(tmp_path: Path) -> None:
    told = await run(tmp_path, "--version")

    assert (told.status, told.out) == (0, f"paymo-xero {PROJECT['version']}\n")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[(.+)\] - (\d{4}-\d\d-\d\d)$", changes, re.MULTILINE)
    assert releases[0][0] == PROJECT["version"]
    assert [day for _, day in releases] == sorted((day for _, day in releases), reverse=True)


def test_all_that_checks_elsewhere_calls_what_make_has() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    workflow = yaml.safe_load((ROOT / ".github/workflows/checks.yml").read_text("utf-8"))
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    steps = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    entries = [hook["entry"] for repo in hooks for hook in repo["hooks"]]
    called = [re.match(r"make ([a-z-]+)", line) for line in (*steps, *entries)]

    assert {each[1] for each in called if each} <= targets
    assert {each[1] for each in called if each} >= {"check", "test", "image", "style", "types"}
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == PYTHONS
    assert {repo["repo"] for repo in hooks} == {"local"}


async def test_the_wheel_holds_the_program_its_pages_and_the_stand_ins(tmp_path: Path) -> None:
    build = ["-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = await asyncio.create_subprocess_exec(sys.executable, *build, cwd=ROOT, stdout=PIPE)
    await done.communicate()
    wheel = tmp_path / f"paymo_xero-{PROJECT['version']}-py3-none-any.whl"
    with ZipFile(wheel) as opened:
        names = set(opened.namelist())
    there = {
        str(each.relative_to(ROOT))
        for folder in ("bot", "handlers", "services", "sandbox")
        for each in (ROOT / folder).rglob("*")
        if each.is_file() and "__pycache__" not in each.parts
    }

    assert there - names == set()
    assert {name.split("/")[0].split("-")[0] for name in names} == {
        "bot",
        "handlers",
        "services",
        "sandbox",
        "paymo_xero",
    }
