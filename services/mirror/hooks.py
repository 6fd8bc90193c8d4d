"""Paymo's webhooks: a job registers them, and checks them once a day.

Token and secret are stored before the call, and Paymo's webhooks are listed before one is added, so
that a lost answer never makes two.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.clients.paymo import PaymoClient, PaymoClients
from services.errors import NotConnected, NotFound, Rejected
from services.model.connection import ConnectionState
from services.store import hooks, leases
from services.store.engine import Database
from services.store.tables import Connection

log = structlog.get_logger(__name__)

EVENTS = ("*.Invoice", "*.InvoicePayment")
_EVERY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Hooks:
    """Has Paymo tell what changes, where it can reach the program: `address` is "" elsewhere."""

    database: Database
    paymo: PaymoClients
    address: str
    now: Callable[[], datetime]

    async def keep(self, connection: Connection) -> None:
        """Register what is missing, once a day; who may not, is left with the clock."""
        if not self._is_due(connection):
            return
        async with self.database.sessions.begin() as session:
            row = await hooks.ensure(session, connection.id)
        if row.paymo_hook_token is None:
            return
        paymo = self.paymo.client(row.paymo_api_key)
        try:
            await self._register(paymo, row)
        except NotConnected as refusal:
            if refusal.is_stale:
                raise
            log.warning("hooks_refused", connection=row.id, refusal=refusal)
        except Rejected as refusal:
            log.warning("hooks_refused", connection=row.id, refusal=refusal)
        async with self.database.sessions.begin() as session:
            is_kept = await hooks.note_checked(session, row, self.now())
        if not is_kept:
            await paymo.delete_hooks_to(row.paymo_hook_token)

    def _is_due(self, connection: Connection) -> bool:
        if not self.address or connection.state is not ConnectionState.ACTIVE:
            return False
        checked = connection.paymo_hooks_checked_at
        return checked is None or self.now() - checked >= _EVERY

    async def _register(self, paymo: PaymoClient, row: Connection) -> None:
        """Add what is missing; what leads to a former address, or is there twice, goes."""
        token, secret = row.paymo_hook_token or "", row.paymo_hook_secret or ""
        target = f"{self.address}/{token}"
        missing = list(EVENTS)
        for hook in await paymo.hooks():
            if hook.target_url == target and hook.event in missing:
                missing.remove(hook.event)
            elif hook.leads_to(token):
                with contextlib.suppress(NotFound):
                    await paymo.delete_hook(hook.id)
        for event in missing:
            await self._add(paymo, row, (target, event, secret))

    async def _add(self, paymo: PaymoClient, row: Connection, hook: tuple[str, str, str]) -> None:
        """Add one. Raises `StillUnderWay` while one that was sent earlier may still be added."""
        async with self.database.sessions.begin() as session:
            if not await hooks.leave(session, row, self.now()):
                return
        try:
            with leases.answered(row):
                await paymo.add_hook(*hook)
        finally:
            if row.sent_at is None:
                async with self.database.sessions.begin() as session:
                    await hooks.settle(session, row)
