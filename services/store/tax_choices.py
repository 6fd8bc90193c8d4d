"""Which of Xero's rates a person chose for a rate of Paymo's; used again without asking."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.store import exports, mirror
from services.store.tables import Connection, TaxChoice, TaxRate
from services.store.upsert import insert_into

UNTAXED = "untaxed"  # among the choices, beside Paymo's rates: for lines without tax


async def list_all(session: AsyncSession, connection: Connection) -> dict[str, str]:
    """Return the tax types that were chosen, by Paymo's rate."""
    found = await session.scalars(
        select(TaxChoice).where(
            TaxChoice.connection_id == connection.id, TaxChoice.tenant_id == connection.tenant_id
        )
    )
    return {each.rate: each.tax_type for each in found}


async def remember(
    session: AsyncSession, connection: Connection, choice: tuple[str, str], *, by: str, at: datetime
) -> None:
    """Remember the tax type for a rate of Paymo's, or for `UNTAXED`; the newest choice counts.

    What was refused without it is decided anew.
    """
    rate, tax_type = choice
    keys = {"connection_id": connection.id, "tenant_id": connection.tenant_id, "rate": rate}
    chosen = {"tax_type": tax_type, "set_by": by, "set_at": at}
    insert = insert_into(session, TaxChoice).values(**keys, **chosen)
    await session.execute(insert.on_conflict_do_update(index_elements=list(keys), set_=chosen))
    await exports.nudge_refused(session, connection, at)


async def list_zero_rates(session: AsyncSession, connection: Connection) -> tuple[TaxRate, ...]:
    """Return the rates to choose from for lines without tax; none where there is but one."""
    rates = await mirror.list_tax_rates(session, connection.id)
    found = tuple(each for each in rates if each.is_zero)
    return found if len(found) > 1 else ()
