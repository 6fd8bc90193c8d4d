"""The links that Xero shows to staff."""

import pytest

from services.model.invoice import Links


@pytest.mark.parametrize(
    ("app", "is_taken"),
    [
        ("https://app.paymoapp.com", True),
        ("http://127.0.0.1:8080", True),
        ("https://paymo-XERO.example", False),
        ("https://xerographic.example", False),
        ("https://two words.example", False),
        ("ftp://app.paymoapp.com", False),
        ("https:///nowhere", False),
        ("://", False),
    ],
)
def test_only_a_link_that_xero_takes_is_sent(app: str, *, is_taken: bool) -> None:
    links = Links(xero_app="https://go.xero.com", paymo_app=app)
    assert links.paymo_for_xero(7) == (links.paymo(7) if is_taken else "")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://app.paymoapp.com/#accounting/invoices/60002", 60002),
        ("https://APP.paymoapp.com/%23accounting/invoices/60002/", 60002),
        ("https://app.paymoapp.com/#accounting/invoices/60002/edit", None),
        ("https://app.paymoapp.com/#accounting/estimates/60002", None),
        ("https://shop.example/60002", None),
        ("", None),
    ],
)
def test_a_link_says_which_invoice_in_paymo_it_leads_to(url: str, found: int | None) -> None:
    assert Links.paymo_id(url) == found


_IN_XERO = "0aa0b0c0-1111-2222-3333-444455556666"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://app.paymoapp.com/#accounting/invoices/60002", ("", 60002)),
        ("https://APP.paymoapp.com/?lang=en#accounting/invoices/60002?tab=history", ("", 60002)),
        ("https://app.paymoapp.com/%23accounting/invoices/60002/edit", ("", 60002)),
        ("https://app.paymoapp.com/#Paymo.module.accounting/invoices/60002&x=1", ("", 60002)),
        ("https://app.paymoapp.com/#accounting/recurring_invoices/60002", ("", 0)),
        ("https://app.paymoapp.com/#accounting/estimates/60002", ("", 0)),
        ("https://app.paymoapp.com/#accounting/invoices/60002b", ("", 0)),
        ("https://app.paymoapp.com.evil.example/#accounting/invoices/60002", ("", 0)),
        (f"https://GO.xero.com/app/!x/invoicing/view/{_IN_XERO}?a=1#top", (_IN_XERO, 0)),
        (f"https://go.xero.com/app/!x/invoicing/edit/{_IN_XERO.upper()}", (_IN_XERO, 0)),
        (f"https://go.xero.com/AccountsReceivable/View.aspx?InvoiceID={_IN_XERO}", (_IN_XERO, 0)),
        (f"https://shop.example/{_IN_XERO}#accounting/invoices/60002", ("", 0)),
    ],
)
def test_a_shared_link_is_read_as_people_copy_it(url: str, found: tuple[str, int]) -> None:
    links = Links(xero_app="https://go.xero.com", paymo_app="https://app.paymoapp.com")
    assert links.read(url) == found
