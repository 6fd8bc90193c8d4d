"""`/paymo-xero …`: what was typed, and who answers it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from handlers import names, reply, words
from handlers.batch.listeners import Batches
from handlers.connect.listeners import Connect
from handlers.connect.sync import Sync
from handlers.export.listeners import Export
from handlers.history.listeners import Looking
from handlers.home.listeners import Home
from handlers.home.views import help_blocks, unknown_text
from handlers.invoice.listeners import Undoing, Updating
from handlers.matching.listeners import Matching
from handlers.notices.listeners import Notices
from handlers.reconcile.listeners import Reconcile
from handlers.routing import Handler, SlackRequest
from handlers.settings.listeners import Settings

# A handler that wants what was typed behind the verb.
_About = Callable[[SlackRequest, tuple[str, ...]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Command:
    """The handlers behind the verbs."""

    connect: Connect
    export: Export
    matching: Matching
    batches: Batches
    sync: Sync
    reconcile: Reconcile
    notices: Notices
    settings: Settings
    home: Home
    undoing: Undoing
    updating: Updating
    looking: Looking

    async def run(self, request: SlackRequest) -> None:
        """Understand the text and hand it on."""
        typed = words.parse(str(request.body.get("text", "")))
        if typed.whole and await self.export.is_number(request, typed.whole):
            typed = replace(typed, verb=typed.alone, rest=(typed.whole,))
        if about := self._about().get(typed.verb):
            await about(request, typed.rest)
        elif handler := self._verbs().get(typed.verb):
            await handler(request)
        else:
            await request.ack()
            await reply.tell(request, unknown_text(typed), help_blocks())

    def _about(self) -> dict[str, _About]:
        """Return who answers a verb that is followed by more words."""
        return {
            names.CONNECT: self.connect.open_for,
            names.EXPORT: _joined(self.export.open_for),
            words.SEVERAL: self.batches.open_for,
            names.SHOW: _joined(self.export.show),
            names.WHY: _joined(self.looking.why),
            names.HISTORY: _joined(self.looking.show_history),
            names.UNDO: _joined(self.undoing.undo_number),
            names.RESTORE: _joined(self.undoing.restore_number),
            names.SUBSCRIBE: self.notices.subscribe,
            names.RECONCILE: self.reconcile.compare,
        }

    def _verbs(self) -> dict[str, Handler]:
        return {
            words.PANEL: self.home.panel,
            words.ALL: self.batches.open_all,
            names.MATCH: self.matching.open,
            names.STATUS: self.home.status,
            names.SYNC: self.sync.request,
            names.UNSUBSCRIBE: self.notices.unsubscribe,
            names.SETTINGS: self.settings.open,
            names.DISCONNECT: self.connect.open_farewell,
            names.HELP: self.home.help,
        }


def _joined(handler: Callable[[SlackRequest, str], Awaitable[None]]) -> _About:
    """Return the handler for words that are one number, spaces and all."""

    async def run(request: SlackRequest, rest: tuple[str, ...]) -> None:
        await handler(request, " ".join(rest))

    return run
