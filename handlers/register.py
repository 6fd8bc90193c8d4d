"""Every name that Slack hands back, with the handler that answers it."""

from dataclasses import dataclass, replace

from handlers import names
from handlers.batch.listeners import Batches
from handlers.buttons import PRESSED
from handlers.command import Command
from handlers.connect.listeners import Connect
from handlers.connect.sync import Sync
from handlers.export.listeners import Export
from handlers.guarding import guarded
from handlers.history.listeners import Looking
from handlers.home.listeners import Home
from handlers.invoice.listeners import Undoing, Updating
from handlers.matching.listeners import Matching
from handlers.notices.listeners import Notices
from handlers.reconcile.listeners import Reconcile
from handlers.routing import Handler, Router, SlackRequest
from handlers.settings.access import Access
from handlers.settings.listeners import Settings
from handlers.which import Which
from services.automatic.service import AutoExportService
from services.batch.service import BatchService
from services.connect.service import ConnectService
from services.connect.workspaces import WorkspaceService
from services.explain.service import ExplainService
from services.export.courtesies import CourtesyService
from services.export.service import ExportService
from services.history.service import HistoryService
from services.matching.service import MatchingService
from services.notices.service import NoticeService
from services.reconcile.service import ReconcileService
from services.settings.access import AccessService
from services.settings.service import SettingsService
from services.sync.service import SyncService
from services.undo.restoring import RestoreService
from services.undo.service import UndoService
from services.update.service import UpdateService


@dataclass(frozen=True, slots=True)
class Services:
    """The shared service layer that every surface drives."""

    connect: ConnectService
    workspaces: WorkspaceService
    matching: MatchingService
    export: ExportService
    batches: BatchService
    sync: SyncService
    notices: NoticeService
    settings: SettingsService
    reconcile: ReconcileService
    undo: UndoService
    update: UpdateService
    courtesies: CourtesyService
    restore: RestoreService
    automatic: AutoExportService
    history: HistoryService
    explain: ExplainService
    access: AccessService


def router(services: Services) -> Router:
    """Return our handlers by their names in Slack."""
    workspaces = services.workspaces
    matching = Matching(services.matching)
    does = Command(
        connect=Connect(services.connect, services.notices, workspaces),
        export=Export(services.export, services.matching, workspaces),
        matching=matching,
        batches=Batches(services.batches, matching),
        sync=Sync(services.sync, workspaces),
        reconcile=Reconcile(services.reconcile, workspaces),
        notices=Notices(services.notices, services.matching),
        settings=Settings(services.settings, services.connect),
        home=Home(services.connect, workspaces),
        undoing=Undoing(services.undo, services.restore, workspaces),
        updating=Updating(services.update, workspaces),
        looking=Looking(services.history, services.explain),
    )
    made = _guarded(
        Router(
            commands={names.COMMAND: does.run},
            shortcuts={names.EXPORT_SHORTCUT: does.export.open},
            actions=_export_actions(does.export)
            | _other_actions(does)
            | _access_actions(Access(services.access)),
            options=_options(does),
            submissions=_submissions(does),
            events={
                "app_home_opened": does.home.opened,
                "app_uninstalled": does.home.uninstalled,
                "tokens_revoked": does.home.revoked,
            },
        )
    )
    chosen = {names.WHICH: guarded(Which(made).go_on)}
    return replace(made, actions=made.actions | chosen)


def _export_actions(export: Export) -> dict[str, Handler]:
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
        names.RECHECK: export.recheck,
        names.RETRY: export.retry,
        names.LINK_EXISTING: export.link_existing,
        names.WITHOUT_NUMBER: export.without_number,
        names.LOOK_AGAIN: export.look_again,
        names.CHANGE: export.look_again,
        names.CANCEL: export.cancel,
        **dict.fromkeys(PRESSED, export.cure),
    }


def _other_actions(does: Command) -> dict[str, Handler]:
    return {
        names.CONNECT: does.connect.open,
        names.RECONNECT: does.connect.open,
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
        names.HISTORY: does.looking.again,
        names.WHY: does.looking.why_again,
        names.HISTORY_CSV: does.looking.send_file,
        names.BRING_BACK: does.sync.bring_back,
        names.DELETE_IN_PAYMO: does.sync.delete_in_paymo,
        names.VOID_IN_PAYMO: does.sync.void_in_paymo,
        names.UNDO: does.undoing.undo,
        names.ACCEPT_DIFFERENCE: does.undoing.accept_difference,
        names.RESTORE: does.undoing.restore,
        names.UPDATE_IN_XERO: does.updating.update,
        names.BREAKER_APPLY: does.sync.apply_breaker,
        names.BREAKER_KEEP: does.sync.keep_breaker,
        names.SUBSCRIBE: does.notices.open,
        names.SUBSCRIBE_HERE: does.notices.subscribe_here,
        names.SETTINGS: does.settings.open,
        **dict.fromkeys(names.LINKS, _only_a_link),
    }


def _access_actions(access: Access) -> dict[str, Handler]:
    return {
        names.REQUEST_ACCESS: access.ask,
        names.ALLOW_ACCESS: access.allow,
        names.DECLINE_ACCESS: access.decline,
        names.ACCESS_ROLE: access.choose,
    }


def _options(does: Command) -> dict[tuple[str, str], Handler]:
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


def _submissions(does: Command) -> dict[str, Handler]:
    return {
        names.CONNECT: does.connect.submit,
        names.DISCONNECT: does.connect.submit_farewell,
        names.EXPORT: does.export.submit,
        names.EXPORT_ALL: does.batches.submit,
        names.MATCH: does.batches.submit_match,
        names.SUBSCRIBE: does.notices.submit,
        names.SETTINGS: does.settings.submit,
    }


def _guarded(found: Router) -> Router:
    return Router(
        commands=_each(found.commands),
        shortcuts=_each(found.shortcuts),
        actions=_each(found.actions),
        options={name: guarded(each) for name, each in found.options.items()},
        submissions=_each(found.submissions),
        events=_each(found.events),
    )


def _each(handlers: dict[str, Handler]) -> dict[str, Handler]:
    return {name: guarded(each) for name, each in handlers.items()}


async def _only_a_link(request: SlackRequest) -> None:
    """Acknowledge the press of a button that opens a page."""
    await request.ack()
