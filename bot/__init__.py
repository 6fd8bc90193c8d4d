"""The running program."""

import importlib
import io
import os
import signal
import sys

if os.getpid() == 1:  # a container's first process ignores what it has no handler for
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())


# Python has None for what was closed at the start; the event loop ends itself over such a number.
for name in ("stdin", "stdout", "stderr"):
    if getattr(sys, name) is None:
        nowhere = os.open(os.devnull, os.O_RDWR)
        setattr(sys, name, os.fdopen(nowhere, "r" if name == "stdin" else "w"))
# A terminal that isn't UTF-8 shows an arrow or a client's name escaped, and ends no command.
if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(errors="backslashreplace")


def _load_without(unwanted: str, name: str) -> None:
    """Load a library as if a module that it could use weren't installed."""
    if not {unwanted, name} & sys.modules.keys():
        sys.modules[unwanted] = None  # type: ignore[assignment]
        importlib.import_module(name)
        del sys.modules[unwanted]


# A command line, and colours for tracebacks: we need neither, and they load eighty modules.
_load_without("httpx._main", "httpx")
_load_without("rich", "structlog")
