"""Our own pages: typing Paymo's API key, Xero's consent, choosing the organisation.

These may call Paymo and Xero, since a browser waits and not Slack; never with a transaction open.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from services.clients.paymo import Company
from services.clients.tokens import TokenSet, auth_event_id
from services.clients.xero import Organisation as XeroOrganisation
from services.clients.xero import Tenant
from services.connect import checklists, consents, settling
from services.connect.kit import Kit
from services.connect.refusals import ConsentRefused, LinkExpired
from services.connect.shapes import Consent
from services.errors import NotConnected, ServiceError
from services.model import ConnectionState, Job, Organisation, Place
from services.store import connections, grants, links
from services.store.engine import Session
from services.store.tables import Connection, Grant, OneTimeLink

_STATE = "state"
_CHOOSE = "choose"
_OVER = (ConnectionState.ENDING, ConnectionState.ENDED)


class _Choice(msgspec.Struct, frozen=True):
    """What the page for choosing an organisation is about."""

    grant_id: int
    organisations: dict[str, str]  # the connection's id in Xero, by tenant


@dataclass(frozen=True, slots=True)
class _Visit:
    """One visit to Xero's consent: for whom, and with which tokens."""

    link: OneTimeLink
    grant_id: int


async def paymo_page(kit: Kit, nonce: str) -> str:
    """Return what the key is for, to be shown. Raises `LinkExpired`."""
    async with kit.database.sessions() as session:
        link = await links.find(session, nonce, checklists.PAYMO, kit.now())
        if link is None:
            raise LinkExpired
        connection = await connections.get(session, link.connection_id)
        return connection.organisation_name


async def submit_paymo_key(kit: Kit, nonce: str, api_key: str) -> str:
    """Try the key, keep it, and return the company's name."""
    async with kit.database.sessions() as session:
        if await links.find(session, nonce, checklists.PAYMO, kit.now()) is None:
            raise LinkExpired
    key = api_key.strip()
    if not key:
        raise ServiceError("Paste your Paymo API key into the field.")
    try:
        company = await kit.paymo.client(key).company()
    except NotConnected:
        raise ServiceError(
            "Paymo does not accept this key. Make a new one in Paymo at My Account → API Keys, "
            "and paste it whole."
        ) from None
    async with kit.database.sessions.begin() as session:
        link, connection = await _take(session, kit, nonce, checklists.PAYMO)
        _require_same_company(connection, company)
        connection.paymo_api_key = key
        connection.paymo_company_id, connection.paymo_company_name = company.id, company.name
        connection = await settling.settle(session, connection, "Paymo", kit.now())
    await _go_on(kit, link, connection)
    return company.name


async def _take(
    session: Session, kit: Kit, nonce: str, purpose: str
) -> tuple[OneTimeLink, Connection]:
    """Use a link up, unless what follows in this transaction fails, and return what it is for."""
    link = await links.take(session, nonce, purpose, kit.now())
    if link is None:
        raise LinkExpired
    connection = await connections.get(session, link.connection_id)
    if connection.state in _OVER:
        raise LinkExpired
    return link, connection


def _require_same_company(connection: Connection, company: Company) -> None:
    """Refuse to change the company below clients and invoices that came from another one."""
    is_new = connection.state is ConnectionState.PENDING
    if is_new or connection.paymo_company_id in {None, company.id}:
        return
    raise ServiceError(
        f"This connection is with {connection.paymo_company_name}, and the key opens "
        f"{company.name}. Use a key of {connection.paymo_company_name}, or run /paymo-xero "
        "disconnect first."
    )


async def start_xero(kit: Kit, nonce: str) -> str:
    """Return the address of Xero's consent page. Raises `LinkExpired`."""
    verifier = secrets.token_urlsafe(64)
    async with kit.database.sessions.begin() as session:
        link, connection = await _take(session, kit, nonce, checklists.XERO)
        scopes = consents.wanted_scopes(connection)
        state = links.add(session, checklists.again(link, _STATE, secret=verifier), kit.now())
    return kit.oauth.authorise_url(state=state, verifier=verifier, scopes=scopes)


async def finish_xero(kit: Kit, *, state: str, code: str, error: str) -> Consent:
    """Take what Xero's consent page sent back: connected, or a choice to make."""
    async with kit.database.sessions.begin() as session:
        link, connection = await _take(session, kit, state, _STATE)
    try:
        if error or not code:
            raise ConsentRefused(
                "Access was not allowed at Xero, so nothing was connected. To try again, go back "
                "to Slack and run /paymo-xero connect."
            )
        return await _consented(kit, link, connection, code)
    except ServiceError:
        # The button in Slack holds a link that is used up now.
        await _redraw(kit, link, connection.id)
        raise


async def _consented(kit: Kit, link: OneTimeLink, connection: Connection, code: str) -> Consent:
    try:
        tokens = await kit.oauth.exchange(code, verifier=link.secret or "")
    except NotConnected:
        raise LinkExpired from None
    visit = _Visit(link, await _store(kit, tokens, consents.wanted_scopes(connection)))
    event_id = auth_event_id(tokens.access_token)
    try:
        found = await _allowed(kit, connection, visit.grant_id, event_id)
        if len(found) == 1:
            return await _use(kit, visit, found[0])
        return await _offer(kit, visit, found)
    except ServiceError:
        async with kit.database.sessions.begin() as session:
            await grants.remove_unused(session, visit.grant_id)
        raise


async def _store(kit: Kit, tokens: TokenSet, asked: str) -> int:
    grant = Grant(
        auth_event_id=auth_event_id(tokens.access_token),
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_at=tokens.expires_at,
        scopes=tokens.scopes or asked,  # what was asked for, where the answer does not say
    )
    async with kit.database.sessions.begin() as session:
        return await grants.add(session, grant)


async def _allowed(
    kit: Kit, connection: Connection, grant_id: int, event_id: str
) -> Sequence[Tenant]:
    """Return the organisations to choose from: those of this consent, or the one known already.

    An organisation that was linked before can keep its old event, so that this consent seems to
    have brought nothing (Xero's connections page).
    """
    found = await kit.xero.tenants(grant_id, event_id)
    known = connection.tenant_id
    if not found or (known and all(each.tenant_id != known for each in found)):
        found = await kit.xero.tenants(grant_id)
    if known:
        same = [each for each in found if each.tenant_id == known]
        if same:
            return same
        names = ", ".join(each.tenant_name or "another organisation" for each in found)
        raise ServiceError(
            f"This connection is with {connection.organisation_name}, and you allowed "
            f"{names or 'no organisation'}. Allow {connection.organisation_name} at Xero, or run "
            "/paymo-xero disconnect first."
        )
    if not found:
        raise ConsentRefused(
            "Xero reports no organisation for this consent. Choose one at Xero, then try again "
            "with /paymo-xero connect."
        )
    return found


async def _offer(kit: Kit, visit: _Visit, found: Sequence[Tenant]) -> Consent:
    choice = _Choice(visit.grant_id, {each.tenant_id: each.id for each in found})
    choices = [
        _shown(each.tenant_id, await _organisation(kit, visit.grant_id, each.tenant_id))
        for each in found
    ]
    secret = msgspec.json.encode(choice).decode()
    async with kit.database.sessions.begin() as session:
        waiting = checklists.again(visit.link, _CHOOSE, secret=secret)
        token = links.add(session, waiting, kit.now())
        connection = await connections.get(session, visit.link.connection_id)
    return Consent(
        organisation=None,
        choices=tuple(choices),
        token=token,
        company=connection.paymo_company_name,
    )


async def choose_organisation(kit: Kit, token: str, tenant_id: str) -> Consent:
    """Connect the organisation that the person chose. Raises `LinkExpired`."""
    async with kit.database.sessions() as session:
        waiting = await links.find(session, token, _CHOOSE, kit.now())
    if waiting is None:
        raise LinkExpired
    choice = msgspec.json.decode((waiting.secret or "").encode(), type=_Choice)
    if tenant_id not in choice.organisations:
        raise ServiceError("Choose one of the organisations on the page.")
    tenant = Tenant(id=choice.organisations[tenant_id], tenant_id=tenant_id)
    return await _use(kit, _Visit(waiting, choice.grant_id), tenant, token=token)


async def _use(kit: Kit, visit: _Visit, tenant: Tenant, *, token: str = "") -> Consent:
    """Connect this organisation; `token` is the choice's, used up only when this works."""
    found = await _organisation(kit, visit.grant_id, tenant.tenant_id)
    async with kit.database.sessions.begin() as session:
        if token:
            _, connection = await _take(session, kit, token, _CHOOSE)
        else:
            connection = await connections.get(session, visit.link.connection_id)
            if connection.state in _OVER:
                raise LinkExpired
        connection.tenant_id, connection.xero_connection_id = tenant.tenant_id, tenant.id
        connection.organisation_name, connection.country = found.name, found.country_code
        connection.base_currency, connection.short_code = found.base_currency, found.short_code
        connection.is_demo, connection.time_zone = found.is_demo_company, found.timezone
        await settling.change_grant(session, connection, visit.grant_id)
        connection = await settling.settle(session, connection, "Xero", kit.now())
    await _go_on(kit, visit.link, connection)
    return Consent(
        organisation=checklists.organisation_of(connection),
        company=connection.paymo_company_name,
    )


async def _organisation(kit: Kit, grant_id: int, tenant_id: str) -> XeroOrganisation:
    return await kit.xero.client(tenant_id, grant_id).organisation()


def _shown(tenant_id: str, found: XeroOrganisation) -> Organisation:
    return Organisation(
        tenant_id=tenant_id,
        name=found.name,
        country=found.country_code,
        currency=found.base_currency,
        short_code=found.short_code,
        is_demo=found.is_demo_company,
    )


async def _redraw(kit: Kit, link: OneTimeLink, connection_id: int) -> None:
    """Show the person in Slack how far they are, with links that work."""
    async with kit.database.sessions.begin() as session:
        row = await connections.get(session, connection_id)
        spot = checklists.spot_for(row, link.user_id, link.channel_id, link.view_id)
        checklist = await checklists.checklist_of(session, kit, row, spot)
    place = Place(
        workspace_id=row.workspace_id,
        user_id=link.user_id,
        channel_id=link.channel_id,
        view_id=link.view_id,
    )
    await kit.screen.show_checklist(place, checklist)


async def _go_on(kit: Kit, link: OneTimeLink, connection: Connection) -> None:
    """Begin the work when both sides stand."""
    await _redraw(kit, link, connection.id)
    if connection.state is not ConnectionState.ACTIVE:
        return
    for job, key in (
        (Job.MIRROR, connection.id),
        (Job.SWEEP, connection.id),
        (Job.NOTICES, connection.workspace_id),
    ):
        await kit.work.nudge(job, key)
