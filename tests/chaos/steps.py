"""The program's steps: its rows show them, and a process can be killed right at one.

On PostgreSQL a trigger holds the process up, either in the statement that writes a step or in the
commit. Killed there, it has certainly not written it, or has written it and never hears of that.
On SQLite a trigger keeps what was written, and the kill follows within milliseconds.
"""

import asyncio
import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.chaos.machine import Worker

Arrow = tuple[str, str, str]  # "step", whose it is, and from where to where

_CALL = "CASE WHEN {0}.sent_at IS NULL THEN 'no call' ELSE 'call' END"
_WATCHED = {
    "export": ("exports", "{0}.state"),
    "export's call": ("exports", _CALL),
    "invoice": ("exports", "{0}.invoice_state"),
    "payment": ("payments", "{0}.state"),
    "payment's call": ("payments", _CALL),
    "task": ("tasks", "{0}.state"),
    "task's call": ("tasks", _CALL),
    "batch": ("batches", "{0}.state"),
    "connection": ("connections", "{0}.state"),
    "notification": ("notices", "CASE {0}.ts WHEN '' THEN 'waiting' ELSE 'posted' END"),
    "card": ("cards", "'posted'"),
}
_POSTGRES = """
CREATE FUNCTION "chaos {whose}"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE was text := '[*]'; now text := {new};
BEGIN
  IF TG_OP = 'UPDATE' THEN was := {old}; END IF;
  IF was <> now THEN
    PERFORM pg_advisory_xact_lock_shared(hashtext(
      TG_ARGV[0] || '{name}: ' || was || ' → ' || now));
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "chaos unwritten {whose}" AFTER INSERT OR UPDATE ON {table}
  FOR EACH ROW EXECUTE FUNCTION "chaos {whose}"('unwritten ');
CREATE CONSTRAINT TRIGGER "chaos written {whose}" AFTER INSERT OR UPDATE ON {table}
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "chaos {whose}"('written ');
"""
_HELD_UP = """
SELECT usename FROM pg_stat_activity JOIN pg_locks USING (pid)
WHERE locktype = 'advisory' AND NOT granted AND objid::bigint = hashtext(%s) & 4294967295
"""
_SQLITE = """
CREATE TRIGGER "chaos insert {whose}" AFTER INSERT ON {table} BEGIN
  INSERT INTO chaos_steps (name) VALUES ('{name}: [*] → ' || {new});
END;
CREATE TRIGGER "chaos update {whose}" AFTER UPDATE ON {table} WHEN {old} <> {new} BEGIN
  INSERT INTO chaos_steps (name) VALUES ('{name}: ' || {old} || ' → ' || {new});
END;
"""


def named(step: Arrow) -> str:
    """Say which step it is, as the pictures of the states do."""
    return f"{step[1]}: {step[2]}"


def _statements(pattern: str) -> Iterator[str]:
    for whose, (table, state) in _WATCHED.items():
        rows = {"old": state.format("OLD"), "new": state.format("NEW")}
        yield pattern.format(whose=whose, name=whose.replace("'", "''"), table=table, **rows)


@dataclass(slots=True)
class PostgresSteps:
    """The steps of processes that share a PostgreSQL, each under a name of its own."""

    folder: Path  # of the socket
    knows_unwritten: bool = True

    def user(self, number: int) -> str:
        """What the process of this number calls itself there."""
        return f"worker{number}"

    async def prepare(self, processes: int) -> None:
        """Let the processes in."""
        async with await self._connect() as database:
            for number in range(processes):
                await database.execute(f"CREATE ROLE {self.user(number)} SUPERUSER LOGIN".encode())

    async def install(self) -> None:
        """Watch, once the tables are there."""
        async with await self._connect() as database:
            for each in _statements(_POSTGRES):
                await database.execute(each.encode())

    async def kill_at(
        self, step: Arrow, workers: list[Worker], armed: asyncio.Event, *, is_written: bool
    ) -> float | None:
        """Kill the first process that takes this step; return when, or None if it's too late."""
        key = f"{'written' if is_written else 'unwritten'} {named(step)}"
        with contextlib.suppress(psycopg.Error):
            async with await self._connect() as database:
                await database.execute("SELECT pg_advisory_lock(hashtext(%s))", [key])
                armed.set()
                while not (found := await (await database.execute(_HELD_UP, [key])).fetchone()):
                    await asyncio.sleep(0.01)
                await workers[int(found[0].removeprefix("worker"))].end()
                return time.monotonic()
        return None

    async def _connect(self) -> psycopg.AsyncConnection[tuple[str]]:
        where = f"host={self.folder} user=test dbname=postgres"
        return await psycopg.AsyncConnection.connect(where, autocommit=True)


@dataclass(slots=True)
class SqliteSteps:
    """The steps of the one process that has a SQLite file."""

    file: Path
    knows_unwritten: bool = False

    def user(self, _number: int) -> str:
        """Nobody has a name there."""
        return ""

    async def prepare(self, _processes: int) -> None:
        """Everybody is in."""

    async def install(self) -> None:
        """Watch, once the tables are there."""
        with contextlib.closing(self._open()) as database:
            database.execute("CREATE TABLE chaos_steps (id INTEGER PRIMARY KEY, name TEXT)")
            database.executescript("".join(_statements(_SQLITE)))

    async def kill_at(
        self, step: Arrow, workers: list[Worker], armed: asyncio.Event, *, is_written: bool
    ) -> float | None:
        """Kill the process once it has taken this step; return when, or None if it's too late."""
        del is_written
        is_late = contextlib.suppress(sqlite3.Error, ProcessLookupError)  # it was killed before
        with is_late, contextlib.closing(self._open()) as database:
            [last] = database.execute("SELECT coalesce(max(id), 0) FROM chaos_steps").fetchone()
            asked = ("SELECT 1 FROM chaos_steps WHERE id > ? AND name = ?", (last, named(step)))
            armed.set()
            while database.execute(*asked).fetchone() is None:
                await asyncio.sleep(0.002)
            os.kill(workers[0].pid, signal.SIGKILL)
            await workers[0].end()
            return time.monotonic()
        return None

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.file, timeout=5, isolation_level=None)


Steps = PostgresSteps | SqliteSteps
