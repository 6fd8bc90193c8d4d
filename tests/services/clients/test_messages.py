"""Where the reason for a refusal stands: anywhere, in any spelling, told once."""

import json
from typing import Any

import httpx
import pytest

from services.clients.http import Answer
from services.clients.messages import messages_of
from tests.databases import SQLITE_ALONE

pytestmark = SQLITE_ALONE

GENERAL = "A validation exception occurred"
EMAIL = "Email address must be valid."
ACCOUNT = "Account must be valid."


def refused(**element: Any) -> dict[str, Any]:
    return {
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": GENERAL,
        "Elements": [{"HasErrors": True, **element}],
    }


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            refused(
                Contact={"ValidationErrors": [{"Message": EMAIL}]},
                LineItems=[{"ValidationErrors": [{"Message": ACCOUNT}]}, {}],
                ValidationErrors=[],
            ),
            (EMAIL, ACCOUNT),
        ),
        (
            refused(
                LineItems=[{"ValidationErrors": [{"Message": ACCOUNT}]}] * 3,
                ValidationErrors=[{"Message": ACCOUNT}],
            ),
            (ACCOUNT,),
        ),
        (refused(ValidationErrors=None), (GENERAL,)),
        (refused(ValidationErrors=[None, {"Message": None}, {"Message": EMAIL}]), (EMAIL,)),
        (refused(Payments=[{"Account": {"validationErrors": [{"message": ACCOUNT}]}}]), (ACCOUNT,)),
        (
            {"type": "x", "title": "Too Long", "status": 400, "detail": "20 at most"},
            ("20 at most", "Too Long"),
        ),
        ({"Title": "Bad Request", "Detail": ACCOUNT, "Status": 400}, (ACCOUNT,)),
        ({"title": "Forbidden", "status": 403}, ("Forbidden",)),
        ({"message": "Missing required params: x"}, ("Missing required params: x",)),
        ({"error": {"message": "Field cannot be empty"}}, ("Field cannot be empty",)),
        ({"errors": {"date": ["is no date"], "number": "is taken"}}, ("is no date", "is taken")),
        ({"error": "invalid_request", "error_description": EMAIL}, (EMAIL, "invalid_request")),
        (["nothing", "of", "use"], ()),
        ([{"message": EMAIL}], (EMAIL,)),
        ({"httpStatusCode": 400, "problem": {"title": "Bad Request", "detail": EMAIL}}, (EMAIL,)),
        ({"Errors": [{"ErrorMessage": ACCOUNT}]}, (ACCOUNT,)),
        ("Rate exceeded", ("Rate exceeded",)),
        ({}, ()),
        (None, ()),
    ],
)
def test_every_text_is_found_once_wherever_it_stands(body: Any, said: tuple[str, ...]) -> None:
    found = messages_of(Answer("Xero", 400, httpx.Headers(), json.dumps(body).encode()))

    assert found == said


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", ()),
        (
            b"<Api><Message>A validation exception occurred</Message><Message>A &amp; B</Message>",
            ("A & B",),
        ),
        (b"<html><body>403 Forbidden</body></html>", ()),
        (b"\xff\xfe\x00", ()),
        (b"{not json", ()),
        (b"[" * 100_000, ()),
        (b"  upstream request\n timeout ", ("upstream request timeout",)),
        (b"x" * 5000, ()),
    ],
)
def test_a_body_that_is_no_json_is_quoted_only_when_it_is_a_sentence(
    body: bytes, said: tuple[str, ...]
) -> None:
    assert messages_of(Answer("Paymo", 502, httpx.Headers(), body)) == said
