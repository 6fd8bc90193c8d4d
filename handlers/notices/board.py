"""Posting notices: text, buttons that help, and metadata by which other programs know them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from handlers import blocks, names, reply
from handlers.blocks import Block
from handlers.buttons import breaker_buttons, button, buttons, open_links
from handlers.notices.digest import is_fine
from handlers.notices.drift import drift_buttons
from handlers.notices.text import Facts, text_of
from handlers.reply import SlackClients
from handlers.settings import access
from handlers.slack_errors import slack_refusals, text_in
from services.errors import ServiceError
from services.model.actions import Action
from services.model.notice import NoticeKind
from services.notices.delivery import Message, Spot

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SlackNoticeBoard:
    """Posts with the token of the workspace that a notice belongs to."""

    clients: SlackClients

    async def post(self, message: Message) -> Spot:
        """Post one notice and return where it stands."""
        client = await self.clients.client(message.workspace_id)
        text, drawn = text_of(message), notice_blocks(message)
        with slack_refusals():
            answer = await client.chat_postMessage(
                channel=message.channel_id,
                text=text,
                blocks=drawn,
                metadata=metadata_of(message),
                thread_ts=message.thread_ts or None,
                unfurl_links=False,
                unfurl_media=False,
            )
        return Spot(text_in(answer, "channel"), text_in(answer, "ts"))

    async def redraw(self, message: Message, spot: Spot) -> None:
        """Draw an invoice's card again in place."""
        client = await self.clients.client(message.workspace_id)
        text, drawn = text_of(message), notice_blocks(message)
        with slack_refusals():
            await client.chat_update(
                channel=spot.channel_id,
                ts=spot.ts,
                text=text,
                blocks=drawn,
                metadata=metadata_of(message),
            )

    async def tell_paused(
        self, workspace_id: int, user_id: str, *, channel_id: str, because: str
    ) -> None:
        """Tell who subscribed a channel that it is paused, and how to go on; never raises."""
        text = (
            f"⚠️ Notices for <#{channel_id}> are paused: {blocks.render(because)} What happens "
            "meanwhile is told to you here."
        )
        try:
            client = await self.clients.client(workspace_id)
            with slack_refusals():
                await reply.ephemeral(client, "", user_id, text, [blocks.section(text)])
        except ServiceError as refusal:
            log.warning("pause_not_told", refusal=refusal)


def metadata_of(message: Message) -> Block:
    """Return what other programs read: the kind, and ids only."""
    return {"event_type": message.kind.value, "event_payload": message.metadata}


def notice_blocks(message: Message) -> list[Block]:
    """Draw a notice: its text, then what can be done about it."""
    drawn = blocks.paragraphs(text_of(message).split("\n"))
    about = message.facts.get("connection_id", 0)
    return [*drawn, *blocks.actions([*_ways_on(message), *_links(message)], about=about)]


def _ways_on(message: Message) -> list[Block]:
    facts = message.facts
    drawn = _WAYS_ON.get(message.kind)
    if drawn is not None:
        return drawn(facts)
    if facts.get("in_paymo") == "deleted":
        return [] if facts.get("restored_by") else [button(Action.RESTORE, facts["export_id"])]
    if facts.get("in_paymo") == "asked":
        return [button(Action.VOID_IN_PAYMO, facts["export_id"]), _delete_too(facts)]
    if facts.get("in_paymo") == "void":
        return [_delete_too(facts)]
    if facts.get("by_person_in_paymo") or facts.get("asked"):
        is_deleted = bool(facts.get("by_person_in_paymo"))
        action = Action.BRING_BACK if is_deleted else Action.RECORD_PAYMENT
        return [button(action, facts["payment_id"])]
    return []


def _delete_too(facts: Facts) -> Block:
    return button(Action.DELETE_IN_PAYMO, facts["export_id"], style="danger")


def _compare_again(facts: Facts) -> list[Block]:
    word = "Compare Again" if is_fine(facts) else "Show Differences"
    return [blocks.button(word, names.RECONCILE, facts["month"])]


def _after_a_break(_: Facts) -> list[Block]:
    return [
        button(Action.RECONNECT, style="primary"),
        blocks.button("Disconnect Here Too", names.DISCONNECT),
    ]


def card_of(facts: dict[str, Any]) -> tuple[str, list[Block]]:
    """Return an invoice's card outside its channel: the text, and the links below it."""
    message = Message(0, "", NoticeKind.INVOICE_EXPORTED, facts, {})
    return text_of(message), blocks.actions([*card_buttons(facts), *_links(message)])


def card_buttons(facts: dict[str, Any]) -> list[Block]:
    """Return what can be done about an exported invoice, by how it stands."""
    state = facts.get("state", "open")
    drawn = [button(Action.ACCEPT_DIFFERENCE, facts["export_id"])] if state == "different" else []
    is_untouched = state in {"different", "draft", "open"}
    return [*drawn, button(Action.UNDO, facts["export_id"])] if is_untouched else drawn


def _links(message: Message) -> list[Block]:
    facts = message.facts
    is_gone = facts.get("in_paymo") in {"deleted", "gone_in_paymo"} or facts.get("gone")
    paymo = "" if is_gone else facts.get("paymo_url")
    return open_links(xero=facts.get("xero_url"), paymo=paymo, rival=facts.get("rival_url"))


_WAYS_ON: dict[NoticeKind, Callable[[Facts], list[Block]]] = {
    NoticeKind.INVOICE_EXPORTED: card_buttons,
    NoticeKind.EXPORT_FAILED: lambda facts: buttons(facts.get("cures", ()), facts["export_id"]),
    NoticeKind.CONNECTION_BROKEN: _after_a_break,
    NoticeKind.SYNC_PAUSED: lambda facts: breaker_buttons(facts["connection_id"]),
    NoticeKind.INVOICE_DRIFTED: drift_buttons,
    NoticeKind.DIGEST: _compare_again,
    NoticeKind.EXPORT_ASKED: lambda facts: [
        button(Action.EXPORT, blocks.escape(facts["number"]), style="primary")
    ],
    NoticeKind.ACCESS_ASKED: access.asked_buttons,
    NoticeKind.AUTO_EXPORT_PAUSED: lambda _: [blocks.button("Settings…", names.SETTINGS)],
}
