"""Why an export does not go, and which of Xero's own refusals mean the same."""

import re
from collections.abc import Sequence

from services.errors import Rejected, ServiceError

NUMBER_TAKEN = "number_taken"
UNFINDABLE = "unfindable"  # it may be in Xero, which does not let us look
_PLAN = (
    "The plan of this Xero organisation lets you approve no more invoices now. Export it as a "
    "draft, which no plan limits; somebody approves it in Xero later."
)
_NO_CODE = (
    "Xero takes invoices only for accounts with a code, and this account has none. Give it one at "
    "Accounting → Advanced → Chart of accounts → the account → Edit details; the export then goes "
    "on by itself. Or choose another account."
)
# What Xero says, the static name of the refusal, and what is said instead where that helps more.
_MEANINGS = (
    ("must be unique.", NUMBER_TAKEN, ""),
    ("limit of invoices you can approve", "plan_limit", _PLAN),
    ("lock date", "locked", ""),
    ("not subscribed to currency", "currency", ""),
    ("archived contact", "contact", ""),
    ("contact could not be found", "contact", ""),
    ("taxtype code", "tax", ""),
    ("account code ''", "account", _NO_CODE),
    ("account code must be specified", "account", _NO_CODE),
    ("account code", "account", ""),
    ("due date", "due", ""),
)

_URL = re.compile(r"\b(?:url|link|web ?address)\b", re.IGNORECASE)


class Refused(ServiceError):
    """This export does not go; `problem` holds the static names of why, with commas between."""

    def __init__(self, text: str, *, problem: str) -> None:
        """Keep the names, by which the buttons that help are chosen."""
        super().__init__(text)
        self.problem = problem


class Lost(ServiceError):
    """Somebody else took the row meanwhile; they go on with it."""


def is_taken(refusal: Rejected) -> bool:
    """Say whether Xero refused because the number is taken."""
    return _meaning(refusal.messages)[0] == NUMBER_TAKEN


def is_url_refused(refusal: Rejected) -> bool:
    """Say whether Xero refused the link to Paymo."""
    return any(_URL.search(text) for text in refusal.messages)


def from_xero(refusal: ServiceError) -> Refused:
    """Return Xero's refusal under our own name for it, so that it has the same cures."""
    messages = refusal.messages if isinstance(refusal, Rejected) else ()
    problem, said = _meaning(messages)
    return Refused(said or str(refusal), problem=problem)


def _meaning(messages: Sequence[str]) -> tuple[str, str]:
    for text in messages:
        for words, problem, said in _MEANINGS:
            if words in text.casefold():
                return problem, said
    return "rejected", ""
