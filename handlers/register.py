"""Every name that Slack hands back, with the handler that answers it."""

from dataclasses import dataclass

from handlers import names
from handlers.command import Command
from handlers.connect import Connect
from handlers.export import Export
from handlers.guarding import guarded
from handlers.home import Home
from handlers.matching import Matching
from handlers.notices import Notices
from handlers.routing import Handler, Router, SlackRequest
from handlers.settings import Settings
from handlers.sync import Sync
from services.connect.service import ConnectService
from services.connect.workspaces import WorkspaceService
from services.export.service import ExportService
from services.matching.service import MatchingService
from services.notices.service import NoticeService
from services.settings.service import SettingsService
from services.sync.service import SyncService


@dataclass(frozen=True, slots=True)
class Services:
    """The shared service layer that every surface drives."""

    connect: ConnectService
    workspaces: WorkspaceService
    matching: MatchingService
    export: ExportService
    sync: SyncService
    notices: NoticeService
    settings: SettingsService


def router(services: Services) -> Router:
    """Return our handlers by their names in Slack."""
    workspaces = services.workspaces
    connect = Connect(services.connect, services.notices, workspaces)
    export = Export(services.export, services.matching, workspaces)
    matching = Matching(services.matching)
    sync = Sync(services.sync, workspaces)
    notices = Notices(services.notices, services.matching)
    settings = Settings(services.settings)
    home = Home(services.connect, workspaces)
    command = Command(connect, export, matching, sync, notices, settings, home)
    found = Router(
        commands={names.COMMAND: command.run},
        shortcuts={names.EXPORT_SHORTCUT: export.open},
        actions={
            names.CONNECT: connect.open,
            names.RECONNECT: connect.open,
            names.DISCONNECT: connect.open_farewell,
            names.EXPORT: export.open,
            names.INVOICE: export.choose,
            names.CONTACT: export.choose,
            names.ACCOUNT: export.choose,
            names.TAX: export.choose,
            names.XERO_STATUS: export.choose,
            names.RECHECK: export.recheck,
            names.RETRY: export.retry,
            names.LINK_EXISTING: export.link_existing,
            names.WITHOUT_NUMBER: export.without_number,
            names.MATCH: matching.open,
            names.CLIENT: matching.choose_client,
            names.SYNC: sync.request,
            names.BRING_BACK: sync.bring_back,
            names.DELETE_IN_PAYMO: sync.delete_in_paymo,
            names.BREAKER_APPLY: sync.apply_breaker,
            names.BREAKER_KEEP: sync.keep_breaker,
            names.SUBSCRIBE: notices.open,
            names.UNSUBSCRIBE: notices.unsubscribe,
            names.SETTINGS: settings.open,
            names.STATUS: home.status,
            names.HELP: home.help,
            **dict.fromkeys(names.LINKS, _only_a_link),
        },
        options={
            (names.EXPORT, names.INVOICE): export.invoice_options,
            (names.EXPORT, names.CONTACT): export.contact_options,
            (names.EXPORT, names.ACCOUNT): export.account_options,
            (names.MATCH, names.CLIENT): matching.client_options,
            (names.MATCH, names.CONTACT): matching.contact_options,
            (names.MATCH, names.ACCOUNT): matching.account_options,
            (names.SUBSCRIBE, names.CLIENT): matching.client_options,
        },
        submissions={
            names.CONNECT: connect.submit,
            names.DISCONNECT: connect.submit_farewell,
            names.EXPORT: export.submit,
            names.MATCH: matching.submit,
            names.SUBSCRIBE: notices.submit,
            names.SETTINGS: settings.submit,
        },
        events={
            "app_home_opened": home.opened,
            "app_uninstalled": home.uninstalled,
            "tokens_revoked": home.revoked,
        },
    )
    return _guarded(found)


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
