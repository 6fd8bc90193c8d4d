"""Alive, able to work, and what is counted."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.metrics import Metrics
from services.store.engine import Database
from services.store.upkeep import is_current

_PATIENCE = 3  # seconds
_HOLDS = timedelta(seconds=2)  # so that strangers who ask often cost one write
_WRITE = text("UPDATE alembic_version SET version_num = version_num")
_NEVER = datetime.min.replace(tzinfo=UTC)
_NEVER_KEPT = {"Cache-Control": "no-store"}


@dataclass(slots=True)
class Health:
    """What whoever runs the program asks it."""

    database: Database
    metrics: Metrics
    is_beating: Callable[[], bool]
    is_stopping: Callable[[], bool]
    now: Callable[[], datetime]
    asked_at: datetime = _NEVER
    asking: asyncio.Task[tuple[bool, bool]] | None = None

    async def alive(self, _request: Request) -> Response:
        """Say that the process answers."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """Say whether it can work, and nothing else: anybody may ask."""
        is_ready = all((await self._checks()).values())
        return _answer({"status": _word(is_ready)}, is_ready=is_ready)

    async def details(self, _request: Request) -> Response:
        """Say whether it can work, and what keeps it from working."""
        checks = await self._checks()
        is_ready = all(checks.values())
        said = {name: _word(each) for name, each in checks.items()}
        return _answer({"status": _word(is_ready), "checks": said}, is_ready=is_ready)

    async def page(self, _request: Request) -> Response:
        """Return what is counted, as Prometheus reads it."""
        return Response(self.metrics.page(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _checks(self) -> dict[str, bool]:
        now = self.now()
        is_answered = self.asking is None or self.asking.done()
        if self.asking is None or (is_answered and now - self.asked_at >= _HOLDS):
            self.asked_at, self.asking = now, asyncio.create_task(self._database())
        # Never cancelled: SQLite might keep the lock of a write that was broken off.
        done, _ = await asyncio.wait({self.asking}, timeout=_PATIENCE)
        is_writable, is_migrated = self.asking.result() if done else (False, False)
        return {
            "database": is_writable,
            "migrations": is_migrated,
            "scheduler": self.is_beating(),
            "accepting": not self.is_stopping(),
        }

    async def _database(self) -> tuple[bool, bool]:
        """Say whether the database takes a write, and whether its tables are the newest."""
        is_migrated = False
        try:
            async with self.database.sessions() as session:
                await session.execute(text("SELECT 1"))
                is_migrated = await is_current(session)
            if is_migrated:
                async with self.database.sessions.begin() as session:
                    await session.execute(_WRITE)
        except (SQLAlchemyError, OSError):
            return False, is_migrated
        return True, is_migrated


def _word(is_well: bool) -> str:  # noqa: FBT001 - one word for one fact
    return "ok" if is_well else "failing"


def _answer(said: dict[str, object], *, is_ready: bool) -> JSONResponse:
    return JSONResponse(said, 200 if is_ready else 503, headers=_NEVER_KEPT)
