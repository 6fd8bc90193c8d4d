"""What Xero is asked to allow: what every connection needs, and more where a setting wants it."""

from services.clients.tokens import ATTACHMENTS, SCOPES
from services.connect import checklists
from services.connect.kit import Kit
from services.errors import NotConnected
from services.model import ConnectionState, Person, Role
from services.store import connections, grants
from services.store.tables import Connection


def wanted_scopes(connection: Connection) -> str:
    """Return the scopes that this connection's settings need."""
    return f"{SCOPES} {ATTACHMENTS}" if connection.attach_pdf else SCOPES


async def missing_link(kit: Kit, person: Person, connection_id: int) -> str:
    """Return a one-time link to Xero's consent when a setting needs more than was allowed."""
    async with kit.database.sessions.begin() as session:
        connection = await connections.get_here(session, person, connection_id, Role.OWNER)
        if connection.state is not ConnectionState.ACTIVE or connection.grant_id is None:
            raise NotConnected(connections.CONNECT_FIRST, system="Xero")
        grant = await grants.get(session, connection.grant_id)
        more = set(wanted_scopes(connection).split()) - set(SCOPES.split())
        if more <= set(grant.scopes.split()):
            return ""
        spot = checklists.spot_for(connection, person)
        return checklists.link_for(session, kit, spot, checklists.XERO)
