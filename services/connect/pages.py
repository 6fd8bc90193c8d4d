"""Our one-time pages: Xero's consent, and the field for Paymo's API key.

A browser waits here, not Slack, so Xero and Paymo may be called, but never in a transaction.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from services.clients.paymo import Company, PaymoClients
from services.clients.tokens import TokenSet, XeroOAuth, auth_event_id, xero_user_id
from services.clients.xero import Tenant, XeroClients, XeroOrganisation
from services.connect import checklists, consents
from services.connect.consents import Consents
from services.connect.links import (
    TWO_APPS,
    ConsentRefused,
    Finished,
    LinkExpired,
    PageLinks,
    TriesSpent,
    require_open,
    settle,
    why_not_allowed,
)
from services.errors import Forbidden, NotConnected, ServiceError, Throttled, Unavailable
from services.lifecycle.export import judge_again
from services.model import wording
from services.model.connection import ConnectionState, Organisation
from services.model.wording import Command, Typed
from services.store import access, connections, grants, links
from services.store.engine import Database
from services.store.tables import Connection, Export, Grant, OneTimeLink


@dataclass(frozen=True, slots=True)
class Return:
    """What a browser that comes back from Xero's consent page brings along."""

    state: str
    code: str = field(default="", repr=False)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Consent:
    """What came of a visit to Xero's consent page: connected to one, or a choice to make."""

    organisation: Organisation | None
    choices: tuple[Organisation, ...] = ()
    token: str = ""  # one-time, for the choice
    company: str = ""


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


@dataclass(frozen=True, slots=True)
class XeroPages:
    """Sends a browser to Xero, takes its answer, and connects the organisation."""

    database: Database
    xero: XeroClients
    oauth: XeroOAuth
    consents: Consents
    links: PageLinks
    now: Callable[[], datetime]

    async def start_consent(self, nonce: str, cookie: str) -> str:
        """The address of Xero's consent page, whose answer this browser alone may bring."""
        await self.links.find(nonce, checklists.XERO, cookie)
        verifier = secrets.token_urlsafe(64)
        async with self.database.sessions.begin() as session:
            link, connection = await self.links.take(session, nonce, checklists.XERO)
            scopes = consents.wanted_scopes(connection)
            waiting = checklists.again(link, checklists.STATE, browser=cookie, secret=verifier)
            state = links.add(session, waiting, self.now())
        return self.oauth.authorise_url(state=state, verifier=verifier, scopes=scopes)

    async def finish_consent(self, back: Return, cookie: str) -> Consent:
        """Take what Xero's consent page sent back: connected, or a choice to make."""
        await self.links.find(back.state, checklists.STATE, cookie)
        async with self.database.sessions.begin() as session:
            link, connection = await self.links.take(session, back.state, checklists.STATE)
        try:
            if back.error or not back.code:
                raise ConsentRefused(why_not_allowed(back.error))
            tokens = await self._exchange(link, back.code)
            visit = _Visit(
                link, await self._store(tokens, consents.wanted_scopes(connection)), cookie
            )
            return await self._consented(visit, connection, auth_event_id(tokens.access_token))
        except ServiceError:
            # The button in Slack holds a link that is used up now.
            await self.links.redraw(link, connection.id)
            raise

    async def _exchange(self, link: OneTimeLink, code: str) -> TokenSet:
        try:
            return await self.oauth.exchange(code, verifier=link.secret or "")
        except NotConnected:
            raise LinkExpired from None

    async def _consented(self, visit: _Visit, connection: Connection, event_id: str) -> Consent:
        try:
            found = await self._allowed(connection, visit.grant_id, event_id)
            if len(found) == 1:
                return await self._use(visit, found[0])
            return await self._offer(visit, found)
        except ServiceError:
            async with self.database.sessions.begin() as session:
                await grants.remove_unused(session, visit.grant_id)
            raise

    async def _store(self, tokens: TokenSet, asked: str) -> int:
        grant = Grant(
            xero_user_id=xero_user_id(tokens.access_token),
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            expires_at=tokens.expires_at,
            scopes=tokens.scopes or asked,  # what was asked for, where the answer does not say
        )
        async with self.database.sessions.begin() as session:
            return await grants.add(session, grant)

    async def _allowed(
        self, connection: Connection, grant_id: int, event_id: str
    ) -> Sequence[Tenant]:
        """The organisations to choose from: those of this consent, or the one known already.

        An organisation that was linked before can keep its old event, so that this consent seems to
        have brought nothing (Xero's connections page).
        """
        found = await self.xero.tenants(grant_id, event_id)
        known = connection.tenant_id
        if not found or (known and all(each.tenant_id != known for each in found)):
            found = await self.xero.tenants(grant_id)
        if known:
            same = [each for each in found if each.tenant_id == known]
            if same:
                return same
            names = ", ".join(each.tenant_name or "another organisation" for each in found)
            raise ServiceError(
                f"This connection is with {connection.organisation_name}, but you allowed "
                f"{names or 'no organisation'}. Allow {connection.organisation_name} at Xero, or "
                f"type {Typed(Command.DISCONNECT)} first."
            )
        if not found:
            raise ConsentRefused(
                "You didn't choose an organisation at Xero. "
                f"{TWO_APPS} Then type {Typed(Command.CONNECT)} in Slack and try again."
            )
        return found

    async def _offer(self, visit: _Visit, found: Sequence[Tenant]) -> Consent:
        choice = _Choice(visit.grant_id, {each.tenant_id: each.id for each in found})
        choices = [
            _shown(each.tenant_id, await self._organisation(visit.grant_id, each.tenant_id))
            for each in found
        ]
        secret = msgspec.json.encode(choice).decode()
        async with self.database.sessions.begin() as session:
            waiting = checklists.again(
                visit.link, checklists.CHOOSE, browser=visit.cookie, secret=secret
            )
            token = links.add(session, waiting, self.now())
            connection = await connections.get(session, visit.link.connection_id)
        return Consent(
            organisation=None,
            choices=tuple(choices),
            token=token,
            company=connection.paymo_company_name,
        )

    async def choose_organisation(self, token: str, tenant_id: str, cookie: str) -> Consent:
        """Connect the organisation that the person chose. Raises `LinkExpired`."""
        waiting, _ = await self.links.find(token, checklists.CHOOSE, cookie)
        choice = msgspec.json.decode((waiting.secret or "").encode(), type=_Choice)
        if tenant_id not in choice.organisations:
            raise ServiceError("Choose one of the organisations on the page.")
        tenant = Tenant(id=choice.organisations[tenant_id], tenant_id=tenant_id)
        return await self._use(_Visit(waiting, choice.grant_id, cookie), tenant, token=token)

    async def _use(self, visit: _Visit, tenant: Tenant, *, token: str = "") -> Consent:
        """Connect this organisation; `token` is the choice's, used up only when this works."""
        found = await self._organisation(visit.grant_id, tenant.tenant_id)
        async with self.database.sessions.begin() as session:
            if token:
                _, connection = await self.links.take(session, token, checklists.CHOOSE)
            else:
                connection = await connections.get(session, visit.link.connection_id)
                require_open(connection)
            former, now = connection.owner_id, self.now()
            await access.require_connector(session, connection, visit.link.user_id, now)
            if connection.owner_id != former:  # who may approve what waits has changed
                await judge_again(session, Export.connection_id == connection.id, now)
            before = consents.held_by(connection)
            connection.tenant_id, connection.xero_connection_id = tenant.tenant_id, tenant.id
            connection.organisation_name, connection.country = found.name, found.country_code
            connection.base_currency, connection.short_code = found.base_currency, found.short_code
            connection.is_demo, connection.time_zone = found.is_demo_company, found.timezone
            connection.grant_id = visit.grant_id
            done = Finished("Xero", visit.link.user_id, self.now())
            connection = await settle(session, connection, done)
        await self.links.go_on(visit.link, connection)
        if before is not None and before.grant_id != visit.grant_id:
            await self.consents.let_go_former(before)
        return Consent(
            organisation=checklists.organisation_of(connection),
            company=connection.paymo_company_name,
        )

    async def _organisation(self, grant_id: int, tenant_id: str) -> XeroOrganisation:
        return await self.xero.client(tenant_id, grant_id).organisation()


def _shown(tenant_id: str, found: XeroOrganisation) -> Organisation:
    return Organisation(
        tenant_id=tenant_id,
        name=found.name,
        country=found.country_code,
        currency=found.base_currency,
        is_demo=found.is_demo_company,
    )


@dataclass(frozen=True, slots=True)
class PaymoPage:
    """Tries a key first, and keeps it when it works."""

    database: Database
    paymo: PaymoClients
    links: PageLinks
    now: Callable[[], datetime]

    async def submit_key(self, nonce: str, api_key: str, cookie: str) -> str:
        """Try the key, keep it, and return the company's name.

        A try is taken before Paymo is asked, so that many at once are not more than the few there
        are.
        """
        link, _ = await self.links.find(nonce, checklists.PAYMO, cookie)
        key = "".join(wording.one_line(api_key).split())
        if not key:
            raise ServiceError("Paste your Paymo API key into the field.")
        async with self.database.sessions.begin() as session:
            if not await links.take_try(session, link.id, cookie):
                raise LinkExpired
        try:
            return await self._keep(nonce, key, await self._company(key))
        except (Unavailable, Throttled):
            async with self.database.sessions.begin() as session:
                await links.give_try_back(session, link.id)
            raise
        except ServiceError:
            async with self.database.sessions.begin() as session:
                is_spent = await links.end_spent(session, link.id)
            if is_spent:
                await self.links.redraw(link, link.connection_id)
                raise TriesSpent from None
            raise

    async def _company(self, key: str) -> Company:
        """The company that the key opens. Raises `ServiceError` where it doesn't do."""
        paymo = self.paymo.client(key)
        try:
            company = await paymo.company()
        except NotConnected:
            raise ServiceError(
                "Paymo doesn't accept this key. Make a new one in Paymo at My Settings → API "
                "Keys, and paste all of it."
            ) from None
        try:
            await paymo.try_invoices()
        except Forbidden as refusal:
            raise ServiceError(
                f"This key can't read invoices. {refusal} Use the key of somebody who can see and "
                "edit all invoices in Paymo."
            ) from None
        return company

    async def _keep(self, nonce: str, key: str, company: Company) -> str:
        async with self.database.sessions.begin() as session:
            link, connection = await self.links.take(session, nonce, checklists.PAYMO)
            if link.user_id != connection.owner_id:
                raise LinkExpired  # somebody else owns the connection since
            _require_same_company(connection, company)
            connection.paymo_api_key = key
            connection.paymo_company_id, connection.paymo_company_name = company.id, company.name
            done = Finished("Paymo", link.user_id, self.now())
            connection = await settle(session, connection, done)
        await self.links.go_on(link, connection)
        return company.name


def _require_same_company(connection: Connection, company: Company) -> None:
    """Refuse to change the company below clients and invoices that came from another one."""
    is_new = connection.state is ConnectionState.PENDING
    if is_new or connection.paymo_company_id in {None, company.id}:
        return
    raise ServiceError(
        f"This connection is with {connection.paymo_company_name}, but the key opens "
        f"{company.name}. Use a key of {connection.paymo_company_name}, or type "
        f"{Typed(Command.DISCONNECT)} first."
    )
