"""Calls to Slack: what its refusals mean to us, who reads a channel, and files for one person."""

import asyncio
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from handlers import names
from handlers.blocks import section
from handlers.routing import SlackRequest
from services.errors import (
    ChannelClosed,
    NotAccepted,
    NotFound,
    ServiceError,
    Throttled,
    Unavailable,
)
from services.model import days, wording

log = structlog.get_logger(__name__)

# A modal that was closed, or redrawn by somebody else in the meantime, is no failure.
_CLOSED_VIEW = frozenset({"not_found", "view_not_found", "hash_conflict"})
_STALE_TRIGGER = frozenset({"expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id"})
_FULL = "push_limit_reached"  # three modals are open, one on top of the other
_PASSING = frozenset(
    {
        "ratelimited",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
        "accesslimited",
    }
)
_NOT_THERE = frozenset({"not_in_channel", "channel_not_found"})
_GONE = frozenset(
    {
        "message_not_found",
        "cant_update_message",
        "thread_not_found",  # for a reply, whose message above it is gone
        "cannot_reply_to_message",
    }
)
_DEAD = frozenset(
    {"account_inactive", "token_revoked", "invalid_auth", "token_expired", "not_authed"}
)
_NO_SCOPE = "missing_scope"
SHUT = {
    "is_archived": "The channel is archived.",
    "no_permission": "The app can’t post in this channel.",
    "posting_to_general_channel_denied": "Only certain people can post in this channel.",
    "messages_tab_disabled": "The app’s Messages tab is turned off.",
    "cannot_dm_bot": "Slack doesn't let the app message this person.",
    "user_not_found": "Slack can’t find this person.",
    "user_disabled": "This person’s account is deactivated.",
    "team_access_not_granted": "An admin hasn't added the app to this workspace yet.",
    _NO_SCOPE: "The app lacks a permission. Ask an admin to install it again.",
}
_OK, _BUSY = 200, 429
_SHORTEST, _LONGEST = Decimal(1), Decimal(600)  # seconds to wait, whatever Slack has asked for

# All that a call of Slack's client may raise: refusals, and troubles on the way there and back.
TROUBLE = (SlackClientError, aiohttp.ClientError, OSError)

# Slack waits three seconds for an answer, and this is asked before some are given.
_PATIENCE = timedelta(seconds=1)
_OTHERS = ("is_ext_shared", "is_pending_ext_shared", "pending_shared", "pending_connected_team_ids")
_SHARED = (
    "This channel is shared with another company. To subscribe it anyway, type /paymo-xero "
    "subscribe there."
)

_MARK = "\ufeff"  # without it a spreadsheet takes the accents for something else
_NUMBER = re.compile(r"[-+]?[0-9]+(?:[.,][0-9]+)*")
# Some spreadsheets split cells at semicolons, whatever the quotes say, skip blanks before a
# formula, and read full-width signs as plain ones.
_FORMULA = re.compile(
    r"(^|;)(?=[\s\ufeff\u200b-\u200f\"']*[=+\-@\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b\u2212])"
)
_BREAKS = re.compile(r"[\t-\r\x1c-\x1e\x85\u2028\u2029]+")


def code_of(error: SlackApiError) -> str:
    """Return Slack's name of the refusal."""
    # A broken Slack answers with a page, or with nothing, in place of JSON.
    answer: Any = getattr(error.response, "data", error.response)
    code = answer.get("error") if isinstance(answer, dict) else ""
    return code if isinstance(code, str) else ""


def refusal_of(error: SlackApiError) -> ServiceError:
    """Return what the refusal of a post means to whoever wanted it posted."""
    code = code_of(error)
    if code == "ratelimited" or _status(error) == _BUSY:
        return Throttled("Slack asked us to wait.", retry_after=wait_of(error))
    if code in _GONE:
        return NotFound("The message is gone.")
    if code in _NOT_THERE:
        return ChannelClosed(f"The app isn't in this channel. Type `/invite {names.BOT}` there.")
    if code in _DEAD:
        return ChannelClosed("The app is no longer installed in this workspace.")
    if code in SHUT or code.startswith("restricted_action"):
        return ChannelClosed(SHUT.get(code, "The workspace doesn't let the app post here."))
    return Unavailable(f"Slack didn't accept the message ({code or 'no answer'}).")


def name_of(error: Exception) -> str:
    """Return Slack's name of the refusal, or what kind of trouble there was on the way."""
    return code_of(error) if isinstance(error, SlackApiError) else type(error).__name__


def wait_of(error: SlackApiError) -> timedelta:
    """Return how long Slack asks to wait; what makes no sense counts as a second."""
    headers: Any = getattr(error.response, "headers", {})
    said = str(headers.get("Retry-After", ""))
    try:
        asked = Decimal(said)
    except InvalidOperation:
        wait = days.until(said, str(headers.get("Date", "")))
        asked = _SHORTEST if wait is None else Decimal(wait // timedelta(seconds=1))
    seconds = _SHORTEST if asked.is_nan() else min(max(asked, _SHORTEST), _LONGEST)
    return timedelta(milliseconds=int(seconds * 1000))


def is_passing(error: Exception) -> bool:
    """Say whether the same call may do well later: Slack did not say no to what was asked."""
    if not isinstance(error, SlackApiError):
        return True
    code, status = code_of(error), _status(error)
    is_about_us = bool(code) and status == _OK
    return not is_about_us or code in _PASSING


def _status(error: SlackApiError) -> int:
    answer: Any = error.response
    return int(getattr(answer, "status_code", getattr(answer, "status", 0)))


def may_work_again(error: Exception) -> bool:
    """Say whether the same form may open with the next press: nothing is wrong with the form."""
    is_late = isinstance(error, SlackApiError) and code_of(error) in {*_STALE_TRIGGER, _FULL}
    return is_late or is_passing(error)


def text_in(answer: AsyncSlackResponse, name: str) -> str:
    """Return what Slack's yes has to hold; without it nobody knows what came of the call."""
    found: Any = answer.get(name)
    if not isinstance(found, str) or not found:
        raise Unavailable("We can’t read Slack’s answer.")
    return found


@contextmanager
def slack_refusals() -> Iterator[None]:
    """Turn what Slack and the network say into what services understand."""
    try:
        yield
    except SlackApiError as error:
        raise refusal_of(error) from error
    except TROUBLE as error:
        raise Unavailable("Slack can’t be reached.") from error


@contextmanager
def passing_troubles() -> Iterator[None]:
    """Turn what may pass into a refusal that a person reads; a no to what we asked is a bug."""
    try:
        yield
    except (SlackClientError, aiohttp.ClientError) as error:
        if not is_passing(error):
            raise
        raise Unavailable("Slack can’t be reached. Try again.") from error


@contextmanager
def best_effort() -> Iterator[None]:
    """Note what could not be shown, and go on: the work behind a screen is done and recorded."""
    try:
        with slack_refusals():
            yield
    except ServiceError as refusal:
        log.warning("not_shown", refusal=refusal)


@contextmanager
def noting(event: str) -> Iterator[None]:
    """Note under this name what Slack did not take, and go on: there is another way."""
    try:
        yield
    except TROUBLE as error:
        log.info(event, error=name_of(error))


@contextmanager
def closed_views_are_fine() -> Iterator[None]:
    """Let a view go that its owner has closed; a passing trouble is noted, and forgiven."""
    try:
        yield
    except TROUBLE as error:
        if isinstance(error, SlackApiError) and code_of(error) in _CLOSED_VIEW:
            return
        if not is_passing(error):
            raise
        log.warning("slack_not_reached", error=name_of(error))


class Sharing(Enum):
    """What is known about who reads a channel."""

    NO = "no"  # people of this company alone
    YES = "yes"  # people of other companies, too, or they are invited
    UNKNOWN = "unknown"  # Slack did not say, or the app may not ask


async def sharing_of(client: AsyncWebClient, channel_id: str) -> Sharing:
    """Ask Slack; without `channels:read` and `groups:read` it is not known."""
    try:
        with slack_refusals():
            asked = client.conversations_info(channel=channel_id)
            answer = await asyncio.wait_for(asked, _PATIENCE.total_seconds())
    except ServiceError:
        return Sharing.UNKNOWN
    found: Any = answer.get("channel")
    if not isinstance(found, dict) or found.get("is_ext_shared") not in {True, False}:
        return Sharing.UNKNOWN
    is_org_wide = bool(found.get("is_org_shared"))
    is_shared = bool(found.get("is_shared")) and not is_org_wide
    return Sharing.YES if is_shared or any(found.get(each) for each in _OTHERS) else Sharing.NO


async def require_ours(request: SlackRequest, channel_id: str) -> None:
    """Refuse, beside a form's field, a channel that another company reads; typing can confirm it.

    Slack's menu leaves such channels out, so what Slack does not say more of is taken as chosen.
    """
    if channel_id and await sharing_of(request.client, channel_id) is Sharing.YES:
        raise NotAccepted({names.CHANNEL: _SHARED})


@dataclass(frozen=True, slots=True)
class CSVFile:
    """A list with a line of headings."""

    name: str  # of the file, such as "compared-2026-11.csv"
    title: str
    headings: Sequence[str]
    rows: Iterable[Sequence[object]]

    def content(self) -> str:
        """Write it; text that a spreadsheet would take for a formula stays text."""
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\r\n")
        writer.writerow(self.headings)
        writer.writerows([_cell(each) for each in row] for row in self.rows)
        return _MARK + written.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else wording.clean(_BREAKS.sub(" ", str(value)))
    return text if _NUMBER.fullmatch(text) else _FORMULA.sub(r"\1'", text)


async def share_csv(client: AsyncWebClient, user_id: str, file: CSVFile, text: str) -> str:
    """Send a file to one person directly, below a line of text; return why it didn't arrive.

    A channel would show everything to everybody in it. Slack takes files by the conversation's own
    id only, which the answer to the line of text tells.
    """
    try:
        said = await client.chat_postMessage(channel=user_id, text=text, blocks=[section(text)])
        await client.files_upload_v2(
            channel=text_in(said, "channel"),
            filename=file.name,
            title=file.title,
            content=file.content(),
        )
    # The last two: the client walks on through an answer that lacks what it needs.
    except (*TROUBLE, ServiceError, ValueError, TypeError) as error:
        log.warning("file_not_sent", error=name_of(error))
        return name_of(error) or "no reason"
    return ""


def no_file_text(why: str, install_url: str) -> str:
    """Say that a file didn't arrive, and what to do about it."""
    if why != _NO_SCOPE:
        return "⛔ Slack didn't accept the file. Try again in a minute."
    todo = (
        f"<{install_url}|Update permissions>" if install_url else "Ask an admin to install it again"
    )
    return f"⛔ The app can't send files in this workspace. {todo}, then try again."
