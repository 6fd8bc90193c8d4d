"""The form that matches one client, as it is drawn."""

from handlers import blocks, names
from handlers.blocks import Block
from handlers.export.text import contact_hint
from handlers.export.views import account_field, contact_field
from handlers.matching.text import ACCOUNT_HINT, ALL_MATCHED, NO_CLIENTS, matched_text
from handlers.routing import Note
from services.matching.service import MatchForm

TITLE = "Match Clients"


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
