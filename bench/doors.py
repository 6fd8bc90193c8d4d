"""What answers beside ours: the limit, the peer, and a Slack that says yes to everything.

Each is served by uvicorn as a process of its own, as ours is.
"""

import os
from collections import Counter

from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.oauth.installation_store.sqlalchemy import AsyncSQLAlchemyInstallationStore
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PATH, COMMAND, CLIENT = "/slack/events", "/paymo-xero", "bench"
_HELP = "Here's what you can type: help"


def limit() -> Starlette:
    """Check the signature, and answer."""
    verifier = SignatureVerifier(os.environ["SLACK_SIGNING_SECRET"])

    async def answer(request: Request) -> Response:
        raw = await request.body()
        if not verifier.is_valid_request(raw, dict(request.headers)):
            return Response(status_code=401)
        return JSONResponse({"response_type": "ephemeral", "text": _HELP})

    return Starlette(routes=[Route(PATH, answer, methods=["POST"])])


def peer() -> Starlette:
    """Bolt as its documentation has it, with the SDK's store on PostgreSQL."""
    engine = create_async_engine(os.environ["PEER_DATABASE_URL"])
    app = AsyncApp(
        signing_secret=os.environ["SLACK_SIGNING_SECRET"],
        installation_store=AsyncSQLAlchemyInstallationStore(CLIENT, engine),
        client=AsyncWebClient(base_url=os.environ["SLACK_API_URL"]),
    )

    @app.command(COMMAND)
    async def run(ack: AsyncAck) -> None:
        await ack(_HELP)

    @app.event("app_home_opened")
    async def opened(ack: AsyncAck) -> None:
        await ack()

    handler = AsyncSlackRequestHandler(app)

    async def answer(request: Request) -> Response:
        return await handler.handle(request)

    return Starlette(routes=[Route(PATH, answer, methods=["POST"])])


def slack() -> Starlette:
    """Say yes at once, and who the bot is."""

    asked: Counter[str] = Counter()

    async def answer(request: Request) -> Response:
        asked[request.method] += 1
        who = {"url": "https://x.slack.com/", "team": "x", "user": "bot", "team_id": "T1"}
        bot = {"user_id": "UBOT", "bot_id": "BBOT", "is_enterprise_install": False}
        return JSONResponse({"ok": True, "posts": asked["POST"], **who, **bot})

    every = ["GET", "POST"]
    return Starlette(routes=[Route("/{path:path}", answer, methods=every)])
