"""Xero's accounts, tax rates, currencies and lock dates: what exports can be refused for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services import money
from services.clients.rows import LeftOut, texts_of
from services.clients.xero import XeroClient
from services.clients.xero import wire as xero_wire
from services.store import mirror, tables
from services.store.engine import Session
from services.store.tables import Connection

_ACTIVE = "ACTIVE"
_REVENUE = "REVENUE"
_LIABILITY = "LIABILITY"


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """What was read of it just now."""

    organisation: xero_wire.XeroOrganisation
    accounts: Sequence[xero_wire.Account]
    tax_rates: Sequence[xero_wire.TaxRate]
    currencies: Sequence[xero_wire.Currency]


async def read(xero: XeroClient) -> LedgerSettings:
    """Read all of it: four calls."""
    return LedgerSettings(
        organisation=await xero.organisation(),
        accounts=await xero.accounts(),
        tax_rates=await xero.tax_rates(),
        currencies=await xero.currencies(),
    )


async def write(
    session: Session, connection: Connection, read: LedgerSettings, odd: Sequence[LeftOut]
) -> None:
    """Copy it into the mirror; `odd` are the rows that cannot be read."""
    organisation = read.organisation
    connection.organisation_name = organisation.name
    connection.base_currency = organisation.base_currency
    connection.short_code = organisation.short_code
    connection.time_zone = organisation.timezone
    connection.period_lock_on = organisation.period_lock_on
    connection.year_lock_on = organisation.year_lock_on
    accounts = [_account_row(each) for each in read.accounts]
    rates = [_tax_row(each) for each in read.tax_rates]
    currencies = [{"code": each.code} for each in read.currencies]
    for table, rows, what in (
        (tables.Account, accounts, "account"),
        (tables.TaxRate, rates, "tax rate"),
        (tables.Currency, currencies, "currency"),
    ):
        texts = texts_of(each for each in odd if each.what == what)
        mirror.note_left_out(connection, f"{what} in Xero", texts)
        await mirror.replace(session, connection.id, table, rows, texts)


async def facts_of(session: Session, connection: Connection) -> tuple[object, ...]:
    """Return what exports can be refused for."""
    accounts = await mirror.list_accounts(session, connection.id)
    rates = await mirror.list_tax_rates(session, connection.id)
    return (
        {(each.account_id, each.is_usable, each.tax_type, each.code) for each in accounts},
        {(each.tax_type, each.is_usable, each.effective_rate) for each in rates},
        set(await mirror.list_currencies(session, connection.id)),
        connection.locked_until,
    )


def _account_row(account: xero_wire.Account) -> dict[str, Any]:
    why_not = ""
    if account.status != _ACTIVE:
        why_not = "archived"
    elif account.system_account:
        why_not = "system"
    elif account.class_ not in {_REVENUE, _LIABILITY}:
        why_not = "kind"
    return {
        "account_id": account.account_id,
        "code": account.code,
        "name": account.name,
        "type": account.type,
        "tax_type": account.tax_type,
        "is_usable": not why_not,
        "is_liability": account.class_ == _LIABILITY,
        "why_not": why_not,
    }


def _tax_row(rate: xero_wire.TaxRate) -> dict[str, Any]:
    effective = rate.effective_rate
    if effective is None:
        parts = [(each.rate, each.is_compound) for each in rate.tax_components]
        effective = money.tax_components_rate(parts)
    return {
        "tax_type": rate.tax_type,
        "name": rate.name,
        "effective_rate": effective,
        "is_usable": rate.status == _ACTIVE and rate.can_apply_to_revenue,
    }
