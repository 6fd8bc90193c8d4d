"""What each command does once the settings are read."""

import asyncio
import importlib
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

import click
import uvloop

from bot import doctor, serving
from bot.doctor import Diagnosis, Grade
from bot.settings import Settings
from bot.telemetry import Metrics
from bot.wiring import Core, now, open_core, open_database, open_remote
from handlers.blocks import render_plain
from handlers.reconcile.text import found_lines, linked_text
from services.errors import ServiceError
from services.lifecycle.export import judge_again
from services.model.connection import ConnectionState
from services.model.jobs import Job
from services.model.wording import counted, has_facts
from services.reconcile.relinking import Relinking
from services.store import access, connections, schedules, workspaces
from services.store.engine import CannotOpen, Session, connect
from services.store.tables import Connection, Export, Workspace
from services.store.upkeep import (
    HEAD,
    Outgrown,
    can_read_secrets,
    find_revision,
    require_kept,
    rotate,
)

T = TypeVar("T")
_SLACK_USER = re.compile("[UW][A-Z0-9]{1,31}")
_PATIENCE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Commands:
    """The commands that need settings; each exits with 1 if it fails."""

    settings: Settings

    def is_current(self, *, or_empty: bool = False) -> bool:
        """Return whether the tables are this version's; exit with 1 if we can't read them."""
        try:
            revision, is_readable = _run(_look(self.settings))
        except (CannotOpen, Outgrown) as error:
            _fail(str(error))
        if not is_readable:
            said, cure = doctor.ANOTHER_KEY
            _fail(f"{said[0].upper()}{said[1:]}. {cure}")
        return revision == HEAD or (or_empty and revision is None)

    def migrate(self) -> None:
        """Migrate the database; Alembic is heavy, so it runs in a child process."""
        # `-P`: never a `bot` of the current folder.
        child = [sys.executable, "-P", "-m", "bot.cli", "migrate"]
        if status := subprocess.call(child, stdout=subprocess.DEVNULL):  # noqa: S603 - ourselves
            raise click.exceptions.Exit(status)

    def serve(self) -> None:
        """Run the program until it's stopped."""
        try:
            _run(serving.serve(self.settings))
        except serving.CannotListen as error:
            _fail(str(error))

    def sync_on(self) -> None:
        """Sweep organisations whenever they are due, until told to stop."""
        _run(sync_on(self.settings))

    def sync_once(self, workspace: str) -> None:
        """Sweep each organisation, with a bar on a terminal."""
        progressing = importlib.import_module("rich.progress")
        with progressing.Progress(disable=not sys.stdout.isatty()) as progress:
            bar = progress.add_task("Organisations", total=None)

            def begin(count: int) -> None:
                progress.update(bar, total=count)
                if not count:
                    progress.console.print("Nothing is connected yet.")

            def tell(organisation: str, problem: str) -> None:
                progress.advance(bar)
                said = render_plain(problem) or "up to date"
                progress.console.print(f"{organisation}: {said}", markup=False, soft_wrap=True)

            is_well = _run(sync_once(self.settings, workspace, begin, tell))
        raise click.exceptions.Exit(0 if is_well else 1)

    def examine(self, *, as_json: bool) -> None:
        """Print the checks, line by line or as one JSON object."""
        found = _run(_examine(self.settings, lambda each: None if as_json else _say(each)))
        is_well = _is_well(found)
        if as_json:
            checks = [each.fields() for each in found]
            click.echo(json.dumps({"status": "ok" if is_well else "fail", "checks": checks}))
        raise click.exceptions.Exit(0 if is_well else 1)

    def try_credentials(self) -> bool:
        """Try the database, Slack and Xero, print how it went, and return whether all fit."""
        found = _run(_examine(self.settings, _say, only=doctor.CREDENTIALS))
        return _is_well(found)

    def rotate_keys(self) -> None:
        """Encrypt every secret again with the newest key."""
        count = _run(_rotate_keys(self.settings))
        are = f"{counted(count, 'secret')} {'is' if count == 1 else 'are'}"
        click.echo(f"{are} encrypted with the newest key. The older keys can go.")

    def export_data(self, workspace: str) -> None:
        """Print all data about a workspace as one JSON object."""
        found = _written_out(_run(_export_data(self.settings, workspace)))
        click.echo(json.dumps(found, indent=2, ensure_ascii=False).encode())  # UTF-8 everywhere

    def set_owner(self, workspace: str, user: str) -> None:
        """Make somebody the owner of a workspace's connections, and print which."""
        if not _SLACK_USER.fullmatch(user):
            raise click.BadParameter(f"{user} isn't a Slack user id, which begins with U or W.")
        organisations = _run(_set_owner(self.settings, workspace, user))
        if not organisations:
            _fail(f"Nothing is connected in workspace {workspace}.")
        for each in organisations:
            click.echo(f"{user} is now the owner of {each}.")

    def relink(self, workspace: str, *, is_agreed: bool) -> None:
        """Show the former exports that were found, and save them after a yes."""
        is_well = _run(_relink(self.settings, workspace, is_agreed=is_agreed))
        raise click.exceptions.Exit(0 if is_well else 1)

    def forget(self, workspace: str) -> None:
        """End a workspace's connections, then delete all data about it."""
        _run(_forget(self.settings, workspace))
        click.echo(f"Everything about workspace {workspace} is deleted.")


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _fail(problem: str) -> NoReturn:
    click.echo(problem, err=True)
    raise click.exceptions.Exit(1) from None


async def _look(settings: Settings) -> tuple[str | None, bool]:
    """Return the database's version, and whether the keys open its secrets, if it is ours."""
    async with open_database(settings) as database:
        async with aclosing(await connect(database.engine)) as connection:
            await connection.run_sync(require_kept)
        async with database.sessions() as session:
            revision = await find_revision(session)
            return revision, revision != HEAD or await can_read_secrets(session)


async def sync_once(
    settings: Settings,
    workspace: str,
    begin: Callable[[int], None],
    tell: Callable[[str, str], None],
) -> bool:
    """Sweep every organisation now, and return whether all went well.

    `begin` gets their number; `tell` gets each one's name and problem, or "", when it is done.
    """
    async with AsyncExitStack() as stack:
        core = await open_core(settings, stack, is_brief=True)
        async with core.database.sessions.begin() as session:
            connection_ids = await schedules.want_sweeps(session, workspace, now())
        begin(len(connection_ids))
        is_well = True
        for connection_id in connection_ids:
            await core.work.nudge(Job.SWEEP, connection_id)
            await core.work.settle()
            async with core.database.sessions() as session:
                connection = await connections.get(session, connection_id)
                problem = await schedules.trouble_of(session, connection)
            is_well = is_well and not problem
            tell(connection.organisation_name, problem)
        return is_well


async def sync_on(settings: Settings) -> None:
    """Sweep organisations whenever they are due, without a web server, until told to stop."""
    stop = serving.told_to_stop()
    async with AsyncExitStack() as stack:
        core = await open_core(settings, stack)
        await core.work.start()
        core.clock.start()
        await stop.wait()
        core.clock.stop()
        await core.work.stop(_PATIENCE)


def _is_well(found: Iterable[Diagnosis]) -> bool:
    return all(each.verdict is not Grade.FAIL for each in found)


def _say(finding: Diagnosis) -> None:
    click.echo(finding.line())


async def _examine(
    settings: Settings, tell: Callable[[Diagnosis], None], only: frozenset[str] = frozenset()
) -> list[Diagnosis]:
    found = []
    async with doctor.patient(settings) as patient:
        checks = patient.checks()
        chosen = {name: check for name, check in checks.items() if not only or name in only}
        async for each in doctor.findings(chosen):
            tell(each)
            found.append(each)
    return found


async def _rotate_keys(settings: Settings) -> int:
    async with open_database(settings) as database:
        return await rotate(database.sessions)


@asynccontextmanager
async def _named(settings: Settings, name: str) -> AsyncIterator[tuple[Session, Workspace]]:
    """Open a transaction, and find the workspace by its id or Slack's."""
    async with open_database(settings) as database, database.sessions.begin() as session:
        yield session, await _get_named(session, name)


async def _get_named(session: Session, name: str) -> Workspace:
    workspace = await workspaces.find_named(session, name)
    if workspace is None:
        _fail(f"There is no data about workspace {name}.")
    return workspace


async def _export_data(settings: Settings, name: str) -> dict[str, Any]:
    async with _named(settings, name) as (session, workspace):
        tables = await workspaces.export_rows(session, workspace)
        return {"workspace": workspace.team_id, "tables": tables}


def _written_out(found: Any) -> Any:
    """Replace the facts in stored sentences by plain text; leave everything else."""
    if isinstance(found, dict):
        return {name: _written_out(each) for name, each in found.items()}
    if isinstance(found, list):
        return [_written_out(each) for each in found]
    return render_plain(found) if isinstance(found, str) and has_facts(found) else found


async def _set_owner(settings: Settings, name: str, user_id: str) -> list[str]:
    """Return the organisations' names. The running server notifies both owners."""
    async with _named(settings, name) as (session, workspace):
        found = await access.list_in(session, workspace.id)
        for each in found:
            if await access.change_owner(session, each, user_id, access.ORDERED, now()):
                await judge_again(session, Export.connection_id == each.id, now())
        return [each.organisation_name or "Xero" for each in found]


async def _relink(settings: Settings, name: str, *, is_agreed: bool) -> bool:
    """Relink each connection of a workspace; return whether nothing is left to write."""
    is_well = True
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings))
        async with database.sessions() as session:
            workspace = await _get_named(session, name)
            found = await connections.list_in(session, workspace.id, ConnectionState.ACTIVE)
        if not found:
            _fail("Nothing is connected there. Type /paymo-xero connect in Slack first.")
        remote = open_remote(settings, database, Metrics(), stack)
        relinking = Relinking(database, remote.paymo, remote.xero, now)
        for connection in found:
            pair = f"{connection.paymo_company_name} → {connection.organisation_name}"
            try:
                is_well &= await _relink_one(relinking, connection, pair, is_agreed=is_agreed)
            except ServiceError as refusal:
                click.echo(f"{pair}: {render_plain(str(refusal))}", err=True)
                is_well = False
    return is_well


async def _relink_one(
    relinking: Relinking, connection: Connection, pair: str, *, is_agreed: bool
) -> bool:
    found = await relinking.find(connection)
    click.echo("\n".join([f"{pair}:", *(f"  {each}" for each in found_lines(found))]))
    if not found.pairs:
        await relinking.write(found)
        return True
    if not is_agreed and not _agrees():
        click.echo("Nothing is written. Add --yes to link them.", err=True)
        return False
    count = await relinking.write(found)
    click.echo(linked_text(count, found))
    return True


def _agrees() -> bool:
    return sys.stdin.isatty() and click.confirm("Link them?", default=False)


async def _forget(settings: Settings, name: str) -> None:
    """End its connections on both sides, as far as they answer, then delete everything."""
    async with AsyncExitStack() as stack:
        core = await open_core(settings, stack, is_brief=True)
        async with core.database.sessions() as session:
            workspace = await _get_named(session, name)
        await core.services.workspaces.uninstalled(workspace.enterprise_id, workspace.team_id)
        for organisation in await _end(core, workspace):
            click.echo(
                f"{organisation} didn't answer, so the app is still listed there. Remove it in "
                "Xero at Settings → Connected apps.",
                err=True,
            )
        async with core.database.sessions.begin() as session:
            await workspaces.forget_rows(session, workspace)


async def _end(core: Core, workspace: Workspace) -> list[str]:
    """End every connection; return the organisations where that did not succeed."""
    async with core.database.sessions() as session:
        ending = await connections.list_in(session, workspace.id, ConnectionState.ENDING)
    for each in ending:
        await core.work.nudge(Job.DISCONNECT, each.id)
    await core.work.settle()
    async with core.database.sessions() as session:
        found = [await connections.get(session, each.id) for each in ending]
    left = [each for each in found if each.state is not ConnectionState.ENDED]
    return [each.organisation_name or "Xero" for each in left]
