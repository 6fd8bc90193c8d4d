"""Whether people of other companies can read a channel, as far as Slack says so."""

import asyncio
from datetime import timedelta
from enum import Enum
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from handlers import names
from handlers.routing import SlackRequest
from handlers.slack_errors import slack_refusals
from services.errors import NotAccepted, ServiceError

# Slack waits three seconds for an answer, and this is asked before some are given.
_PATIENCE = timedelta(seconds=1)
_OTHERS = ("is_ext_shared", "is_pending_ext_shared", "pending_shared", "pending_connected_team_ids")

_SHARED = (
    "This channel is shared with another company. To subscribe it all the same, type /paymo-xero "
    "subscribe there."
)


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
