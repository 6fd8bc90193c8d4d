"""The form that matches one client, as it is drawn, and what is said of it."""

from handlers import blocks, names
from handlers.blocks import Block, one_line
from handlers.export.text import contact_hint
from handlers.export.views import account_field, contact_field
from handlers.routing import Note
from services.matching.service import MatchForm
from services.model.wording import counted

TITLE = "Match Clients"
NO_CLIENTS = "⏳ We're still reading Paymo's clients. Close this and open it again in a moment."
ALL_MATCHED = "Every client is matched."
CHOOSE_CLIENT = "Choose the client."
ACCOUNT_HINT = "Where this client's invoices usually go. You can change it for each export."


def match_view(
    form: MatchForm, *, said: str = "", is_bare: bool = False, batch_id: int = 0
) -> Block:
    """Draw the form; bare, it has no fields yet that depend on the client.

    Where a match was `said`, not even the client's: Slack would keep the former one in it.
    """
    if not form.total:
        return blocks.modal(names.MATCH, TITLE, [blocks.section(NO_CLIENTS)])
    drawn = [blocks.section(said) if said else blocks.context(matched_text(form))]
    if form.client is None and said:
        drawn.append(blocks.section(ALL_MATCHED if form.is_read else NO_CLIENTS))
        return blocks.modal(names.MATCH, TITLE, drawn)
    if not (is_bare and said):
        drawn.append(
            blocks.search(
                names.CLIENT, "Client in Paymo", "Choose a client", form.client, tells=True
            )
        )
    if not is_bare:
        drawn += _fields(form)
    note = Note(
        connection_id=form.connection_id,
        client_id=int(form.client.value) if form.client else 0,
        batch_id=batch_id,
    )
    return blocks.modal(names.MATCH, TITLE, drawn, submit="Save Match", metadata=note.dump())


def _fields(form: MatchForm) -> list[Block]:
    return [
        contact_field(form.contact, hint=contact_hint(form.contact_reason)),
        account_field(form.account, hint=ACCOUNT_HINT, optional=True),
    ]


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
