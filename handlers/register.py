"""Every name that Slack hands back and every word that is typed, with the handler that answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from handlers import names, reply, words
from handlers.batch.listeners import BatchListeners
from handlers.connect.listeners import ConnectListeners, SyncListeners
from handlers.export.listeners import ExportListeners
from handlers.guarding import Which, guarded
from handlers.history.listeners import HistoryListeners, InvoiceListeners
from handlers.home.listeners import HomeListeners
from handlers.home.text import unknown_text
from handlers.home.views import help_blocks
from handlers.matching.listeners import MatchingListeners
from handlers.notices.listeners import NoticeListeners
from handlers.reconcile.listeners import ReconcileListeners
from handlers.routing import Handler, Router, SlackRequest
from handlers.settings.listeners import AccessListeners, SettingsListeners
from services.batch.service import BatchService
from services.connect.service import ConnectService, WorkspaceService
from services.explain.service import ExplainService
from services.export.drafts import ExportForms
from services.export.requests import ExportRequests
from services.history.service import HistoryService
from services.matching.service import MatchingService
from services.model.actions import CHANGES_CHOICE, Action
from services.model.wording import Command
from services.notices.service import NoticeService
from services.reconcile.service import ReconcileService
from services.settings.access import AccessService
from services.settings.service import SettingsService
from services.sync.service import SyncService
from services.undo.restoring import RestoreService
from services.undo.service import UndoService
from services.update.service import UpdateService

# A handler that wants what was typed behind the word.
_About = Callable[[SlackRequest, tuple[str, ...]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Services:
    """The shared service layer that every surface drives."""

    connect: ConnectService
    workspaces: WorkspaceService
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
    access: AccessService


@dataclass(frozen=True, slots=True)
class _Listeners:
    """The handlers of every capability."""

    connect: ConnectListeners
    export: ExportListeners
    matching: MatchingListeners
    batches: BatchListeners
    sync: SyncListeners
    reconcile: ReconcileListeners
    notices: NoticeListeners
    settings: SettingsListeners
    access: AccessListeners
    home: HomeListeners
    invoices: InvoiceListeners
    history: HistoryListeners


def router(services: Services) -> Router:
    """Return our handlers by their names in Slack."""
    workspaces = services.workspaces
    matching = MatchingListeners(services.matching)
    does = _Listeners(
        connect=ConnectListeners(services.connect, services.notices, workspaces),
        export=ExportListeners(
            services.export_forms, services.export_requests, services.matching, workspaces
        ),
        matching=matching,
        batches=BatchListeners(services.batches, matching),
        sync=SyncListeners(services.sync, workspaces),
        reconcile=ReconcileListeners(services.reconcile, workspaces),
        notices=NoticeListeners(services.notices, services.matching),
        settings=SettingsListeners(services.settings, services.connect),
        access=AccessListeners(services.access),
        home=HomeListeners(services.connect, workspaces),
        invoices=InvoiceListeners(
            services.undo, services.restore, services.update, services.explain, workspaces
        ),
        history=HistoryListeners(services.history),
    )
    made = Router(
        commands={names.COMMAND: partial(_run_command, does)},
        shortcuts={names.EXPORT_SHORTCUT: does.export.open},
        actions=_export_actions(does.export) | _other_actions(does),
        options=_options(does),
        submissions=_submissions(does),
        events={
            "app_home_opened": does.home.opened,
            "app_uninstalled": does.home.uninstalled,
            "tokens_revoked": does.home.revoked,
        },
    ).wrapped(guarded)
    chosen = {names.WHICH: guarded(Which(made).go_on)}
    return replace(made, actions=made.actions | chosen)


async def _run_command(does: _Listeners, request: SlackRequest) -> None:
    """Understand what was typed, and hand it on."""
    typed = words.parse(str(request.body.get("text", "")))
    if typed.whole and await does.export.is_number(request, typed.whole):
        typed = replace(typed, verb=typed.alone, rest=(typed.whole,))
    if about := _with_more(does).get(typed.verb):
        await about(request, typed.rest)
    elif handler := _alone(does).get(typed.verb):
        await handler(request)
    else:
        await request.ack()
        await reply.tell(request, unknown_text(typed), help_blocks())


def _with_more(does: _Listeners) -> dict[str, _About]:
    """Return who answers a word that is followed by more."""
    return {
        Command.CONNECT: does.connect.open_for,
        Command.EXPORT: _joined(does.export.open_for),
        words.SEVERAL: does.batches.open_for,
        Command.SHOW: _joined(does.export.show),
        Command.WHY: _joined(does.invoices.why),
        Command.HISTORY: _joined(does.history.show),
        Command.UNDO: _joined(does.invoices.undo_number),
        Command.RESTORE: _joined(does.invoices.restore_number),
        Command.SUBSCRIBE: does.notices.subscribe,
        Command.RECONCILE: does.reconcile.compare,
    }


def _alone(does: _Listeners) -> dict[str, Handler]:
    return {
        words.PANEL: does.home.panel,
        words.ALL: does.batches.open_all,
        Command.MATCH: does.matching.open,
        Command.STATUS: does.home.status,
        Command.SYNC: does.sync.request,
        Command.UNSUBSCRIBE: does.notices.unsubscribe,
        Command.SETTINGS: does.settings.open,
        Command.DISCONNECT: does.connect.open_farewell,
        Command.HELP: does.home.help,
    }


def _joined(handler: Callable[[SlackRequest, str], Awaitable[None]]) -> _About:
    """Return the handler for words that are one number, spaces and all."""

    async def run(request: SlackRequest, rest: tuple[str, ...]) -> None:
        await handler(request, " ".join(rest))

    return run


def _export_actions(export: ExportListeners) -> dict[str, Handler]:
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
        Action.RETRY: export.act,
        Action.LINK_EXISTING: export.act,
        Action.WITHOUT_NUMBER: export.act,
        Action.LOOK_AGAIN: export.reopen,
        Action.CHANGE: export.reopen,
        Action.CANCEL: export.cancel,
        **dict.fromkeys(CHANGES_CHOICE, export.act),
    }


def _other_actions(does: _Listeners) -> dict[str, Handler]:
    return {
        names.CONNECT: does.connect.open,
        Action.RECONNECT: does.connect.open,
        names.CONNECT_ANOTHER: does.connect.add,
        names.DISCONNECT: does.connect.open_farewell,
        names.MATCH: does.matching.open,
        names.EXPORT_ALL: does.batches.open_all,
        names.MATCH_CLIENT: does.batches.match_client,
        names.UNTAXED_FOR_ALL: does.batches.choose_untaxed,
        names.FIX_FAILED: does.batches.fix_failed,
        names.CLIENT: does.matching.choose_client,
        names.SYNC: does.sync.request,
        names.RECONCILE: does.reconcile.again,
        names.HISTORY: does.history.again,
        names.WHY: does.invoices.why_again,
        names.HISTORY_CSV: does.history.send_file,
        Action.BRING_BACK: does.sync.bring_back,
        Action.DELETE_IN_PAYMO: does.sync.delete_in_paymo,
        Action.VOID_IN_PAYMO: does.sync.void_in_paymo,
        Action.UNDO: does.invoices.undo,
        Action.ACCEPT_DIFFERENCE: does.invoices.accept_difference,
        Action.RESTORE: does.invoices.restore,
        Action.UPDATE_IN_XERO: does.invoices.update,
        names.BREAKER_APPLY: does.sync.apply_breaker,
        names.BREAKER_KEEP: does.sync.keep_breaker,
        names.SUBSCRIBE: does.notices.open,
        names.SUBSCRIBE_HERE: does.notices.subscribe_here,
        names.SETTINGS: does.settings.open,
        Action.REQUEST_ACCESS: does.access.ask,
        names.ALLOW_ACCESS: does.access.allow,
        names.DECLINE_ACCESS: does.access.decline,
        names.ACCESS_ROLE: does.access.choose,
        **dict.fromkeys(names.LINKS, _only_a_link),
    }


def _options(does: _Listeners) -> dict[tuple[str, str], Handler]:
    export, matching = does.export, does.matching
    return {
        (names.EXPORT, names.INVOICE): export.invoice_options,
        (names.EXPORT, names.CONTACT): export.contact_options,
        (names.EXPORT, names.ACCOUNT): export.account_options,
        (names.MATCH, names.CLIENT): matching.client_options,
        (names.MATCH, names.CONTACT): matching.contact_options,
        (names.MATCH, names.ACCOUNT): matching.account_options,
        (names.SUBSCRIBE, names.CLIENT): matching.client_options,
    }


def _submissions(does: _Listeners) -> dict[str, Handler]:
    return {
        names.CONNECT: does.connect.submit,
        names.DISCONNECT: does.connect.submit_farewell,
        names.EXPORT: does.export.submit,
        names.EXPORT_ALL: does.batches.submit,
        names.MATCH: does.batches.submit_match,
        names.SUBSCRIBE: does.notices.submit,
        names.SETTINGS: does.settings.submit,
    }


async def _only_a_link(request: SlackRequest) -> None:
    """Acknowledge the press of a button that opens a page."""
    await request.ack()
