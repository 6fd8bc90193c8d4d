"""A lost database comes back by the commands of docs/operations.md, and the program goes on."""

import asyncio
import os
import re
import shutil
from asyncio.subprocess import PIPE, STDOUT
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from tests.bot.program import ROOT, ended, run
from tests.bot.test_killed import Stage, stage

__all__ = ["stage"]

pytestmark = pytest.mark.thorough  # programs take their time to start


def documented(kind: str) -> tuple[str, str]:
    """Return the commands that back up, and those that restore, of a kind of database."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    part = page.split("## Back up and restore\n", 1)[1].split("\n## ", 1)[0]
    block = re.search(r"\n\n((?:    .+\n)+)", part.split(f"**{kind}**", 1)[1])
    assert block is not None
    saving, restoring = block[1].split("    # restore", 1)
    return saving, restoring.partition("\n")[2]


async def type_in(folder: Path, commands: str, url: str) -> None:
    """Type commands where the database is."""
    file = url.rsplit("/", 1)[1]
    process = await asyncio.create_subprocess_exec(
        *["bash", "-e", "-c", commands.replace("paymo-xero.db", file)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "DATABASE": url.replace("+asyncpg", "")},
        stdout=PIPE,
        stderr=STDOUT,
    )
    told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()


def empty(file: str) -> None:
    """Leave nothing of a file's content."""
    Path(file).write_bytes(b"")


async def lose(url: str) -> None:
    """Lose all there is."""
    if url.startswith("sqlite"):
        empty(url.removeprefix("sqlite+aiosqlite:///"))
        return
    address = url.replace("+asyncpg", "")
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        await connection.execute("DROP SCHEMA public CASCADE")
        await connection.execute("CREATE SCHEMA public")


async def test_a_lost_database_is_restored_and_the_program_goes_on(
    stage: Stage, database_url: str
) -> None:
    kind = "SQLite" if database_url.startswith("sqlite") else "PostgreSQL"
    for program in ("sqlite3", "pg_dump"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    saving, restoring = documented(kind)
    async with stage.program() as program_before:
        await stage.until_exported()
        await type_in(stage.folder, saving, database_url)
        await ended(program_before)
    await stage.bridge.database.close()
    await lose(database_url)
    await type_in(stage.folder, restoring, database_url)
    books, company = stage.bridge.xero.books, stage.bridge.paymo.company
    [invoice] = books.invoices.values()
    books.pay(invoice.invoice_id, Decimal(100), date=books.moment().date())

    synced = await run(stage.folder, "sync", "--once", **stage.settings)
    async with stage.program() as program_after:
        await ended(program_after)

    assert synced.status == 0, synced.err
    assert [each.amount for each in company.payments.values()] == [Decimal(100)]
    assert len(books.invoices) == 1
