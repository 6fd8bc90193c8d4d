"""Socket Mode in the Slack stand-in, with Slack's own client at the other end."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from tests.sandbox.slack_bench import Bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench.open() as bench:
        yield bench


@pytest.fixture
async def client(bench: Bench) -> AsyncIterator[None]:
    """Slack's own client, which says back what it was told, except to what it lets go by."""
    world = bench.world
    web = AsyncWebClient(base_url=f"{world.url}/api/", session=bench.session)
    made = SocketModeClient(app_token=world.app_token, web_client=web, ping_interval=0.1)

    async def answer(sender: AsyncBaseSocketModeClient, asked: SocketModeRequest) -> None:
        if asked.payload.get("text") != "silence":
            said = {"text": f"{asked.type}: {asked.payload.get('text', '')}"}
            await sender.send_socket_mode_response(
                {"envelope_id": asked.envelope_id, "payload": said}
            )

    made.socket_mode_request_listeners.append(answer)
    await made.connect_to_new_endpoint()
    await world.wait_for(lambda: world.sockets.open)
    yield
    close: Any = made.close  # the SDK gives it no types
    await close()


@pytest.mark.usefixtures("client")
async def test_what_slack_tells_and_hears_goes_over_the_connection(bench: Bench) -> None:
    world = bench.world
    heard = await world.command(bench.anna, bench.room, "hello")
    await world.sockets.refresh()
    again = await world.command(bench.anna, bench.room, "again")
    world.door.patience = 0.05
    missed = await world.command(bench.anna, bench.room, "silence")

    assert heard.data == {"text": "slash_commands: hello"}
    assert again.data == {"text": "slash_commands: again"}
    assert missed.failure == "operation_timeout"
    assert world.sockets.waiting == {}


async def test_only_the_apps_own_token_opens_a_connection_and_each_address_once(
    bench: Bench,
) -> None:
    world = bench.world
    web = AsyncWebClient(base_url=f"{world.url}/api/", session=bench.session)
    for token, error in (
        (world.team.bot_token, "not_allowed_token_type"),
        ("xapp-wrong", "invalid_auth"),
    ):
        with pytest.raises(SlackApiError, match=error):
            await web.apps_connections_open(app_token=token)
    url = str((await web.apps_connections_open(app_token=world.app_token))["url"])
    async with bench.session.ws_connect(url) as first:
        hello = await first.receive_json()
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await bench.session.ws_connect(url)

    assert (hello["type"], hello["num_connections"]) == ("hello", 1)
