"""Which of Xero's rates a person chose for a rate of Paymo's; used again without asking."""

from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.store.tables import Connection, TaxChoice
from services.store.upsert import insert_into


def rate_key(rate: Decimal) -> str:
    """Write a rate in one way only, however many zeros it ends in."""
    return f"{rate.normalize():f}"


async def list_all(session: AsyncSession, connection: Connection) -> dict[str, str]:
    """Return the tax types that were chosen, by Paymo's rate."""
    found = await session.scalars(
        select(TaxChoice).where(
            TaxChoice.connection_id == connection.id, TaxChoice.tenant_id == connection.tenant_id
        )
    )
    return {each.rate: each.tax_type for each in found}


async def remember(session: AsyncSession, choice: TaxChoice) -> None:
    """Remember a choice; the newest one counts."""
    names = ("connection_id", "tenant_id", "rate", "tax_type", "set_by", "set_at")
    row = {name: getattr(choice, name) for name in names}
    insert = insert_into(session, TaxChoice).values(**row)
    keys = ["connection_id", "tenant_id", "rate"]
    changed = {name: insert.excluded[name] for name in row if name not in keys}
    await session.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed))
