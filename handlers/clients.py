"""The way to Slack's Web API, for work that no listener waits for."""

from typing import Protocol

from slack_sdk.web.async_client import AsyncWebClient


class SlackClients(Protocol):
    """Where a client with the token of one workspace is to be had."""

    async def client(self, workspace_id: int) -> AsyncWebClient:
        """Return the workspace's client, or raise `ChannelClosed` when the app is not there."""
