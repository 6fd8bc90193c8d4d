"""Subscriptions as people see them, and the board that notices are posted on."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from services.errors import Pair
from services.model.notice import NoticeKind, Topic


@dataclass(frozen=True, slots=True)
class Listening:
    """What one channel hears of one connection."""

    channel_id: str
    organisation: str
    company: str
    topics: tuple[Topic, ...]
    client_id: int | None = None
    client_name: str = ""
    minimum: Decimal | None = None
    set_by: str = ""
    paused_because: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One notice, ready to be worded.

    `facts` is JSON: see `docs/notices.md` for the keys of each kind. `thread_ts` is the card's
    when the invoice has one in this channel. `metadata` holds ids only.
    """

    workspace_id: int
    channel_id: str
    kind: NoticeKind
    facts: dict[str, Any]
    metadata: dict[str, Any]
    thread_ts: str = ""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a message stands: the id of the conversation, also where a person was written to."""

    channel_id: str
    ts: str


@dataclass(frozen=True, slots=True)
class About:
    """The connection that a channel is to hear of; `is_only` where there is no other."""

    pair: Pair
    is_only: bool


class NoticeBoard(Protocol):
    """Where notices are posted."""

    async def post(self, message: Message) -> Spot:
        """Post one notice and return where it stands.

        Raises `ChannelClosed` when the channel cannot be written to, `Throttled` when asked to
        wait, `Unavailable` when it is not known whether the message arrived.
        """

    async def redraw(self, message: Message, spot: Spot) -> None:
        """Draw an invoice's card again in place."""

    async def tell_paused(
        self, workspace_id: int, user_id: str, *, channel_id: str, because: str
    ) -> None:
        """Tell who subscribed a channel that it is paused, and how to go on; never raises."""
