"""A Xero stand-in on a socket, with a clock of its own and a consent already given."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec

from sandbox.serving import Served
from sandbox.xero import Organisation, XeroWorld
from services.clients.tokens import SCOPES, TokenSet, XeroOAuth

REDIRECT = "https://bot.example/xero/callback"
ACCOUNTING = "/api.xro/2.0"
WRITER = f"{SCOPES} accounting.payments"


@dataclass(slots=True)
class Clock:
    """A clock that stands until it is turned."""

    now: datetime = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def forward(self, **by: float) -> None:
        """Turn the clock; `by` as timedelta has it."""
        self.now += timedelta(**by)


@dataclass(slots=True)
class Stand:
    """The stand-in, its address, and somebody's token for it."""

    world: XeroWorld
    url: str
    clock: Clock
    http: httpx.AsyncClient
    token: str = field(default="", repr=False)

    @property
    def books(self) -> Organisation:
        """The first organisation's books."""
        return self.world.books

    async def consent(self, *, scope: str = WRITER, **query: str) -> str:
        """Press Allow as a person does, and return the code that comes back."""
        asked = {
            "response_type": "code",
            "client_id": self.world.client_id,
            "redirect_uri": REDIRECT,
            "scope": scope,
            "auto": "allow",
            **query,
        }
        answer = await self.http.get("/identity/connect/authorize", params=asked)
        return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]

    async def ask_token(self, **form: str) -> httpx.Response:
        """Send a form to the token address, as the app."""
        pair = f"{self.world.client_id}:{self.world.client_secret}".encode()
        headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return await self.http.post("/connect/token", data=form, headers=headers)

    async def exchange(self, code: str, **form: str) -> dict[str, Any]:
        """Trade a code for tokens."""
        usual = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
        answer = await self.ask_token(**{**usual, **form})
        tokens: dict[str, Any] = answer.json()
        return tokens

    async def sign_in(self, *, scope: str = WRITER) -> TokenSet:
        """Consent and exchange; the access token is used by `send` from now on."""
        tokens = await self.exchange(await self.consent(scope=scope))
        self.token = tokens["access_token"]
        expires_at = self.clock() + timedelta(seconds=tokens["expires_in"])
        return TokenSet(self.token, tokens["refresh_token"], expires_at)

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Call the accounting API of the first organisation."""
        usual = {
            "Authorization": f"Bearer {self.token}",
            "Xero-Tenant-Id": self.books.tenant_id,
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        content = None if body is None else _ENCODER.encode(body)
        return await self.http.request(
            method,
            f"{ACCOUNTING}/{path}",
            content=content,
            params=params,
            headers={**usual, **(headers or {})},
        )

    async def put_invoice(self, **fields: Any) -> httpx.Response:
        """Create one invoice; `key` becomes its idempotency key."""
        headers = {"Idempotency-Key": key} if (key := fields.pop("key", "")) else {}
        body = {"Invoices": [invoice_body(self.books, **fields)]}
        return await self.send(
            "PUT", "Invoices", body, params={"summarizeErrors": "true"}, headers=headers
        )


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def exact(answer: httpx.Response) -> Any:
    """Return the decoded body, amounts as Decimal."""
    return json.loads(answer.content, parse_float=Decimal)


def messages(answer: httpx.Response) -> list[str]:
    """Return the texts of a refusal."""
    return [
        error["Message"]
        for element in answer.json()["Elements"]
        for error in element["ValidationErrors"]
    ]


def line_body(amount: str = "100", **fields: Any) -> dict[str, Any]:
    """Return a line to Sales."""
    usual = {
        "Description": "Design",
        "Quantity": Decimal(1),
        "UnitAmount": Decimal(amount),
        "AccountCode": "200",
    }
    return {**usual, **fields}


def invoice_body(books: Organisation, **fields: Any) -> dict[str, Any]:
    """Return an approved invoice for the first contact; `None` leaves a field out."""
    contact = next(iter(books.contacts.values()))
    usual = {
        "Type": "ACCREC",
        "Status": "AUTHORISED",
        "Contact": {"ContactID": contact.contact_id},
        "Date": "2026-11-20",
        "DueDate": "2026-12-20",
        "InvoiceNumber": "INV-7",
        "LineAmountTypes": "Exclusive",
        "LineItems": [line_body()],
    }
    return {name: value for name, value in {**usual, **fields}.items() if value is not None}


@asynccontextmanager
async def xero_stand() -> AsyncIterator[Stand]:
    """Serve one organisation with the usual books and one contact; somebody has consented."""
    clock = Clock()
    world = XeroWorld(now=clock)
    books = world.add_organisation("Harbour Studio", country="NZ", currency="NZD")
    books.add_usual_books()
    books.add_contact("Acme Ltd", email="pay@acme.example")
    served = await Served.start(world.app())
    async with httpx.AsyncClient(base_url=served.url) as http:
        stand = Stand(world, served.url, clock, http)
        await stand.sign_in()
        world.requests.clear()
        yield stand
    await served.stop()


@dataclass(slots=True)
class MemoryVault:
    """One token set, kept as a database would keep it."""

    tokens: TokenSet
    is_claimed: bool = False

    async def load(self, grant_id: int) -> TokenSet:
        """Return the tokens as they are now."""
        return self.tokens

    async def claim(self, grant_id: int, version: int) -> bool:
        """Take the right to refresh."""
        won = not self.is_claimed and version == self.tokens.version
        self.is_claimed |= won
        return won

    async def save(self, grant_id: int, tokens: TokenSet) -> bool:
        """Store what came of refreshing."""
        self.is_claimed = False
        self.tokens = replace(tokens, version=tokens.version + 1)
        return True

    async def release(self, grant_id: int, version: int) -> None:
        """Give the claim back."""
        self.is_claimed = False

    async def mark_dead(self, grant_id: int, version: int) -> None:
        """Note that the consent is over."""
        self.tokens = replace(self.tokens, is_dead=True)


@dataclass(slots=True)
class Pauses:
    """Lets no time pass, and remembers how much was asked for."""

    asked: list[timedelta] = field(default_factory=list)

    async def __call__(self, duration: timedelta) -> None:
        """Give others a turn, at once."""
        self.asked.append(duration)
        await asyncio.sleep(0)


def oauth_of(stand: Stand) -> XeroOAuth:
    """Return the product's side of the consent, pointed at the stand-in."""
    return XeroOAuth(
        client_id=stand.world.client_id,
        client_secret=stand.world.client_secret,
        login_url=stand.url,
        identity_url=stand.url,
        redirect_uri=REDIRECT,
        http_headers={"User-Agent": "test"},
        now=stand.clock,
    )
