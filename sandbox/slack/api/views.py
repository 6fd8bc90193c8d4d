"""The `views.*` methods."""

from dataclasses import dataclass
from typing import Any

from sandbox.slack.api.call import Call, Method
from sandbox.slack.modals import Screens
from sandbox.slack.model import View

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Views:
    """What an app shows."""

    screens: Screens

    def methods(self) -> dict[str, Method]:
        """The methods by name."""
        return {
            "views.open": self.open,
            "views.push": self.push,
            "views.update": self.update,
            "views.publish": self.publish,
        }

    def open(self, call: Call) -> Json:
        """Open a modal."""
        trigger_id = call.text("trigger_id")
        return self._shown(self.screens.open(call.team, trigger_id, call.arguments.get("view")))

    def push(self, call: Call) -> Json:
        """Open a modal on top of another."""
        trigger_id = call.text("trigger_id")
        return self._shown(self.screens.push(call.team, trigger_id, call.arguments.get("view")))

    def update(self, call: Call) -> Json:
        """Redraw a modal or a Home tab."""
        return self._shown(self.screens.update(call.team, call.arguments))

    def publish(self, call: Call) -> Json:
        """Draw a Home tab."""
        return self._shown(self.screens.publish(call.team, call.arguments))

    def _shown(self, view: View) -> Json:
        return {"view": self.screens.public(view)}
