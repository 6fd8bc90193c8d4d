"""Alive, able to work, and what is counted."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.metrics import Metrics
from services.store.engine import Database
from services.store.schema import is_current

_PATIENCE = 3  # seconds


@dataclass(frozen=True, slots=True)
class Health:
    """What whoever runs the program asks it."""

    database: Database
    metrics: Metrics
    is_beating: Callable[[], bool]
    is_stopping: Callable[[], bool]

    async def alive(self, _request: Request) -> Response:
        """Say that the process answers."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """Say whether it can work, and what keeps it from working."""
        has_database, is_migrated = await self._database()
        checks = {
            "database": has_database,
            "migrations": is_migrated,
            "scheduler": self.is_beating(),
            "accepting": not self.is_stopping(),
        }
        is_ready = all(checks.values())
        said = {name: "ok" if each else "failing" for name, each in checks.items()}
        return JSONResponse(
            {"status": "ok" if is_ready else "failing", "checks": said},
            200 if is_ready else 503,
            headers={"Cache-Control": "no-store"},
        )

    async def page(self, _request: Request) -> Response:
        """Return what is counted, as Prometheus reads it."""
        return Response(self.metrics.page(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _database(self) -> tuple[bool, bool]:
        try:
            async with asyncio.timeout(_PATIENCE), self.database.sessions() as session:
                await session.execute(text("SELECT 1"))
                return True, await is_current(session)
        except (SQLAlchemyError, OSError, TimeoutError):
            return False, False
