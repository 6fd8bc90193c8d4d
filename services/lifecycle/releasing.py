"""One answer releases every invoice that it was blocking.

What a person asked for and was refused goes on by itself when all that stood in its way is
settled. The invoice as it was then is kept with the row, so one that changed since is refused.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.lifecycle import export as lifecycle
from services.lifecycle.export import ExportColumns
from services.lifecycle.task import ask_again
from services.model.export import NEW_CONTACT, ExportState, RefusalCode
from services.store import audit, tax_choices, untaxed
from services.store.audit import AuditNote
from services.store.tables import Connection, Export, InvoiceHeader, TaxChoice

_MATCH = (RefusalCode.CONTACT, RefusalCode.CONTACT_TAKEN)


@dataclass(frozen=True, slots=True)
class Cured:
    """What is settled now: for exports that were refused for nothing but these reasons."""

    problems: Collection[RefusalCode]
    about: ColumnElement[bool]  # which exports it is about
    values: ExportColumns = field(default_factory=ExportColumns)  # what they go on with


async def release(
    session: AsyncSession,
    connection: Connection,
    cured: Cured,
    now: datetime,
    *,
    most: int | None = None,
) -> list[Export]:
    """Queue again what was refused for these reasons alone; return these exports.

    One that was refused for more keeps only the reasons that are left, and goes with the last.
    """
    released: list[Export] = []
    for export in await _list_refused(session, connection, cured):
        if most is not None and len(released) == most:
            break
        left = [each for each in export.refusals if each not in cured.problems]
        if left and left != export.refusals:
            await lifecycle.keep_refused(session, export, {**cured.values, "refusals": left})
        if left:
            continue
        before = {"problem": ",".join(export.refusals)}
        # A batch has ended its report by then, so this one speaks for itself.
        again: ExportColumns = {"due_at": now, "batch_id": None}
        if await lifecycle.requeue(session, export, {**again, **cured.values}):
            entry = AuditNote("released", now, export_id=export.id, before=before)
            audit.record(session, connection, entry)
            released.append(export)
    return released


async def _list_refused(
    session: AsyncSession, connection: Connection, cured: Cured
) -> Sequence[Export]:
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
    return found.all()


async def list_alike(
    session: AsyncSession, connection: Connection, export: Export, problems: Collection[RefusalCode]
) -> Sequence[Export]:
    """Return the others that one decision about these reasons would release as well."""
    found = await _list_refused(session, connection, decided(export, problems, {}))
    return [each for each in found if set(each.refusals) <= set(problems)]


def decided(export: Export, problems: Collection[RefusalCode], values: ExportColumns) -> Cured:
    """Return what somebody's decision about one export settles for all others like it."""
    return Cured(problems, Export.id != export.id, values)


def client_matched(client_id: int, *, contact_id: str, account_id: str) -> Cured:
    """Return what a client's contact or account settles: its other invoices go there, too."""
    about = Export.client_id == client_id
    values: ExportColumns = {}
    problems: list[RefusalCode] = []
    if contact_id:
        values["contact_id"] = contact_id
        problems += _MATCH
    if account_id:
        values["account_id"] = account_id
        problems.append(RefusalCode.ACCOUNT)
    return Cured(problems, about, values)


def account_changed(client_id: int, account_id: str) -> Cured:
    """Return what another account for a client settles where the former one's tax differed."""
    about = (Export.client_id == client_id) & (Export.account_id != account_id)
    return Cured((RefusalCode.ACCOUNT, RefusalCode.TAX), about, {"account_id": account_id})


def rate_chosen(rate: str, invoice_id: int) -> Cured:
    """Return what the choice of a tax type for a rate of Paymo's settles for other invoices."""
    about = (Export.tax_rate == rate) & (Export.paymo_invoice_id != invoice_id)
    return Cured((RefusalCode.TAX,), about)


def accounts_mended(account_ids: Collection[str]) -> Cured:
    """Return what accounts settle that take sales again, or carry another tax."""
    return Cured((RefusalCode.ACCOUNT, RefusalCode.TAX), Export.account_id.in_(account_ids))


def currencies_enabled(codes: Collection[str]) -> Cured:
    """Return what currencies settle that the organisation has now."""
    return Cured((RefusalCode.CURRENCY,), Export.currency.in_(codes))


def lock_moved(locked_until: date | None) -> Cured:
    """Return what an earlier lock date settles: the dates that lie behind it no more."""
    if locked_until is None:
        return Cured((RefusalCode.LOCKED,), true())
    in_paymo = (
        select(InvoiceHeader.issued_on)
        .where(
            InvoiceHeader.connection_id == Export.connection_id,
            InvoiceHeader.invoice_id == Export.paymo_invoice_id,
        )
        .scalar_subquery()
    )
    return Cured((RefusalCode.LOCKED,), func.coalesce(Export.issue_on, in_paymo) > locked_until)


def rates_usable(rates: Collection[str]) -> Cured:
    """Return what Xero's rates settle for these rates of Paymo's, whose choice is remembered."""
    return Cured((RefusalCode.TAX,), Export.tax_rate.in_(rates))


def zero_rate_usable() -> Cured:
    """Return what a rate of zero settles: lines that carry no tax can go out."""
    return Cured((RefusalCode.UNTAXED,), true())


def untaxed_chosen() -> Cured:
    """Return what the choice among several rates of zero settles, for lines without tax."""
    return Cured((RefusalCode.UNTAXED_CHOICE,), true())


def approvals_open() -> Cured:
    """Return what is settled when Xero lets invoices be approved again."""
    return Cured((RefusalCode.PLAN_LIMIT,), Export.xero_status == "AUTHORISED")


def name_settled(export: Export, contact_id: str) -> Cured:
    """Return what is settled for a client whose name in Xero is free, or belongs to it now."""
    return Cured(_MATCH, Export.client_id == export.client_id, {"contact_id": contact_id})


async def list_name_taken(session: AsyncSession, connection: Connection) -> Sequence[Export]:
    """Return what waits to be added under a name that another contact has."""
    cured = Cured(_MATCH, Export.contact_id == NEW_CONTACT)
    found = await _list_refused(session, connection, cured)
    return [each for each in found if RefusalCode.CONTACT_TAKEN in each.refusals]


def contacts_restored(contact_ids: Collection[str]) -> Cured:
    """Return what contacts settle that are not archived any more."""
    return Cured(_MATCH, Export.contact_id.in_(contact_ids))


async def remember_untaxed(
    session: AsyncSession, connection: Connection, tax_type: str, *, by: str, at: datetime
) -> None:
    """Remember the choice, and let everything go on that waited for it."""
    choice = TaxChoice(
        connection_id=connection.id,
        tenant_id=connection.tenant_id,
        rate=untaxed.KEY,
        tax_type=tax_type,
        set_by=by,
        set_at=at,
    )
    await tax_choices.remember(session, choice)
    await release(session, connection, untaxed_chosen(), at)
    await ask_again(session, connection, at)
