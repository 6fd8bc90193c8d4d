"""Taking Xero's envelopes and refusals apart."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from services.clients.http import Answer
from services.clients.xero import wire
from services.errors import Rejected, Unavailable

T = TypeVar("T")


def rows_of(answer: Answer, key: str, kind: type[T]) -> Sequence[T]:
    """Return the list under `key`; Xero wraps even one object in a list."""
    envelope = answer.decode(dict[str, msgspec.Raw])
    if key not in envelope:
        raise Unavailable(f"Xero answered without {key}.")
    try:
        return msgspec.json.decode(envelope[key], type=list[kind])  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise Unavailable(f"Xero's {key} could not be read.") from error


def refusal_of(element: wire.XeroInvoice) -> Rejected:
    """Return the refusal of one element of an answer that is well otherwise."""
    texts = tuple(each.message for each in element.validation_errors)
    return Rejected(f"Xero refused: {' '.join(texts) or 'it gave no reason'}", messages=texts)


class _Element(msgspec.Struct, rename="pascal"):
    validation_errors: tuple[wire.ValidationError, ...] = ()


class _Refusal(msgspec.Struct, rename="pascal"):
    message: str = ""
    detail: str = ""
    elements: tuple[_Element, ...] = ()


def messages_of(answer: Answer) -> tuple[str, ...]:
    """Return every text of a refusal: the elements' own, else the general one."""
    try:
        refusal = msgspec.json.decode(answer.body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ()
    texts = [each.message for element in refusal.elements for each in element.validation_errors]
    general = refusal.message or refusal.detail
    return tuple(dict.fromkeys(texts)) or ((general,) if general else ())
