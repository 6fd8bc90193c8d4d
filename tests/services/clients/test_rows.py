"""Every decoder, fed with rows that no documentation has: none raises, none takes others along."""

import importlib
import itertools
import json
import pkgutil
import types
import typing
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

import services
from services import clients
from services.clients.http import Answer
from services.clients.paymo import Invoice
from services.clients.paymo.transport import INVOICES
from services.clients.rows import DAY, FIELDS_OF_OURS, NO_ID, Kind, LeftOut, plan_of, width_of
from services.clients.typed import content_of, decoded, rows_in
from services.clients.xero.transport import INVOICES as XERO_INVOICES
from services.errors import ServiceError
from services.money import exact
from tests.databases import SQLITE_ALONE
from tests.properties import tried

pytestmark = SQLITE_ALONE


def kinds() -> Iterator[Kind[Any]]:
    """Find every kind of row that any module reads, webhooks' bodies included."""
    for info in pkgutil.walk_packages(services.__path__, f"{services.__name__}."):
        if ".migrations" in info.name:
            continue
        for value in vars(importlib.import_module(info.name)).values():
            if isinstance(value, Kind):
                yield value


KINDS = sorted(set(kinds()), key=lambda each: (each.where, each.what, str(each.struct)))
BY_NAME = pytest.mark.parametrize(
    "kind", KINDS, ids=lambda each: f"{each.where} {each.struct.__name__} {each.what}"
)
# Whatever may stand where something else is expected, money and huge numbers included.
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(
        ["NaN", "Infinity", "-1", "1e999", "0000-00-00", "/Date(-62135596800000)/", "\x00", "SPENT"]
    ),
    st.sampled_from(["00000000-0000-0000-0000-000000000000", 10**40, "9" * 400, [], {}, [None]]),
    st.lists(st.dictionaries(st.text(max_size=4), st.integers(), max_size=2), max_size=2),
)


def plain(kind: Any) -> Any:
    """Return a field's type without None and width; of several, text."""
    if typing.get_origin(kind) is typing.Annotated:
        return typing.get_args(kind)[0]
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        some = [each for each in typing.get_args(kind) if each is not type(None)]
        return plain(some[0]) if len(some) == 1 else str
    return kind


def good(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Return a row that has every field."""
    return {
        each.key: "2026-11-25" if DAY in each.marks else _good(each.kind)
        for each in plan_of(struct)
    }


def _fields(struct: type[msgspec.Struct]) -> list[msgspec.structs.FieldInfo]:
    return [each for each in msgspec.structs.fields(struct) if each.name not in FIELDS_OF_OURS]


def _good(kind: Any) -> Any:
    values: dict[Any, Any] = {
        str: "text",
        int: 7,
        bool: True,
        Decimal: 1.5,
        date: "2026-11-25",
        datetime: "2026-11-25T09:00:00Z",
    }
    if typing.get_origin(kind) is tuple:
        return [good(typing.get_args(kind)[0])]
    if typing.get_origin(kind) is dict:
        return {}
    return values[kind] if kind in values else good(kind)


def answer_of(body: object) -> Answer:
    return Answer("Xero", 200, httpx.Headers(), json.dumps(body).encode())


def test_the_decoders_are_found() -> None:
    assert {"invoice", "payment", "contact", "webhook", "company"} <= {each.what for each in KINDS}


@BY_NAME
@tried(60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_an_odd_row_is_read_or_left_out_and_takes_none_with_it(
    kind: Kind[Any], data: st.DataObject
) -> None:
    row = good(kind.struct)
    key = data.draw(st.sampled_from(sorted(row)))
    odd = data.draw(ODD)
    changed = {**row, key: odd, "NewField": {"of": ["tomorrow"]}}
    if data.draw(st.booleans()):
        del changed[key]
    rows = kind.rows(content_of(answer_of([row, changed, row, None, 5])))

    assert rows.count == 5
    assert rows.found[0] == kind.rows(content_of(answer_of(row))).found[0]
    assert len(rows.found) + len(rows.left_out) == 5
    assert all(each.lacks for each in rows.left_out)


# What JSON can hold that Python does not write by itself, and what types alone would take.
TOKENS = [
    *("1E+3", "1e3", "0e5", "-0.0", "5.0", "1.00000", "0.30000000000000004", "1E-7", "1e15"),
    *("1000000000000000", "999999999999999"),
    *("99999999999999.9", "99999999999999.99", "0.0001", "null", "0.00010", "0.00000"),
    *("999999999999999.9999", "-1e15", "12345678901234.123456789", "9223372036854775808", "0"),
    *("-1", "true", "[]", "{}", '""', '" "', '"\\n"', '"\\u00a0"', '"\\u0000x"', '"a\\u0000"'),
    *('"NaN"', '" 5 "', '"5_0"', '"Infinity"', '"-Infinity"', '"sNaN"', '"\\u200b"', '"ERROR"'),
    *('"0001-01-01"', '"9999-12-31"', '"2026-11-25T09:00:00"', '"2026-11-25T09:00:00.9999999Z"'),
    *('"2026-11-25T23:00:00-05:00"', '"1899-12-31T00:00:00Z"', '"/Date(1795564800000+0000)/"'),
    *('"2026-11-25 09:00:00Z"', '"2026-11-25t09:00:00z"', '"2026-11-25"', '"20261125"'),
    *('"2026-11-25T09:00:00+00:00"', '"2026-11-25T09:00:00.5Z"', f'"{NO_ID}"', '"x"'),
]
NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,8})?([eE][+-]?[0-9]{1,2})?", fullmatch=True
)
TYPED = st.one_of(
    (st.sampled_from(TOKENS) | NUMBERS).map(lambda each: msgspec.Raw(each.encode())), ODD
)


@pytest.mark.thorough
@BY_NAME
@tried(150, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_the_types_take_is_read_alike_field_by_field(
    kind: Kind[Any], data: st.DataObject
) -> None:
    rows = [_changed(kind.struct, data) for _ in range(data.draw(st.integers(1, 3)))]
    body = msgspec.json.encode({"rows": rows, "pagination": {"pageCount": 2}})
    read = rows_in(body, kind, "rows")

    assert read is not None
    assert repr(read.found) == repr(kind.rows(decoded(body, "Xero")["rows"]).found)  # type: ignore[index]
    assert read.left_out == kind.rows(decoded(body, "Xero")["rows"]).left_out  # type: ignore[index]
    assert (read.count, read.pages) == (len(rows), 2)


def _changed(struct: type[msgspec.Struct], data: st.DataObject) -> dict[str, Any]:
    """Return a row of which something else is said, within its rows, too."""
    row = good(struct)
    names = [*row, "HasErrors", "ValidationErrors", "StatusAttributeString", "ContactID"]
    for name in data.draw(st.lists(st.sampled_from(names), max_size=2)):
        inner = [each.type for each in _fields(struct) if each.encode_name == name]
        if typing.get_origin(next(iter(inner), None)) is tuple and data.draw(st.booleans()):
            row[name] = [_changed(typing.get_args(inner[0])[0], data)]
        else:
            row[name] = data.draw(TYPED)
    return row


@BY_NAME
def test_each_value_in_each_field_is_read_alike(kind: Kind[Any]) -> None:
    for name, token in itertools.product(good(kind.struct), TOKENS):
        row = good(kind.struct) | {name: msgspec.Raw(token.encode())}
        body = msgspec.json.encode({"rows": [row]})
        read = rows_in(body, kind, "rows")
        assert read is not None
        assert repr(read) == repr(kind.rows(decoded(body, "Xero")["rows"])), (name, token)  # type: ignore[index]


def test_one_odd_row_is_read_by_itself() -> None:
    rows = [good(XERO_INVOICES.struct) | {"InvoiceNumber": str(at)} for at in range(3)]
    rows[1] |= {"Total": "odd", "Payments": None}
    read = rows_in(msgspec.json.encode({"Invoices": rows}), XERO_INVOICES, "Invoices")
    assert read is not None
    assert [(each.invoice_number, each.lacks) for each in read.found] == [
        ("0", ()),
        ("1", ("Total",)),
        ("2", ()),
    ]


@pytest.mark.parametrize("token", ["null", "1E+3", "0.00000", '" 5 "', '"NaN"'])
def test_one_odd_amount_is_found_far_down_a_page(token: str) -> None:
    rows = [good(XERO_INVOICES.struct) for _ in range(450)]
    rows[420]["Payments"][0]["Amount"] = rows[421]["Total"] = msgspec.Raw(token.encode())
    body = msgspec.json.encode({"Invoices": rows})
    read = rows_in(body, XERO_INVOICES, "Invoices")
    assert read is not None
    assert repr(read) == repr(XERO_INVOICES.rows(decoded(body, "Xero")["Invoices"]))  # type: ignore[index]


def test_nobody_else_says_what_an_invoice_lacks() -> None:
    told = {"IsRefused": True, "Said": ["No."], "Lacks": ["Total"]}
    body = msgspec.json.encode({"Invoices": [good(XERO_INVOICES.struct) | told]})
    read = rows_in(body, XERO_INVOICES, "Invoices")
    assert read is not None
    assert [(each.is_refused, each.said, each.lacks) for each in read.found] == [(False, (), ())]


@BY_NAME
@tried(30, suppress_health_check=list(HealthCheck))
@given(odd=ODD)
def test_no_amount_and_no_id_is_ever_guessed(kind: Kind[Any], odd: Any) -> None:
    for each in _fields(kind.struct):
        if not each.required or plain(each.type) not in {Decimal, int}:
            continue
        read = kind.row({**good(kind.struct), each.encode_name: odd})
        if isinstance(read, LeftOut) or each.encode_name in getattr(read, "lacks", ()):
            continue
        stated = odd.strip() if isinstance(odd, str) else repr(odd)
        assert abs(Decimal(getattr(read, each.name)) - Decimal(stated)) <= Decimal("1e-9")


@pytest.mark.parametrize(
    ("said", "read"),
    [("on", [True]), (2, [True]), ("Y", [True]), ("0.0", [False]), (None, [False]), ("maybe", [])],
)
def test_whether_a_line_is_taxed_is_never_guessed(said: Any, read: list[bool]) -> None:
    row = good(Invoice)
    row["invoiceitems"][0]["apply_tax"] = said
    found = INVOICES.rows(content_of(answer_of(row))).found
    assert [each.items[0].apply_tax for each in found] == read


@pytest.mark.parametrize("none", [0, "0", "", None, False])
def test_nothing_hangs_on_an_id_of_zero(none: Any) -> None:
    row = good(Invoice) | {"project_id": none, "template_id": none}
    row["invoiceitems"][0] |= {"expense_id": none, "entries": [{"id": 7, "invoice_item_id": none}]}
    (found,) = INVOICES.rows(content_of(answer_of(row))).found
    assert (found.project_id, found.template_id, found.items[0].expense_id) == (None, None, None)
    assert found.items[0].entries[0].invoice_item_id is None


@BY_NAME
@given(text=st.text(max_size=30) | st.just("[" * 5000) | st.just('{"a": 1e999999}'))
def test_what_is_no_json_is_a_refusal_like_others(kind: Kind[Any], text: str) -> None:
    answer = Answer("Paymo", 200, httpx.Headers(), text.encode(errors="surrogatepass"))
    try:
        kind.rows(content_of(answer))
    except ServiceError:
        return


@pytest.mark.parametrize("kind", [each for each in KINDS if each.where == "Xero"], ids=str)
def test_no_text_is_longer_than_what_it_is_kept_in(kind: Kind[Any]) -> None:
    for each in _fields(kind.struct):
        row = kind.row({**good(kind.struct), each.encode_name: "x" * 300})
        width = width_of(each.type)
        if plain(each.type) is str and width and not isinstance(row, LeftOut):
            assert len(getattr(row, each.name) or "") <= width


@pytest.mark.parametrize(
    ("stated", "read"),
    [
        ("0.30000000000000004", "0.3"),
        ("1911.6000000000001", "1911.6"),
        ("-85.50500000000001", "-85.505"),
        ("12345678.100000001", "12345678.1"),
        ("123456789.09999999", "123456789.1"),
        ("-98765432109.870026", "-98765432109.870026"),
        ("98765432109.870010", "98765432109.87"),
        ("33.33333333", "33.33333333"),
        ("0.00005", "0.00005"),
        ("1E+3", "1000"),
        ("17.5", "17.5"),
    ],
)
def test_a_tail_of_a_float_is_no_money(stated: str, read: str) -> None:
    assert exact(Decimal(stated)) == Decimal(read)
    assert "E" not in f"{exact(Decimal('1E+3'))}"


def test_nobody_decodes_an_answer_another_way() -> None:
    """A struct that is decoded elsewhere would escape all of the above."""
    for info in pkgutil.walk_packages(clients.__path__, f"{clients.__name__}."):
        module = importlib.import_module(info.name)
        text = Path(module.__file__ or "").read_text(encoding="utf-8")
        decodes = "json.decode(" in text or "Decoder(" in text or ".json()" in text
        allowed = {f"services.clients.{each}" for each in ("rows", "typed", "messages", "tokens")}
        assert not decodes or info.name in allowed
