"""Commands as processes that do not load the program anew: forked from one that has loaded it.

Each has its own environment, folder and outputs, and ends with its own status, as when it is typed.
"""

import multiprocessing
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bot import cli


def _type(folder: str, words: list[str], settings: dict[str, str], outputs: list[str]) -> None:
    """Become `paymo-xero` with these words, in the new process."""
    for number, name in enumerate(outputs, start=1):
        os.dup2(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(settings)
    sys.argv = ["paymo-xero", *words]
    cli.main()


def forked(folder: Path, words: list[str], settings: dict[str, str]) -> tuple[int, str, str]:
    """Run a command to its end; return its status and what it printed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bot.commands", "tests.bot.forked"])
    with TemporaryDirectory() as kept:
        outputs = [f"{kept}/out", f"{kept}/err"]
        given = (str(folder), words, settings, outputs)
        process = context.Process(target=_type, args=given)
        process.start()
        process.join()
        out, err = (Path(each).read_text(encoding="utf-8") for each in outputs)
        return process.exitcode or 0, out, err
