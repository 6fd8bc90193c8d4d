"""What Paymo tells by itself: checked, and only ever taken as a hint to look.

Nothing but ids is read from it, since a replay cannot be told apart. Our own writes come back as
hints too; the look that they cause finds nothing to do, and there it ends.
"""

import hmac
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec

from services.clients.paymo.transport import PAYMO
from services.clients.rows import Kind, decoded
from services.errors import Unavailable
from services.model.connection import ConnectionState
from services.store import exports, hooks, mirror
from services.store.engine import Session
from services.store.tables import Connection
from services.sync.kit import Kit

_MERGED = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Told:
    """A webhook as it came in."""

    token: str = field(repr=False)
    signature: str
    body: bytes = field(repr=False)


class Named(msgspec.Struct, frozen=True):
    """The ids in a body: an invoice's or a payment's own, and a payment's invoice."""

    id: int
    invoice_id: int | None = None
    created_on: str | None = None  # only what was deleted has no more than its id

    @property
    def ids(self) -> list[int]:
        """All of them; which is which does not matter, a look too many does no harm."""
        return [self.id] if self.invoice_id is None else [self.id, self.invoice_id]


NAMED = Kind(Named, "webhook's body", PAYMO)


async def take(kit: Kit, told: Told) -> bool:
    """Queue the look that is hinted at; False when this is not Paymo's."""
    async with kit.database.sessions() as session:
        # Whoever is not Paymo costs one read, and waits for nobody who writes.
        connection = await hooks.find(session, told.token)
    if not _is_signed(connection, told) or connection is None:
        return False
    named = _read(told.body)
    if named is not None and connection.state is ConnectionState.ACTIVE:
        async with kit.database.sessions.begin() as session:
            await _queue(session, kit, connection, named)
    return True


def _is_signed(connection: Connection | None, told: Told) -> bool:
    """Compare in the same time whether the token is known or not, and where they differ."""
    secret = connection.paymo_hook_secret if connection is not None else None
    made = hmac.digest((secret or told.token).encode(), told.body, "sha1").hex()
    is_same = hmac.compare_digest(f"sha1={made}".encode(), told.signature.encode())
    return is_same and secret is not None


def _read(body: bytes) -> Named | None:
    try:
        found = decoded(body, PAYMO)
    except Unavailable:
        return None
    # Paymo writes the id of what was deleted as a number or as text.
    named = NAMED.row(found) if isinstance(found, dict) else None
    return named if isinstance(named, Named) else None


async def _queue(session: Session, kit: Kit, connection: Connection, named: Named) -> None:
    """Ask Xero only where an exported invoice is concerned: its calls are counted by the day."""
    watched = await exports.list_watched_ids(session, connection, named.ids)
    listed = await mirror.find_header(session, connection.id, named.id)
    is_gone = named.created_on is None and listed is not None
    # The connection is written first, as everywhere, so that two never wait for one another.
    await hooks.queue(
        session, connection, kit.now() + _MERGED, sweep=bool(watched), in_full=is_gone
    )
    await exports.uncheck(session, watched)
