"""Early warnings: the owner learns once of each problem that is coming."""

import errno
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryFile

from services.model.connection import few_calls
from services.model.notice import NoticeKind
from services.model.wording import Command, Moment, Typed
from services.store import connections, notices, upkeep
from services.store.engine import Database, Session
from services.store.notices import Notification
from services.store.tables import Connection
from services.store.upkeep import Vitals

# Xero ends a consent that goes unused for sixty days; it is renewed every day.
_STALE = timedelta(days=10)
_ENDS = timedelta(days=60)
_SILENT = timedelta(hours=1)
_LATE = timedelta(minutes=15)
_AT_FIRST = 5  # checks, a minute apart
_SMALLEST = 1_000_000_000  # bytes
_MEGABYTE = 1_000_000
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Concern(StrEnum):
    """What is checked; `doctor` and `/readyz` use these names."""

    TOKEN = "token"  # noqa: S105 - no secret
    XERO_WEBHOOKS = "xero_webhooks"
    PAYMO_WEBHOOKS = "paymo_webhooks"
    CLOCK = "clock"
    DISK = "disk"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class HealthService:
    """Finds what goes wrong slowly, and warns before it does harm."""

    database: Database
    now: Callable[[], datetime]
    folder: Path | None = None  # of the database's file, where it is one
    has_xero_webhooks: bool = False
    late: Counter[int] = field(default_factory=Counter)  # how many checks in a row, by connection

    async def found(self, session: Session) -> list[tuple[Connection, dict[Concern, str]]]:
        """Return each working connection with its concerns, each in a sentence."""
        disk = self.disk()
        listed = await upkeep.list_vitals(session)
        return [(each.connection, dict(self._concerns(each)) | disk) for each in listed]

    async def check(self) -> None:
        """Warn each owner of what began, and forget what has recovered."""
        async with self.database.sessions() as session:
            listed = await self.found(session)
        for connection, found in listed:
            concerns = self._lasting(connection, found)
            if set(connection.warned) != set(concerns):
                await self._tell(connection.id, concerns)

    def _lasting(self, connection: Connection, found: dict[Concern, str]) -> dict[Concern, str]:
        """Leave out a late sync at first: after the program was down, many wait their turn."""
        is_late = Concern.CLOCK in found
        self.late[connection.id] = self.late[connection.id] + 1 if is_late else 0
        if Concern.CLOCK.value in connection.warned or self.late[connection.id] > _AT_FIRST:
            return found
        return {each: said for each, said in found.items() if each is not Concern.CLOCK}

    async def counts(self) -> dict[str, int]:
        """Return how many connections have which concern, without a name."""
        counted: dict[str, int] = {}
        async with self.database.sessions() as session:
            for _, concerns in await self.found(session):
                for each in concerns:
                    counted[each.value] = counted.get(each.value, 0) + 1
        return counted

    def has_room(self) -> bool:
        """Say whether the disk takes anything at all: a small write can fit where no other does."""
        if self.folder is None:
            return True
        try:
            with TemporaryFile(dir=self.folder) as file:
                file.write(bytes(_MEGABYTE))
                file.flush()
        except OSError as error:
            # Somewhere nothing may be made beside the database; that is no full disk.
            return error.errno not in _FULL
        return True

    def disk(self) -> dict[Concern, str]:
        """Return a sentence if little room is left on the database's disk, else ""."""
        if self.folder is None or not self.folder.exists():
            return {}
        usage = shutil.disk_usage(self.folder)
        if usage.free >= min(usage.total // 20, _SMALLEST):
            return {}
        left = usage.free // _MEGABYTE
        return {
            Concern.DISK: f"Only {left} MB left on the disk. Free some up soon, or we can't record "
            "anything."
        }

    def _concerns(self, vitals: Vitals) -> Iterator[tuple[Concern, str]]:
        now, connection = self.now(), vitals.connection
        renewed = vitals.token_expires_at
        if renewed is not None and now - renewed >= _STALE:
            said = (
                f"Xero hasn't renewed our access since {Moment(renewed)} and ends it at "
                f"{Moment(renewed + _ENDS)}. Reconnect Xero with {Typed(Command.CONNECT)}."
            )
            yield Concern.TOKEN, said
        if vitals.sweep_due_at is not None and now - vitals.sweep_due_at >= _LATE:
            said = (
                f"The sync due at {Moment(vitals.sweep_due_at)} hasn't begun. Ask whoever "
                "runs paymo-xero to restart it and check its log."
            )
            yield Concern.CLOCK, said
        if connection.is_short_of_calls:
            yield Concern.LIMIT, few_calls(connection.day_calls_left or 0)
        yield from self._silent(vitals)

    def _silent(self, vitals: Vitals) -> Iterator[tuple[Concern, str]]:
        connection = vitals.connection
        why = "We still find changes, but later. Ask whoever runs paymo-xero to check that"
        if self.has_xero_webhooks and self._is_silent(
            vitals, connection.cursor, connection.xero_hooked_at
        ):
            yield (
                Concern.XERO_WEBHOOKS,
                f"Xero's webhooks aren't arriving. {why} Xero can reach its address.",
            )
        is_registered = connection.paymo_hooks_checked_at is not None
        if is_registered and self._is_silent(
            vitals, vitals.newest_in_paymo, connection.paymo_hooked_at
        ):
            yield (
                Concern.PAYMO_WEBHOOKS,
                f"Paymo's webhooks aren't arriving. {why} Paymo can reach its address.",
            )

    def _is_silent(
        self, vitals: Vitals, changed_at: datetime | None, heard_at: datetime | None
    ) -> bool:
        """Say whether something changed an hour ago and no webhook came for it."""
        heard = heard_at or vitals.connection.created_at
        is_late = changed_at is not None and self.now() - changed_at >= _SILENT
        return changed_at is not None and is_late and changed_at - heard >= _SILENT

    async def _tell(self, connection_id: int, concerns: dict[Concern, str]) -> None:
        now = self.now()
        async with self.database.sessions.begin() as session:
            # Of several processes that see it, one tells it.
            row = await connections.hold(session, connection_id)
            for concern, said in concerns.items():
                if concern.value not in row.warned:
                    facts = connections.common_facts(row) | {"problem": said}
                    source = f"health:{row.id}:{concern.value}:{now:%Y%m%d%H%M%S}"
                    notification = Notification(
                        NoticeKind.HEALTH, source, facts, also=(row.owner_id,)
                    )
                    await notices.enqueue(session, row, notification, now)
            row.warned = {each.value: said for each, said in concerns.items()}
