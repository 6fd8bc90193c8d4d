"""Xero's contacts as a whole, and a mark that shows readers when any of them changed."""

import secrets
from collections.abc import AsyncIterator
from typing import NamedTuple

from sqlalchemy import select, update

from services.store.engine import KEEPS_ROLES, Session
from services.store.tables import Connection, Contact

_AT_ONCE = 500


class Known(NamedTuple):
    """A contact, as far as somebody can be recognised by it."""

    contact_id: str
    name: str
    folded_name: str
    email: str
    tax_number: str


async def read_known(session: Session, connection_id: int) -> AsyncIterator[list[Known]]:
    """Yield every contact that isn't archived, in parts: there may be ten thousand."""
    asked = (
        select(*(getattr(Contact, each) for each in Known._fields))
        .where(Contact.connection_id == connection_id, Contact.is_active)
        .order_by(Contact.contact_id)
        .limit(_AT_ONCE)
    )
    last = ""
    while some := (await session.execute(asked.where(Contact.contact_id > last))).all():
        yield [Known(*each) for each in some]
        last = some[-1].contact_id


async def list_archived_ids(session: Session, connection_id: int) -> set[str]:
    """Return the contacts that cannot be used."""
    found = await session.scalars(
        select(Contact.contact_id).where(
            Contact.connection_id == connection_id, Contact.is_active.is_(False)
        )
    )
    return set(found)


async def find_mark(session: Session, connection_id: int) -> str:
    """Return a mark that changes with every change of a contact."""
    return (
        await session.scalar(select(Connection.contacts_mark).where(Connection.id == connection_id))
        or ""
    )


async def mark(session: Session, connection_id: int) -> None:
    """Change the mark, so that every reader sees that contacts changed."""
    await session.write(
        update(Connection)
        .where(Connection.id == connection_id)
        .values(contacts_mark=secrets.token_hex(8)),
        **KEEPS_ROLES,
    )
