"""Which contact and account a client goes to: suggested, chosen by a person, remembered."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from services.errors import NotAccepted, ServiceError
from services.lifecycle.task import ask_again
from services.matching import suggestions
from services.matching.index import index_of
from services.model.export import NEW_CONTACT
from services.model.people import Option, OptionGroup, Person
from services.store import audit, connections, exports, matches, mirror
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.tables import Client, Connection, Match

_MOST = 100
_UNKNOWN_CLIENT = "This client is no longer in Paymo. Choose another one."
_UNKNOWN_CONTACT = "This contact is no longer in Xero. Choose another one."
_ARCHIVED = "This contact is archived in Xero. Choose another one, or restore it in Xero."
_UNKNOWN_ACCOUNT = "This account is no longer in the menu. Choose another one."


@dataclass(frozen=True, slots=True)
class MatchForm:
    """The match form as it is to be drawn now; `client` is None when every client is matched."""

    connection_id: int
    organisation: str
    client: Option | None
    contact: Option | None  # remembered, or suggested
    contact_reason: str
    account: Option | None
    unmatched: int
    total: int
    is_read: bool = True  # Paymo's clients; an export copies the one of its invoice alone


@dataclass(frozen=True, slots=True)
class MatchChoice:
    """The fields of the match form."""

    client_id: int
    contact_id: str
    account_id: str = ""


@dataclass(frozen=True, slots=True)
class MatchingService:
    """Reads the mirror and the matches only, so every answer is quick."""

    database: Database
    now: Callable[[], datetime]

    async def open(self, person: Person, client_id: int | None = None) -> MatchForm:
        """The form for this client, or for the first one that lacks a match."""
        async with self.database.sessions() as session:
            connection = await connections.get_for_exporter(session, person)
            return await _form(session, connection, client_id)

    async def client_options(self, person: Person, query: str) -> tuple[Option, ...]:
        """Paymo's active clients whose name holds the query."""
        async with self.database.sessions() as session:
            connection = await connections.get_for_exporter(session, person)
            found = await mirror.search_clients(session, connection.id, query, _MOST)
            return tuple(_client_option(each) for each in found)

    async def contact_options(
        self, person: Person, query: str, *, client_id: int | None
    ) -> tuple[OptionGroup, ...]:
        """Suggestions for this client with reasons, contacts, and adding a new one."""
        async with self.database.sessions() as session:
            asking = connections.get_with_client(session, person, client_id)
            connection, client = await asking
            return await suggestions.contact_groups(session, connection, query, client)

    async def account_options(self, person: Person, query: str) -> tuple[OptionGroup, ...]:
        """The accounts that can take sales, by type, each with its tax."""
        async with self.database.sessions() as session:
            connection = await connections.get_for_exporter(session, person)
            return await suggestions.account_groups(session, connection, query)

    async def save(self, person: Person, choice: MatchChoice) -> MatchForm:
        """Remember a match and return the form for the next client without one.

        A client that is not in Xero yet is remembered as such and added with its first export.
        Raises `NotAccepted` by the form's fields.
        """
        async with self.database.sessions.begin() as session:
            connection = await connections.get_for_exporter(session, person)
            await _require_known(session, connection, choice)
            former = await _former_contact(session, connection, choice)
            now = self.now()
            match = Match(
                connection_id=connection.id,
                tenant_id=connection.tenant_id,
                client_id=choice.client_id,
                contact_id=choice.contact_id,
                account_id=choice.account_id,
                set_by=person.user_id,
                set_at=now,
            )
            await matches.remember(session, match)
            await exports.nudge_refused(session, connection, now)
            await ask_again(session, connection, now, client_id=choice.client_id)
            after = asdict(choice) | await _names_of(session, connection, choice)
            entry = AuditNote("matched", now, person.user_id, before=former, after=after)
            audit.record(session, connection, entry)
        return await self.open(person)


async def _require_known(session: Session, connection: Connection, choice: MatchChoice) -> None:
    wrong: dict[str, str] = {}
    if await mirror.find_client(session, connection.id, choice.client_id) is None:
        wrong["client"] = _UNKNOWN_CLIENT
    if choice.contact_id not in {"", NEW_CONTACT}:
        contact = await mirror.find_contact(session, connection.id, choice.contact_id)
        if contact is None:
            wrong["contact"] = _UNKNOWN_CONTACT
        elif not contact.is_active:
            wrong["contact"] = _ARCHIVED
    if choice.account_id:
        account = await mirror.find_account(session, connection.id, choice.account_id)
        if account is None or not account.is_usable:
            wrong["account"] = _UNKNOWN_ACCOUNT
    if wrong:
        raise NotAccepted(wrong)


async def _names_of(
    session: Session, connection: Connection, choice: MatchChoice
) -> dict[str, str]:
    """Name what was chosen as it is called now, for the history."""
    client = await mirror.find_client(session, connection.id, choice.client_id)
    contact = await mirror.find_contact(session, connection.id, choice.contact_id)
    account = await mirror.find_account(session, connection.id, choice.account_id)
    named = {
        "client": client and client.name,
        "contact": contact and contact.name,
        "account": account and account.title,
    }
    return {name: each for name, each in named.items() if each}


async def _former_contact(
    session: Session, connection: Connection, choice: MatchChoice
) -> dict[str, str]:
    """Name the contact that another one replaces, if one does."""
    tenant_id = connection.tenant_id
    known = await matches.find(session, connection.id, tenant_id, choice.client_id)
    if known is None or known.contact_id == choice.contact_id:
        return {}
    contact = await mirror.find_contact(session, connection.id, known.contact_id)
    return {"contact": contact.name} if contact is not None else {}


async def _form(session: Session, connection: Connection, client_id: int | None) -> MatchForm:
    unmatched = await matches.list_unmatched_clients(session, connection.id, connection.tenant_id)
    client: Client | None = unmatched[0] if unmatched else None
    if client_id is not None:
        client = await mirror.find_client(session, connection.id, client_id)
        if client is None:
            raise ServiceError(_UNKNOWN_CLIENT)
    contact, reason, account = None, "", None
    if client is not None:
        known = await matches.find(session, connection.id, connection.tenant_id, client.client_id)
        contact, reason = await _contact_of(session, connection, client, known)
        account = await _account_of(session, connection, known)
    return MatchForm(
        connection_id=connection.id,
        organisation=connection.organisation_name,
        client=_client_option(client) if client else None,
        contact=contact,
        contact_reason=reason,
        account=account,
        unmatched=len(unmatched),
        total=await mirror.count_clients(session, connection.id),
        is_read=connection.paymo_mirrored_at is not None,
    )


async def _contact_of(
    session: Session, connection: Connection, client: Client, known: Match | None
) -> tuple[Option | None, str]:
    if known is not None and known.contact_id == NEW_CONTACT:
        return suggestions.new_option(client.name), ""
    if known is not None and known.contact_id:
        contact = await mirror.find_contact(session, connection.id, known.contact_id)
        if contact is not None and contact.is_active:
            return suggestions.contact_option(contact), "used before"
    party, index = suggestions.party_of(client), await index_of(session, connection.id)
    best = suggestions.surest(suggestions.suggest(party, index))
    return (suggestions.contact_option(best.contact), best.reason) if best else (None, "")


async def _account_of(
    session: Session, connection: Connection, known: Match | None
) -> Option | None:
    if known is None or not known.account_id:
        return None
    account = await mirror.find_account(session, connection.id, known.account_id)
    if account is None or not account.is_usable:
        return None
    rates = await mirror.list_tax_rates(session, connection.id)
    return suggestions.account_option(connection, account, {each.tax_type: each for each in rates})


def _client_option(client: Client) -> Option:
    return Option(str(client.client_id), client.name, client.email)
