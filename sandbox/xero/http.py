"""The accounting API's door: a good token, its scopes, a connected organisation."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from sandbox.serving import Handler
from sandbox.xero.ledger import Ledger
from sandbox.xero.limits import ACCOUNTING
from sandbox.xero.oauth import Authority, Grant
from sandbox.xero.organisation import Organisation
from sandbox.xero.wire import Refused, not_found, problem

APP = web.RequestKey("app", str)
_LEDGER = web.RequestKey("ledger", Ledger)
_SCOPES = {
    "invoices": "accounting.invoices",
    "creditnotes": "accounting.invoices",
    "payments": "accounting.payments",
    "overpayments": "accounting.payments",
    "prepayments": "accounting.payments",
    "contacts": "accounting.contacts",
}
_SETTINGS = "accounting.settings"
_LONGEST = 2048  # characters of a question


def ledger_of(request: web.Request) -> Ledger:
    """The books that the caller named."""
    return request[_LEDGER]


@dataclass(frozen=True, slots=True)
class Door:
    """Lets callers in to the books of the organisation they name."""

    authority: Authority
    organisations: Callable[[], dict[str, Organisation]]

    @web.middleware
    async def refusals(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turn a refusal into its answer."""
        try:
            return await handler(request)
        except Refused as refusal:
            return refusal.response()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check the question's length, then the token, its scope, and the organisation."""
        if not request.path.startswith(ACCOUNTING):
            return await handler(request)
        if len(request.rel_url.raw_query_string) > _LONGEST:
            raise not_found()  # the server in front says so, whatever is asked
        grant = self.authority.grant_of(request.headers.get("Authorization", ""))
        _check_scope(request, grant)
        tenant_id = request.headers.get("Xero-Tenant-Id", "")
        books = self.organisations().get(tenant_id)
        if books is None or not self.authority.is_connected(grant, tenant_id):
            raise problem(HTTPStatus.FORBIDDEN, "AuthenticationUnsuccessful")
        request[_LEDGER] = books
        request[APP] = self.authority.client_id
        return await handler(request)


def _check_scope(request: web.Request, grant: Grant) -> None:
    resource = request.path.removeprefix(ACCOUNTING).split("/")[1:2]
    needed = _SCOPES.get("".join(resource).lower(), _SETTINGS)
    if "/attachments" in request.path.lower():
        needed = "accounting.attachments"
    enough = {needed} if request.method != "GET" else {needed, f"{needed}.read"}
    if not enough & set(grant.scopes):
        raise problem(
            HTTPStatus.UNAUTHORIZED,
            "AuthorizationUnsuccessful",
            {"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
        )
