"""What people type behind the command, and what is understood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import names
from handlers.home.text import unknown_text
from handlers.words import PANEL, UNKNOWN, VERBS, naming, parse
from services.model.wording import Command
from tests.properties import tried


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
        ("INV-7", Command.SHOW, ("INV-7",)),
        ("#INV-20260101-1", Command.SHOW, ("#INV-20260101-1",)),
        ("show INV-7", Command.SHOW, ("INV-7",)),
        ("INV-1 INV-2", "several", ("INV-1", "INV-2")),
        ('export "INV 7"', names.EXPORT, ("INV 7",)),
        ("export “INV 7”", names.EXPORT, ("INV 7",)),
        ("export A&amp;B-7", names.EXPORT, ("A&B-7",)),
        ("export it's-7", names.EXPORT, ("it's-7",)),
        ('export "INV-7', names.EXPORT, ('"INV-7',)),
        ("export a\\7", names.EXPORT, ("a\\7",)),
        ("export INV-1 INV-2", "several", ("INV-1", "INV-2")),
        ("export ALL", "all", ()),
        ("export all invoices", "all", ()),
        ("Export everything", "all", ()),
        ("subscribe payments deletions", names.SUBSCRIBE, ("payments", "deletions")),
        ("export\u00a0INV-1", names.EXPORT, ("INV-1",)),
        ("\ufeffEXPORT\u2009INV\u20111", names.EXPORT, ("INV\u20111",)),
        ("*export* `INV-1`", names.EXPORT, ("`INV-1`",)),
        ("`/paymo-xero export INV-1`", names.EXPORT, ("INV-1`",)),
        ("\u200bINV-1", Command.SHOW, ("INV-1",)),
        ("inv 2041", Command.SHOW, ("inv 2041",)),
        ("\uff12\uff10\uff14\uff11", Command.SHOW, ("\uff12\uff10\uff14\uff11",)),
        ("show\u3000INV 1, second", Command.SHOW, ("INV 1, second",)),
        ("undo <tel:20412041|2041-2041>", Command.UNDO, ("2041-2041",)),
        ("why <http://inv.io/7|inv.io/7>", names.WHY, ("inv.io/7",)),
        ("INV-1,INV-2", "several", ("INV-1", "INV-2")),
        ("export 1,2;3", "several", ("1", "2", "3")),
        ("export INV-1\nINV-2\r\n", "several", ("INV-1", "INV-2")),
        ("export • INV-1 • INV-2 and INV-3", "several", ("INV-1", "INV-2", "INV-3")),
        ("export inv 1、inv 2", "several", ("inv 1", "inv 2")),
        ('export "INV 7, b", INV-8 b', "several", ("INV 7, b", "INV-8 b")),
        ("export *ALL*", "all", ()),
        ("unsubscribe\u2060", Command.UNSUBSCRIBE, ()),
        ("reconnect", names.CONNECT, ()),
        ("--help", Command.HELP, ()),
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


@pytest.mark.parametrize(
    ("text", "typed", "chosen", "then"),
    [
        ("show 2041", "2041", "INV–2041", (Command.SHOW, ("INV–2041",))),
        ("2041", "2041", "A&B-2041", (Command.SHOW, ("A&B-2041",))),
        ("undo 7", "7", "<b|7>", (Command.UNDO, ("<b|7>",))),
        ("export 1, 7 8", "7", "7, second", ("several", ("1", "7, second", "8"))),
        ("export inv 7,8", "inv 7", "INV 7", ("several", ("INV 7", "8"))),
    ],
)
def test_the_number_that_is_chosen_takes_the_place_of_what_was_typed(
    text: str, typed: str, chosen: str, then: tuple[str, tuple[str, ...]]
) -> None:
    found = parse(naming(text, typed, chosen))

    assert (found.verb, found.rest) == then


def test_what_was_typed_is_harmless_in_the_answer() -> None:
    assert "<!channel>" not in unknown_text(parse("<!channel>"))


@tried(300)
@given(st.text(max_size=60), st.text(max_size=30))
def test_whatever_is_typed_is_understood_somehow(text: str, chosen: str) -> None:
    found = parse(text)

    assert found.verb
    assert all(each.strip() for each in found.rest) or found.verb not in {names.EXPORT, "several"}
    parse(naming(text, chosen, chosen))
