"""What the real services once answered, read by our decoders: nothing lost, no reason lost."""

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from services.clients.http import Answer
from services.clients.messages import errors_in, messages_of
from services.clients.paymo import transport as paymo
from services.clients.rows import FIELDS_OF_OURS, Kind, Rows
from services.clients.typed import content_of, rows_in
from services.clients.xero import transport as xero
from tests.databases import SQLITE_ALONE
from tests.skips import SHARED

FOLDER = SHARED / "recordings"
FILES = sorted(FOLDER.glob("*.json"))
# They are no part of the repository, so where skipping is forbidden there is nothing to run.
__test__ = bool(FILES) or "FORBID_SKIPS" not in os.environ
pytestmark = [
    SQLITE_ALONE,
    pytest.mark.skipif(not FILES, reason="the recordings are not at hand"),
]
KINDS: dict[str, Kind[Any]] = {
    **{key: kind for kind, key in xero._KEYS.items()},  # noqa: SLF001 -- the names on the wire
    **{key: kind for kind, key in paymo._KEYS.items()},  # noqa: SLF001 -- likewise
    "invoices": paymo.INVOICES,
}
# What is told of an answer to people, and not of a row.
TEXTS = {"message", "detail", "title"}
EMPTY = {"a validation exception occurred", "forbidden", "unauthorized"}


def body_of(file: Path) -> Any:
    """Return a recorded body; some files hold the status and headers, too."""
    found = json.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    return found["body"] if isinstance(found, dict) and "body" in found else found


def answer_of(body: Any) -> Answer:
    encoded = msgspec.json.Encoder(decimal_format="number").encode(body)
    return Answer("Xero", 200, httpx.Headers(), encoded)


def lists_in(body: Any) -> Iterator[tuple[Kind[Any], Any]]:
    """Yield the lists of an answer that we read."""
    if isinstance(body, list):
        yield xero.TENANTS, body
    else:
        lists = {key: body[key] for key in KINDS if isinstance(body.get(key), list | dict)}
        yield from ((KINDS[key], found) for key, found in lists.items())


def texts_in(found: Any) -> Iterator[str]:
    """Yield every text of a refusal, wherever it stands."""
    if isinstance(found, dict):
        for key, value in found.items():
            if key.lower() in TEXTS and isinstance(value, str):
                yield value
            else:
                yield from texts_in(value)
    elif isinstance(found, list):
        for each in found:
            yield from texts_in(each)


@pytest.mark.parametrize("file", FILES, ids=lambda each: each.name)
def test_every_row_is_read_with_all_that_we_use(file: Path) -> None:
    body = body_of(file)
    for kind, raw in lists_in(body):
        rows: Rows[Any] = kind.rows(content_of(answer_of(raw)))
        stated = [raw] if isinstance(raw, dict) else raw
        assert rows.left_out == ()
        by_types = rows_in(answer_of({"rows": raw}).body, kind, "rows")
        assert by_types is None or repr(by_types.found) == repr(rows.found)
        assert len(rows.found) == len(stated)
        for row, each in zip(rows.found, stated, strict=True):
            if not getattr(row, "is_refused", False):
                assert_same(row, each)


def assert_same(row: msgspec.Struct, stated: dict[str, Any]) -> None:
    """Compare all that the row holds of what was stated, lists of rows included."""
    for each in msgspec.structs.fields(type(row)):
        value, said = getattr(row, each.name), stated.get(each.encode_name)
        if said in (None, "", []) or each.name in FIELDS_OF_OURS:
            continue
        if isinstance(value, tuple):
            assert len(value) == len(said)
            for inner, part in zip(value, said, strict=True):
                assert_same(inner, part)
        elif isinstance(value, msgspec.Struct):
            assert_same(value, said)
        elif isinstance(value, str | Decimal | bool | int):
            assert value == said or str(value) == str(said)
        else:
            assert value is not None
    assert getattr(row, "lacks", ()) == ()


@pytest.mark.parametrize("file", FILES, ids=lambda each: each.name)
def test_every_reason_of_a_refusal_is_told_once(file: Path) -> None:
    body = body_of(file)
    elements = body.get("Invoices", ()) if isinstance(body, dict) else ()
    for each in (each for each in elements if each.get("HasErrors")):
        assert list(errors_in(each)) == list(texts_in(each["ValidationErrors"]))
    if not any(True for _ in lists_in(body)):
        said = messages_of(answer_of(body))
        telling = {text for text in texts_in(body) if text.lower() not in EMPTY}
        assert set(said) == telling
        assert len(said) == len(telling)
