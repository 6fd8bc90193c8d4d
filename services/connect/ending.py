"""Ending a connection on both sides, Xero first; what was exported stays known."""

import structlog

from services.connect import consents
from services.connect.kit import Kit
from services.errors import NotConnected, Rejected, ServiceError, Throttled, Unavailable
from services.jobs.backoff import ENDING, ENDING_ALONE, Patience
from services.lifecycle.export import end_with_connection
from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.people import ReplyTarget
from services.model.wording import some_of
from services.store import (
    audit,
    connections,
    exports,
    grants,
    hooks,
    leaving,
    links,
    mirror,
    notices,
    subscriptions,
    turns,
)
from services.store.audit import AuditNote
from services.store.engine import Session
from services.store.tables import Connection, Export

log = structlog.get_logger(__name__)

_BY_HAND = (
    "Xero did not answer, so the app is still listed there. Remove it in Xero at Settings → "
    "Connected apps → Disconnect."
)


async def run(kit: Kit, connection_id: int) -> None:
    """Tell Xero, forget the secrets, and say how it went on each side."""
    async with kit.database.sessions.begin() as session:
        connection = await turns.take_disconnect(session, connection_id, kit.now())
    if connection is None:
        return
    if leaving.is_under_way(connection, kit.now()):
        await _wait(kit, connection)  # a webhook that arrives afterwards would stay
        return
    try:
        at_xero = await _end_at_xero(kit, connection)
    except (Throttled, Unavailable, Rejected) as refusal:
        if not _patience(connection).is_over(connection.disconnect_tries):
            await _try_later(kit, connection, refusal)
            return
        at_xero = _BY_HAND
        log.warning("xero_not_told", connection=connection.id, refusal=refusal)
    at_paymo = await _end_at_paymo(kit, connection)
    exported = await _forget(kit, connection)
    if exported and connection.disconnect_reply_to is not None:
        reply_to = ReplyTarget(**connection.disconnect_reply_to)
        await kit.screen.show_farewell(reply_to, (at_xero, at_paymo, exported))
        await kit.work.nudge(Job.NOTICES, connection.workspace_id)


async def _end_at_xero(kit: Kit, connection: Connection) -> str:
    name = connection.organisation_name or "Xero"
    held = consents.held_by(connection)
    if held is None:
        return "Xero was not connected."
    async with kit.database.sessions() as session:
        others = await consents.names_of_others(session, connection)
    try:
        await kit.consents.let_go(held)
    except NotConnected:
        return f"{name} had ended the connection already."
    if others:
        return (
            f"{name} is disconnected here. The access to Xero stays for {some_of(others)}: the "
            "same person in Xero allowed it."
        )
    return f"{name} is disconnected, and the app is not listed there any more."


async def _end_at_paymo(kit: Kit, connection: Connection) -> str:
    """Take our webhooks away; what Paymo cannot do now does not hold up the end."""
    if connection.paymo_api_key is None:
        return "Paymo was not connected."
    name = connection.paymo_company_name or "Paymo"
    said = (
        f"The API key of {name} is forgotten here. If nothing else uses it, delete it in Paymo at "
        "My Account → API Keys."
    )
    if connection.paymo_hook_token is None:
        return said
    try:
        paymo = kit.paymo.client(connection.paymo_api_key)
        await paymo.delete_hooks_to(connection.paymo_hook_token)
    except ServiceError as refusal:
        log.info("hooks_left", connection=connection.id, refusal=refusal)
        return (
            f"{said} Paymo could not be brought to take our webhooks away, so it may go on "
            "telling us of changes; whatever it sends is refused unread from now on."
        )
    return f"{said} Our webhooks are taken away there."


async def _wait(kit: Kit, connection: Connection) -> None:
    async with kit.database.sessions.begin() as session:
        row = await connections.get(session, connection.id)
        row.disconnect_due_at = leaving.over_at(row, kit.now())


def _has_reader(connection: Connection) -> bool:
    """Say whether a person waits to hear how it went; nobody does where the app was taken away."""
    return connection.disconnect_reply_to is not None


def _patience(connection: Connection) -> Patience:
    return ENDING if _has_reader(connection) else ENDING_ALONE


async def _try_later(kit: Kit, connection: Connection, refusal: ServiceError) -> None:
    pause = _patience(connection).pause_after(connection.disconnect_tries)
    if isinstance(refusal, Throttled):
        pause = max(pause, refusal.retry_after)
    async with kit.database.sessions.begin() as session:
        row = await connections.get(session, connection.id)
        row.disconnect_due_at = kit.now() + pause


async def _forget(kit: Kit, connection: Connection) -> str:
    """Throw the secrets away; exports stay, so that nothing is ever exported twice.

    Returns "" when a worker that took over was faster.
    """
    async with kit.database.sessions.begin() as session:
        row = await connections.get(session, connection.id)
        if row.state is not ConnectionState.ENDING:
            return ""
        grant_id, row.grant_id = row.grant_id, None
        await session.flush()
        if grant_id is not None:
            await grants.remove_unused(session, grant_id)
        row.paymo_api_key, row.xero_connection_id = None, ""
        hooks.forget(row)
        row.state, row.broken_side = ConnectionState.ENDED, ""
        row.auto_export = False  # whoever connects again orders it again
        row.sweep_due_at = row.mirror_due_at = row.disconnect_due_at = None
        await links.forget(session, row.id)
        await mirror.forget(session, row.id)
        reason = "The connection was ended before this invoice was sent."
        await end_with_connection(session, Export.connection_id == row.id, reason)
        by = row.disconnect_reply_to["user_id"] if row.disconnect_reply_to else ""
        what = "disconnected" if by else "app_removed"
        audit.record(session, row, AuditNote(what, kit.now(), by))
        if by:
            await _enqueue(kit, session, row, by)
        kept = await exports.count_live(session, row)
    return (
        f"{kept} exported invoices stay as they are on both sides. They are remembered, so that "
        "connecting the same two again exports nothing twice."
    )


async def _enqueue(kit: Kit, session: Session, row: Connection, by: str) -> None:
    """Tell every subscribed channel, whatever it wanted to hear: it will hear nothing more."""
    heard = await subscriptions.list_for(session, row.id)
    notification = notices.Notification(
        kind=NoticeKind.CONNECTION_ENDED,
        source=f"ended:{row.id}:{kit.now().isoformat()}",
        facts=connections.common_facts(row) | {"by": by},
        also=[each.channel_id for each in heard if not each.paused_because],
    )
    await notices.enqueue(session, row, notification, kit.now())
