"""Our own pages: typing Paymo's API key, Xero's consent, choosing the organisation.

These may call Paymo and Xero, since a browser waits and not Slack; never with a transaction open.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from services.clients.paymo import Company
from services.clients.tokens import TokenSet, auth_event_id, xero_user_id
from services.clients.xero import Organisation as XeroOrganisation
from services.clients.xero import Tenant
from services.connect import checklists, consents, settling, sharing
from services.connect.kit import Kit
from services.connect.refusals import (
    TWO_APPS,
    ConsentRefused,
    LinkExpired,
    LinkIncomplete,
    OtherBrowser,
    TriesSpent,
    why_not_allowed,
)
from services.connect.settling import Finished
from services.connect.shapes import Consent, Invitation, Return
from services.errors import Forbidden, NotConnected, ServiceError, Throttled, Unavailable
from services.model import ConnectionState, Job, Organisation, ReplyTarget, texts
from services.store import connections, grants, links, ownership, workspaces
from services.store.engine import Session
from services.store.tables import Connection, Grant, OneTimeLink

_OVER = (ConnectionState.ENDING, ConnectionState.ENDED)


class _Choice(msgspec.Struct, frozen=True):
    """What the page for choosing an organisation is about."""

    grant_id: int
    organisations: dict[str, str]  # the connection's id in Xero, by tenant


@dataclass(frozen=True, slots=True)
class _Visit:
    """One visit to Xero's consent: for whom, with which tokens, in which browser."""

    link: OneTimeLink
    grant_id: int
    cookie: str


async def page(kit: Kit, nonce: str, purpose: str) -> Invitation:
    """Return what the page behind a link shows; looking changes nothing. Raises `LinkExpired`."""
    link, connection = await _find(kit, nonce, purpose)
    workspace = link.workspace_name
    if not workspace:
        async with kit.database.sessions() as session:
            row = await workspaces.get(session, connection.workspace_id)
            workspace = await workspaces.name_of(session, row)
    known = checklists.organisation_of(connection)
    return Invitation(
        person=link.user_name,
        workspace=workspace,
        company=connection.paymo_company_name,
        organisation=known.name if known else connection.organisation_name,
        attaches=connection.attach_pdf,
    )


async def submit_paymo_key(kit: Kit, nonce: str, api_key: str, cookie: str) -> str:
    """Try the key, keep it, and return the company's name.

    A try is taken before Paymo is asked, so that many at once are not more than the few there are.
    """
    link, _ = await _find(kit, nonce, checklists.PAYMO, cookie)
    key = "".join(texts.one_line(api_key).split())
    if not key:
        raise ServiceError("Paste your Paymo API key into the field.")
    async with kit.database.sessions.begin() as session:
        if not await links.take_try(session, link.id, cookie):
            raise LinkExpired
    try:
        return await _keep_key(kit, nonce, key)
    except (Unavailable, Throttled):
        async with kit.database.sessions.begin() as session:
            await links.give_try_back(session, link.id)
        raise
    except ServiceError:
        async with kit.database.sessions.begin() as session:
            is_spent = await links.end_spent(session, link.id)
        if is_spent:
            await _redraw(kit, link, link.connection_id)
            raise TriesSpent from None
        raise


async def _keep_key(kit: Kit, nonce: str, key: str) -> str:
    try:
        paymo = kit.paymo.client(key)
        company = await paymo.company()
    except NotConnected:
        raise ServiceError(
            "Paymo does not accept this key. Make a new one in Paymo at My Account → API Keys, "
            "and paste it whole."
        ) from None
    try:
        await paymo.try_invoices()
    except Forbidden as refusal:
        raise ServiceError(
            f"This key may not read invoices. {refusal} Use the key of somebody whose role in "
            "Paymo includes invoices, or have that role extended."
        ) from None
    async with kit.database.sessions.begin() as session:
        link, connection = await _take(session, kit, nonce, checklists.PAYMO)
        if link.user_id != connection.owner_id:
            raise LinkExpired  # somebody else owns the connection since
        _require_same_company(connection, company)
        connection.paymo_api_key = key
        connection.paymo_company_id, connection.paymo_company_name = company.id, company.name
        done = Finished("Paymo", link.user_id, kit.now())
        connection = await settling.settle(session, connection, done)
    await _go_on(kit, link, connection)
    return company.name


async def _find(
    kit: Kit, nonce: str, purpose: str, cookie: str | None = None
) -> tuple[OneTimeLink, Connection]:
    """Look a link up without using it; for strangers that is one read and no lock.

    With a cookie, the link must be for the browser that sent it.
    """
    if not nonce:
        raise LinkIncomplete
    async with kit.database.sessions() as session:
        link = await links.find(session, nonce, purpose, kit.now())
        if link is None:
            raise LinkExpired
        connection = await connections.get(session, link.connection_id)
    if connection.state in _OVER:
        raise LinkExpired
    if cookie is not None and (not cookie or link.browser not in {"", links.digest(cookie)}):
        raise OtherBrowser
    return link, connection


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


async def start_xero(kit: Kit, nonce: str, cookie: str) -> str:
    """Return the address of Xero's consent page, whose answer this browser alone may bring."""
    await _find(kit, nonce, checklists.XERO, cookie)
    verifier = secrets.token_urlsafe(64)
    async with kit.database.sessions.begin() as session:
        link, connection = await _take(session, kit, nonce, checklists.XERO)
        scopes = consents.wanted_scopes(connection)
        waiting = checklists.again(link, checklists.STATE, browser=cookie, secret=verifier)
        state = links.add(session, waiting, kit.now())
    return kit.oauth.authorise_url(state=state, verifier=verifier, scopes=scopes)


async def finish_xero(kit: Kit, back: Return, cookie: str) -> Consent:
    """Take what Xero's consent page sent back: connected, or a choice to make."""
    await _find(kit, back.state, checklists.STATE, cookie)
    async with kit.database.sessions.begin() as session:
        link, connection = await _take(session, kit, back.state, checklists.STATE)
    try:
        if back.error or not back.code:
            raise ConsentRefused(why_not_allowed(back.error))
        tokens = await _exchange(kit, link, back.code)
        visit = _Visit(link, await _store(kit, tokens, consents.wanted_scopes(connection)), cookie)
        return await _consented(kit, visit, connection, auth_event_id(tokens.access_token))
    except ServiceError:
        # The button in Slack holds a link that is used up now.
        await _redraw(kit, link, connection.id)
        raise


async def _exchange(kit: Kit, link: OneTimeLink, code: str) -> TokenSet:
    try:
        return await kit.oauth.exchange(code, verifier=link.secret or "")
    except NotConnected:
        raise LinkExpired from None


async def _consented(kit: Kit, visit: _Visit, connection: Connection, event_id: str) -> Consent:
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
        xero_user_id=xero_user_id(tokens.access_token),
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
            f"with /paymo-xero connect. {TWO_APPS}"
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
        waiting = checklists.again(
            visit.link, checklists.CHOOSE, browser=visit.cookie, secret=secret
        )
        token = links.add(session, waiting, kit.now())
        connection = await connections.get(session, visit.link.connection_id)
    return Consent(
        organisation=None,
        choices=tuple(choices),
        token=token,
        company=connection.paymo_company_name,
    )


async def choose_organisation(kit: Kit, token: str, tenant_id: str, cookie: str) -> Consent:
    """Connect the organisation that the person chose. Raises `LinkExpired`."""
    waiting, _ = await _find(kit, token, checklists.CHOOSE, cookie)
    choice = msgspec.json.decode((waiting.secret or "").encode(), type=_Choice)
    if tenant_id not in choice.organisations:
        raise ServiceError("Choose one of the organisations on the page.")
    tenant = Tenant(id=choice.organisations[tenant_id], tenant_id=tenant_id)
    return await _use(kit, _Visit(waiting, choice.grant_id, cookie), tenant, token=token)


async def _use(kit: Kit, visit: _Visit, tenant: Tenant, *, token: str = "") -> Consent:
    """Connect this organisation; `token` is the choice's, used up only when this works."""
    found = await _organisation(kit, visit.grant_id, tenant.tenant_id)
    async with kit.database.sessions.begin() as session:
        if token:
            _, connection = await _take(session, kit, token, checklists.CHOOSE)
        else:
            connection = await connections.get(session, visit.link.connection_id)
            if connection.state in _OVER:
                raise LinkExpired
        await ownership.require_connector(session, connection, visit.link.user_id, kit.now())
        before = sharing.held_by(connection)
        connection.tenant_id, connection.xero_connection_id = tenant.tenant_id, tenant.id
        connection.organisation_name, connection.country = found.name, found.country_code
        connection.base_currency, connection.short_code = found.base_currency, found.short_code
        connection.is_demo, connection.time_zone = found.is_demo_company, found.timezone
        connection.grant_id = visit.grant_id
        done = Finished("Xero", visit.link.user_id, kit.now())
        connection = await settling.settle(session, connection, done)
    await _go_on(kit, visit.link, connection)
    if before is not None and before.grant_id != visit.grant_id:
        await sharing.replace(kit, before)
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
        spot = checklists.again(link, "")
        spot.connection_id = connection_id
        checklist = await checklists.checklist_of(session, kit, row, spot)
    reply_to = ReplyTarget(
        workspace_id=row.workspace_id,
        user_id=link.user_id,
        channel_id=link.channel_id,
        view_id=link.view_id,
    )
    await kit.screen.show_checklist(reply_to, checklist)


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
