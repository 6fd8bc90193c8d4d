"""An invoice by the number that people know it by: its head in Paymo, and all its exports."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.store import exports, mirror
from services.store.tables import Connection, Export, InvoiceHeader


@dataclass(frozen=True, slots=True)
class Numbered:
    """What is known under one number; `exports` holds every generation, the newest first."""

    header: InvoiceHeader | None  # None when Paymo's list does not have it (any more)
    exports: Sequence[Export]

    @property
    def latest(self) -> Export | None:
        """The export that stands for the invoice now."""
        header = self.header
        own = [
            each for each in self.exports if header and each.paymo_invoice_id == header.invoice_id
        ]
        return next(iter(own if header else self.exports), None)


async def find(session: AsyncSession, connection: Connection, number: str) -> Numbered:
    """Return what is known under this number, however it was typed."""
    header = await mirror.find_header_by_number(session, connection.id, number)
    text = mirror.folded(number)
    typed = [number.strip(), number.strip().removeprefix("#")]
    is_named = or_(Export.number.in_(typed), func.lower(Export.number).in_([text, f"#{text}"]))
    is_same = Export.paymo_invoice_id == (header.invoice_id if header else 0)
    found = await session.scalars(
        select(Export)
        .where(
            Export.paymo_company_id == connection.paymo_company_id,
            Export.tenant_id == connection.tenant_id,
            or_(is_named, is_same),
        )
        .order_by(Export.id.desc())
    )
    return Numbered(header, found.all())


async def find_export(session: AsyncSession, connection: Connection, number: str) -> Export | None:
    """Return the newest export of the invoice that has this number in Paymo now."""
    header = await mirror.find_header_by_number(session, connection.id, number)
    if header is None:
        return None
    return await exports.find_latest(session, connection, header.invoice_id)
