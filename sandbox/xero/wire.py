"""What Xero's answers have in common: numbers, dates, envelopes and refusals."""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

from aiohttp import web

from sandbox.serving import Json, as_json

Commit = Callable[[], Json]

NOBODY = "00000000-0000-0000-0000-000000000000"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BASIC = 0xFFFF  # what lies beyond, most emoji, is dropped
_JOINERS = "\u200d\ufe0e\ufe0f\u20e3"
# What XML cannot hold; whether Xero says exactly this of it in JSON nobody has shown.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MS_DATE = re.compile(r"/Date\((-?\d+)([+-]\d{4})?\)/")
_ISO_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(T[\d:.]+Z?)?")


class Refused(Exception):
    """The whole request gets this answer instead."""

    def __init__(
        self, status: int, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Without a body the answer is empty and claims to be HTML, as Xero's does."""
        super().__init__(status)
        self.status, self.body, self.headers = status, body, dict(headers or {})

    def response(self) -> web.Response:
        """The answer itself."""
        if self.body is None:
            return web.Response(
                status=self.status, headers=self.headers, content_type="text/html", charset="utf-8"
            )
        return as_json(self.body, status=self.status, headers=self.headers)


class Invalid(Exception):
    """One element was understood and refused, for these reasons."""

    def __init__(self, *messages: str) -> None:
        """Keep what Xero would say of the element."""
        super().__init__("; ".join(messages))
        self.messages = list(messages)


def answer(request: web.Request, plural: str, items: Sequence[Json], **beside: Any) -> web.Response:
    """The usual envelope, in JSON for those who ask for it, otherwise in XML, Xero's default."""
    body: Json = {
        "Id": str(uuid4()),
        "Status": "OK",
        "ProviderName": "paymo-xero",
        "DateTimeUTC": f"/Date({_milliseconds(datetime.now(UTC))})/",
        **beside,
        plural: list(items),
    }
    if "json" in request.headers.get("Accept", ""):
        return as_json(body)
    return web.Response(text=f"<Response>{_xml(body)}</Response>", content_type="text/xml")


def _xml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(f"<{name}>{_xml(item)}</{name}>" for name, item in value.items())
    if isinstance(value, list):
        return "".join(f"<Item>{_xml(item)}</Item>" for item in value)
    return escape(str(value))


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Refused:
    """Authentication errors are problem details with capital letters."""
    title = HTTPStatus(status).phrase
    body = {"Type": None, "Title": title, "Status": status, "Detail": detail}
    return Refused(status, body | {"Instance": str(uuid4()), "Extensions": {}}, headers)


def not_found() -> Refused:
    """Unknown ids are answered with an empty page."""
    return Refused(HTTPStatus.NOT_FOUND)


def malformed(message: str) -> Refused:
    """The body could not be read."""
    return _exception(14, "PostDataInvalidException", message)


def bad_query(message: str) -> Refused:
    """The `where` or `order` could not be read."""
    return _exception(16, "QueryParseException", message)


def _exception(number: int, kind: str, message: str) -> Refused:
    body = {"ErrorNumber": number, "Type": kind, "Message": message}
    return Refused(HTTPStatus.BAD_REQUEST, body)


def kept(text: str) -> str:
    """A short text as it is kept: without emoji, blanks folded and trimmed."""
    plain = (char for char in text if ord(char) <= _BASIC and not _is_picture(char))
    return " ".join("".join(plain).split())


def _is_picture(char: str) -> bool:
    return unicodedata.category(char) == "So" or char in _JOINERS


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def ms_moment(moment: datetime) -> str:
    """`/Date(…+0000)/` of a moment."""
    return f"/Date({_milliseconds(moment)}+0000)/"


def ms_day(day: date) -> str:
    """A calendar date is midnight UTC of that day."""
    return ms_moment(datetime(day.year, day.month, day.day, tzinfo=UTC))


def from_ms(text: str) -> datetime | None:
    """Read `/Date(…)/`; the offset does not move the instant."""
    found = _MS_DATE.fullmatch(text)
    return _EPOCH + timedelta(milliseconds=int(found[1])) if found else None


def stamps(updated: datetime) -> Json:
    """The two spellings of when something last changed."""
    text = updated.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"UpdatedDateUTC": ms_moment(updated), "UpdatedDateUTCString": text}


def days(**named: date | None) -> Json:
    """The two spellings of calendar dates; what is unset is absent."""
    known = {name: day for name, day in named.items() if day is not None}
    return {name: ms_day(day) for name, day in known.items()} | {
        f"{name}String": f"{day.isoformat()}T00:00:00" for name, day in known.items()
    }


def read_day(value: Any) -> date:
    """Read a date that was sent; anything but a plain date is malformed."""
    if isinstance(value, str):
        if moment := from_ms(value):
            return moment.date()
        if found := _ISO_DAY.fullmatch(value):
            try:
                return date.fromisoformat(found[1])
            except ValueError as error:
                raise malformed(f"Error converting value {value!r} to a date.") from error
    raise malformed(f"Error converting value {value!r} to type 'System.DateTime'.")


def read_number(value: Any) -> Decimal:
    """Read an amount that was sent, as a number or as its text."""
    if not isinstance(value, bool):
        try:
            return Decimal(value)
        except (InvalidOperation, TypeError, ValueError):
            pass
    raise malformed(f"Error converting value {value!r} to type 'System.Decimal'.")


async def read_body(request: web.Request) -> Any:
    """The JSON that was sent."""
    if request.content_type != "application/json":
        raise malformed("Data at the root level is invalid. Line 1, position 1.")
    try:
        return json.loads(await request.read(), parse_float=Decimal)
    except ValueError as error:
        raise malformed("The request body is not valid JSON.") from error


def _texts(sent: Any) -> Iterator[str]:
    if isinstance(sent, str):
        yield sent
    elif isinstance(sent, dict | list):
        for each in sent.values() if isinstance(sent, dict) else sent:
            yield from _texts(each)


async def elements(request: web.Request, plural: str) -> list[Json]:
    """What was sent, one or many, wrapped in the plural's name or bare."""
    body = await read_body(request)
    if found := _UNFIT.search("".join(_texts(body))):
        value = f"0x{ord(found[0]):02X}"
        raise malformed(f"{found[0]!r}, hexadecimal value {value}, is an invalid character.")
    if isinstance(body, dict):
        wrapped = [value for name, value in body.items() if name.casefold() == plural.casefold()]
        body = wrapped[0] if wrapped else [body]
    if isinstance(body, dict):
        body = [body]
    if isinstance(body, list) and body and all(isinstance(item, dict) for item in body):
        return body
    raise malformed(f"No {plural} were found in the request.")


def write_each(
    request: web.Request, plural: str, sent: list[Json], check: Callable[[Json], Commit]
) -> web.Response:
    """Write every element, or, when errors are to be summarised, all of them or none."""
    checked: list[Commit | Invalid] = [_checked(check, element) for element in sent]
    summarise = request.query.get("summarizeErrors", "true").lower() != "false"
    if summarise and any(isinstance(outcome, Invalid) for outcome in checked):
        echoes = [_echo(element, outcome) for element, outcome in zip(sent, checked, strict=True)]
        raise invalid(echoes)
    written = [_written(element, outcome) for element, outcome in zip(sent, checked, strict=True)]
    if summarise and any(item.get("StatusAttributeString") == "ERROR" for item in written):
        raise invalid(written)
    return answer(request, plural, written)


def invalid(echoes: list[Json]) -> Refused:
    """Validation errors, beside an echo of what was sent."""
    body = {
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": "A validation exception occurred",
        "Elements": echoes,
    }
    return Refused(HTTPStatus.BAD_REQUEST, body)


def _checked(check: Callable[[Json], Commit], element: Json) -> Commit | Invalid:
    try:
        return check(element)
    except Invalid as refusal:
        return refusal


def _written(element: Json, outcome: Commit | Invalid) -> Json:
    if isinstance(outcome, Invalid):
        return _echo(element, outcome)
    try:
        return outcome() | {"StatusAttributeString": "OK"}
    except Invalid as refusal:
        return _echo(element, refusal)


def _echo(element: Json, outcome: Commit | Invalid) -> Json:
    messages = outcome.messages if isinstance(outcome, Invalid) else []
    flags: Json = {"ValidationErrors": [{"Message": message} for message in messages]}
    if messages:
        flags |= {"StatusAttributeString": "ERROR", "HasErrors": True, "HasValidationErrors": True}
    return element | flags
