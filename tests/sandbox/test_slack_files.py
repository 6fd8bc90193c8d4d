"""Tests of the Slack stand-in: files."""

from collections.abc import AsyncIterator

import pytest
from slack_sdk.errors import SlackApiError

from tests.sandbox.slack_bench import Bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench.open() as bench:
        yield bench


async def test_a_file_is_shared_where_the_app_is(bench: Bench) -> None:
    sent = await bench.slack.files_upload_v2(
        channel=bench.room.id, filename="a.csv", content="a,b", initial_comment="Look"
    )

    (message,) = bench.world.messages(bench.room)
    (file,) = message.files
    assert (message.text, file.name, file.content) == ("Look", "a.csv", b"a,b")
    assert [each["id"] for each in sent["files"]] == [file.id]
    async with bench.session.get(f"{bench.world.url}/files/{file.id}") as answer:
        assert await answer.text() == "a,b"


@pytest.mark.parametrize("where", ["a person", "a room without the app"])
async def test_a_file_needs_a_conversation_that_the_app_is_in(bench: Bench, where: str) -> None:
    bench.room.bot_member = False
    channel_id = bench.anna.id if where == "a person" else bench.room.id

    with pytest.raises(SlackApiError, match=r"channel_not_found|not_in_channel"):
        await bench.slack.files_upload_v2(channel=channel_id, filename="a.csv", content="a,b")


async def test_bytes_are_taken_once_and_only_as_many_as_were_announced(bench: Bench) -> None:
    asked = await bench.slack.files_getUploadURLExternal(filename="a.csv", length=3)

    for content, status in ((b"four", 400), (b"abc", 200), (b"abc", 404)):
        async with bench.session.post(asked["upload_url"], data=content) as answer:
            assert answer.status == status


async def test_what_was_never_sent_cannot_be_shared(bench: Bench) -> None:
    asked = await bench.slack.files_getUploadURLExternal(filename="a.csv", length=3)

    for file_id in (asked["file_id"], "F0"):
        with pytest.raises(SlackApiError, match="file_"):
            await bench.slack.files_completeUploadExternal(
                files=[{"id": file_id}], channel_id=bench.room.id
            )
