"""Why an export does not go, and which of Xero's own refusals mean the same."""

import re

from services.errors import Rejected, ServiceError

_WIDEST_PROBLEM = 64
NUMBER_TAKEN = "number_taken"
REJECTED = "rejected"  # for a reason that has no name here
NO_ANSWER = "no_answer"  # it was tried as long as it is
UNFINDABLE = "unfindable"  # it may be in Xero, which does not let us look
_NUMBER = (
    r"(?:invoice|document)(?: (?!contact|account|tax)\w+){0,4} ?(?:#|number|num\b|no\b)|"
    r"number\b.*\binvoice"
)
_PLAN = (
    "The plan of this Xero organisation lets you approve no more invoices now. Export it as a "
    "draft, which no plan limits; somebody approves it in Xero later."
)
_NO_CODE = (
    "Xero takes invoices only for accounts with a code, and this account has none. Give it one at "
    "Accounting → Advanced → Chart of accounts → the account → Edit details; the export then goes "
    "on by itself. Or choose another account."
)
_INACTIVE = (
    "The organisation can't be written to in Xero now; often its subscription or trial has ended. "
    "Put that right in Xero, then try again."
)
_EMAIL = (
    "Xero doesn't accept the contact's e-mail address. Correct it at the contact in Xero, then try "
    "again."
)
_UNUSABLE = (
    r"archiv|inactive|deleted|removed|expired|not (?:be |been )?(?:a )?(?:active|valid|found|exist|"
    r"enabled|available|used|allowed)|n.t (?:exist|valid|active|be used)|invalid|must be valid|"
    r"no longer|unknown|required|specified"
)
# The words that carry what Xero means, all of which have to be there; then the static name of the
# refusal, and what is said beside Xero's words where that helps. The first that fits counts.
_MEANINGS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    ((_NUMBER, r"unique|already|exist|in use|taken|duplicat|been used"), NUMBER_TAKEN, ""),
    (
        (r"\block(?:s|ed|ing)?\b|\bclosed\b|finali[sz]ed", r"\bdates?\b|period|year|books"),
        "locked",
        "",
    ),
    (
        (
            r"currenc(?:y|ies)\b(?! ?rate)",
            rf"{_UNUSABLE}|subscrib|added|support|set ?up|turned on|\bplan\b",
        ),
        "currency",
        "",
    ),
    ((r"approv", r"limit|maximum|reached|exceed|quota|\bplan\b|upgrade"), "plan_limit", _PLAN),
    ((r"\bplan\b|subscription", r"invoices", r"limit|maximum|exceed|upgrade"), "plan_limit", _PLAN),
    (
        (
            r"organi[sz]ation|subscription|\btrial\b|your account",
            (
                r"not (?:currently )?active|inactive|expired|lapsed|suspended|cancell?ed|\bended\b|"
                r"read.only|closed"
            ),
        ),
        "organisation",
        _INACTIVE,
    ),
    ((r"\be-?mail", _UNUSABLE), "email", _EMAIL),
    ((r"\btax(?! ?(?:amount|number))", _UNUSABLE), "tax", ""),
    ((r"\bcontact\b", _UNUSABLE), "contact", ""),
    (
        (r"\baccount ?codes?\b", r"''|required|mandatory|specified|missing|blank|empty"),
        "account",
        _NO_CODE,
    ),
    ((r"\baccounts?\b", rf"{_UNUSABLE}|\btype\b"), "account", ""),
    ((r"due ?date",), "due", ""),
    (
        (
            r"description",
            r"long|length|exceed|characters|maximum|required|mandatory|empty|specified|blank",
        ),
        "description",
        "",
    ),
)

_URL = re.compile(r"\b(?:url|link|web ?address)\b", re.IGNORECASE)


class Refused(ServiceError):
    """This export does not go; `problem` holds the static names of why, with commas between."""

    def __init__(self, text: str, *, problem: str) -> None:
        """Keep the names, by which the buttons that help are chosen."""
        super().__init__(text)
        self.problem = problem


def is_taken(refusal: Rejected) -> bool:
    """Say whether Xero refused because the number is taken."""
    return any(_meaning(text)[0] == NUMBER_TAKEN for text in refusal.messages)


def is_url_refused(refusal: Rejected) -> bool:
    """Say whether Xero refused the link to Paymo."""
    return any(_URL.search(text) for text in refusal.messages)


def from_xero(refusal: ServiceError) -> Refused:
    """Return Xero's refusal under our own names for it, so that it has the same cures.

    Xero's own words stay, since a person in Xero's office looks for them.
    """
    messages = refusal.messages if isinstance(refusal, Rejected) else ()
    meanings = [_meaning(text) for text in messages] or [(REJECTED, "")]
    names = dict.fromkeys(name for name, _ in meanings)
    said = dict.fromkeys(said for _, said in meanings if said)
    return Refused(" ".join([*said, str(refusal)]), problem=",".join(names)[:_WIDEST_PROBLEM])


def is_about_contact(refusal: Refused) -> bool:
    """Say whether the contact is why, so that what is known of it is old."""
    return "contact" in refusal.problem.split(",")


def _meaning(text: str) -> tuple[str, str]:
    """Return which refusal this sentence of Xero's is, and what helps beside it."""
    plain = " ".join(text.casefold().replace("\u2019", "'").split())
    for carrying, problem, said in _MEANINGS:
        if all(re.search(words, plain) for words in carrying):
            return problem, said
    return REJECTED, ""
