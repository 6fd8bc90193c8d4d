"""Slack's refusals: which of them are nobody's fault, and what the others mean to us."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError

from handlers import names
from services.errors import ChannelClosed, NotFound, ServiceError, Throttled, Unavailable

log = structlog.get_logger(__name__)

# A modal that was closed, or redrawn by somebody else in the meantime, is no failure.
_CLOSED_VIEW = frozenset({"not_found", "view_not_found", "hash_conflict"})
_STALE_TRIGGER = frozenset({"expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id"})
_NOT_THERE = frozenset({"not_in_channel", "channel_not_found"})
_GONE = frozenset({"message_not_found", "cant_update_message"})
_DEAD = frozenset(
    {"account_inactive", "token_revoked", "invalid_auth", "token_expired", "not_authed"}
)
_SHUT = {
    "is_archived": "The channel is archived.",
    "no_permission": "The app may not write in this channel.",
    "posting_to_general_channel_denied": "Only some people may write in this channel.",
    "messages_tab_disabled": "The app’s Messages tab is switched off.",
    "cannot_dm_bot": "Slack does not let the app write to this person.",
    "user_not_found": "Slack does not know this person any more.",
    "user_disabled": "This person’s account is deactivated.",
    "team_access_not_granted": "An admin has not added the app to this workspace yet.",
    "missing_scope": "The app lacks a permission. Install it again from its page.",
}
_SERVER_ERROR = 500


def code_of(error: SlackApiError) -> str:
    """Return Slack's name of the refusal."""
    # A broken Slack answers with a page, or with nothing, in place of JSON.
    answer: Any = getattr(error.response, "data", error.response)
    return str(answer.get("error", "")) if isinstance(answer, dict) else ""


def refusal_of(error: SlackApiError) -> ServiceError:
    """Return what the refusal of a post means to whoever wanted it posted."""
    code = code_of(error)
    if code == "ratelimited":
        seconds = int(getattr(error.response, "headers", {}).get("Retry-After", "1"))
        return Throttled("Slack asks us to wait.", retry_after=timedelta(seconds=seconds))
    if code in _GONE:
        return NotFound("The message is not there any more.")
    if code in _NOT_THERE:
        return ChannelClosed(
            f"The app is not in this channel. Type `/invite {names.BOT}` there, then subscribe "
            "again."
        )
    if code in _DEAD:
        return ChannelClosed("The app is no longer installed in this workspace.")
    if code in _SHUT or code.startswith("restricted_action"):
        return ChannelClosed(_SHUT.get(code, "The workspace does not let the app write here."))
    return Unavailable(f"Slack did not take the message ({code or 'no answer'}).")


def name_of(error: Exception) -> str:
    """Return Slack's name of the refusal, or what kind of trouble there was on the way."""
    return code_of(error) if isinstance(error, SlackApiError) else type(error).__name__


def may_work_again(error: Exception) -> bool:
    """Say whether the same form may open with the next press: nothing is wrong with the form."""
    if not isinstance(error, SlackApiError):
        return True
    answer: Any = error.response
    status = int(getattr(answer, "status_code", getattr(answer, "status", 0)))
    is_passing = code_of(error) in _STALE_TRIGGER | {"ratelimited"}
    return is_passing or status >= _SERVER_ERROR


@contextmanager
def slack_refusals() -> Iterator[None]:
    """Turn what Slack and the network say into what services understand."""
    try:
        yield
    except SlackApiError as error:
        raise refusal_of(error) from error
    except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
        raise Unavailable("Slack could not be reached.") from error


@contextmanager
def nobody_has_to_look() -> Iterator[None]:
    """Note what could not be shown, and go on: the work behind a screen is done and recorded."""
    try:
        with slack_refusals():
            yield
    except ServiceError as refusal:
        log.warning("not_shown", reason=str(refusal))


@contextmanager
def closed_views_are_fine() -> Iterator[None]:
    """Let a view go that its owner has closed; a network failure is noted, and forgiven."""
    try:
        yield
    except SlackApiError as error:
        if code_of(error) not in _CLOSED_VIEW:
            raise
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("slack_not_reached", error=type(error).__name__)
