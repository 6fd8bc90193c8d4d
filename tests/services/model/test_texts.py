"""Text from outside: what nobody can see is gone before it is kept, shown or sent on."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.model import wording
from tests.properties import tried

ANY = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x00\x02\x03\x0b\x85\u2028\u202e\u2066\u200b\u200d\ufeff\ud800\udc00\\u"),
    ),
    max_size=30,
)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Acme\x00 Ltd\x07", "Acme Ltd"),
        ("\u202eeva\u202c \u2066x\u2069 \u200fz", "eva x z"),
        ("IN\u200bV\u2060-1\ufeff", "INV-1"),
        ("one\x0btwo\u2028three\x85four", "one\ntwo\nthree\nfour"),
        ("tab\tand\nline\r\n", "tab\tand\nline\r\n"),
        ("half \ud83d and whole \U0001f600", "half  and whole \U0001f600"),
        ("m\u200cn \U0001f468\u200d\U0001f469", "m\u200cn \U0001f468\u200d\U0001f469"),
        ("\x02<@U1>\x03", "<@U1>"),
    ],
)
def test_what_nobody_can_see_is_taken_out(text: str, seen: str) -> None:
    assert wording.clean(text) == seen


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (" INV\u00a0\t7 \n", "INV 7"),
        ("A\u200dB\u200c", "AB"),
        ("\u202e\x00", ""),
    ],
)
def test_a_name_for_another_system_is_one_line_that_can_be_seen(text: str, line: str) -> None:
    assert wording.one_line(text) == line


@tried(300)
@given(text=ANY, is_escaped=st.booleans())
def test_a_document_holds_clean_texts_and_every_other_character(
    text: str,
    *,
    is_escaped: bool,
) -> None:
    document = json.dumps({"name": text, "n": 1}, ensure_ascii=is_escaped)
    body = document.encode("utf-8", "surrogatepass")

    found = msgspec.json.decode(wording.clean_json(body))

    whole = json.loads(document)["name"] if is_escaped else text  # two halves make a pair
    assert found["n"] == 1
    assert found["name"].replace("\ufffd", "") == wording.clean(whole).replace("\ufffd", "")


def test_bytes_that_are_no_text_leave_the_rest_readable() -> None:
    assert msgspec.json.decode(wording.clean_json(b'{"name": "caf\xe9 \xed\xa0\x80"}')) == {
        "name": "caf\ufffd \ufffd\ufffd\ufffd"
    }
