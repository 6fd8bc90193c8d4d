"""How connections are, and what can be typed."""

from collections.abc import Sequence

from handlers.blocks import one_line
from handlers.connect.text import about
from handlers.words import Words
from services.connect.checklists import Overview
from services.model.connection import ConnectionState
from services.model.people import Role

_STATES = {
    ConnectionState.PENDING: "◻️ Half connected",
    ConnectionState.ACTIVE: "✅ Connected",
    ConnectionState.BROKEN: "⛔ Broken",
    ConnectionState.ENDING: "⏳ Being ended",
    ConnectionState.ENDED: "Ended",
}
_NOTHING = (
    "Paymo and Xero are not connected yet. Connecting takes a minute: a Paymo API key, and a "
    "visit to Xero's consent page."
)
# What can be typed, who may, and what comes of it. `connect` is the owner's where something is
# connected, and anybody's before; `connect another` is anybody's, with a key and a consent of their
# own. `history` is a viewer's of one invoice, and of everything an exporter's.
HELP_LINES = (
    (Role.OWNER, "connect", "connect Paymo and Xero, or mend a connection"),
    (Role.OWNER, "connect another", "connect one more Paymo company with its Xero organisation"),
    (Role.EXPORTER, "export INV-1", "look at an invoice as Xero will show it, and export it"),
    (
        Role.EXPORTER,
        "export all",
        "look at everything that is not exported yet, and export what is ready at once",
    ),
    (
        Role.VIEWER,
        "show INV-1",
        "see how an exported invoice stands on both sides; the number alone will do",
    ),
    (Role.EXPORTER, "undo INV-1", "take an export back from Xero, while its books allow it"),
    (
        Role.EXPORTER,
        "restore INV-1",
        "make an invoice again in Paymo that was deleted there with Xero's",
    ),
    (Role.VIEWER, "why INV-1", "see why an invoice stands where it does, and what that rests on"),
    (
        Role.VIEWER,
        "history INV-1",
        "see who did what when, of one invoice or of everything, also as a file",
    ),
    (Role.EXPORTER, "match", "match clients with contacts and accounts"),
    (Role.VIEWER, "status", "see what is connected, exported and waiting"),
    (Role.EXPORTER, "sync", "look for payments and deletions in Xero now"),
    (
        Role.EXPORTER,
        "reconcile november",
        "compare both sides, this month or another, and see what differs",
    ),
    (Role.EXPORTER, "subscribe", "tell this channel of exports, payments, deletions and failures"),
    (Role.EXPORTER, "unsubscribe", "tell this channel nothing any more"),
    (
        Role.OWNER,
        "settings",
        "choose who may export, what voids and credits mean, and export by itself",
    ),
    (Role.OWNER, "disconnect", "end the connection on both sides"),
)


def overview_text(found: Sequence[Overview]) -> str:
    """Say in a line for each connection how it is."""
    return "\n".join(state_of(each) for each in found) or _NOTHING


def state_of(overview: Overview) -> str:
    """Say how one connection is."""
    broken = f" on the side of {overview.broken_side}" if overview.broken_side else ""
    return (
        f"*{_STATES[overview.state]}{broken}:* {one_line(overview.company or 'no company yet')} "
        f"in Paymo → {about(overview.organisation)} in Xero"
    )


def unknown_text(words: Words) -> str:
    """Say that a word is not known, with the nearest one."""
    said = f"“{one_line(words.typed)}” is not something I know."
    if words.nearest:
        return f"{said} Did you mean `/paymo-xero {words.nearest}`?"
    return f"{said} This is what you can type:"
