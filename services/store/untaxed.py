"""The rate for lines without tax: a person chooses it once for an organisation that has several."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncSession

from services.store import mirror, tax_choices
from services.store.tables import Connection, TaxRate

KEY = "untaxed"  # its place among the tax choices, beside Paymo's rates


def zero_rates(rates: Iterable[TaxRate]) -> tuple[TaxRate, ...]:
    """Return those that lines without tax could have."""
    return tuple(each for each in rates if each.is_usable and not each.effective_rate)


async def choices(session: AsyncSession, connection: Connection) -> tuple[TaxRate, ...]:
    """Return the rates to choose from; none where the organisation has but one."""
    found = zero_rates(await mirror.list_tax_rates(session, connection.id))
    return found if len(found) > 1 else ()


async def remembered(session: AsyncSession, connection: Connection) -> str:
    """Return the tax type that was chosen, or ""."""
    return (await tax_choices.list_all(session, connection)).get(KEY, "")
