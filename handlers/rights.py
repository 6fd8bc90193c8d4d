"""Who may do what: one table of everything that people can type, press, open and send.

The services decide, by the connection that is meant (`services/store/people.py`). The table says
the same by the names of Slack's side: what is drawn for one person alone leaves out what they may
not press, and a test presses everything in every role.
"""

from collections.abc import Sequence
from typing import Final

from handlers import names, words
from handlers.blocks import Block, keeping
from handlers.buttons import name_of
from handlers.home.text import HELP_LINES
from services.model.actions import Action
from services.model.people import Role
from services.model.wording import Command

ANYBODY: Final = Role.NOBODY
_FORMS = (
    names.INVOICE,
    names.CONTACT,
    names.ACCOUNT,
    names.TAX,
    names.XERO_STATUS,
    names.ISSUE_ON,
    names.DUE_ON,
    names.CLIENT,
    names.UNTAXED,
    names.UNTAXED_FOR_ALL,
)

# What can be typed, by its first word.
COMMANDS: Final[dict[str, Role]] = {
    **{typed.split()[0]: role for role, typed, _ in reversed(HELP_LINES)},
    words.PANEL: Role.VIEWER,
    words.ALL: Role.EXPORTER,
    words.SEVERAL: Role.EXPORTER,
    Command.HELP: ANYBODY,
}

# Buttons, and menus that tell of a choice, by action_id.
ACTIONS: Final[dict[str, Role]] = {
    **dict.fromkeys(
        (
            *_FORMS,
            *map(name_of, Action),
            names.EXPORT_ALL,
            names.RECHECK,
            names.SHOW_CHECKS,
            names.MATCH_CLIENT,
            names.FIX_FAILED,
            names.FIX_INVOICE,
            names.CHECK_RECENT,
            names.SELECTED,
            names.SELECT_ALL,
            names.SELECT_NONE,
            names.PREVIOUS_PAGE,
            names.NEXT_PAGE,
            names.SHOW_INVOICES,
            names.SHOW_OVERVIEW,
            names.SYNC,
            names.RECONCILE,
            names.HISTORY_CSV,
            names.BREAKER_APPLY,
            names.BREAKER_KEEP,
            names.SUBSCRIBE,
            names.SUBSCRIBE_HERE,
            names.RESUME_CHANNEL,
            names.PREVIOUS_CHANNELS,
            names.NEXT_CHANNELS,
        ),
        Role.EXPORTER,
    ),
    **dict.fromkeys((names.WHY, names.HISTORY), Role.VIEWER),
    **dict.fromkeys(
        (
            Action.OVERRIDE_TAX,
            Action.RECONNECT,
            names.CONNECT,
            names.DISCONNECT,
            names.SETTINGS,
            names.ALLOW_ACCESS,
            names.DECLINE_ACCESS,
            names.FIND_FORMER,
            names.LINK_FORMER,
        ),
        Role.OWNER,
    ),
    **dict.fromkeys(
        (
            names.CONNECT_ANOTHER,
            names.HELP,
            Action.REQUEST_ACCESS,
            names.ACCESS_ROLE,  # chooses; the press on Allow counts
            names.WHICH,  # says which connection; what was wanted there is decided by itself
            *names.LINKS,
        ),
        ANYBODY,
    ),
}

# Forms that can be sent, by callback_id; menus that ask us for rows are an exporter's, too.
SUBMISSIONS: Final[dict[str, Role]] = {
    names.EXPORT: Role.EXPORTER,
    names.EXPORT_ALL: Role.EXPORTER,
    names.MATCH: Role.EXPORTER,
    names.SUBSCRIBE: Role.EXPORTER,
    names.CONNECT: Role.OWNER,
    names.SETTINGS: Role.OWNER,
    names.DISCONNECT: Role.OWNER,
}
SHORTCUTS: Final[dict[str, Role]] = dict.fromkeys(
    (names.EXPORT_SHORTCUT, names.MESSAGE_SHORTCUT), Role.EXPORTER
)
EVENTS: Final[dict[str, Role]] = {"app_home_opened": Role.VIEWER}


def within(role: Role, drawn: Sequence[Block]) -> list[Block]:
    """Leave out the buttons that are not for this person, who alone sees what is drawn."""
    return keeping(drawn, lambda each: role >= ACTIONS.get(each.get("action_id", ""), Role.OWNER))
