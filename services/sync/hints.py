"""What Xero and Paymo tell by themselves: checked, and only ever taken as a hint.

Nothing but ids is read from it, since a replay cannot be told apart. Our own writes come back as
hints too; the sweep that they cause finds nothing to do, and there it ends.
"""

import hmac
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from services.clients.paymo.transport import PAYMO
from services.clients.rows import Kind, decoded
from services.errors import Unavailable
from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.store import connections, exports, hooks, mirror, payments, schedules
from services.store.engine import Database, Session
from services.store.tables import Connection

_MERGED = timedelta(seconds=2)


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


@dataclass(frozen=True, slots=True)
class HintService:
    """Queues sweeps and copies; nothing is believed that a hint says."""

    database: Database
    now: Callable[[], datetime]

    async def from_xero(self, named: Mapping[str, Collection[str]]) -> None:
        """Queue a sweep where Xero tells of something that is known, by tenant and Xero's ids.

        Hints that come close together are one sweep. A payment that is new comes with its invoice.
        """
        async with self.database.sessions.begin() as session:
            known = [
                each.id
                for each in await connections.list_by_tenants(session, list(named))
                if await payments.are_any_known(session, each, named[each.tenant_id])
            ]
            await schedules.want(session, known, [Job.SWEEP], self.now() + _MERGED)

    async def from_paymo(self, token: str, signature: str, body: bytes) -> bool:
        """Queue what a webhook of Paymo's names; False when it is not Paymo's."""
        async with self.database.sessions() as session:
            # Whoever is not Paymo costs one read, and waits for nobody who writes.
            connection = await hooks.find(session, token)
        if not _is_signed(connection, token, signature, body) or connection is None:
            return False
        named = _read(body)
        if named is not None and connection.state is ConnectionState.ACTIVE:
            async with self.database.sessions.begin() as session:
                await self._queue(session, connection, named)
        return True

    async def _queue(self, session: Session, connection: Connection, named: Named) -> None:
        """Ask Xero only where an exported invoice is concerned: its calls are counted."""
        watched = await exports.list_watched_ids(session, connection, named.ids)
        listed = await mirror.find_header(session, connection.id, named.id)
        is_gone = named.created_on is None and listed is not None
        # The connection is written first, as everywhere, so that two never wait for one another.
        await hooks.queue(
            session, connection, self.now() + _MERGED, sweep=bool(watched), in_full=is_gone
        )
        await exports.uncheck(session, watched)


def _is_signed(connection: Connection | None, token: str, signature: str, body: bytes) -> bool:
    """Compare in the same time whether the token is known or not, and where they differ."""
    secret = connection.paymo_hook_secret if connection is not None else None
    made = hmac.digest((secret or token).encode(), body, "sha1").hex()
    is_same = hmac.compare_digest(f"sha1={made}".encode(), signature.encode())
    return is_same and secret is not None


def _read(body: bytes) -> Named | None:
    try:
        found = decoded(body, PAYMO)
    except Unavailable:
        return None
    # Paymo writes the id of what was deleted as a number or as text.
    named = NAMED.row(found) if isinstance(found, dict) else None
    return named if isinstance(named, Named) else None
