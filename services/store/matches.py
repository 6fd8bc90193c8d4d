"""What people chose once: each client's contact and account, and Xero's rates for Paymo's.

Contacts, too: which changed, and a mark by which a reader sees that any did.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.model.export import NEW_CONTACT
from services.store import exports
from services.store.engine import insert_into
from services.store.tables import Client, Connection, Contact, Match, TaxChoice, TaxRate

_COLUMNS = ("name", "email", "tax_number", "is_active", "merged_to", "number")


async def find(
    session: AsyncSession, connection_id: int, tenant_id: str, client_id: int
) -> Match | None:
    """Return where this client goes in this organisation, if it is known."""
    return await session.get(Match, (connection_id, tenant_id, client_id), populate_existing=True)


async def contact_of(session: AsyncSession, connection: Connection, client_id: int) -> str:
    """Return the contact in Xero that this client is, or "" where nobody has said which."""
    known = await find(session, connection.id, connection.tenant_id, client_id)
    return known.contact_id if known is not None and known.contact_id != NEW_CONTACT else ""


async def find_all(
    session: AsyncSession, connection: Connection, client_ids: Collection[int]
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


async def remember(session: AsyncSession, match: Match) -> None:
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


async def forget_account(session: AsyncSession, connection: Connection, account_id: str) -> None:
    """Forget an account that takes no sales any more, whoever's it was."""
    await session.execute(
        update(Match)
        .where(
            Match.connection_id == connection.id,
            Match.tenant_id == connection.tenant_id,
            Match.account_id == account_id,
        )
        .values(account_id="")
        .execution_options(synchronize_session=False)
    )


async def find_last_account(session: AsyncSession, connection_id: int, tenant_id: str) -> str:
    """Return the account that was chosen last for any client, or ""."""
    found = await session.scalar(
        select(Match.account_id)
        .where(
            Match.connection_id == connection_id,
            Match.tenant_id == tenant_id,
            Match.account_id != "",
        )
        .order_by(Match.set_at.desc(), Match.client_id)
        .limit(1)
    )
    return found or ""


async def list_unmatched_clients(
    session: AsyncSession, connection_id: int, tenant_id: str
) -> Sequence[Client]:
    """Return the active clients that lack a contact or an account, by name."""
    found = await session.scalars(
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
            or_(Match.client_id.is_(None), Match.contact_id == "", Match.account_id == ""),
        )
        .order_by(Client.folded_name, Client.client_id)
    )
    return found.all()


async def list_tax_choices(session: AsyncSession, connection: Connection) -> dict[str, str]:
    """Return the tax types that were chosen, by Paymo's rate."""
    found = await session.scalars(
        select(TaxChoice).where(
            TaxChoice.connection_id == connection.id, TaxChoice.tenant_id == connection.tenant_id
        )
    )
    return {each.rate: each.tax_type for each in found}


async def remember_tax(
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
    rates = select(TaxRate).where(TaxRate.connection_id == connection.id).order_by(TaxRate.name)
    found = tuple(each for each in await session.scalars(rates) if each.is_zero)
    return found if len(found) > 1 else ()


class Known(NamedTuple):
    """A contact, as far as somebody can be recognised by it."""

    contact_id: str
    name: str
    folded_name: str
    email: str
    tax_number: str


async def list_contacts(session: AsyncSession, connection_id: int) -> Sequence[Known]:
    """Return every contact that is not archived; rows alone, since there may be ten thousand."""
    found = await session.execute(
        select(*(getattr(Contact, each) for each in Known._fields)).where(
            Contact.connection_id == connection_id, Contact.is_active
        )
    )
    return [Known(*each) for each in found]


async def is_named(session: AsyncSession, connection_id: int, folded_name: str) -> bool:
    """Say whether a contact that is not archived has this name."""
    found = await session.scalar(
        select(func.count()).where(
            Contact.connection_id == connection_id,
            Contact.is_active,
            Contact.folded_name == folded_name,
        )
    )
    return bool(found)


async def find_changed_contacts(
    session: AsyncSession, connection_id: int, rows: Sequence[dict[str, Any]]
) -> Sequence[dict[str, Any]]:
    """Return the rows that the mirror does not hold as they are."""
    columns = (getattr(Contact, each) for each in ("contact_id", *_COLUMNS))
    found = await session.execute(select(*columns).where(Contact.connection_id == connection_id))
    known = {contact_id: tuple(values) for contact_id, *values in found}
    return [each for each in rows if known.get(each["contact_id"]) != _values(each)]


async def find_contacts_mark(session: AsyncSession, connection_id: int) -> str:
    """Return what is another one whenever any contact changed."""
    found = await session.scalar(
        select(Connection.contacts_mark).where(Connection.id == connection_id)
    )
    return found or ""


async def mark_contacts(session: AsyncSession, connection_id: int) -> None:
    """Let everybody who read the contacts see that they changed."""
    await session.execute(
        update(Connection)
        .where(Connection.id == connection_id)
        .values(contacts_mark=secrets.token_hex(8)),
        execution_options={"synchronize_session": False},
    )


def _values(row: dict[str, Any]) -> tuple[Any, ...]:
    usual = {"email": "", "tax_number": "", "is_active": True, "merged_to": "", "number": ""}
    return tuple((usual | row)[each] for each in _COLUMNS)
