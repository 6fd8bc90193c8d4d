"""What jobs show and post: to whom, in which thread, and what Slack's refusals mean."""

from dataclasses import replace
from datetime import timedelta

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from handlers.connect.listeners import SlackConnectScreen, SlackSyncScreen
from handlers.export.listeners import SlackExportScreen
from handlers.notices.listeners import SlackNoticeBoard
from services.errors import ChannelClosed, Throttled, Unavailable
from services.model.notice import NoticeKind
from services.model.people import ReplyTarget
from services.notices.delivery import Message
from services.sync.run import Swept
from tests.handlers import samples
from tests.handlers.desk import Desk
from tests.handlers.judging import said
from tests.sandbox.slack_bench import entry, modal

FIELD = entry("contact", {"type": "plain_text_input"})
SHUT = [
    "not_in_channel",
    "channel_not_found",
    "is_archived",
    "account_inactive",
    "token_revoked",
    "restricted_action_read_only_channel",
    "user_disabled",
]


class Uninstalled:
    """Clients of a workspace that took the app away."""

    async def client(self, workspace_id: int) -> AsyncWebClient:
        """Refuse."""
        raise ChannelClosed("The app is no longer installed in this workspace.")


def notice(desk: Desk, kind: NoticeKind = NoticeKind.PAYMENT_RECEIVED, thread: str = "") -> Message:
    made = samples.message(kind)
    return Message(
        1, desk.bench.room.id, kind, made.facts | {"in_paymo": ""}, made.metadata, thread
    )


async def test_a_notice_is_posted_in_the_thread_of_its_card_and_the_card_stays_one(
    desk: Desk,
) -> None:
    board = SlackNoticeBoard(desk)

    card = await board.post(notice(desk, NoticeKind.INVOICE_EXPORTED))
    reply = await board.post(notice(desk, thread=card.ts))
    await board.redraw(notice(desk, NoticeKind.INVOICE_EXPORTED), card)

    found = {each.ts: each for each in desk.bench.world.messages(desk.bench.room)}
    assert list(found) == [card.ts, reply.ts]
    assert found[reply.ts].thread_ts == card.ts
    kinds = [(each.metadata or {}).get("event_type") for each in found.values()]
    assert kinds == ["invoice_exported", "payment_received"]


async def test_a_card_that_was_sent_to_a_person_is_drawn_again_where_it_stands(desk: Desk) -> None:
    board, anna = SlackNoticeBoard(desk), desk.bench.anna
    message = replace(notice(desk, NoticeKind.INVOICE_EXPORTED), channel_id=anna.id)

    spot = await board.post(message)
    await board.redraw(replace(message, facts=message.facts | {"number": "INV-8"}), spot)

    [card] = desk.bench.world.messages(desk.bench.world.direct(anna))
    assert (spot.channel_id, spot.ts) == (card.channel_id, card.ts)
    assert "INV-8" in card.text
    assert len(card.edits) == 1


@pytest.mark.parametrize("error", SHUT)
async def test_a_channel_that_is_shut_is_told_apart(desk: Desk, error: str) -> None:
    desk.bench.world.refuse("chat.postMessage", error)

    with pytest.raises(ChannelClosed, match=r"\.$"):
        await SlackNoticeBoard(desk).post(notice(desk))


async def test_being_asked_to_wait_says_how_long(desk: Desk) -> None:
    desk.bench.world.rate_limit("chat.postMessage", seconds=17)

    with pytest.raises(Throttled) as refused:
        await SlackNoticeBoard(desk).post(notice(desk))

    assert refused.value.retry_after == timedelta(seconds=17)


@pytest.mark.parametrize("error", ["internal_error", "fatal_error", "service_unavailable"])
async def test_a_failure_of_slacks_is_not_taken_for_a_shut_channel(desk: Desk, error: str) -> None:
    desk.bench.world.refuse("chat.postMessage", error)

    with pytest.raises(Unavailable):
        await SlackNoticeBoard(desk).post(notice(desk))


async def test_a_page_in_place_of_an_answer_is_a_failure_of_slacks(desk: Desk) -> None:
    desk.bench.world.faults.add(path="^/api/chat.postMessage$", times=2, status=502, body="<p>")

    with pytest.raises(Unavailable):
        await SlackNoticeBoard(desk).post(notice(desk))


async def test_outcomes_are_drawn_into_the_open_modal(desk: Desk) -> None:
    form = await desk.bench.open_view(modal(FIELD))
    reply_to = ReplyTarget(1, desk.bench.anna.id, desk.bench.room.id, form.id)
    shown = []

    for draw in (
        SlackExportScreen(desk).show_form(reply_to, samples.export_form("INV-7")),
        SlackExportScreen(desk).show_result(reply_to, samples.export_result("INV-7")),
        SlackConnectScreen(desk).show_checklist(reply_to, samples.checklist("Acme", paymo_link="")),
        SlackConnectScreen(desk).show_farewell(
            reply_to, ("Xero is told.", "The key is forgotten.")
        ),
    ):
        await draw
        view = desk.bench.world.top_view("Anna")
        assert view is not None
        shown.append(said(view.payload))

    words = ("In Xero", "was exported to", "1. Paymo:* Acme", "The key is forgotten.")
    assert all(word in drawn for word, drawn in zip(words, shown, strict=True))


async def test_outcomes_reach_the_person_without_a_modal(desk: Desk) -> None:
    reply_to = ReplyTarget(1, desk.bench.anna.id, desk.bench.room.id)

    await SlackExportScreen(desk).show_result(reply_to, samples.export_result("INV-7"))
    await SlackConnectScreen(desk).show_farewell(
        reply_to, ("Xero is told.", "The key is forgotten.")
    )
    await SlackSyncScreen(desk).show_swept(reply_to, Swept("Acme Ltd", payments=1, held=2))
    await SlackSyncScreen(desk).show_swept(reply_to, Swept("Acme Ltd", problem="Xero is down."))

    exported, goodbye, swept, problem = desk.read_by_anna
    assert "Invoice INV-7 was exported" in exported
    assert goodbye == "Xero is told. The key is forgotten."
    assert "1 payment recorded in Paymo, 2 deletions waiting for a decision" in swept
    assert problem == "⚠️ Acme Ltd: Xero is down."


async def test_a_screen_that_cannot_be_reached_undoes_nothing(desk: Desk) -> None:
    reply_to = ReplyTarget(1, desk.bench.anna.id, desk.bench.room.id, "V404")
    gone = Uninstalled()

    await SlackExportScreen(gone).show_form(reply_to, samples.export_form("INV-7"))
    await SlackExportScreen(gone).show_result(reply_to, samples.export_result("INV-7"))
    await SlackConnectScreen(gone).show_checklist(reply_to, samples.checklist("Acme"))
    await SlackConnectScreen(gone).show_farewell(reply_to, ("Done.",))
    desk.bench.world.refuse("chat.postEphemeral", "internal_error")
    desk.bench.world.refuse("chat.postMessage", "internal_error")
    await SlackSyncScreen(desk).show_swept(reply_to, Swept("Acme Ltd"))

    assert desk.read_by_anna == []
