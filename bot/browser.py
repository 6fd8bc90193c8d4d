"""The pages of connecting: typing Paymo's key, Xero's consent, choosing the organisation."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot import bodies
from bot.html import Pages
from services.connect.refusals import ConsentRefused, LinkExpired
from services.connect.service import ConnectService
from services.connect.shapes import Consent
from services.errors import ServiceError, Throttled, Unavailable

_COOKIE = "paymo_xero_choice"
_CHOICE_LIVES = 600  # seconds
_FORM_LIMIT = 10_000  # bytes


@dataclass(frozen=True, slots=True)
class Browser:
    """What people open from the links in Slack."""

    connect: ConnectService
    pages: Pages

    async def paymo_form(self, request: Request) -> Response:
        """Show the form for Paymo's API key."""
        try:
            organisation = await self.connect.paymo_page(_nonce(request))
        except ServiceError as refusal:
            return self._refuse(refusal)
        return self.pages.draw("paymo.html", organisation=organisation, problem="")

    async def paymo_key(self, request: Request) -> Response:
        """Take the key, and show the form again when it does not work."""
        nonce = _nonce(request)
        form = bodies.form(await bodies.read(request, _FORM_LIMIT))
        try:
            company = await self.connect.submit_paymo_key(nonce, form.get("api_key", ""))
        except LinkExpired as refusal:
            return self._refuse(refusal)
        except ServiceError as refusal:
            return await self._ask_again(nonce, refusal)
        return self.pages.say(
            "Paymo is connected",
            f"The key opens {company}.",
            "You can close this page and go back to Slack. The form there has moved on.",
        )

    async def xero(self, request: Request) -> Response:
        """Send the browser to Xero's consent page."""
        if request.method == "HEAD":
            # Whoever only looks must not use the link up.
            return Response(status_code=204)
        try:
            address = await self.connect.start_xero(_nonce(request))
        except ServiceError as refusal:
            return self._refuse(refusal)
        headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        return RedirectResponse(address, 302, headers=headers)

    async def xero_callback(self, request: Request) -> Response:
        """Take what Xero's consent page sent back."""
        if request.method == "HEAD":
            return Response(status_code=204)
        query = request.query_params
        try:
            consent = await self.connect.finish_xero(
                state=query.get("state", ""),
                code=query.get("code", ""),
                error=query.get("error", ""),
            )
        except ServiceError as refusal:
            return self._refuse(refusal)
        return self._show(consent)

    async def organisation(self, request: Request) -> Response:
        """Take the choice of an organisation."""
        form = bodies.form(await bodies.read(request, _FORM_LIMIT))
        token = form.get("token") or request.cookies.get(_COOKIE, "")
        try:
            consent = await self.connect.choose_organisation(token, form.get("tenant_id", ""))
        except ServiceError as refusal:
            return self._refuse(refusal)
        answer = self._show(consent)
        answer.delete_cookie(_COOKIE)
        return answer

    def _show(self, consent: Consent) -> Response:
        if consent.organisation is not None:
            return self.pages.draw(
                "connected.html", organisation=consent.organisation, company=consent.company
            )
        answer = self.pages.draw(
            "choose.html", token=consent.token, choices=consent.choices, company=consent.company
        )
        answer.set_cookie(
            _COOKIE,
            consent.token,
            max_age=_CHOICE_LIVES,
            httponly=True,
            samesite="lax",
            secure=self.pages.public_url.startswith("https://"),
        )
        return answer

    async def _ask_again(self, nonce: str, refusal: ServiceError) -> Response:
        try:
            organisation = await self.connect.paymo_page(nonce)
        except LinkExpired as expired:
            return self._refuse(expired)
        return self.pages.draw(
            "paymo.html", _status(refusal), organisation=organisation, problem=str(refusal)
        )

    def _refuse(self, refusal: ServiceError) -> Response:
        title = "That did not work"
        if isinstance(refusal, LinkExpired):
            title = "This link has expired"
        if isinstance(refusal, ConsentRefused):
            title = "Nothing was connected"
        return self.pages.say(title, str(refusal), status=_status(refusal))


def _nonce(request: Request) -> str:
    return request.query_params.get("nonce", "")


def _status(refusal: ServiceError) -> int:
    if isinstance(refusal, LinkExpired):
        return 410
    if isinstance(refusal, Unavailable | Throttled):
        return 503
    return 400
