"""What Slack calls the person who acts, and the workspace, in each kind of payload."""

from typing import Any

import pytest

from handlers.routing import labels_of

ANNA = {"id": "U1", "name": "anna", "username": "anna", "team_id": "T1"}


@pytest.mark.parametrize(
    ("body", "labels"),
    [
        ({"user_name": "anna", "team_domain": "maple"}, ("anna", "maple")),
        ({"user": ANNA, "team": {"id": "T1", "domain": "maple"}}, ("anna", "maple")),
        ({"user": {"id": "U1", "username": "anna"}, "team": None}, ("anna", "")),
        (
            {"user": ANNA, "team": None, "enterprise": {"id": "E1", "name": "Forest"}},
            ("anna", "Forest"),
        ),
        ({"event": {"user": "U1"}, "team_id": "T1"}, ("", "")),
        ({"user": "U1", "team": "T1", "enterprise": []}, ("", "")),
    ],
    ids=["command", "press", "a name missing", "Enterprise Grid", "event", "malformed"],
)
def test_names_are_taken_from_where_slack_puts_them(
    body: dict[str, Any], labels: tuple[str, str]
) -> None:
    assert labels_of(body) == labels
