"""Every name that Slack hands back and every word that is typed, with the handler that answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial

from handlers import names, reply, words
from handlers.batch.listeners import BatchListeners
from handlers.connect.listeners import ConnectListeners
from handlers.export.listeners import ExportListeners
from handlers.guarding import go_on, guarded, patient
from handlers.history.listeners import HistoryListeners, OwedListeners
from handlers.home.listeners import HomeListeners
from handlers.matching.listeners import MatchingListeners
from handlers.notices.listeners import NoticeListeners, decides_held
from handlers.reconcile.listeners import ReconcileListeners
from handlers.routing import Handler, Router, SlackRequest
from handlers.settings.listeners import SettingsListeners
from services.batch.service import BatchService
from services.connect.service import ConnectService, PeopleService, WorkspaceService
from services.explain.service import ExplainService
from services.export.drafts import ExportForms
from services.export.requests import ExportRequests
from services.history.service import HistoryService, OwedService
from services.matching.service import MatchingService
from services.model.actions import CHANGES_CHOICE, Action
from services.model.wording import Command
from services.notices.service import NoticeService
from services.reconcile.service import ReconcileService
from services.settings.service import AccessService, SettingsService
from services.sync.service import SyncService
from services.undo.restoring import RestoreService
from services.undo.service import UndoService
from services.update.service import UpdateService

# What can be said at once is the answer itself; Slack waits for nothing else.
_FROM_MEMORY = frozenset({Command.HELP, words.UNKNOWN})
# A handler that wants what was typed behind the word.
_About = Callable[[SlackRequest, tuple[str, ...]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Services:
    """The shared service layer that every surface drives."""

    connect: ConnectService
    workspaces: WorkspaceService
    people: PeopleService
    matching: MatchingService
    export_forms: ExportForms
    export_requests: ExportRequests
    batches: BatchService
    sync: SyncService
    notices: NoticeService
    settings: SettingsService
    reconcile: ReconcileService
    undo: UndoService
    update: UpdateService
    restore: RestoreService
    history: HistoryService
    explain: ExplainService
    owed: OwedService
    access: AccessService
    support_email: str = ""  # whom people can write to
    install_url: str = ""  # where an admin grants new permissions; "" with a bot token


def router(services: Services) -> Router:
    """Return our handlers by their names in Slack."""
    return _Register(services).router()


class _Register:
    """The handlers of every capability, and what they answer to."""

    def __init__(self, services: Services) -> None:
        workspaces = services.workspaces
        self.services = services
        self.connect = ConnectListeners(
            services.connect, services.notices, services.sync, workspaces
        )
        self.export = ExportListeners(services.export_forms, services.export_requests, workspaces)
        self.matching = MatchingListeners(services.matching)
        self.batches = BatchListeners(services.batches, self.matching, self.export)
        self.reconcile = ReconcileListeners(services.reconcile, workspaces)
        self.notices = NoticeListeners(services.notices)
        self.owed = OwedListeners(services.owed)
        self.settings = SettingsListeners(services.settings, services.connect, services.access)
        self.home = HomeListeners(
            services.connect, services.explain, workspaces, services.support_email
        )
        self.history = HistoryListeners(
            services.history,
            services.undo,
            services.restore,
            services.update,
            services.explain,
            workspaces,
            services.people,
            services.install_url,
        )

    def router(self) -> Router:
        """Put them together."""
        made = Router(
            commands={names.COMMAND: self._run_command},
            shortcuts={
                names.EXPORT_SHORTCUT: self.export.open,
                names.MESSAGE_SHORTCUT: self._export_message,
            },
            actions=self._export_actions() | self._other_actions() | self._decisions(),
            options=self._options(),
            submissions=self._submissions(),
            closings={names.EXPORT: self.batches.fixed},
            events={
                "app_home_opened": self.home.opened,
                "link_shared": self.export.unfurl,
                "app_uninstalled": self.home.uninstalled,
                "tokens_revoked": self.home.revoked,
            },
            guard=self._guard,
        )
        made.actions[names.WHICH] = partial(go_on, made)
        return made

    def _guard(self, handler: Handler) -> Handler:
        """Greet whoever is answered for the first time; where nothing is answered, nobody."""
        greet = None if handler is _nothing_more else self.home.greeting
        return guarded(self.home.following(handler), greet)

    async def _run_command(self, request: SlackRequest) -> None:
        """Understand what was typed, and hand it on."""
        typed = words.parse(str(request.body.get("text", "")))
        if typed.verb not in _FROM_MEMORY:
            await request.ack()
        if typed.whole and await self.export.is_number(request, typed.whole):
            typed = replace(typed, verb=typed.alone, rest=(typed.whole,))
        if about := self._with_more.get(typed.verb):
            await about(request, typed.rest)
        elif handler := self._alone.get(typed.verb):
            await handler(request)
        else:
            await self.home.unknown(request, typed)

    async def _export_message(self, request: SlackRequest) -> None:
        """Open the form for the invoice that a message names, or the table of several."""
        numbers = await self.export.mentioned(request)
        if len(numbers) > 1:
            await self.batches.open(request, numbers)
        elif numbers:
            await self.export.open_for(request, numbers[0])

    @cached_property
    def _with_more(self) -> dict[str, _About]:
        """Return who answers a word that is followed by more."""
        return {
            Command.CONNECT: self.connect.open,
            Command.EXPORT: _joined(self.export.open_for),
            words.SEVERAL: self.batches.open,
            Command.SHOW: _joined(self.export.show),
            Command.WHY: _joined(self.history.why),
            Command.HISTORY: _joined(self.history.show),
            Command.UNDO: _joined(self.history.undo_number),
            Command.RESTORE: _joined(patient(self.history.restore_number)),
            Command.CLIENT: _joined(self.owed.client),
            Command.SUBSCRIBE: self.notices.subscribe,
            Command.UNSUBSCRIBE: self.notices.unsubscribe,
            Command.RECONCILE: patient(self.reconcile.compare),
        }

    @cached_property
    def _alone(self) -> dict[str, Handler]:
        return {
            words.PANEL: self.home.panel,
            words.ALL: self.batches.open,
            Command.MATCH: self.matching.open,
            Command.STATUS: self.home.status,
            Command.SYNC: patient(self.connect.sync),
            Command.OVERDUE: self.owed.overdue,
            Command.SETTINGS: self.settings.open,
            Command.DISCONNECT: self.connect.open_farewell,
            Command.HELP: self.home.help,
        }

    def _export_actions(self) -> dict[str, Handler]:
        export, act = self.export, patient(self.export.act)
        fields = (
            names.INVOICE,
            names.CONTACT,
            names.ACCOUNT,
            names.TAX,
            names.UNTAXED,
            names.XERO_STATUS,
        )
        return {
            **dict.fromkeys(fields, export.choose),
            names.EXPORT: export.open,
            names.RECHECK: export.refresh,
            names.SHOW_CHECKS: export.unfold,
            names.ISSUE_ON: export.choose_day,
            names.DUE_ON: export.choose_day,
            Action.RETRY: act,
            Action.LINK_EXISTING: act,
            Action.WITHOUT_NUMBER: act,
            Action.LOOK_AGAIN: export.reopen,
            Action.CHANGE: export.reopen,
            Action.CANCEL: export.cancel,
            Action.APPROVE: export.approve,
            **dict.fromkeys(CHANGES_CHOICE, act),
        }

    def _other_actions(self) -> dict[str, Handler]:
        return {
            names.CONNECT: self.connect.open,
            Action.RECONNECT: self.connect.open,
            names.CONNECT_ANOTHER: self.connect.add,
            names.DISCONNECT: self.connect.open_farewell,
            names.MATCH: self.matching.open,
            names.EXPORT_ALL: self.batches.open,
            **self._batch_actions(),
            names.CLIENT: self.matching.choose_client,
            names.SYNC: patient(self.connect.sync),
            names.HELP: self.home.help,
            names.RECONCILE: patient(self.reconcile.again),
            names.FIND_FORMER: patient(self.reconcile.find_former),
            names.LINK_FORMER: patient(self.reconcile.link_former),
            names.HISTORY: self.history.again,
            names.WHY: self.history.why_again,
            names.HISTORY_CSV: self.history.send_file,
            Action.UNDO: patient(self.history.undo),
            Action.ACCEPT_DIFFERENCE: self.history.accept_difference,
            Action.RESTORE: patient(self.history.restore),
            Action.UPDATE_IN_XERO: patient(self.history.update),
            names.SUBSCRIBE: self.notices.open,
            names.SUBSCRIBE_HERE: self.notices.subscribe_here,
            names.RESUME_CHANNEL: self.notices.resume,
            names.PREVIOUS_CHANNELS: self.notices.turn,
            names.NEXT_CHANNELS: self.notices.turn,
            names.SETTINGS: self.settings.open,
            Action.REQUEST_ACCESS: self.settings.ask_access,
            names.ALLOW_ACCESS: self.settings.allow_access,
            names.DECLINE_ACCESS: self.settings.decline_access,
            **dict.fromkeys((names.ACCESS_ROLE, *names.LINKS), _nothing_more),
        }

    def _batch_actions(self) -> dict[str, Handler]:
        batches = self.batches
        pages = (
            names.PREVIOUS_PAGE,
            names.NEXT_PAGE,
            names.SHOW_INVOICES,
            names.SHOW_OVERVIEW,
        )
        return {
            names.CHECK_RECENT: batches.check,
            names.MATCH_CLIENT: batches.match_client,
            names.UNTAXED_FOR_ALL: batches.choose_untaxed,
            names.FIX_FAILED: batches.fix_failed,
            names.FIX_INVOICE: batches.fix,
            names.SELECTED: batches.select,
            names.SELECT_ALL: batches.select_all,
            names.SELECT_NONE: batches.select_none,
            **dict.fromkeys(pages, batches.show_page),
        }

    def _decisions(self) -> dict[str, Handler]:
        """Return who answers the buttons that need nothing but the row that they are about."""
        return {
            Action.BRING_BACK: reply.decides(self.services.sync.bring_back),
            Action.DELETE_IN_PAYMO: reply.decides(self.services.sync.delete_in_paymo),
            Action.VOID_IN_PAYMO: reply.decides(self.services.sync.void_in_paymo),
            names.BREAKER_APPLY: decides_held(self.services.sync.apply_breaker),
            names.BREAKER_KEEP: decides_held(self.services.sync.keep_breaker),
        }

    def _options(self) -> dict[tuple[str, str], Handler]:
        export, matching = self.export, self.matching
        return {
            (names.EXPORT, names.INVOICE): export.invoice_options,
            (names.EXPORT, names.CONTACT): export.contact_options,
            (names.EXPORT, names.ACCOUNT): matching.account_options,
            (names.MATCH, names.CLIENT): matching.client_options,
            (names.MATCH, names.CONTACT): matching.contact_options,
            (names.MATCH, names.ACCOUNT): matching.account_options,
            (names.SUBSCRIBE, names.CLIENT): matching.client_options,
            (names.SUBSCRIBE, names.DIGEST_ZONE): self.notices.zone_options,
        }

    def _submissions(self) -> dict[str, Handler]:
        return {
            names.CONNECT: self.connect.submit,
            names.DISCONNECT: self.connect.submit_farewell,
            names.EXPORT: self.export.submit,
            names.EXPORT_ALL: self.batches.submit,
            names.MATCH: self.batches.submit_match,
            names.SUBSCRIBE: self.notices.submit,
            names.SETTINGS: self.settings.submit,
        }


def _joined(handler: Callable[[SlackRequest, str], Awaitable[None]]) -> _About:
    """Return the handler for words that are one number, spaces and all."""

    async def run(request: SlackRequest, rest: tuple[str, ...]) -> None:
        await handler(request, " ".join(rest))

    return run


async def _nothing_more(_: SlackRequest) -> None:
    """Leave it at the acknowledgement: a page is opened, or another press counts."""
