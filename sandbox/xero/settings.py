"""The organisation itself, its currencies, accounts and tax rates: read only."""

from aiohttp import web

from sandbox.serving import Json
from sandbox.xero import query
from sandbox.xero.http import ledger_of
from sandbox.xero.render import account_json, tax_rate_json
from sandbox.xero.wire import answer, days, not_found

BASE = "/api.xro/2.0"
_ACTIONS = (
    "CreateApprovedInvoice",
    "CreateDraftInvoice",
    "CreateInvoicePayment",
    "CreateApprovedBill",
    "UseMulticurrency",
)
_VERSIONS = {"NZ": "NZ", "AU": "AU", "GB": "UK", "US": "US"}


async def organisation(request: web.Request) -> web.Response:
    """Name, country, currency, locks."""
    books = ledger_of(request)
    locks = days(
        PeriodLockDate=books.period_lock_date, EndOfYearLockDate=books.end_of_year_lock_date
    )
    body: Json = {
        "Name": books.name,
        "LegalName": books.name,
        "PaysTax": True,
        "Version": _VERSIONS.get(books.country, "GLOBAL"),
        "OrganisationType": "COMPANY",
        "BaseCurrency": books.currency,
        "CountryCode": books.country,
        "IsDemoCompany": books.is_demo,
        "OrganisationStatus": "ACTIVE",
        "FinancialYearEndDay": 31,
        "FinancialYearEndMonth": 3,
        "DefaultSalesTax": "Tax Exclusive",
        "DefaultPurchasesTax": "Tax Exclusive",
        "Timezone": books.timezone,
        "OrganisationEntityType": "COMPANY",
        "ShortCode": books.short_code,
        "OrganisationID": books.tenant_id,
        "Edition": "BUSINESS",
        "Class": "DEMO" if books.is_demo else "PREMIUM",
        "Addresses": [],
        "Phones": [],
        "ExternalLinks": [],
        "PaymentTerms": {},
    }
    body |= {name: value for name, value in locks.items() if not name.endswith("String")}
    return answer(request, "Organisations", [body])


async def actions(request: web.Request) -> web.Response:
    """What the plan and the role allow."""
    forbidden = ledger_of(request).forbidden_actions
    listed = [
        {"Name": name, "Status": "NOT-ALLOWED" if name in forbidden else "ALLOWED"}
        for name in _ACTIONS
    ]
    return answer(request, "Actions", listed)


async def currencies(request: web.Request) -> web.Response:
    """The currencies that are subscribed to."""
    rows = [
        {"Code": code, "Description": description}
        for code, description in ledger_of(request).currencies.items()
    ]
    return answer(request, "Currencies", query.chosen(request, rows))


async def accounts(request: web.Request) -> web.Response:
    """The chart of accounts."""
    since = query.since(request)
    rows = [
        account_json(account)
        for account in ledger_of(request).accounts.values()
        if since is None or account.updated >= since
    ]
    return answer(request, "Accounts", query.chosen(request, rows))


async def account(request: web.Request) -> web.Response:
    """One account."""
    found = ledger_of(request).accounts.get(request.match_info["id"].lower())
    if found is None:
        raise not_found()
    return answer(request, "Accounts", [account_json(found)])


async def tax_rates(request: web.Request) -> web.Response:
    """All tax rates."""
    rows = [tax_rate_json(rate) for rate in ledger_of(request).tax_rates.values()]
    return answer(request, "TaxRates", query.chosen(request, rows))


async def tax_rate(request: web.Request) -> web.Response:
    """One tax rate, by its type."""
    found = ledger_of(request).tax_rates.get(request.match_info["id"])
    if found is None:
        raise not_found()
    return answer(request, "TaxRates", [tax_rate_json(found)])


ROUTES = [
    web.get(f"{BASE}/Organisation", organisation),
    web.get(f"{BASE}/Organisation/Actions", actions),
    web.get(f"{BASE}/Currencies", currencies),
    web.get(f"{BASE}/Accounts", accounts),
    web.get(f"{BASE}/Accounts/{{id}}", account),
    web.get(f"{BASE}/TaxRates", tax_rates),
    web.get(f"{BASE}/TaxRates/{{id}}", tax_rate),
]
