"""A small agency to try things on: six clients, thirteen invoices, and books that nearly fit.

Some contacts match exactly, some nearly, some not at all; some invoices go through at once, some
show what the checks are for, and one stands in the books already.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sandbox.paymo import Client, Company, PaymoWorld
from sandbox.slack import SlackWorld
from sandbox.xero import XeroWorld
from sandbox.xero.model import TaxComponent
from sandbox.xero.organisation import Organisation
from sandbox.xero.validation import Entry

API_KEY = "harbour-lane-demo-key"
LONG_NUMBER = "HLS-2026-WINTERFAIR-007"  # 23 characters: one too many for Xero
FIRST = "INV-2041"
TWIN = "INV-2040"  # typed into Xero by hand, too
_VAT = 20
_LONG_AGO = timedelta(days=40)


def settle_in(slack: SlackWorld, xero: XeroWorld, paymo: PaymoWorld, today: date) -> None:
    """Let the agency move in: its workspace, its books, its clients and invoices."""
    _workspace(slack)
    books = _books(xero)
    _company(paymo, today)
    _type_by_hand(books, today - _LONG_AGO)


def _workspace(slack: SlackWorld) -> None:
    # A form still opens where the machine is slow; Slack's own three seconds are held in the tests.
    slack.state.trigger_life, slack.door.patience = timedelta(seconds=30), 30
    slack.add_team("Harbour Lane Studio")
    slack.add_user("Anna Berg", title="studio owner", is_admin=True)
    slack.add_user("Ben Okafor", title="bookkeeper")
    slack.add_channel("invoices")
    mia = slack.add_user("Mia Novak", title="project manager")
    slack.channel("invoices").members.remove(mia.id)  # she reads along nowhere
    slack.add_channel("general")


def _books(xero: XeroWorld) -> Organisation:
    books = xero.add_organisation(
        "Harbour Lane Studio Ltd", country="GB", currency="GBP", short_code="!hls26"
    )
    books.timezone = "GMTSTANDARDTIME"  # London, as Xero writes it
    books.add_currency("EUR")
    books.add_tax_rate("OUTPUT2", "20% (VAT on Income)", Decimal(20))
    books.add_tax_rate("TEXAS", "Texas Sales Tax", Decimal("6.25"))
    books.add_tax_rate(
        "QUEBEC",
        "GST with QST on top",
        Decimal(0),
        TaxComponent("GST", Decimal(5)),
        TaxComponent("QST", Decimal(8), compound=True),
    )
    books.add_account("200", "Sales", tax_type="OUTPUT2")
    books.add_account("210", "Consulting", tax_type="OUTPUT2")
    books.add_account("220", "Sales abroad", tax_type="NONE")
    books.add_account("230", "Sales in Texas", tax_type="TEXAS")
    books.add_account("240", "Sales in Quebec", tax_type="QUEBEC")
    books.add_account("090", "Business Bank Account", kind="BANK")
    books.add_contact("Lighthouse Coffee", email="accounts@lighthouse.example")
    books.add_contact("Winter Fair GmbH", email="rechnung@winterfair.example")
    books.add_contact("Bluebird Bakery Limited", email="office@bluebird.example")
    books.add_contact("Lone Star Saddles", email="ap@lonestar.example")
    books.add_contact("City Archive", email="archive@city.example")
    return books


def _type_by_hand(books: Organisation, day: date) -> None:
    """Put the draft of this number into the books, as somebody in a hurry did."""
    line = {"Description": "Loyalty cards", "Quantity": 500, "UnitAmount": "0.64"}
    asked = {
        "Type": "ACCREC",
        "InvoiceNumber": TWIN,
        "Contact": {"Name": "Lighthouse Coffee"},
        "Date": str(day),
        "DueDate": str(day + timedelta(days=60)),
        "Status": "AUTHORISED",
        "LineItems": [line | {"AccountCode": "200"}],
    }
    entry = Entry(books, asked, 2, "")
    invoice = entry.drafted()
    entry.settle_contact(invoice)
    books.add_invoice(invoice)


def _company(paymo: PaymoWorld, today: date) -> None:
    company = paymo.add_company("Harbour Lane Studio", key=API_KEY, currency="GBP")
    coffee = company.add_client("Lighthouse Coffee", email="accounts@lighthouse.example")
    bakery = company.add_client("Blue Bird Bakery", email="hello@bluebird.example")
    fair = company.add_client("Winter Fair", email="rechnung@winterfair.example")
    saddles = company.add_client("Lone Star Saddles", email="ap@lonestar.example")
    yoga = company.add_client("Sunrise Yoga", email="om@sunriseyoga.example", city="Leeds")
    theatre = company.add_client("Théâtre du Vieux Port", email="bureau@vieuxport.example")
    _old_one(company, today, coffee)
    _usual(company, today, coffee, bakery)
    _abroad(company, today, fair, saddles)
    _new_ones(company, today, yoga, theatre)


def _invoice(company: Company, number: str, client: Client, *lines: Any, **more: Any) -> None:
    company.add_invoice(number, client, lines, **more)


def _old_one(company: Company, today: date, coffee: Client) -> None:
    _invoice(
        company,
        TWIN,
        coffee,
        ("Loyalty cards", "500, on recycled board", 500, "0.64"),
        tax=_VAT,
        issued=today - _LONG_AGO,
    )


def _usual(company: Company, today: date, coffee: Client, bakery: Client) -> None:
    _invoice(
        company,
        FIRST,
        coffee,
        ("Brand refresh", "Logo, colours and type", 1, "1850.00"),
        ("Menu boards", "Layout and print files", 3, "120.00"),
        tax=_VAT,
        issued=today - timedelta(days=12),
        status="sent",
    )
    _invoice(
        company,
        "INV-2042",
        coffee,
        ("Strategy", "Workshop", "3.33", "85.505"),
        ("Design", "Landing page", "12.75", "96.40"),
        ("Copy", "English and Welsh", 7, "64.99"),
        ("Photography", "Half a day", 1, "420.00"),
        ("Travel", "Train to Cardiff", 1, "87.30", False),
        tax=_VAT,
        discount="7.5",
        issued=today - timedelta(days=9),
    )
    _invoice(
        company,
        "INV-2043",
        bakery,
        ("Web shop", "Monthly care", 1, "310.00"),
        ("Hosting", "Passed on at cost", 1, "24.99", False),
        tax=_VAT,
        issued=today - timedelta(days=7),
        status="sent",
    )
    _invoice(
        company,
        "INV-2044",
        bakery,
        ("Packaging", "Six boxes", 6, "75.00"),
        tax=_VAT,
        issued=today - timedelta(days=4),
        due=None,
        status="sent",
    )


def _abroad(company: Company, today: date, fair: Client, saddles: Client) -> None:
    _invoice(
        company,
        "INV-2045",
        fair,
        ("Poster", "Winter fair, two sizes", 2, "480.00"),
        currency="EUR",
        issued=today - timedelta(days=6),
    )
    _invoice(
        company,
        LONG_NUMBER,
        fair,
        ("Site plan", "Stalls and signs", 1, "760.00"),
        currency="EUR",
        issued=today - timedelta(days=3),
        status="sent",
    )
    _invoice(
        company,
        "INV-2046",
        saddles,
        ("Catalogue", "64 pages", 1, "3150.00"),
        tax="6.25",
        issued=today - timedelta(days=5),
        status="sent",
    )
    _invoice(
        company,
        "INV-2047",
        saddles,
        ("Reprint", "In dollars, which the books do not have", 1, "900.00"),
        currency="USD",
        tax="6.25",
        issued=today - timedelta(days=2),
        status="sent",
    )


def _new_ones(company: Company, today: date, yoga: Client, theatre: Client) -> None:
    _invoice(
        company,
        "INV-2048",
        yoga,
        ("Class timetable", "Print and web", 1, "240.00"),
        tax=_VAT,
        issued=today - timedelta(days=2),
        status="sent",
    )
    _invoice(
        company,
        "INV-2049",
        yoga,
        ("Banners", "Three, at a rate that no account has", 3, "55.00"),
        tax="17.5",
        issued=today - timedelta(days=1),
        status="sent",
    )
    _invoice(
        company,
        "INV-2050",
        theatre,
        ("Season booklet", "Two taxes, one on top of the other", 1, "1480.00"),
        tax=5,
        tax2=8,
        tax_on_tax=True,
        issued=today - timedelta(days=1),
    )
    _invoice(
        company,
        "INV-2051",
        theatre,
        ("Tickets", "Sold abroad, without tax", 500, "0.45"),
        issued=today,
    )
