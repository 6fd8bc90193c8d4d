"""The login, identity and connections hosts: consent page, tokens, connections."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from sandbox.serving import as_json
from sandbox.xero.oauth import Authority, Request, oauth_error
from sandbox.xero.organisation import Organisation
from sandbox.xero.pages import consent_page

_GRANULAR = (
    "accounting.invoices",
    "accounting.payments",
    "accounting.contacts",
    "accounting.settings",
    "accounting.banktransactions",
    "accounting.manualjournals",
    "accounting.attachments",
)
SCOPES = frozenset(
    ["openid", "profile", "email", "offline_access"]
    + [name + end for name in _GRANULAR for end in ("", ".read")]
)
_LOOPBACK = {"localhost", "127.0.0.1"}
_REFUSAL = "<!doctype html><title>Sorry</title><h1>Sorry, something went wrong</h1><p>{}</p>"


@dataclass(slots=True)
class Consent:
    """How the person at the consent page behaves.

    With `auto`, or the query's `auto=allow` (or `auto=cancel`), the page answers with the redirect
    at once: for `tenants`, the query's `tenant`s, or else the first organisation.
    """

    auto: bool = False
    tenants: list[str] = field(default_factory=list)
    several: bool = False
    user: str = "person-one"
    app_name: str = "Paymo to Xero"
    redirect_uris: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Identity:
    """The routes of these hosts."""

    authority: Authority
    consent: Consent
    organisations: Callable[[], dict[str, Organisation]]

    def routes(self) -> list[web.RouteDef]:
        """Where they stand."""
        return [
            web.get("/identity/connect/authorize", self.ask),
            web.post("/identity/connect/authorize", self.decide),
            web.post("/connect/token", self.token),
            web.post("/connect/revocation", self.revocation),
            # Everybody writes it small but Xero's own SDK.
            web.get("/{name:[Cc]onnections}", self.list_connections),
            web.delete("/{name:[Cc]onnections}/{id}", self.drop_connection),
        ]

    async def ask(self, request: web.Request) -> web.Response:
        """Show the consent page, or answer in the person's place."""
        asked = self._asked(request)
        auto = request.query.get("auto", "allow" if self.consent.auto else "")
        if auto:
            return self._answer(request, asked, auto, request.query.getall("tenant", []))
        one = request.query.get("acr_values") == "bulk_connect:false"
        several = self.consent.several and not one
        page = consent_page(
            self.consent.app_name, asked.scopes, self.organisations().values(), several=several
        )
        return web.Response(text=page, content_type="text/html")

    async def decide(self, request: web.Request) -> web.Response:
        """The page's form came back: `decision`, and `tenant` once or more."""
        form = await request.post()
        tenants = [str(value) for value in form.getall("tenant", [])]
        return self._answer(request, self._asked(request), str(form.get("decision", "")), tenants)

    def _answer(
        self, request: web.Request, asked: Request, decision: str, tenants: list[str]
    ) -> web.Response:
        known = self.organisations()
        chosen = tenants or self.consent.tenants or list(known)[:1]
        sent = {"error": "access_denied"}
        if decision == "allow":
            user = request.query.get("user", self.consent.user)
            named = [(name, known[name].name) for name in chosen if name in known]
            sent = {"code": self.authority.allow(asked, user, named)}
        if asked.state:
            sent["state"] = asked.state
        joint = "&" if urlsplit(asked.redirect_uri).query else "?"
        location = f"{asked.redirect_uri}{joint}{urlencode(sent)}"
        return web.Response(status=HTTPStatus.FOUND, headers={"Location": location})

    def _asked(self, request: web.Request) -> Request:
        query = request.query
        scopes = tuple(query.get("scope", "").split())
        redirect_uri = query.get("redirect_uri", "")
        wrong = {
            "unauthorized_client": query.get("client_id") != self.authority.client_id,
            "unsupported_response_type": query.get("response_type") != "code",
            "invalid_scope": not scopes or not set(scopes) <= SCOPES,
            "invalid redirect_uri": not self._may_redirect(redirect_uri),
        }
        if reasons := [name for name, is_wrong in wrong.items() if is_wrong]:
            raise web.HTTPBadRequest(
                text=_REFUSAL.format(escape(reasons[0])), content_type="text/html"
            )
        return Request(
            redirect_uri,
            scopes,
            query.get("state", ""),
            query.get("code_challenge", ""),
            query.get("code_challenge_method", "plain"),
        )

    def _may_redirect(self, uri: str) -> bool:
        if self.consent.redirect_uris:
            return uri in self.consent.redirect_uris
        parts = urlsplit(uri)
        return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)

    async def token(self, request: web.Request) -> web.Response:
        """Trade a code or a refresh token for fresh tokens."""
        form = await self._form(request)
        if form.get("grant_type") == "authorization_code":
            tokens = self.authority.exchange(
                form.get("code", ""), form.get("redirect_uri", ""), form.get("code_verifier", "")
            )
        elif form.get("grant_type") == "refresh_token":
            tokens = self.authority.refresh(form.get("refresh_token", ""), form.get("scope", ""))
        else:
            raise oauth_error("unsupported_grant_type")
        return as_json(tokens, headers={"Cache-Control": "no-store"})

    async def revocation(self, request: web.Request) -> web.Response:
        """Forget a refresh token, and say yes to unknown ones too."""
        form = await self._form(request)
        self.authority.revoke(form.get("token", ""))
        return web.Response()

    async def _form(self, request: web.Request) -> dict[str, str]:
        form = {name: str(value) for name, value in (await request.post()).items()}
        header = request.headers.get("Authorization", "")
        if header:
            self.authority.check_client(*_basic(header))
        else:
            self.authority.check_client(form.get("client_id", ""), form.get("client_secret", ""))
        return form

    async def list_connections(self, request: web.Request) -> web.Response:
        """What the caller's person connected."""
        grant = self.authority.grant_of(request.headers.get("Authorization", ""))
        event_id = request.query.get("authEventId", "")
        return as_json(self.authority.connections_of(grant, event_id))

    async def drop_connection(self, request: web.Request) -> web.Response:
        """Disconnect one organisation."""
        grant = self.authority.grant_of(request.headers.get("Authorization", ""))
        self.authority.drop_connection(grant, request.match_info["id"])
        return web.Response(status=HTTPStatus.NO_CONTENT)


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise oauth_error("invalid_client") from error
    if scheme.lower() != "basic":
        raise oauth_error("invalid_client")
    return client_id, secret
