"""One answer releases every invoice that it was blocking.

What a person asked for and was refused goes on by itself when all that stood in its way is
settled. The invoice as it was then is kept with the row, so one that changed since is refused.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.model import ExportState
from services.store import acts, exports
from services.store.acts import Deed
from services.store.tables import Connection, Export

_MATCH = ("contact", "contact_taken")


@dataclass(frozen=True, slots=True)
class Cured:
    """What is settled now: for exports that were refused for nothing but these reasons."""

    problems: Collection[str]
    about: ColumnElement[bool]  # which exports it is about
    values: dict[str, Any] = field(default_factory=dict)  # what they go on with


async def release(
    session: AsyncSession, connection: Connection, cured: Cured, now: datetime
) -> list[int]:
    """Queue again what was refused for these reasons alone; return the exports' ids."""
    found = await session.scalars(
        select(Export)
        .where(
            Export.connection_id == connection.id,
            Export.tenant_id == connection.tenant_id,
            Export.state == ExportState.FAILED,
            Export.requested_by != "",
            Export.seen_updated_on.is_not(None),
            cured.about,
        )
        .order_by(Export.id)
    )
    released = []
    for export in found.all():
        reasons = set(export.problem.split(","))
        if not reasons <= set(cured.problems):
            continue
        before = {"problem": export.problem}
        # A batch has ended its report by then, so this one speaks for itself.
        if await exports.restart(session, export, due_at=now, batch_id=None, **cured.values):
            acts.note(
                session, connection, Deed("released", now, export_id=export.id, before=before)
            )
            released.append(export.id)
    return released


def client_matched(client_id: int, *, contact_id: str, account_id: str) -> Cured:
    """Return what a client's contact or account settles: its other invoices go there, too."""
    about = Export.client_id == client_id
    values = {}
    problems: list[str] = []
    if contact_id:
        values["contact_id"] = contact_id
        problems += _MATCH
    if account_id:
        values["account_id"] = account_id
        problems.append("account")
    return Cured(problems, about, values)


def account_changed(client_id: int, account_id: str) -> Cured:
    """Return what another account for a client settles where the former one's tax differed."""
    about = (Export.client_id == client_id) & (Export.account_id != account_id)
    return Cured(("account", "tax"), about, {"account_id": account_id})


def rate_chosen(rate: str) -> Cured:
    """Return what the choice of a tax type for a rate of Paymo's settles."""
    return Cured(("tax",), Export.tax_rate == rate)


def accounts_mended(account_ids: Collection[str]) -> Cured:
    """Return what accounts settle that take sales again, or carry another tax."""
    return Cured(("account", "tax"), Export.account_id.in_(account_ids))


def currencies_enabled(codes: Collection[str]) -> Cured:
    """Return what currencies settle that the organisation has now."""
    return Cured(("currency",), Export.currency.in_(codes))


def contacts_restored(contact_ids: Collection[str]) -> Cured:
    """Return what contacts settle that are not archived any more."""
    return Cured(_MATCH, Export.contact_id.in_(contact_ids))
