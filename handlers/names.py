"""The names that Slack hands back to us: command, shortcut, views, fields and buttons.

A field's name is both the `block_id` and the `action_id` of its input. Other programs rely on
these names, so none of them changes.
"""

from typing import Final

COMMAND: Final = "/paymo-xero"
EXPORT_SHORTCUT: Final = "export_invoices"
MESSAGE_SHORTCUT: Final = "export_from_message"
BOT: Final = "@paymo-xero"

# Views, by callback_id; some are also the action_id of the button that opens them.
CONNECT: Final = "connect"
EXPORT: Final = "export"
EXPORT_ALL: Final = "export_all"
MATCH: Final = "match"
SUBSCRIBE: Final = "subscribe"
SETTINGS: Final = "settings"
DISCONNECT: Final = "disconnect"
REFUSAL: Final = "refusal"

# Fields.
INVOICE: Final = "invoice"
CONTACT: Final = "contact"
ACCOUNT: Final = "account"
TAX: Final = "tax"
UNTAXED: Final = "untaxed"
UNTAXED_FOR_ALL: Final = "untaxed_for_all"
XERO_STATUS: Final = "xero_status"
ISSUE_ON: Final = "issue_on"
DUE_ON: Final = "due_on"
CHANNEL: Final = "channel"
CLIENT: Final = "client"
UNDONE: Final = "undone"
EVENTS: Final = "events"
LAYOUT: Final = "layout"
DIGEST_EVERY: Final = "digest_every"
DIGEST_HOUR: Final = "digest_hour"
DIGEST_ZONE: Final = "digest_zone"
MINIMUM: Final = "minimum"
EXPORTERS: Final = "exporters"
VIEWERS: Final = "viewers"
CHANNEL_VIEWERS: Final = "channel_viewers"
OWNER: Final = "owner"
VOID_MEANS: Final = "void_means"
CREDITS: Final = "credits"
AUTO_EXPORT: Final = "auto_export"
ATTACH_PDF: Final = "attach_pdf"
APPROVE_ABOVE: Final = "approve_above"

# Buttons.
CONNECT_PAYMO: Final = "connect_paymo"
CONNECT_XERO: Final = "connect_xero"
CONNECT_ANOTHER: Final = "connect_another"
WHICH: Final = "which_connection"
OPEN_XERO: Final = "open_xero"
OPEN_PAYMO: Final = "open_paymo"
MATCH_CLIENT: Final = "match_client"
FIX_FAILED: Final = "fix_failed"
RECHECK: Final = "recheck"
SHOW_CHECKS: Final = "show_checks"
OPEN_RIVAL: Final = "open_rival"
BREAKER_APPLY: Final = "breaker_apply"
BREAKER_KEEP: Final = "breaker_keep"
ALLOW_ACCESS: Final = "allow_access"
DECLINE_ACCESS: Final = "decline_access"
ACCESS_ROLE: Final = "access_role"
SYNC: Final = "sync"
HELP: Final = "help"
RECONCILE: Final = "reconcile"
WHY: Final = "why"
HISTORY: Final = "history"
HISTORY_CSV: Final = "history_csv"
SUBSCRIBE_HERE: Final = "subscribe_here"
RESUME_CHANNEL: Final = "resume_channel"

# Buttons that only open a page: Slack tells us of the press, and there is nothing to do.
LINKS: Final = (CONNECT_PAYMO, CONNECT_XERO, OPEN_XERO, OPEN_PAYMO, OPEN_RIVAL)
