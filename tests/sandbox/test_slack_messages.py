"""Tests of the Slack stand-in: messages, whispers, response_urls, metadata, limits, places."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from sandbox.slack import NotPossible
from tests.sandbox.slack_bench import Bench, actions, answering, button, words

METADATA = {"event_type": "invoice_exported", "event_payload": {"paymo_invoice_id": 7}}
BLOCKS = [actions(button("retry", value="7"))]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench.open() as bench:
        yield bench


async def respond(bench: Bench, **said: Any) -> tuple[int, str]:
    """Post to the response_url of the app's last request."""
    async with bench.session.post(bench.last["response_url"], json=said) as response:
        return response.status, await response.text()


@pytest.mark.parametrize(
    ("reply", "public"),
    [
        ("Just words", False),
        ({"text": "Words"}, False),
        ({"text": "Words", "response_type": "in_channel"}, True),
    ],
)
async def test_the_answer_to_a_command_is_whispered_unless_it_says_otherwise(
    bench: Bench, reply: Any, *, public: bool
) -> None:
    bench.reply = answering(reply)
    await bench.world.command(bench.anna, bench.room, "status <now> & then")

    assert bench.last["text"] == "status &lt;now&gt; &amp; then"
    assert bool(bench.world.ephemerals(bench.anna)) is not public
    assert [each.user == bench.anna.id for each in bench.world.messages(bench.room)] == (
        [True, False] if public else []
    )


async def test_a_response_url_answers_five_times(bench: Bench) -> None:
    await bench.world.command(bench.anna, bench.room)
    outcomes = [await respond(bench, text="Hello") for _ in range(6)]

    assert outcomes == [(200, "ok")] * 5 + [(404, "used_url")]
    assert len(bench.world.ephemerals(bench.anna)) == 5


async def test_a_response_url_is_dead_after_half_an_hour(bench: Bench) -> None:
    await bench.world.command(bench.anna, bench.room)
    bench.time.pass_by(30 * 60 + 1)

    assert await respond(bench, text="Hello") == (404, "expired_url")


async def test_a_press_on_a_whisper_can_replace_it_and_take_it_away(bench: Bench) -> None:
    bench.reply = answering({"text": "Failed", "blocks": BLOCKS})
    await bench.world.command(bench.anna, bench.room)
    (whisper,) = bench.world.ephemerals(bench.anna)
    await bench.world.press(bench.anna, whisper, "retry")
    assert "message" not in bench.last
    assert bench.last["actions"][0]["value"] == "7"

    await respond(bench, text="Done", replace_original=True)
    assert (whisper.text, whisper.blocks) == ("Done", [])

    await respond(bench, delete_original=True)
    assert bench.world.ephemerals(bench.anna) == []


async def test_nobody_else_sees_a_whisper(bench: Bench) -> None:
    bench.reply = answering({"text": "Failed", "blocks": BLOCKS})
    await bench.world.command(bench.anna, bench.room)
    (whisper,) = bench.world.ephemerals(bench.anna)

    with pytest.raises(NotPossible):
        await bench.world.press(bench.ben, whisper, "retry")


async def test_an_edit_keeps_metadata_and_drops_blocks_that_are_not_said_again(
    bench: Bench,
) -> None:
    first = await bench.slack.chat_postMessage(
        channel=bench.room.id, text="Exported", blocks=BLOCKS, metadata=METADATA
    )
    await bench.slack.chat_update(channel=bench.room.id, ts=first["ts"], text="Paid")
    (message,) = bench.world.messages(bench.room)

    assert (message.text, message.blocks, message.metadata) == ("Paid", [], METADATA)
    assert message.edits[0]["text"] == "Exported"

    await bench.slack.chat_update(channel=bench.room.id, ts=first["ts"], text="Paid", metadata={})
    assert message.metadata is None


async def test_a_reply_stands_in_its_thread_and_may_be_broadcast(bench: Bench) -> None:
    first = await bench.slack.chat_postMessage(channel="#invoices", text="Exported")
    await bench.slack.chat_postMessage(
        channel=bench.room.id, text="Deleted", thread_ts=first["ts"], reply_broadcast=True
    )
    lost = bench.slack.chat_postMessage(channel=bench.room.id, text="Lost", thread_ts="1.000001")
    reply = bench.world.messages(bench.room)[-1]

    assert (reply.thread_ts, reply.broadcast) == (first["ts"], True)
    assert await bench.refusal(lost) == "thread_not_found"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"text": ""}, "no_text"),
        ({"blocks": [{"type": "alert", "text": words("No")}]}, "invalid_blocks"),
        ({"blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"blocks": "nonsense"}, "invalid_blocks_format"),
        ({"markdown_text": "a", "text": "b"}, "markdown_text_conflict"),
        ({"text": "a", "metadata": {"event_type": "paid"}}, "invalid_metadata_schema"),
        (
            {"text": "a", "metadata": {"event_type": "paid", "event_payload": []}},
            "invalid_metadata_schema",
        ),
        ({"text": "a", "metadata": {**METADATA, "more": 1}}, "invalid_metadata_schema"),
        ({"text": "a", "channel": "C9"}, "channel_not_found"),
    ],
)
async def test_a_message_that_slack_would_refuse_is_refused(
    bench: Bench, said: dict[str, Any], error: str
) -> None:
    call = bench.slack.api_call("chat.postMessage", json={"channel": bench.room.id, **said})

    assert await bench.refusal(call) == error
    assert bench.world.messages(bench.room) == []


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ({"archived": True}, "is_archived"),
        ({"bot_member": False}, "not_in_channel"),
        ({"bot_member": False, "private": True}, "channel_not_found"),
    ],
)
async def test_the_app_speaks_only_where_it_may(
    bench: Bench, state: dict[str, Any], error: str
) -> None:
    room = bench.world.add_channel("closed", **state)
    post = bench.slack.chat_postMessage(channel=room.id, text="Hello")
    whisper = bench.slack.chat_postEphemeral(channel=room.id, user=bench.anna.id, text="Hello")

    assert [await bench.refusal(post), await bench.refusal(whisper)] == [error, error]


async def test_a_scope_opens_public_channels_without_joining(bench: Bench) -> None:
    bench.world.team.scopes.add("chat:write.public")
    room = bench.world.add_channel("open", bot_member=False)
    await bench.slack.chat_postMessage(channel=room.id, text="Hello")
    whisper = bench.slack.chat_postEphemeral(channel=room.id, user=bench.anna.id, text="Hello")

    assert [each.text for each in bench.world.messages(room)] == ["Hello"]
    assert await bench.refusal(whisper) == "not_in_channel"


async def test_a_message_to_a_person_lands_in_their_conversation(bench: Bench) -> None:
    await bench.slack.chat_postMessage(channel=bench.anna.id, text="Done")

    assert [each.text for each in bench.world.messages(bench.world.direct(bench.anna))] == ["Done"]


async def test_a_missing_scope_is_named(bench: Bench) -> None:
    bench.world.team.scopes.discard("users:read")
    with pytest.raises(SlackApiError) as caught:
        await bench.slack.users_info(user=bench.anna.id)

    assert caught.value.response["error"] == "missing_scope"
    assert caught.value.response["needed"] == "users:read"


async def test_a_rate_limit_says_when_to_come_again_and_is_over_then(bench: Bench) -> None:
    bench.world.rate_limit("chat.postMessage", seconds=7)
    with pytest.raises(SlackApiError) as caught:
        await bench.slack.chat_postMessage(channel=bench.room.id, text="Hello")

    assert caught.value.response["error"] == "ratelimited"
    assert caught.value.response.headers["Retry-After"] == "7"
    assert (await bench.slack.chat_postMessage(channel=bench.room.id, text="Hello"))["ok"]


async def test_lists_are_read_page_by_page(bench: Bench) -> None:
    bench.world.add_channel("second")
    names = [
        channel["name"]
        async for page in await bench.slack.conversations_list(limit=1)
        for channel in page["channels"]
    ]

    assert names == ["invoices", "second"]


async def test_everything_that_was_shown_is_kept_for_other_judges(bench: Bench) -> None:
    await bench.slack.chat_postMessage(channel=bench.room.id, text="Hello", blocks=BLOCKS)

    assert bench.world.sent == [
        {"kind": "message", "payload": {"text": "Hello", "blocks": BLOCKS, "attachments": []}}
    ]


async def test_a_permalink_names_the_message(bench: Bench) -> None:
    said = await bench.slack.chat_postMessage(channel=bench.room.id, text="Hello")
    found = await bench.slack.chat_getPermalink(channel=bench.room.id, message_ts=said["ts"])

    assert found["permalink"].endswith(f"/archives/{bench.room.id}/p{said['ts'].replace('.', '')}")


async def test_the_app_joins_a_public_channel_when_it_may(bench: Bench) -> None:
    room = bench.world.add_channel("open", bot_member=False)
    assert await bench.refusal(bench.slack.conversations_join(channel=room.id)) == "missing_scope"

    bench.world.team.scopes.add("channels:join")
    await bench.slack.conversations_join(channel=room.id)
    await bench.slack.chat_postMessage(channel=room.id, text="Hello")

    info = await bench.slack.conversations_info(channel=room.id)
    assert info["channel"]["is_member"]


async def test_a_link_is_told_of_and_gets_a_card_that_can_be_pressed(bench: Bench) -> None:
    bench.world.team.scopes |= {"links:read", "links:write"}
    bench.world.unfurl_domains.add("xero.example")
    url = "https://xero.example/i/1"
    said = await bench.world.share(bench.anna, bench.room, f"See {url} and https://other.example")
    told = bench.last["event"]
    assert (told["type"], [link["url"] for link in told["links"]]) == ("link_shared", [url])

    card = {url: {"blocks": [actions(button("open"))]}}
    await bench.slack.chat_unfurl(channel=bench.room.id, ts=said.ts, unfurls=card)
    await bench.world.press(bench.anna, said.ts, "open")

    assert bench.last["actions"][0]["action_id"] == "open"
    wrong = {"https://xero.example/i/2": card[url]}
    refused = bench.slack.chat_unfurl(channel=bench.room.id, ts=said.ts, unfurls=wrong)
    assert await bench.refusal(refused) == "cannot_unfurl_url"


async def test_without_the_scope_no_link_is_told_of(bench: Bench) -> None:
    bench.world.unfurl_domains.add("xero.example")
    said = await bench.world.share(bench.anna, bench.room, "https://xero.example/i/1")
    assert bench.received == []
    refused = bench.slack.chat_unfurl(channel=bench.room.id, ts=said.ts, unfurls={})

    assert await bench.refusal(refused) == "missing_scope"
