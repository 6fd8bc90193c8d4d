"""`/paymo-xero …`: what was typed, and who answers it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from handlers import answers, names, words
from handlers.connect import Connect
from handlers.export import Export
from handlers.help import help_blocks, unknown_text
from handlers.home import Home
from handlers.matching import Matching
from handlers.notices import Notices
from handlers.reconcile import Reconcile
from handlers.routing import Handler, SlackRequest
from handlers.settings import Settings
from handlers.sync import Sync
from handlers.undoing import Undoing


@dataclass(frozen=True, slots=True)
class Command:
    """The handlers behind the verbs."""

    connect: Connect
    export: Export
    matching: Matching
    sync: Sync
    reconcile: Reconcile
    notices: Notices
    settings: Settings
    home: Home
    undoing: Undoing

    async def run(self, request: SlackRequest) -> None:
        """Understand the text and hand it on."""
        typed = words.parse(str(request.body.get("text", "")))
        if typed.verb == names.SUBSCRIBE:
            await self.notices.subscribe(request, typed.rest)
        elif typed.verb == names.RECONCILE:
            await self.reconcile.compare(request, typed.rest)
        elif about := self._about().get(typed.verb):
            await about(request, " ".join(typed.rest))
        elif handler := self._verbs().get(typed.verb):
            await handler(request)
        elif typed.verb in words.LATER:
            await request.ack()
            await answers.tell(request, words.later(typed))
        else:
            await request.ack()
            await answers.tell(request, unknown_text(typed), help_blocks())

    def _about(self) -> dict[str, Callable[[SlackRequest, str], Awaitable[None]]]:
        """Return who answers a verb that is followed by an invoice's number."""
        return {
            names.EXPORT: self.export.open_for,
            names.SHOW: self.export.show,
            names.UNDO: self.undoing.undo_number,
            names.RESTORE: self.undoing.restore_number,
        }

    def _verbs(self) -> dict[str, Handler]:
        return {
            words.PANEL: self.home.panel,
            names.CONNECT: self.connect.open,
            names.MATCH: self.matching.open,
            names.STATUS: self.home.status,
            names.SYNC: self.sync.request,
            names.UNSUBSCRIBE: self.notices.unsubscribe,
            names.SETTINGS: self.settings.open,
            names.DISCONNECT: self.connect.open_farewell,
            names.HELP: self.home.help,
        }
