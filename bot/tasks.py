"""Tasks that outlive what started them: each is held on to, logged when it fails, and drained."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks that are running."""

    running: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run this beside everything else."""
        task = asyncio.create_task(work, name=name)
        self.running.add(task)
        task.add_done_callback(self._end)
        return task

    async def drain(self, patience: timedelta) -> None:
        """Let what is running end; what has not ended by then is cancelled."""
        if self.running:
            await asyncio.wait(self.running, timeout=patience.total_seconds())
        left = set(self.running)
        for task in left:
            log.warning("task_cut_short", task=task.get_name())
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _end(self, task: asyncio.Task[None]) -> None:
        self.running.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            log.error("task_failed", task=task.get_name(), exc_info=failure)
