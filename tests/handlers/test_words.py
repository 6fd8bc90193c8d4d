"""What people type behind the command, and what is understood."""

import pytest

from handlers import names
from handlers.help import unknown_text
from handlers.words import PANEL, UNKNOWN, VERBS, parse


@pytest.mark.parametrize("text", ["", "  ", "\t"])
def test_nothing_is_the_panel(text: str) -> None:
    assert parse(text).verb == PANEL


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_known_whatever_its_case_and_the_space_around_it(verb: str) -> None:
    assert parse(f"  {verb.upper()} ").verb == verb


@pytest.mark.parametrize(
    ("text", "verb", "rest"),
    [
        ("export INV-7", names.EXPORT, ("INV-7",)),
        ("INV-7", names.SHOW, ("INV-7",)),
        ("#INV-20260101-1", names.SHOW, ("#INV-20260101-1",)),
        ("show INV-7", names.SHOW, ("INV-7",)),
        ("INV-1 INV-2", "several", ("INV-1", "INV-2")),
        ('export "INV 7"', names.EXPORT, ("INV 7",)),
        ("export “INV 7”", names.EXPORT, ("INV 7",)),
        ("export A&amp;B-7", names.EXPORT, ("A&B-7",)),
        ("export it's-7", names.EXPORT, ("it's-7",)),
        ('export "INV-7', names.EXPORT, ('"INV-7',)),
        ("export a\\7", names.EXPORT, ("a\\7",)),
        ("export INV-1 INV-2", "several", ("INV-1", "INV-2")),
        ("export ALL", "all", ()),
        ("subscribe payments deletions", names.SUBSCRIBE, ("payments", "deletions")),
        ("reconnect", names.CONNECT, ()),
        ("--help", names.HELP, ()),
    ],
)
def test_what_follows_is_taken_as_it_was_meant(text: str, verb: str, rest: tuple[str, ...]) -> None:
    found = parse(text)

    assert (found.verb, found.rest) == (verb, rest)


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [("conect", names.CONNECT), ("exprot", names.EXPORT), ("setings", names.SETTINGS), ("qq", "")],
)
def test_an_unknown_word_brings_the_nearest(typed: str, nearest: str) -> None:
    found = parse(typed)

    assert (found.verb, found.nearest, found.typed) == (UNKNOWN, nearest, typed)


def test_what_was_typed_is_harmless_in_the_answer() -> None:
    assert "<!channel>" not in unknown_text(parse("<!channel>"))
