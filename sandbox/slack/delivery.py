"""How requests reach the app: signed, timed, written down, and sent again on demand."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp

from sandbox.slack.sockets import Sockets

FORM = "application/x-www-form-urlencoded"
PATIENCE = 3.0
GOOD = range(200, 300)


@dataclass(frozen=True, slots=True)
class Sent:
    """One signed request, byte for byte."""

    body: bytes
    headers: dict[str, str]


@dataclass(slots=True)
class Answer:
    """What the app answered; `failure` is what Slack would show or count against the app.

    `errors` are the words beside a modal's fields, whoever refused: Slack's screen or the app.
    `sent` is missing when Slack refused before asking the app.
    """

    sent: Sent | None = None
    status: int = 0
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0
    failure: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing went wrong and nothing was refused."""
        return not self.failure and not self.errors

    @property
    def data(self) -> dict[str, Any]:
        """The answer's JSON object; empty when it is none."""
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def public(self) -> dict[str, Any]:
        """What a page needs to show it."""
        return {
            "ok": self.ok,
            "status": self.status,
            "seconds": round(self.seconds, 3),
            "failure": self.failure,
            "errors": self.errors,
        }


@dataclass(slots=True)
class Wire:
    """Every exchange in order, in both directions."""

    entries: list[dict[str, Any]] = field(default_factory=list)

    def note(self, direction: str, path: str, request: str, answer: tuple[int, str]) -> None:
        """Write one exchange down; `direction` is seen from the app."""
        status, response = answer
        entry = {"direction": direction, "path": path, "status": status}
        self.entries.append({**entry, "request": request, "response": response})

    def lines(self) -> str:
        """The log as JSON lines."""
        return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in self.entries)


@dataclass(slots=True)
class AppDelivery:
    """The app's single address for everything that Slack sends, unless it opened a socket."""

    signing_secret: str
    wire: Wire
    answered: Callable[[], None]
    sockets: Sockets
    url: str = ""
    patience: float = PATIENCE
    answers: list[Answer] = field(default_factory=list)
    session: aiohttp.ClientSession | None = None

    def sign(self, body: bytes, content_type: str, extra: dict[str, str] | None = None) -> Sent:
        """Sign a body as of now; the signature's clock is the real one, as the app's is."""
        stamp = str(int(time.time()))
        base = b":".join((b"v0", stamp.encode(), body))
        digest = hmac.new(self.signing_secret.encode(), base, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest}",
        }
        return Sent(body, {**headers, **(extra or {})})

    async def form(self, fields: dict[str, str]) -> Answer:
        """Send a command's form."""
        if self.sockets.is_used:
            return await self._deliver("slash_commands", fields)
        return await self.send(self.sign(urlencode(fields).encode(), FORM))

    async def interaction(self, payload: dict[str, Any]) -> Answer:
        """Send an interaction, which travels as JSON inside a form."""
        if self.sockets.is_used:
            return await self._deliver("interactive", payload)
        return await self.form({"payload": json.dumps(payload, ensure_ascii=False)})

    async def event(self, body: dict[str, Any], retry: tuple[int, str] | None = None) -> Answer:
        """Send an event, or send it again with the headers of a retry."""
        if self.sockets.is_used:
            return await self._deliver("events_api", body)
        extra = (
            {"X-Slack-Retry-Num": str(retry[0]), "X-Slack-Retry-Reason": retry[1]} if retry else {}
        )
        return await self.send(self.sign(json.dumps(body).encode(), "application/json", extra))

    async def send(self, sent: Sent) -> Answer:
        """Send a signed request, be it for the first time or once more."""
        if not self.url:
            raise RuntimeError("Say where the app listens first: connect_app(url).")
        if self.session is None or self.session.closed:
            # An app may end an idle connection just as the next request is written to it.
            fresh = aiohttp.TCPConnector(force_close=True)
            self.session = aiohttp.ClientSession(connector=fresh)
        answer = Answer(sent=sent)
        path = self.url.split("/", maxsplit=3)[-1]
        await self._timed(answer, self._exchange(self.session, answer))
        self._note(answer, f"/{path}", sent.body.decode())
        return answer

    async def _deliver(self, kind: str, payload: dict[str, Any]) -> Answer:
        answer = Answer()

        async def exchange() -> None:
            told = await self.sockets.deliver(kind, payload)
            answer.status, answer.text = GOOD.start, json.dumps(told) if told else ""

        await self._timed(answer, exchange())
        self._note(answer, kind, json.dumps(payload, ensure_ascii=False))
        return answer

    async def _timed(self, answer: Answer, exchange: Awaitable[None]) -> None:
        started = time.monotonic()
        try:
            async with asyncio.timeout(self.patience):
                await exchange
        except TimeoutError:
            answer.failure = "operation_timeout"
        except aiohttp.ClientError as error:
            answer.failure = f"connection_failed: {type(error).__name__}"
        answer.seconds = time.monotonic() - started

    def _note(self, answer: Answer, path: str, body: str) -> None:
        self.answers.append(answer)
        self.wire.note("to_app", path, body, (answer.status, answer.text))
        self.answered()

    async def _exchange(self, session: aiohttp.ClientSession, answer: Answer) -> None:
        sent = answer.sent
        if sent is None:
            return
        async with session.post(self.url, data=sent.body, headers=sent.headers) as response:
            answer.status = response.status
            answer.headers = dict(response.headers)
            answer.text = await response.text()
        if answer.status not in GOOD:
            answer.failure = f"http_error {answer.status}"

    async def close(self) -> None:
        """Let go of the connections."""
        if self.session is not None:
            await self.session.close()
