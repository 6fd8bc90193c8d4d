"""The connect form as it is to be drawn, with fresh one-time links where a side needs one."""

from datetime import datetime

from services.connect.kit import Kit
from services.connect.shapes import Checklist, Overview
from services.model import ConnectionState, ExportState, Organisation, Role
from services.store import exports, links, pairs, payments, subscriptions
from services.store.engine import Session
from services.store.tables import Connection, OneTimeLink

PAYMO = "paymo"
XERO = "xero"


async def checklist_of(
    session: Session, kit: Kit, connection: Connection, spot: OneTimeLink
) -> Checklist:
    """Return the form; `spot` says for whom, and in which view and channel, links are made."""
    heard = await subscriptions.list_for(session, connection.id)
    needs_paymo = connection.paymo_api_key is None or connection.broken_side == "Paymo"
    needs_xero = connection.grant_id is None or connection.broken_side == "Xero"
    return Checklist(
        connection_id=connection.id,
        state=connection.state,
        company=connection.paymo_company_name if connection.paymo_api_key else "",
        organisation=organisation_of(connection),
        broken_side=connection.broken_side,
        paymo_link=link_for(session, kit, spot, PAYMO) if needs_paymo else "",
        xero_link=link_for(session, kit, spot, XERO) if needs_xero else "",
        channels=tuple(each.channel_id for each in heard if not each.paused_because),
        is_another=await pairs.has_others(session, connection),
        is_taken=await pairs.is_taken(session, connection, spot.channel_id),
    )


def spot_for(connection: Connection, user_id: str, channel_id: str, view_id: str) -> OneTimeLink:
    """Return what links for this person carry along."""
    return OneTimeLink(
        connection_id=connection.id, user_id=user_id, channel_id=channel_id, view_id=view_id
    )


def again(spot: OneTimeLink, purpose: str, *, secret: str | None = None) -> OneTimeLink:
    """Return another link for the same person and view."""
    return OneTimeLink(
        purpose=purpose,
        connection_id=spot.connection_id,
        user_id=spot.user_id,
        channel_id=spot.channel_id,
        view_id=spot.view_id,
        secret=secret,
    )


def link_for(session: Session, kit: Kit, spot: OneTimeLink, purpose: str) -> str:
    """Return the address of a page that opens once, for this person."""
    nonce = links.add(session, again(spot, purpose), kit.now())
    return f"{kit.public_url}/{purpose}/connect?nonce={nonce}"


def organisation_of(connection: Connection) -> Organisation | None:
    """Return the organisation as people are shown it, once it is known."""
    if not connection.tenant_id or connection.grant_id is None:
        return None
    return Organisation(
        tenant_id=connection.tenant_id,
        name=connection.organisation_name,
        country=connection.country,
        currency=connection.base_currency,
        short_code=connection.short_code,
        is_demo=connection.is_demo,
    )


async def overview_of(session: Session, connection: Connection, role: Role) -> Overview:
    """Return one connection at a glance."""
    counts = await exports.counts(session, connection.id)
    heard = await subscriptions.list_for(session, connection.id)
    asking = await exports.count_asking(session, connection.id)
    asking += await payments.count_asking(session, connection.id)
    return Overview(
        connection_id=connection.id,
        state=connection.state,
        broken_side=connection.broken_side,
        owner_id=connection.owner_id,
        can_export=role >= Role.EXPORTER,
        can_edit=role is Role.OWNER,
        company=connection.paymo_company_name,
        organisation=organisation_of(connection),
        exported=sum(counts.get(state, 0) for state in exports.DONE),
        failed=counts.get(ExportState.FAILED, 0),
        waiting=sum(counts.get(state, 0) for state in exports.WAITING),
        asking=asking + counts.get(ExportState.DIFFERENT, 0),
        swept_at=connection.swept_at,
        sweep_due_at=connection.sweep_due_at,
        sweep_problem=connection.sweep_problem,
        day_calls_left=connection.day_calls_left,
        is_paused=connection.is_paused,
        channels=tuple(each.channel_id for each in heard if not each.paused_because),
    )


def is_complete(connection: Connection) -> bool:
    """Say whether both sides are connected."""
    return connection.paymo_api_key is not None and connection.grant_id is not None


def start_again(connection: Connection, now: datetime) -> None:
    """Have both systems' lists and Xero's changes read at once."""
    connection.state, connection.broken_side = ConnectionState.ACTIVE, ""
    connection.xero_mirrored_at = connection.paymo_mirrored_at = None
    connection.mirror_due_at = connection.sweep_due_at = now
    connection.sweep_problem = ""
