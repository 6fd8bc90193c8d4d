"""The manifest is what Slack accepts, and what the code answers to."""

import json
import os
import re
from pathlib import Path
from typing import Any, get_type_hints

import jsonschema
import pytest
import yaml

from handlers import names
from handlers.register import Services, router
from handlers.routing import Router
from tests.skips import SHARED

ROOT = Path(__file__).parents[1]
SCHEMA = SHARED / "specs" / "slack-manifest.schema.json"
# What each method of Slack's that the code calls asks for.
SCOPES = {
    "auth_test": set(),
    "chat_postEphemeral": {"chat:write"},
    "chat_postMessage": {"chat:write", "chat:write.public"},
    "chat_unfurl": {"links:read", "links:write"},
    "chat_update": {"chat:write"},
    "conversations_info": {"channels:read", "groups:read"},
    "files_upload_v2": {"files:write"},
    "users_info": {"users:read"},
    "views_open": set(),
    "views_publish": set(),
    "views_push": set(),
    "views_update": set(),
}
OPTIONAL = {"channels:read", "groups:read", "links:read", "links:write", "users:read"}
CALL = re.compile(
    r"\.((?:(?:auth|chat|views|conversations|files|reactions)_|users_(?:info|list|lookup))\w*)"
)


@pytest.fixture
def manifest() -> dict[str, Any]:
    """The manifest as it is read."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "manifest.yml").read_text())
    return found


@pytest.fixture
def found() -> Router:
    """The names that the code answers to; no service is called for them."""
    return router(Services(*(each.__new__(each) for each in get_type_hints(Services).values())))


# It is no part of the repository, so where skipping is forbidden there is nothing to run.
if SCHEMA.exists() or "FORBID_SKIPS" not in os.environ:

    @pytest.mark.skipif(not SCHEMA.exists(), reason="Slack's manifest schema is not at hand")
    def test_slack_accepts_the_manifest(manifest: dict[str, Any]) -> None:
        """By Slack's own schema."""
        jsonschema.validate(manifest, json.loads(SCHEMA.read_text()))


def test_every_command_shortcut_and_event_has_its_handler(
    manifest: dict[str, Any], found: Router
) -> None:
    """And no handler waits for what the manifest does not bring."""
    features, settings = manifest["features"], manifest["settings"]
    assert [each["command"] for each in features["slash_commands"]] == list(found.commands)
    assert [each["callback_id"] for each in features["shortcuts"]] == list(found.shortcuts)
    assert sorted(settings["event_subscriptions"]["bot_events"]) == sorted(found.events)


def test_everything_arrives_at_one_address(manifest: dict[str, Any]) -> None:
    """Commands, events, interactivity and the menus' options."""
    settings = manifest["settings"]
    addresses = {
        manifest["features"]["slash_commands"][0]["url"],
        settings["event_subscriptions"]["request_url"],
        settings["interactivity"]["request_url"],
        settings["interactivity"]["message_menu_options_url"],
    }
    assert addresses == {"https://app.example.com/slack/events"}


def test_every_menu_that_asks_us_has_rows(found: Router) -> None:
    """Each of the external menus of each form."""
    assert set(found.options) == {
        (names.EXPORT, names.INVOICE),
        (names.EXPORT, names.CONTACT),
        (names.EXPORT, names.ACCOUNT),
        (names.MATCH, names.CLIENT),
        (names.MATCH, names.CONTACT),
        (names.MATCH, names.ACCOUNT),
        (names.SUBSCRIBE, names.CLIENT),
        (names.SUBSCRIBE, names.DIGEST_ZONE),
    }


def test_no_permission_is_asked_for_in_vain_and_none_is_missing(manifest: dict[str, Any]) -> None:
    """By the calls that the code makes; commands and shortcuts need one of their own."""
    files = [file for part in ("bot", "handlers") for file in (ROOT / part).rglob("*.py")]
    calls = {name for file in files for name in CALL.findall(file.read_text(encoding="utf-8"))}

    asked = set(manifest["oauth_config"]["scopes"]["bot"])

    assert calls - set(SCOPES) == set()
    assert asked == {"commands"}.union(*(SCOPES[name] for name in calls))
    assert set(manifest["oauth_config"]["scopes"]["bot_optional"]) == OPTIONAL


def test_what_is_shown_of_the_app_fits_slacks_lists(manifest: dict[str, Any]) -> None:
    """The lengths that Slack's schema leaves to its pages."""
    command, shortcut = manifest["features"]["slash_commands"][0], manifest["features"]["shortcuts"]
    hint = command["usage_hint"]

    assert len(manifest["display_information"]["description"]) <= 140
    assert 175 <= len(manifest["display_information"]["long_description"]) <= 4000
    assert all(len(each["name"]) <= 24 for each in shortcut)
    assert all(verb in hint for verb in ("connect", "export", "match", "subscribe", "help"))
