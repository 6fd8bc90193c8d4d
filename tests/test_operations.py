"""docs/operations.md, claim by claim: names, numbers and commands are those of the program."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest

from bot import cli, http
from bot.doctor import Patient
from bot.settings import Settings
from bot.telemetry import Metrics
from services.clients import tokens
from services.jobs import policy
from services.jobs.policy import Policy
from services.mirror.hooks import EVENTS
from services.notices import health
from services.notices.health import Concern
from tests.test_deploying import SECRETS, composed, unit
from tests.test_docs import PAGES, ROOT, in_words, read, section
from tests.test_watching import alerts

_TYPED = re.compile(r"(?<![/\w.-])paymo-xero ((?:[a-z]+-?)+(?: [^`\n]*)?)")
PAGE = "docs/operations.md"
_SPAN = re.compile(r"`([^`]+)`|^ {4}(\S.*)$", re.MULTILINE)
_SCALE = {"a": 1, "an": 1, "half an": 0.5, "two": 2, "three": 3, "four": 4, "": 4}
_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}


def page() -> str:
    """The page, each paragraph on one line."""
    return re.sub(r"(?<=\S)\n(?=[^\s|#-])", " ", read(PAGE))


def rows(heading: str) -> Iterator[list[str]]:
    """Yield the rows of a section's table, without its head."""
    for line in section(read(PAGE), heading).splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split(" |")]


def typed() -> Iterator[tuple[str, str]]:
    """Yield every command that a page has people type in a terminal, with its page."""
    for each in PAGES:
        for span, block in _SPAN.findall(each.read_text(encoding="utf-8")):
            if (found := _TYPED.search(span or block)) and found[1].split()[0] in cli.main.commands:
                yield str(each.relative_to(ROOT)), found[1]


@pytest.mark.parametrize(("where", "words"), sorted(set(typed())))
def test_every_command_takes_the_flags_that_a_page_gives_it(where: str, words: str) -> None:
    name, *_ = words.split()
    command = cli.main.commands[name]
    known = {flag for each in command.params for flag in (*each.opts, *each.secondary_opts)}

    assert set(re.findall(r"--[a-z-]+", words)) <= known, where


def test_every_command_is_on_some_page() -> None:
    assert {words.split()[0] for _, words in typed()} >= cli.main.commands.keys() - {"demo"}


def test_the_doctors_names_and_its_example_are_those_of_the_program() -> None:
    told = section(read(PAGE), "Doctor")
    nothing = cast(Any, None)
    names = [name.lower() for name in Patient(nothing, nothing, nothing, nothing).checks()]
    listed = told.split("The names are ", 1)[1].split(", and those of", 1)[0]
    [example] = re.findall(r"^ {4}(\{.*\})$", told, re.MULTILINE)

    assert re.findall(r"`(\w+)`", listed) == names[: -len(Concern)]
    [check] = json.loads(example)["checks"]
    assert check.keys() == {"name", "status", "message", "action"}
    assert check["name"] in names


def test_each_early_warning_says_when_it_comes() -> None:
    told = {cells[0]: cells[1] for cells in rows("Early warnings")}

    assert {name for cells in told for name in re.findall(r"`(\w+)`", cells)} == set(Concern)
    stale, late = health._STALE.days, health._LATE // timedelta(minutes=1)  # noqa: SLF001
    assert f"for {in_words(stale)} days; it expires after sixty" in told["`token`"]
    assert (health._ENDS.days, late) == (60, 15)  # noqa: SLF001
    assert f"another {in_words(health._AT_FIRST)} minutes" in told["`clock`"]  # noqa: SLF001


def test_how_long_everything_is_tried_is_about_what_its_pauses_take() -> None:
    for name, what, tries, span, *_ in rows("How long things are tried"):
        tried: Policy = getattr(policy, name.strip("`"))
        pauses = [tried.pause_after(each) for each in range(1, int(tries))]
        many, unit = re.findall(r"(?:(half an|an?|two|three|four) )?(minute|hour|day)", span)[0]
        said = timedelta(seconds=_SCALE[many] * _UNITS[unit])

        assert 0.6 < sum(pauses, timedelta()) / said < 1.3, what
    first = [f"{each}" for each in policy._SHORT[:3]]  # noqa: SLF001
    assert f"after {', '.join(first)} and then every {policy._SHORT[-1]} seconds" in page()  # noqa: SLF001


def test_every_metric_is_told() -> None:
    told = {name for cells in rows("What to watch") for name in re.findall(r"`(\w+)`", cells[0])}
    families = {
        f"{each.name}{'_total' if each.type == 'counter' else ''}"
        for each in Metrics().registry.collect()
    }

    assert told == {each for each in families if not each.startswith("process_")}


def test_the_alerts_that_wake_somebody_are_the_three_that_the_page_names() -> None:
    pages = [each["alert"] for each in alerts() if each["labels"]["severity"] == "page"]

    assert pages == ["PaymoXeroDown", "PaymoXeroClockStopped", "PaymoXeroSlackSlow"]
    assert "Three of them should wake somebody at night: the program is down, its clock" in page()


def test_what_the_page_has_people_set_up_is_what_the_program_uses() -> None:
    told = page()
    scopes = told.split("the program asks for ", 1)[1].split(" if you attach", 1)[0]
    files = told.split("This works for ", 1)[1].split(". If both", 1)[0]
    behind = told.split("Behind `?` it takes ", 1)[1].split(",", 1)[0]
    a_day = timedelta(days=1) // timedelta(seconds=Settings.sync_interval_seconds)

    assert re.findall(r"`([\w.]+)`", scopes) == [*tokens.SCOPES.split(), tokens.ATTACHMENTS]
    assert set(re.findall(r"`([A-Z_]+)`", files)) == SECRETS
    assert all(f"`{each}`" in told for each in EVENTS)
    assert f"{a_day} calls to Xero a day" in told
    assert behind == "`sslmode`"
    assert "client_max_body_size 1m;" in told
    assert http._LARGEST_BODY <= 1024 * 1024  # noqa: SLF001


def test_commands_run_beside_the_program_as_its_own_user_and_with_its_settings() -> None:
    """A file of root's in its folder would lock the program out."""
    told = section(read(PAGE), "Start on an empty machine")
    [words] = re.findall(r"^ {4}systemd-run (.+?)\n\n", f"{told}\n\n", re.MULTILINE | re.DOTALL)
    given = dict(each.split("=", 1) for each in re.findall(r"-p (\S+)", words))
    service, name = dict(unit()["Service"]), "paymo-xero"
    shared = ["EnvironmentFile", "DynamicUser", "StateDirectory", "WorkingDirectory", "UMask"]

    assert given == {each: service[each] for each in shared} | {"User": name}
    assert "User" not in service, "it's then named like the unit"
    assert (ROOT / "deploy" / f"{name}.service").exists()
    assert f"{words.split()[-2]} serve" == service["ExecStart"]
    assert "docker compose exec app paymo-xero doctor" in told
    assert "app" in composed()["services"]


def test_backing_up_and_restoring_with_compose_names_its_database() -> None:
    asked = re.findall(
        r"^ {4}docker compose exec -T (\w+) (pg_\w+) (.+) [<>] backup.dump$",
        read(PAGE),
        re.MULTILINE,
    )

    assert [program for _, program, _ in asked] == ["pg_dump", "pg_restore"]
    for service, _, words in asked:
        given = composed()["services"][service]["environment"]
        assert f"--username={given['POSTGRES_USER']} " in words
        assert given["POSTGRES_DB"] in words.replace("--dbname=", "").split()
    assert "docker compose stop app" in read(PAGE)
