"""What people chose: each client's contact and account, and Xero's rates for Paymo's."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, or_, select, update

from services.model.export import NEW_CONTACT
from services.store import exports, mirror
from services.store.engine import Session, insert_into
from services.store.tables import Client, Connection, Match, TaxChoice, TaxRate


async def find(
    session: Session, connection_id: int, tenant_id: str, client_id: int
) -> Match | None:
    """Return where this client goes in this organisation, if it is known."""
    return await session.get(Match, (connection_id, tenant_id, client_id), populate_existing=True)


async def contact_of(session: Session, connection: Connection, client_id: int) -> str:
    """Return the client's contact in Xero, "" where nobody has matched it."""
    known = await find(session, connection.id, connection.tenant_id, client_id)
    return known.contact_id if known is not None and known.contact_id != NEW_CONTACT else ""


async def find_all(
    session: Session, connection: Connection, client_ids: Collection[int]
) -> dict[int, Match]:
    """Return where these clients go in this organisation, as far as it is known."""
    found = await session.scalars(
        select(Match)
        .where(
            Match.connection_id == connection.id,
            Match.tenant_id == connection.tenant_id,
            Match.client_id.in_(client_ids),
        )
        .execution_options(populate_existing=True)
    )
    return {each.client_id: each for each in found}


async def remember(session: Session, match: Match) -> None:
    """Remember a match; what it leaves empty stays as it was."""
    row = {
        "connection_id": match.connection_id,
        "tenant_id": match.tenant_id,
        "client_id": match.client_id,
        "contact_id": match.contact_id or "",
        "account_id": match.account_id or "",
        "set_by": match.set_by,
        "set_at": match.set_at,
    }
    insert = insert_into(session, Match).values(**row)
    new = insert.excluded
    changed = {
        "contact_id": func.coalesce(func.nullif(new.contact_id, ""), Match.contact_id),
        "account_id": func.coalesce(func.nullif(new.account_id, ""), Match.account_id),
        "set_by": new.set_by,
        "set_at": new.set_at,
    }
    keys = ["connection_id", "tenant_id", "client_id"]
    await session.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed))


async def forget_account(session: Session, connection: Connection, account_id: str) -> None:
    """Forget an account that takes no sales any more, whoever's it was."""
    await session.write(
        update(Match)
        .where(
            Match.connection_id == connection.id,
            Match.tenant_id == connection.tenant_id,
            Match.account_id == account_id,
        )
        .values(account_id="")
    )


async def find_last_account(session: Session, connection_id: int, tenant_id: str) -> str:
    """Return the account that was chosen last for any client, or ""."""
    return (
        await session.scalar(
            select(Match.account_id)
            .where(
                Match.connection_id == connection_id,
                Match.tenant_id == tenant_id,
                Match.account_id != "",
            )
            .order_by(Match.set_at.desc(), Match.client_id)
            .limit(1)
        )
        or ""
    )


async def list_unmatched_clients(
    session: Session, connection_id: int, tenant_id: str
) -> Sequence[Client]:
    """Return the active clients that nobody has matched with a contact, by name."""
    return await session.every(
        select(Client)
        .outerjoin(
            Match,
            (Match.connection_id == Client.connection_id)
            & (Match.client_id == Client.client_id)
            & (Match.tenant_id == tenant_id),
        )
        .where(
            Client.connection_id == connection_id,
            Client.is_active,
            or_(Match.client_id.is_(None), Match.contact_id == ""),
        )
        .order_by(Client.folded_name, Client.client_id)
    )


async def list_tax_choices(session: Session, connection: Connection) -> dict[str, str]:
    """Return the tax types that were chosen, by Paymo's rate."""
    found = await session.scalars(
        select(TaxChoice).where(
            TaxChoice.connection_id == connection.id, TaxChoice.tenant_id == connection.tenant_id
        )
    )
    return {each.rate: each.tax_type for each in found}


async def remember_tax(
    session: Session, connection: Connection, choice: tuple[str, str], *, by: str, at: datetime
) -> None:
    """Remember the tax type for a rate of Paymo's, or for `UNTAXED`; the newest choice counts.

    Exports refused without it are checked again.
    """
    rate, tax_type = choice
    keys = {"connection_id": connection.id, "tenant_id": connection.tenant_id, "rate": rate}
    chosen = {"tax_type": tax_type, "set_by": by, "set_at": at}
    insert = insert_into(session, TaxChoice).values(**keys, **chosen)
    await session.execute(insert.on_conflict_do_update(index_elements=list(keys), set_=chosen))
    row = await session.get_one(Connection, connection.id)
    row.mark_ledger()
    await exports.nudge_refused(session, connection, at)


async def list_zero_rates(session: Session, connection: Connection) -> tuple[TaxRate, ...]:
    """Return the rates to choose from for lines without tax; none where there is but one."""
    rates = await mirror.list_tax_rates(session, connection.id)
    found = tuple(each for each in rates if each.is_zero)
    return found if len(found) > 1 else ()
