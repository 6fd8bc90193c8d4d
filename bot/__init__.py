"""The running program."""

import importlib.util
import sys
import warnings
from typing import Any

from authlib.deprecate import AuthlibDeprecationWarning


def _load_without(unwanted: str, name: str) -> None:
    """Load a library as if a module that it could use weren't installed."""
    if not {unwanted, name} & sys.modules.keys():
        sys.modules[unwanted] = None  # type: ignore[assignment]
        importlib.import_module(name)
        del sys.modules[unwanted]


def _offer_only(module: str) -> None:
    """Let a package offer what is in one of its modules: its `__init__` would load all of them."""
    name = module.rpartition(".")[0]
    found = None if name in sys.modules else importlib.util.find_spec(name)
    if found is not None:
        package: Any = importlib.util.module_from_spec(found)
        package.__getattr__ = lambda wanted: getattr(importlib.import_module(module), wanted)
        sys.modules[name] = package


# A command line, and colours for tracebacks: we need neither, and they load eighty modules.
_load_without("httpx._main", "httpx")
_load_without("rich", "structlog")
# Authlib would rather have httpx2, which we do not use; nobody who runs the program can help it.
warnings.filterwarnings("ignore", "The httpx module is deprecated", AuthlibDeprecationWarning)
# Signed tokens with all of their algorithms, OAuth 1, and another command line: we need none.
_offer_only("authlib.integrations.base_client.errors")
_offer_only("authlib.integrations.httpx_client.oauth2_client")
_offer_only("uvicorn.server")
