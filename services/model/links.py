"""Where a person finds an invoice in Xero and in Paymo."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_XERO_LOGIN = "login.xero.com"
_XERO_APP = "https://go.xero.com"
_INVOICE = "#accounting/invoices/"
_ID = re.compile(rf"{_INVOICE}(\d{{1,18}})/?\Z")


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses for staff, derived from the addresses that the app talks to.

    Only a signed-in member of staff can open them. Paymo's own permalinks are not used: whoever
    holds one can read the invoice without an account (facts of Paymo's API, its invoices page).
    """

    xero_app: str
    paymo_app: str

    @classmethod
    def from_settings(cls, *, xero_login_url: str, paymo_api_url: str) -> "Links":
        """Real Xero's staff pages stand on another host than its login; a stand-in's do not."""
        login = urlsplit(xero_login_url)
        api = urlsplit(paymo_api_url)
        xero_app = _XERO_APP if login.netloc == _XERO_LOGIN else f"{login.scheme}://{login.netloc}"
        return cls(xero_app=xero_app, paymo_app=f"{api.scheme}://{api.netloc}")

    def xero(self, short_code: str, invoice_id: str | None) -> str:
        """The page of an invoice in Xero, or "" before it is there."""
        if not invoice_id:
            return ""
        return f"{self.xero_app}/app/{short_code}/invoicing/view/{invoice_id}"

    def paymo(self, invoice_id: int) -> str:
        """The page of an invoice in Paymo."""
        return f"{self.paymo_app}/{_INVOICE}{invoice_id}"

    def paymo_for_xero(self, invoice_id: int) -> str:
        """Return that page for Xero's "Go to" link, or "" where Xero would not take it."""
        url = self.paymo(invoice_id)
        parts = urlsplit(url)
        is_link = parts.scheme in {"http", "https"} and parts.hostname and not url.split()[1:]
        return url if is_link and "xero" not in url.casefold() else ""

    @staticmethod
    def paymo_id(url: str) -> int | None:
        """Which invoice in Paymo such a link leads to, if it does."""
        found = _ID.search(unquote(url))
        return int(found[1]) if found else None
