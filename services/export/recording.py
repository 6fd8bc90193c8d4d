"""Writing down what came of an export, and telling it."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from services import compare
from services.clients.xero import NewLine, XeroInvoice
from services.errors import Unavailable
from services.export import courtesies, preparing, results
from services.export.kit import Kit
from services.export.rechecks import Recheck
from services.export.refusals import Refused
from services.lifecycle import export as lifecycle
from services.lifecycle.export import ExportColumns, stop_automatic
from services.mapping.case import DRAFT
from services.model.actions import Action, settled_by
from services.model.export import RefusalCode
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.people import ReplyTarget
from services.model.wording import Amount
from services.store import audit, automatic, connections, exports, notices
from services.store.audit import AuditNote
from services.store.engine import Session
from services.store.tables import Connection, Export


async def succeed(
    kit: Kit,
    connection: Connection,
    export: Export,
    created: XeroInvoice,
    *,
    is_linked: bool = False,
) -> None:
    """Record the invoice, compare its totals with Paymo's, and tell the person and the channels."""
    created = await kit.xero.client(connection.tenant_id, connection.grant_id).read_whole(created)
    differs = difference(export, created)
    now = kit.now()
    async with kit.database.sessions.begin() as session:
        found = _found(export, created)
        found |= {"is_linked": is_linked, "made_by": "" if is_linked else kit.xero.app}
        found["exported_at"] = now
        if differs:
            await lifecycle.mark_different(session, export, found, differs)
        else:
            await lifecycle.mark_exported(session, export, found)
        await results.tell_exported(session, export, connection, kit.links, now)
        besides = await courtesies.ask(session, connection, export, kit.now())
        await _pause_automatic(session, export, now)
        await _recheck_others(session, connection, export, now)
    await kit.work.nudge(Job.NOTICES, connection.workspace_id)
    for job, task_id in besides:
        await kit.work.nudge(job, task_id)
    await show(kit, connection, export)


def _found(export: Export, created: XeroInvoice) -> ExportColumns:
    """Return what Xero states, and what later looks compare with: Paymo's side, and Xero's."""
    known = compare.compared_of(export)
    return {
        "xero_invoice_id": created.invoice_id,
        "xero_number": created.invoice_number,
        "xero_total": None if created.lacks else created.total,
        "xero_status": created.status or export.xero_status,
        "xero_seen_status": created.status,
        "xero_due": None if created.lacks else created.amount_due,
        "xero_rounding": created.rounding_amount or None,
        "compared": replace(known, xero=compare.in_xero(created)).as_json(),
    }


async def _recheck_others(
    session: Session, connection: Connection, export: Export, now: datetime
) -> None:
    """Have the checks decide about others: a contact or an account may serve them, too."""
    await exports.nudge_refused(session, connection, now)
    if export.xero_status == DRAFT or export.is_linked:
        return
    # Nobody knows how many the plan lets through, so each lets the next one try.
    passed = [RefusalCode.PLAN_LIMIT]
    for each in await exports.list_refused(session, connection):
        if RefusalCode.PLAN_LIMIT not in each.refusals or each.xero_status == DRAFT:
            continue
        if await Recheck(session, connection, each).requeue(now, {}, passed):
            return


def difference(export: Export, created: XeroInvoice) -> str:
    """Say how Xero's totals differ from Paymo's, or ""."""
    if created.lacks:
        return f"Xero's figures can't be read ({', '.join(created.lacks[:3])}). Check them there."
    total = export.total or Decimal(0)
    wanted = {"total": total}
    stated = {"total": created.total}
    if created.total - created.rounding_amount == total:
        stated["total"] = total  # what somebody rounded in Xero is no difference
    if export.sent:
        lines = preparing.body_of(export)["LineItems"]
        tax = _tax(lines)
        wanted |= {"tax": tax, "subtotal": total - tax}
        stated |= {"tax": created.total_tax, "subtotal": created.sub_total}
    wrong = [
        f"{name} {Amount(stated[name], export.currency)} in Xero and "
        f"{Amount(wanted[name], export.currency)} in Paymo"
        for name in wanted
        if stated[name] != wanted[name]
    ]
    return f"The figures differ: {'; '.join(wrong)}." if wrong else ""


def _tax(lines: object) -> Decimal:
    each_line = lines if isinstance(lines, list) else []
    return sum(
        (each.tax_amount for each in each_line if isinstance(each, NewLine)), start=Decimal(0)
    )


async def fail(kit: Kit, connection: Connection, export: Export, refusal: Refused) -> None:
    """Record the refusal, and tell it with what helps."""
    now = kit.now()
    async with kit.database.sessions.begin() as session:
        codes = refusal.codes
        grounds = await Recheck(session, connection, export).grounds_for(codes)
        await lifecycle.mark_refused(session, export, codes, str(refusal), grounds)
        if RefusalCode.CANCELLED not in codes:
            await results.tell_failed(session, export, connection, kit.links, now)
            await _pause_automatic(session, export, now)
    await kit.work.nudge(Job.NOTICES, connection.workspace_id)
    await show(kit, connection, export)


async def unknown(
    kit: Kit, connection: Connection, export: Export, refusal: Unavailable, pause: timedelta
) -> None:
    """Record that no answer was heard; it is looked up before anything is sent again."""
    async with kit.database.sessions.begin() as session:
        renewed = preparing.next_attempt(export) if refusal.has_answered else {}
        await lifecycle.mark_unknown(session, export, str(refusal), kit.now() + pause, renewed)
    if export.tries == 1:
        await show(kit, connection, export)


async def show(
    kit: Kit, connection: Connection, export: Export, actions: tuple[Action, ...] = ()
) -> None:
    """Show the person who asked where their export stands; a batch speaks for all of its own.

    Of an automatic export the channels are told, since nobody waits for it.
    """
    if export.batch_id is not None or not export.requested_by:
        return
    result = results.result_of(export, connection, kit.links)
    alike = await _alike(kit, connection, export, result.actions)
    reply_to = ReplyTarget(**export.reply_to)
    result = replace(result, actions=actions or result.actions, alike=alike)
    await kit.screen.show_result(reply_to, result)


async def _alike(
    kit: Kit, connection: Connection, export: Export, actions: tuple[Action, ...]
) -> tuple[str, ...]:
    """Return the numbers of the others that a decision about this one lets go as well."""
    settled = settled_by(actions, export.refusals)
    if not settled:
        return ()
    async with kit.database.sessions() as session:
        refused = await exports.list_refused(session, connection)
    others = (each for each in refused if each.id != export.id)
    return tuple(each.number for each in others if set(each.refusals) <= set(settled))


_STOPPED = (
    "Automatic export was switched off before this invoice was sent. Export it by hand, or press "
    "Retry."
)


async def _pause_automatic(session: Session, export: Export, now: datetime) -> None:
    """Switch it off after a run of failures, and say so, if this was an automatic export."""
    if export.requested_by:
        return
    connection = await connections.get(session, export.connection_id)
    since = connection.auto_export_since
    if not connection.auto_export or since is None:
        return
    numbers = await automatic.list_failed_run(session, connection)
    if not numbers:
        return
    await stop_automatic(session, automatic.queued_by(connection), _STOPPED)
    connection.auto_export = False
    facts = {"numbers": numbers, "owner": connection.owner_id}
    notification = notices.Notification(
        kind=NoticeKind.AUTO_EXPORT_PAUSED,
        source=f"auto_paused:{connection.id}:{since:%Y%m%d%H%M%S}",
        facts=connections.common_facts(connection) | facts,
        also=[connection.owner_id],
    )
    await notices.enqueue(session, connection, notification, now)
    audit.record(
        session, connection, AuditNote("auto_export_paused", now, after={"numbers": numbers})
    )
