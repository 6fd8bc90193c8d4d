"""The sentences about matching clients."""

from handlers.blocks import one_line
from services.matching.service import MatchForm
from services.model.wording import counted

NO_CLIENTS = "⏳ We're still reading Paymo's clients. Close this and open it again in a moment."
ALL_MATCHED = "Every client is matched."
CHOOSE_CLIENT = "Choose the client."
ACCOUNT_HINT = "Where this client's invoices usually go. You can change it for each export."


def matched_text(form: MatchForm) -> str:
    """Count the clients that are matched."""
    known, every = form.total - form.unmatched, counted(form.total, "client")
    are = "is" if known == 1 or form.total == 1 else "are"
    return f"{known} of {every} {are} matched with {one_line(form.organisation)}."


def done_text(client: str, left: int, *, has_account: bool) -> str:
    """Say that a client is matched, and how many are left."""
    later = "" if has_account else " You choose the account when you export."
    more = f" {counted(left, 'client')} left to match." if left else ""
    return f"✅ {one_line(client)} is matched.{later}{more}"
