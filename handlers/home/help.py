"""What can be typed, and what to do about a word that is not known."""

from handlers import blocks
from handlers.blocks import Block, one_line
from handlers.words import Words

_LINES = (
    ("connect", "connect Paymo and Xero, or mend a connection"),
    ("connect another", "connect one more Paymo company with its Xero organisation"),
    ("export INV-1", "look at an invoice as Xero will show it, and export it"),
    ("export all", "look at everything that is not exported yet, and export what is ready at once"),
    ("show INV-1", "see how an exported invoice stands on both sides; the number alone will do"),
    ("undo INV-1", "take an export back from Xero, while its books allow it"),
    ("restore INV-1", "make an invoice again in Paymo that was deleted there with Xero's"),
    ("why INV-1", "see why an invoice stands where it does, and what that rests on"),
    ("history INV-1", "see who did what when, of one invoice or of everything, also as a file"),
    ("match", "match clients with contacts and accounts"),
    ("status", "see what is connected, exported and waiting"),
    ("sync", "look for payments and deletions in Xero now"),
    ("reconcile november", "compare both sides, this month or another, and see what differs"),
    ("subscribe", "tell this channel of exports, payments, deletions and failures"),
    ("unsubscribe", "tell this channel nothing any more"),
    ("settings", "choose who may export, what voids and credits mean, and export by itself"),
    ("disconnect", "end the connection on both sides"),
)


def help_blocks() -> list[Block]:
    """List the commands, and say what moves in which direction."""
    lines = [f"`/paymo-xero {words}` – {meaning}" for words, meaning in _LINES]
    return [
        *blocks.paragraphs(lines),
        blocks.context(
            "Invoices go from Paymo to Xero. Payments and deletions come from Xero to Paymo. "
            "Nothing else moves."
        ),
    ]


def unknown_text(words: Words) -> str:
    """Say that a word is not known, with the nearest one."""
    said = f"“{one_line(words.typed)}” is not something I know."
    if words.nearest:
        return f"{said} Did you mean `/paymo-xero {words.nearest}`?"
    return f"{said} This is what you can type:"
