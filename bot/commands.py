"""What the commands do, once the settings are known to be well."""

import asyncio
import json
import re
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import typer
import uvloop
from rich.progress import Progress

from bot import doctor, operators, serving
from bot.operators import Swept, UnknownWorkspace
from bot.settings import Settings
from bot.wiring import open_database
from handlers.blocks import render_plain
from services.model.wording import has_facts
from services.store.engine import rotate

T = TypeVar("T")
_SLACK_USER = re.compile("[UW][A-Z0-9]{1,31}")


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def serve(settings: Settings) -> None:
    """Run the program until it is told to stop."""
    try:
        _run(serving.serve(settings))
    except serving.CannotListen as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def sync_on(settings: Settings) -> None:
    """Sweep organisations whenever they are due, until told to stop."""
    _run(operators.sync_on(settings))


def sync_once(settings: Settings, workspace: str) -> None:
    """Sweep each organisation, with a bar on a terminal; exit 1 where one did not go well."""
    with Progress(disable=not sys.stdout.isatty()) as progress:
        bar = progress.add_task("Organisations", total=None)

        def begin(count: int) -> None:
            progress.update(bar, total=count)
            if not count:
                progress.console.print("Nothing is connected yet.")

        def tell(swept: Swept) -> None:
            progress.advance(bar)
            said = render_plain(swept.problem) or "up to date"
            progress.console.print(f"{swept.organisation}: {said}", markup=False, soft_wrap=True)

        is_well = _run(operators.sync_once(settings, workspace, begin, tell))
    raise typer.Exit(0 if is_well else 1)


def examine(settings: Settings) -> None:
    """Print what is well and what is not; exit 1 where something is not."""

    def tell(finding: doctor.Finding) -> None:
        said = render_plain(finding.text)
        typer.echo(f"{'ok  ' if finding.is_well else 'FAIL'}  {finding.name}: {said}")

    if not _run(doctor.examine(settings, tell)):
        raise typer.Exit(1)


def rotate_keys(settings: Settings) -> None:
    """Encrypt every secret again with the newest key."""

    async def run() -> int:
        database = open_database(settings)
        try:
            return await rotate(database.sessions)
        finally:
            await database.close()

    count = _run(run())
    typer.echo(f"{count} secrets are encrypted with the newest key. The older keys can go.")


def export_data(settings: Settings, workspace: str) -> None:
    """Print as JSON all that is kept about a workspace."""
    try:
        found = _run(operators.export_data(settings, workspace))
    except UnknownWorkspace:
        _refuse_unknown(workspace)
    typer.echo(json.dumps(_written_out(found), indent=2, ensure_ascii=False))


def _written_out(found: Any) -> Any:
    """Write out the facts in sentences that were kept; all else stays as it is."""
    if isinstance(found, dict):
        return {name: _written_out(each) for name, each in found.items()}
    if isinstance(found, list):
        return [_written_out(each) for each in found]
    return render_plain(found) if isinstance(found, str) and has_facts(found) else found


def set_owner(settings: Settings, workspace: str, user: str) -> None:
    """Make somebody the owner of a workspace's connections, and say of which."""
    if not _SLACK_USER.fullmatch(user):
        raise typer.BadParameter(f"{user} is no Slack user id: it begins with U or W.")
    try:
        organisations = _run(operators.set_owner(settings, workspace, user))
    except UnknownWorkspace:
        _refuse_unknown(workspace)
    if not organisations:
        typer.echo(f"Nothing is connected in workspace {workspace}.", err=True)
        raise typer.Exit(1)
    for each in organisations:
        typer.echo(f"{user} is now the owner of {each}.")


def forget(settings: Settings, workspace: str) -> None:
    """End a workspace's connections, then delete all that is kept about it."""
    try:
        _run(operators.forget(settings, workspace, lambda said: typer.echo(said, err=True)))
    except UnknownWorkspace:
        _refuse_unknown(workspace)
    typer.echo(f"Nothing is kept about workspace {workspace} any more.")


def _refuse_unknown(workspace: str) -> NoReturn:
    typer.echo(f"Nothing is kept about a workspace {workspace}.", err=True)
    raise typer.Exit(1) from None
