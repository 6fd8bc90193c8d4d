"""Why an export is refused, and which of Xero's own refusals mean the same."""

import re
from decimal import Decimal

from services.clients.xero import XeroInvoice
from services.errors import Rejected, ServiceError
from services.model.export import ExportState, RefusalCode
from services.model.invoice import InvoiceState
from services.model.wording import Amount
from services.store.tables import Export

_NUMBER = (
    r"(?:invoice|document)(?: (?!contact|account|tax)\w+){0,4} ?(?:#|number|num\b|no\b)|"
    r"number\b.*\binvoice"
)
_PLAN = (
    "This organisation has used up the approved invoices of its Xero plan for now. Export it as a "
    "draft, and approve it later."
)
_NO_CODE = (
    "This account has no code, and Xero needs one. Add it at Accounting → Advanced → Chart of "
    "accounts → the account → Edit details, and the export continues. Or choose another account."
)
_INACTIVE = (
    "Xero isn't accepting changes to this organisation. Its subscription or trial may have ended. "
    "Check that in Xero, then try again."
)
_EMAIL = (
    "Xero doesn't accept the contact's e-mail address. Correct it on the contact in Xero, then try "
    "again."
)
_TAX_RATE = (
    "Xero doesn't accept this tax rate. Choose another account, or correct the rate at "
    "Accounting → Advanced → Tax rates, and try again."
)
_UNUSABLE = (
    r"archiv|inactive|deleted|removed|expired|not (?:be |been )?(?:a )?(?:active|valid|found|exist|"
    r"enabled|available|used|allowed)|n.t (?:exist|valid|active|be used)|invalid|must be valid|"
    r"no longer|unknown|required|specified"
)
_ADVICE = {
    RefusalCode.PLAN_LIMIT: _PLAN,
    RefusalCode.ORGANISATION: _INACTIVE,
    RefusalCode.EMAIL: _EMAIL,
    RefusalCode.TAX_RATE: _TAX_RATE,
}
_CODE_IS_MISSING = (
    r"\baccount ?codes?\b",
    r"''|required|mandatory|specified|missing|blank|empty",
)
_ENDED = r"not (?:currently )?active|inactive|expired|lapsed|suspended|cancell?ed|\bended\b"
_ORGANISATION = (
    r"organi[sz]ation|subscription|\btrial\b|your account",
    rf"{_ENDED}|read.only|closed",
)
_DESCRIPTION = (
    r"description",
    r"long|length|exceed|characters|maximum|required|mandatory|empty|specified|blank",
)
_CURRENCY = (
    r"currenc(?:y|ies)\b(?! ?rate)",
    rf"{_UNUSABLE}|subscrib|added|support|set ?up|turned on|\bplan\b",
)
# The words that carry what Xero means, all of which have to be there. The first that fits counts.
_MEANINGS: tuple[tuple[RefusalCode, tuple[str, ...]], ...] = (
    (RefusalCode.NUMBER_TAKEN, (_NUMBER, r"unique|already|exist|in use|taken|duplicat|been used")),
    (
        RefusalCode.LOCKED,
        (r"\block(?:s|ed|ing)?\b|\bclosed\b|finali[sz]ed", r"\bdates?\b|period|year|books"),
    ),
    (RefusalCode.CURRENCY, _CURRENCY),
    (
        RefusalCode.PLAN_LIMIT,
        (r"approv", r"limit|maximum|reached|exceed|quota|\bplan\b|upgrade"),
    ),
    (
        RefusalCode.PLAN_LIMIT,
        (r"\bplan\b|subscription", r"invoices", r"limit|maximum|exceed|upgrade"),
    ),
    (RefusalCode.ORGANISATION, _ORGANISATION),
    (RefusalCode.EMAIL, (r"\be-?mail", _UNUSABLE)),
    (RefusalCode.TAX_RATE, (r"\btax(?! ?(?:amount|number))", _UNUSABLE)),
    (RefusalCode.CONTACT, (r"\bcontact\b", _UNUSABLE)),
    (RefusalCode.ACCOUNT, _CODE_IS_MISSING),
    (RefusalCode.ACCOUNT, (r"\baccounts?\b", rf"{_UNUSABLE}|\btype\b")),
    (RefusalCode.DUE, (r"due ?date",)),
    (RefusalCode.DESCRIPTION, _DESCRIPTION),
)

_URL = re.compile(r"\b(?:url|link|web ?address)\b", re.IGNORECASE)


class Refused(ServiceError):
    """This export does not go; `codes` say why, by which the buttons that help are chosen.

    `cure` says what to do, and nothing cuts it; `more` is what else there is to say.
    """

    def __init__(self, fact: str, *codes: RefusalCode, cure: str = "", more: str = "") -> None:
        """Keep the codes, and which part of the text is the cure."""
        super().__init__(" ".join(filter(None, (fact, cure, more))))
        self.codes, self.cure = codes, cure


def is_taken(refusal: Rejected) -> bool:
    """Say whether Xero refused because the number is taken."""
    return any(_meaning(text)[0] is RefusalCode.NUMBER_TAKEN for text in refusal.messages)


def is_url_refused(refusal: Rejected) -> bool:
    """Say whether Xero refused the link to Paymo."""
    return any(_URL.search(text) for text in refusal.messages)


def not_found(organisation: str) -> Refused:
    """Return why Xero made nothing where it answers that something isn't there."""
    return Refused(
        "Xero can't find something on the invoice, such as its contact, so nothing was exported.",
        RefusalCode.REJECTED,
        cure=f"Check its contact and account in {organisation} and try again, or choose others.",
    )


def from_xero(refusal: Rejected) -> Refused:
    """Return Xero's refusal under our own names for it, so that it has the same cures.

    Xero's own words stay, since a person in Xero's office looks for them.
    """
    meanings = [_meaning(text) for text in refusal.messages] or [(RefusalCode.REJECTED, "")]
    names = dict.fromkeys(name for name, _ in meanings)
    said = dict.fromkeys(said for _, said in meanings if said)
    return Refused("", *names, cure=" ".join(said), more=str(refusal))


def _meaning(text: str) -> tuple[RefusalCode, str]:
    """Return which refusal this sentence of Xero's is, and what helps beside it."""
    plain = " ".join(text.casefold().replace("\u2019", "'").split())
    for code, carrying in _MEANINGS:
        if all(re.search(words, plain) for words in carrying):
            return code, _NO_CODE if carrying is _CODE_IS_MISSING else _ADVICE.get(code, "")
    return RefusalCode.REJECTED, ""


def no_answer(export: Export) -> Refused:
    """Return why it is not tried any more."""
    if not _may_have_left(export):
        return Refused(
            "Paymo or Xero took too long to answer, so nothing was sent.",
            RefusalCode.NO_ANSWER,
            cure="Try again when both work, or cancel.",
        )
    if _is_missing(export):
        return Refused(
            "Xero failed every time, and doesn't have the invoice.",
            RefusalCode.NO_ANSWER,
            cure="Try again later, or cancel.",
        )
    return Refused(
        "Xero took too long to answer, so it may have this invoice. We'll check Xero before we "
        "send it again.",
        RefusalCode.NO_ANSWER,
        cure="Try again later, or cancel.",
    )


def number_taken(export: Export) -> Refused:
    """Return why the number is taken: by an invoice that may be the same."""
    return Refused(
        f"Xero already has an invoice {export.number} with the same contact and total.",
        RefusalCode.NUMBER_TAKEN,
        cure="If it's the same invoice, link to it. If not, export without the number.",
    )


def number_of_another(export: Export, found: XeroInvoice | None, former: Export | None) -> Refused:
    """Return why the number is taken: by another invoice, the `former` export of one perhaps."""
    number = export.number
    cure = "Export without the number instead, or give this one another number in Paymo."
    if found is None:
        fact = f"In Xero, the number {number} belongs to an invoice that was voided."
        cure = "Export this one without the number, or give it another one in Paymo."
        return Refused(fact, RefusalCode.NUMBER_OTHER, cure=cure)
    if former is not None and former.invoice_state is not InvoiceState.GONE:
        fact = f"Invoice {number} in Xero was exported from another invoice in Paymo."
        cure = (
            "If that one was deleted there, try again in a minute. If not, export without the "
            "number, or give this one another number in Paymo."
        )
        return Refused(fact, RefusalCode.NUMBER_OTHER, cure=cure)
    mine = Amount(export.total or Decimal(0), export.currency)
    theirs = Amount(found.total, found.currency_code)
    said = f"{found.contact.name}, {theirs}, where Paymo has {export.client_name}, {mine}."
    fact = f"Invoice {number} in Xero is a different one: {said}"
    if former is not None:
        differs = f"comes from one that was deleted in Paymo, and differs: {said}"
        fact = f"Invoice {number} in Xero {differs}"
        cure = "To link it, make both the same and try again. Or export without the number."
    return Refused(fact, RefusalCode.NUMBER_OTHER, cure=cure)


def cancelled(export: Export) -> str:
    """Say that a person ended an export, and what is known of it."""
    return f"Cancelled. {known_of(export)}"


def known_of(export: Export) -> str:
    """Say what is known of an export that a person ends."""
    if not _may_have_left(export):
        return "Nothing was sent."
    if _is_missing(export):
        return "Xero doesn't have it."
    return "Xero didn't answer, so check there whether it has this invoice."


def disconnected(export: Export) -> Refused:
    """Return what is known of an export whose connection was ended."""
    if not _may_have_left(export):
        text = "The connection was ended before this invoice was sent."
        return Refused(text, RefusalCode.DISCONNECTED)
    return Refused(
        "The connection was ended before Xero answered.",
        RefusalCode.DISCONNECTED,
        cure="Check in Xero whether it has this invoice.",
        more="We'll check before we send it again.",
    )


def _may_have_left(export: Export) -> bool:
    return export.sent_at is not None and export.sent is not None


def _is_missing(export: Export) -> bool:
    sent_at, missed_at = export.sent_at, export.missed_at
    return sent_at is not None and missed_at is not None and missed_at >= sent_at


def may_be_ended_at_once(export: Export) -> bool:
    """Say whether nothing of it can be in Xero, or on its way there."""
    is_new = export.state is ExportState.QUEUED and not _may_have_left(export)
    return is_new or export.state in {ExportState.FAILED, ExportState.AWAITING}
