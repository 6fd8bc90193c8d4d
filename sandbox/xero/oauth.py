"""Who may do what: codes, tokens, and which organisations a person connected."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

from sandbox.serving import Clock, Json
from sandbox.xero.model import new_id
from sandbox.xero.wire import Refused, not_found, problem

CODE_LIFE = timedelta(minutes=5)
ACCESS_LIFE = timedelta(minutes=30)
GRACE = timedelta(minutes=30)
REFRESH_LIFE = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Request:
    """What an app asks of a person on the consent page."""

    redirect_uri: str
    scopes: tuple[str, ...]
    state: str = ""
    challenge: str = ""
    method: str = "plain"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person allowed, once."""

    user: str
    scopes: tuple[str, ...]
    event_id: str = field(default_factory=new_id)


@dataclass(slots=True)
class Code:
    """Good for one exchange."""

    request: Request
    grant: Grant
    dies_at: datetime


@dataclass(slots=True)
class Refresh:
    """A refresh token; replaced ones live on for the grace."""

    grant: Grant
    dies_at: datetime


@dataclass(slots=True)
class Access:
    """An access token."""

    grant: Grant
    dies_at: datetime


@dataclass(slots=True)
class Connection:
    """A person's link between the app and an organisation."""

    user: str
    tenant_id: str
    tenant_name: str
    event_id: str
    created: datetime
    updated: datetime
    connection_id: str = field(default_factory=new_id)

    def json(self) -> Json:
        """As `/connections` shows it: seven decimals and no zone."""
        spelt = {
            name: f"{moment:%Y-%m-%dT%H:%M:%S.%f}0"
            for name, moment in (("createdDateUtc", self.created), ("updatedDateUtc", self.updated))
        }
        return {
            "id": self.connection_id,
            "authEventId": self.event_id,
            "tenantId": self.tenant_id,
            "tenantType": "ORGANISATION",
            "tenantName": self.tenant_name,
            **spelt,
        }


def oauth_error(name: str) -> Refused:
    """The token host's way to refuse."""
    return Refused(HTTPStatus.BAD_REQUEST, {"error": name})


@dataclass(slots=True)
class Authority:
    """Hands out codes and tokens, and keeps the connections."""

    client_id: str
    client_secret: str
    now: Clock
    keeps_old_event: bool = False
    codes: dict[str, Code] = field(default_factory=dict)
    refreshes: dict[str, Refresh] = field(default_factory=dict)
    accesses: dict[str, Access] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)

    def allow(self, request: Request, user: str, tenants: Iterable[tuple[str, str]]) -> str:
        """A person pressed Allow for these organisations (id, name); return the code."""
        grant = Grant(user, request.scopes)
        for tenant_id, name in tenants:
            self._connect(grant, tenant_id, name)
        code = secrets.token_urlsafe(24)
        self.codes[code] = Code(request, grant, self.now() + CODE_LIFE)
        return code

    def _connect(self, grant: Grant, tenant_id: str, name: str) -> None:
        now = self.now()
        for known in self.connections.values():
            if (known.user, known.tenant_id) == (grant.user, tenant_id):
                known.updated = now
                known.event_id = known.event_id if self.keeps_old_event else grant.event_id
                return
        made = Connection(grant.user, tenant_id, name, grant.event_id, now, now)
        self.connections[made.connection_id] = made

    def check_client(self, client_id: str, client_secret: str) -> None:
        """Refuse anyone but the app."""
        known = hmac.compare_digest(client_secret.encode(), self.client_secret.encode())
        if client_id != self.client_id or not known:
            raise oauth_error("invalid_client")

    def exchange(self, code: str, redirect_uri: str, verifier: str) -> Json:
        """Trade a code for tokens; a code is gone once it was shown, whatever came of it."""
        found = self.codes.pop(code, None)
        if found is None or found.dies_at < self.now():
            raise oauth_error("invalid_grant")
        if redirect_uri != found.request.redirect_uri or not _proves(found.request, verifier):
            raise oauth_error("invalid_grant")
        return self._tokens(found.grant)

    def refresh(self, token: str, scope: str) -> Json:
        """Rotate; the old token works for the grace from now, not from each use."""
        found = self.refreshes.get(token)
        now = self.now()
        if found is None or found.dies_at < now:
            raise oauth_error("invalid_grant")
        if scope and set(scope.split()) != set(found.grant.scopes):
            raise oauth_error("invalid_grant")
        found.dies_at = min(found.dies_at, now + GRACE)
        return self._tokens(found.grant)

    def revoke(self, token: str) -> None:
        """Kill a refresh token and all that this person connected."""
        found = self.refreshes.get(token)
        if found is None:
            return
        user = found.grant.user
        self.refreshes = {
            name: kept for name, kept in self.refreshes.items() if kept.grant.user != user
        }
        self.connections = {
            name: kept for name, kept in self.connections.items() if kept.user != user
        }

    def grant_of(self, header: str) -> Grant:
        """Who calls, by the Authorization header."""
        scheme, _, token = header.partition(" ")
        found = self.accesses.get(token.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            raise problem(HTTPStatus.UNAUTHORIZED, "AuthenticationUnsuccessful")
        if found.dies_at <= self.now():
            at = found.dies_at.strftime("%m/%d/%Y %H:%M:%S")
            raise problem(HTTPStatus.UNAUTHORIZED, f"TokenExpired: token expired at {at}")
        return found.grant

    def connections_of(self, grant: Grant, event_id: str) -> list[Json]:
        """All that this person connected, or what one consent did."""
        return [
            known.json()
            for known in self.connections.values()
            if known.user == grant.user and event_id in {"", known.event_id}
        ]

    def is_connected(self, grant: Grant, tenant_id: str) -> bool:
        """Whether this person's tokens open that organisation."""
        return any(
            known.user == grant.user and known.tenant_id == tenant_id
            for known in self.connections.values()
        )

    def drop_connection(self, grant: Grant, connection_id: str) -> None:
        """Disconnect by the connection's own id; a tenant's id is forbidden."""
        found = self.connections.get(connection_id)
        if found is not None and found.user == grant.user:
            del self.connections[connection_id]
        elif any(known.tenant_id == connection_id for known in self.connections.values()):
            raise problem(HTTPStatus.FORBIDDEN, "AuthenticationUnsuccessful")
        else:
            raise not_found()

    def disconnect(self, tenant_id: str) -> None:
        """Somebody removed the app inside Xero; nobody is told."""
        self.connections = {
            name: kept for name, kept in self.connections.items() if kept.tenant_id != tenant_id
        }

    def expire_access(self) -> None:
        """Let every access token run out now."""
        for token in self.accesses.values():
            token.dies_at = self.now()

    def _tokens(self, grant: Grant) -> Json:
        now = self.now()
        dies_at = now + ACCESS_LIFE
        access = _jwt(self._claims(grant, now, dies_at), self.client_secret)
        self.accesses[access] = Access(grant, dies_at)
        body: Json = {
            "access_token": access,
            "expires_in": int(ACCESS_LIFE.total_seconds()),
            "token_type": "Bearer",
            "scope": " ".join(grant.scopes),
        }
        if "openid" in grant.scopes:
            body["id_token"] = _jwt({"sub": grant.user, "aud": self.client_id}, self.client_secret)
        if "offline_access" in grant.scopes:
            body["refresh_token"] = secrets.token_urlsafe(32)
            self.refreshes[body["refresh_token"]] = Refresh(grant, now + REFRESH_LIFE)
        return body

    def _claims(self, grant: Grant, now: datetime, dies_at: datetime) -> Json:
        return {
            "nbf": int(now.timestamp()),
            "exp": int(dies_at.timestamp()),
            "client_id": self.client_id,
            "sub": grant.user,
            "xero_userid": grant.user,
            "authentication_event_id": grant.event_id,
            "scope": list(grant.scopes),
            "jti": secrets.token_hex(16),
        }


def _proves(request: Request, verifier: str) -> bool:
    if not request.challenge:
        return True
    if request.method != "S256":
        return hmac.compare_digest(request.challenge.encode(), verifier.encode())
    digest = hashlib.sha256(verifier.encode()).digest()
    return hmac.compare_digest(request.challenge, _base64(digest))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _jwt(claims: Json, key: str) -> str:
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    signed = ".".join(_base64(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{_base64(hmac.digest(key.encode(), signed.encode(), 'sha256'))}"
