"""The pages for connecting: who asks, Paymo's key, Xero's consent, the organisation."""

import re
import secrets
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from yarl import URL

from bot import http
from bot.html import POLICY, Pages
from services.connect.checklists import CHOOSE, PAYMO, STATE, XERO
from services.connect.links import (
    ConsentRefused,
    ForeignForm,
    Invitation,
    LinkExpired,
    NotConfirmed,
    OtherBrowser,
    PageRefusal,
)
from services.connect.pages import Consent, PaymoPage, Return, XeroPages
from services.errors import ServiceError, Throttled, Unavailable
from services.model.connection import Organisation

TICK = "is_me"
_BROWSER = "paymo_xero_browser"
_CHOICE = "paymo_xero_choice"
_LIVES = 3600  # seconds; three steps of ten minutes each, and some to spare
_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")
_FORM_LIMIT = 10_000  # bytes


@dataclass(frozen=True, slots=True)
class ConnectPages:
    """The services behind the pages."""

    paymo: PaymoPage
    xero: XeroPages


@dataclass(frozen=True, slots=True)
class Browser:
    """What people open from the links in Slack.

    A GET changes nothing. It sets a cookie, which every later step must send back.
    """

    connect: ConnectPages
    pages: Pages

    async def paymo_form(self, request: Request) -> Response:
        """Show who asked for Paymo's API key, and the form for it."""
        return await self._ask(request, PAYMO)

    async def xero_form(self, request: Request) -> Response:
        """Show who asked for access to Xero, and the button that goes on."""
        return await self._ask(request, XERO)

    async def paymo_key(self, request: Request) -> Response:
        """Take Paymo's API key; show the form again, with the reason, if Paymo refuses it."""
        form = await _form(request)
        asked = await self._invited(request, _nonce(request), PAYMO)
        try:
            self._require_own_page(request)
            _require_tick(request, form)
            company = await self.connect.paymo.submit_key(
                _nonce(request), form.get("api_key", ""), self._cookie(request, _BROWSER)
            )
        except ServiceError as refusal:
            return await self._ask_again(request, PAYMO, refusal)
        return self._connected(request, PAYMO, company, asked.organisation)

    async def xero(self, request: Request) -> Response:
        """Send the browser to Xero's consent page."""
        form = await _form(request)
        try:
            self._require_own_page(request)
            _require_tick(request, form)
            address = await self.connect.xero.start_consent(
                _nonce(request), self._cookie(request, _BROWSER)
            )
        except ServiceError as refusal:
            return await self._ask_again(request, XERO, refusal)
        answer = RedirectResponse(address, 302)
        self._remember(request, answer)
        return answer

    async def xero_callback(self, request: Request) -> Response:
        """Handle the redirect from Xero's consent page."""
        if request.method == "HEAD":
            return Response(status_code=204)
        query = request.query_params
        back = Return(query.get("state", ""), query.get("code", ""), query.get("error", ""))
        await self._invited(request, back.state, STATE)
        return self._show(
            request, await self.connect.xero.finish_consent(back, self._cookie(request, _BROWSER))
        )

    async def organisation(self, request: Request) -> Response:
        """Take the choice of an organisation."""
        form = await _form(request)
        token = form.get("token") or self._cookie(request, _CHOICE)
        self._require_own_page(request)
        await self._invited(request, token, CHOOSE)
        consent = await self.connect.xero.choose_organisation(
            token, form.get("tenant_id", ""), self._cookie(request, _BROWSER)
        )
        answer = self._show(request, consent)
        answer.delete_cookie(self._name(_CHOICE), secure=self._is_secure)
        return answer

    async def _ask(
        self, request: Request, purpose: str, problem: str = "", status: int = 200
    ) -> Response:
        asked = await self._invited(request, _nonce(request), purpose)
        answer = self.pages.draw(
            f"{purpose}.html",
            status,
            asked=asked,
            problem=problem,
            tick=TICK,
            is_ticked=getattr(request.state, "is_ticked", False),  # so it need not be ticked again
        )
        if purpose == XERO:
            # Browsers hold a form's redirects to this, too, and Xero's lead over several hosts.
            login = URL(self.connect.xero.oauth.login_url).origin()
            onward = f"form-action 'self' https: {login}"
            answer.headers["Content-Security-Policy"] = POLICY.replace("form-action 'self'", onward)
        self._remember(request, answer)
        return answer

    async def _ask_again(self, request: Request, purpose: str, refusal: ServiceError) -> Response:
        if isinstance(refusal, LinkExpired | ForeignForm):
            raise refusal
        return await self._ask(request, purpose, str(refusal), _status(refusal))

    async def _invited(self, request: Request, code: str, purpose: str) -> Invitation:
        """Yield what a link is for; pages in here lead back to where it was asked for."""
        asked = await self.connect.paymo.links.invitation(code, purpose)
        request.state.slack = self.pages.slack(asked.team_id, asked.channel_id, asked.app_id)
        return asked

    def _connected(
        self, request: Request, side: str, company: str, organisation: Organisation | str
    ) -> Response:
        return self.pages.draw(
            "connected.html",
            side=side.capitalize(),
            company=company,
            organisation=organisation,
            slack=request.state.slack,
        )

    def _show(self, request: Request, consent: Consent) -> Response:
        if consent.organisation is not None:
            return self._connected(request, XERO, consent.company, consent.organisation)
        answer = self.pages.draw(
            "choose.html", token=consent.token, choices=consent.choices, company=consent.company
        )
        self._set(answer, _CHOICE, consent.token)
        return answer

    def _remember(self, request: Request, answer: Response) -> None:
        """Set this browser's cookie, unless it has one: its other tabs rely on that."""
        known = self._cookie(request, _BROWSER)
        self._set(answer, _BROWSER, known or secrets.token_urlsafe(32))

    def _cookie(self, request: Request, name: str) -> str:
        found = request.cookies.get(self._name(name), "")
        return found if _COOKIE.fullmatch(found) else ""

    def _set(self, answer: Response, name: str, value: str) -> None:
        cookie = f"{self._name(name)}={value}; Max-Age={_LIVES}; Path=/; HttpOnly; SameSite=Lax"
        answer.headers.append("set-cookie", f"{cookie}; Secure" if self._is_secure else cookie)

    def _name(self, name: str) -> str:
        """Return the cookie's name; over https one that no neighbouring site can set."""
        return f"__Host-{name}" if self._is_secure else name

    @property
    def _is_secure(self) -> bool:
        return self.pages.public_url.startswith("https://")

    def _require_own_page(self, request: Request) -> None:
        """Refuse a form that another site sends through a person's browser.

        Our pages send no referrer, so the browser names no origin with their forms either; it says
        "null", and in another header that the form is our own.
        """
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        is_own = site in {None, "same-origin", "none"}
        named = {None, str(URL(self.pages.public_url).origin())}
        if site == "same-origin":
            named.add("null")
        if not is_own or origin not in named:
            raise ForeignForm

    async def refuse(self, request: Request, refusal: Exception) -> Response:
        """Show a refusal as a page."""
        title = refusal.title if isinstance(refusal, PageRefusal) else "That didn't work"
        if isinstance(refusal, ConsentRefused):
            title = "Nothing was connected"
        slack = getattr(request.state, "slack", "")
        return self.pages.say(title, str(refusal), status=_status(refusal), slack=slack)


async def _form(request: Request) -> dict[str, str]:
    return http.form_of(await http.read_body(request, _FORM_LIMIT))


def _require_tick(request: Request, form: dict[str, str]) -> None:
    if not form.get(TICK):
        raise NotConfirmed
    request.state.is_ticked = True


def _nonce(request: Request) -> str:
    return request.query_params.get("nonce", "")


def _status(refusal: Exception) -> int:
    if isinstance(refusal, LinkExpired):
        return 410
    if isinstance(refusal, OtherBrowser | ForeignForm):
        return 403
    if isinstance(refusal, Unavailable | Throttled):
        return 503
    return 400
