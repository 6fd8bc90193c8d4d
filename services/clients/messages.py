"""A remote system's own error texts, wherever an answer has them."""

import html
import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from services.clients.http import Answer
from services.clients.typed import content_of
from services.errors import Unavailable
from services.model.wording import clean

_LISTS = {"validationerrors", "errors", "problems"}
_SPECIFIC = ("message", "detail", "error_description", "errormessage", "description")
_GENERAL = ("message", "detail", "error_description", "errormessage", "title", "error")
_EMPTY_WORDS = {each.phrase.lower() for each in HTTPStatus} | {"a validation exception occurred"}
_TAGGED = re.compile(r"<(?:message|detail|faultstring)>([^<>]+)</", re.IGNORECASE)
_MOST = 100
_LONGEST = 1000  # characters; a body that is no JSON is quoted only when it is a sentence


def messages_of(answer: Answer) -> tuple[str, ...]:
    """Every text of a refusal, at any depth, each once.

    The general words that go with every refusal are left out where others say more.
    """
    try:
        found = content_of(answer)
    except Unavailable:
        return _plain(answer.body)
    if isinstance(found, str):
        return _once([found])
    return messages_in(found) or _telling(_anywhere(found))


def messages_in(found: object) -> tuple[str, ...]:
    """Every text of a refusal in a decoded answer, or in one row of it."""
    special = list(_special(found))
    general = _texts_under(found, _GENERAL) if isinstance(found, dict) else []
    return _telling([*special, *general])


def _telling(texts: Iterable[str]) -> tuple[str, ...]:
    """Leave out what goes with every refusal, where others say more."""
    said = _once(texts)
    telling = tuple(each for each in said if each.lower().rstrip(".") not in _EMPTY_WORDS)
    return telling or said


def _anywhere(found: object) -> Iterator[str]:
    """Walk through a refusal of a shape that is not known, and yield what may be its words."""
    if isinstance(found, dict):
        yield from _texts_under(found, _GENERAL)
    inner = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    for each in inner:
        yield from _anywhere(each)


def errors_in(row: dict[str, Any]) -> tuple[str, ...]:
    """What is said to be wrong with one row, at any depth of it."""
    return _once(_special(row))


def _special(found: object) -> Iterator[str]:
    """Walk through everything, and yield what lists of errors hold."""
    if isinstance(found, dict):
        for key, value in found.items():
            if key.replace("_", "").lower() in _LISTS:
                yield from _errors(value)
            else:
                yield from _special(value)
    elif isinstance(found, list):
        for each in found:
            yield from _special(each)


def _errors(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _errors(each)
    elif isinstance(value, dict):
        texts = _texts_under(value, _SPECIFIC)
        yield from texts
        for key, each in value.items():
            if not texts or key.replace("_", "").lower() in _LISTS:
                yield from _errors(each)


def _texts_under(found: dict[str, Any], keys: Iterable[str]) -> list[str]:
    """The texts under these keys, in any case; an object in their place is looked into."""
    lower = {key.lower(): value for key, value in found.items()}
    texts: list[str] = []
    for value in (lower.get(key) for key in keys):
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, dict | list):
            texts += _errors(value)
    return texts


def _plain(body: bytes) -> tuple[str, ...]:
    """What XML says, or a sentence; a page, or what is no text, says nothing."""
    text = clean(body.decode(errors="replace")).strip()
    if tagged := _telling(html.unescape(each) for each in _TAGGED.findall(text)):
        return tagged
    is_sentence = text and len(text) <= _LONGEST and text[0] not in "<{[" and "\ufffd" not in text
    return _once([text]) if is_sentence else ()


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    said = dict.fromkeys(" ".join(each.split())[:_LONGEST] for each in texts)
    return tuple(each for each in said if each)[:_MOST]
