"""Socket Mode: what Slack tells the app goes over connections that the app has opened."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from sandbox.slack.model import Refused
from sandbox.slack.state import State

Json = dict[str, Any]
Connection = web.WebSocketResponse


@dataclass(slots=True)
class Envelope:
    """One thing that the app has to acknowledge; it is sent again until it does."""

    body: Json
    answer: asyncio.Future[Json]
    sent: int = 0


@dataclass(slots=True)
class Sockets:
    """The app's connections. `lost` counts answers that will not arrive."""

    state: State
    app_token: str
    is_used: bool = False  # from the first connection on nothing goes over HTTP any more
    lost: int = 0
    tickets: set[str] = field(default_factory=set)
    open: list[Connection] = field(default_factory=list)
    hellos: list[int] = field(default_factory=list)  # how many connections each of them counted
    waiting: dict[str, Envelope] = field(default_factory=dict)

    def ticket(self, token: str) -> Json:
        """Do `apps.connections.open`: hand out an address that opens once."""
        if not token:
            raise Refused("not_authed")
        if not token.startswith("xapp-"):
            raise Refused("not_allowed_token_type")
        if token != self.app_token:
            raise Refused("invalid_auth")
        ticket = self.state.next_id("K")
        self.tickets.add(ticket)
        self.is_used = True
        return {"url": f"{self.state.url.replace('http', 'ws', 1)}/link/?ticket={ticket}"}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Be one connection, from its hello to its end."""
        ticket = request.query.get("ticket", "")
        if ticket not in self.tickets:
            return web.Response(status=404)
        self.tickets.discard(ticket)
        connection = Connection()
        await connection.prepare(request)
        self.open.append(connection)
        self.hellos.append(len(self.open))
        await connection.send_json({"type": "hello", "num_connections": len(self.open)})
        for envelope in list(self.waiting.values()):
            await self._send(connection, envelope)
        self.state.changed()
        try:
            async for message in connection:
                if message.type is WSMsgType.TEXT:
                    self._take(json.loads(message.data))
        finally:
            self.open.remove(connection)
            self.state.changed()
        return connection

    async def deliver(self, kind: str, payload: Json) -> Json:
        """Send an envelope, again on every new connection, and return what it is answered."""
        envelope_id = self.state.next_id("E")
        body = {
            "envelope_id": envelope_id,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        envelope = Envelope(body, asyncio.get_running_loop().create_future())
        self.waiting[envelope_id] = envelope
        try:
            if self.open:
                await self._send(self.open[-1], envelope)
            return await envelope.answer
        finally:
            del self.waiting[envelope_id]

    async def refresh(self) -> None:
        """Ask the app to open another connection, and hang up when it has."""
        former = list(self.open)
        for each in former:
            await each.send_json({"type": "disconnect", "reason": "refresh_requested"})
        while len(self.open) == len(former):
            await self.state.wait_for_change(self.state.version, 1)
        await self._hang_up(former)

    async def drop(self) -> None:
        """Hang up without a word before."""
        await self._hang_up(list(self.open))

    async def _hang_up(self, connections: list[Connection]) -> None:
        for each in connections:
            await each.close()

    async def _send(self, connection: Connection, envelope: Envelope) -> None:
        again = {"retry_attempt": envelope.sent, "retry_reason": "timeout"} if envelope.sent else {}
        envelope.sent += 1
        await connection.send_json({**envelope.body, **again})

    def _take(self, message: Json) -> None:
        envelope = self.waiting.get(message.get("envelope_id", ""))
        if envelope is None or envelope.answer.done():
            return
        if self.lost:
            self.lost -= 1
            self.state.changed()
        else:
            envelope.answer.set_result(message.get("payload") or {})
