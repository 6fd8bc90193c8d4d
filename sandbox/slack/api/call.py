"""One call of a Web API method."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.slack.model import Refused, Team

Json = dict[str, Any]
_YES = {True, "true", "1"}
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, and with what."""

    team: Team
    token: str
    arguments: Json

    def text(self, name: str) -> str:
        """An argument that must be there."""
        value = self.arguments.get(name)
        if value in (None, ""):
            raise Refused("invalid_arguments", [f"[ERROR] missing required field: {name}"])
        return str(value)

    def flag(self, name: str) -> bool:
        """Whether something was asked for."""
        return self.arguments.get(name) in _YES

    def page(self, everything: list[Json], name: str) -> Json:
        """The part of a list that the cursor points to, and the next cursor."""
        start = int(self.arguments.get("cursor") or 0)
        limit = min(int(self.arguments.get("limit") or 100), _MOST)
        end = start + limit
        cursor = str(end) if end < len(everything) else ""
        return {name: everything[start:end], "response_metadata": {"next_cursor": cursor}}


Method = Callable[[Call], Json]
