"""Small building blocks for saying what a JSON value must look like."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Check = Callable[[Any, str, list[str]], None]


def complain(problems: list[str], at: str, what: str) -> None:
    """Note a problem the way Slack words it in `response_metadata.messages`."""
    problems.append(f"[ERROR] {what} [json-pointer:{at}]")


def string(longest: int, *, shortest: int = 1, pattern: str = "") -> Check:
    """Accept text of a length, counted in characters."""

    def check(value: Any, at: str, problems: list[str]) -> None:
        if not isinstance(value, str):
            complain(problems, at, "must provide a string")
        elif len(value) > longest:
            complain(problems, at, f"must be less than {longest + 1} characters")
        elif len(value) < shortest:
            complain(problems, at, f"must be more than {shortest - 1} characters")
        elif pattern and not re.fullmatch(pattern, value):
            complain(problems, at, "must match the expected format")

    return check


def boolean(value: Any, at: str, problems: list[str]) -> None:
    """Accept true and false."""
    if not isinstance(value, bool):
        complain(problems, at, "must provide a boolean")


def integer(least: int, most: int) -> Check:
    """Accept a whole number between two bounds, both included."""

    def check(value: Any, at: str, problems: list[str]) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            complain(problems, at, "must provide an integer")
        elif not least <= value <= most:
            complain(problems, at, f"must be between {least} and {most}")

    return check


def choice(*allowed: str) -> Check:
    """Accept one of these words."""

    def check(value: Any, at: str, problems: list[str]) -> None:
        if value not in allowed:
            complain(problems, at, f"must be one of: {', '.join(allowed)}")

    return check


def anything(value: Any, at: str, problems: list[str]) -> None:
    """Accept any value: what is inside is not established."""


def array(item: Check, *, most: int, least: int = 1) -> Check:
    """Accept a list with so many items, each of which fits."""

    def check(value: Any, at: str, problems: list[str]) -> None:
        if not isinstance(value, list):
            complain(problems, at, "must provide an array")
            return
        if len(value) > most:
            complain(problems, at, f"no more than {most} items allowed")
        if len(value) < least:
            complain(problems, at, f"no fewer than {least} items allowed")
        for index, each in enumerate(value):
            item(each, f"{at}/{index}", problems)

    return check


@dataclass(frozen=True, slots=True)
class Shape:
    """An object with these fields and no others, unless `loose`."""

    required: Mapping[str, Check]
    optional: Mapping[str, Check] = field(default_factory=dict)
    loose: bool = False

    def __call__(self, value: Any, at: str, problems: list[str]) -> None:
        """Check the object, and each field that it has."""
        if not isinstance(value, dict):
            complain(problems, at, "must provide an object")
            return
        for name in self.required:
            if value.get(name) is None:
                complain(problems, at, f"missing required field: {name}")
        known = {**self.required, **self.optional}
        for name, inner in value.items():
            if name in known:
                if inner is not None:
                    known[name](inner, f"{at}/{name}", problems)
            elif name != "type" and not self.loose:
                complain(problems, at, f"invalid additional property: {name}")


def also(*checks: Check) -> Check:
    """Apply the first check and, when it finds nothing, the others too."""

    def check(value: Any, at: str, problems: list[str]) -> None:
        before = len(problems)
        for each in checks:
            each(value, at, problems)
            if len(problems) > before:
                return

    return check


def typed(shapes: Mapping[str, Check]) -> Check:
    """Choose the check by the object's own `type`."""

    def check(value: Any, at: str, problems: list[str]) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if kind is None:
            complain(problems, at, "missing required field: type")
        elif kind not in shapes:
            complain(problems, f"{at}/type", f"unsupported type: {kind}")
        else:
            shapes[kind](value, at, problems)

    return check
