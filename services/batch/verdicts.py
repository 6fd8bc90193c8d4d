"""What stands in the way of one invoice of a batch, in one word and one sentence."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from services.clients.paymo import Invoice
from services.export.proposing import Proposer
from services.export.shapes import ExportChoice
from services.mapping.books import Books
from services.mapping.checks import Case, examine
from services.mapping.taxes import UNTAXED_CHOICE
from services.model import Check, Colour

READY = "ready"
UNDONE = "undone"  # ready, but a person has taken it back from Xero before
CONTACT = "contact"
ACCOUNT = "account"
TAX = "tax"
UNTAXED = "untaxed"
OLD = "old"
TAKEN = "taken"
OTHER = "other"
VERDICTS = (READY, UNDONE, CONTACT, ACCOUNT, UNTAXED, TAX, OLD, TAKEN, OTHER)
# What an answer about a client, or about lines without tax, can change.
ANSWERABLE = (CONTACT, ACCOUNT, TAX, UNTAXED)

_YEAR = timedelta(days=365)
_VERDICT_OF = {
    "contact": CONTACT,
    "contact_taken": CONTACT,
    "account": ACCOUNT,
    "tax": TAX,
    "untaxed": TAX,
    UNTAXED_CHOICE: UNTAXED,
    "locked": OLD,
}
# What no answer about the client helps with is said first.
_RANK = {"contact": 1, "contact_taken": 1, "account": 2, "tax": 3, "untaxed": 3, UNTAXED_CHOICE: 4}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word, why, and where the invoice would go."""

    word: str
    reason: str
    contact_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known around the invoices of one batch."""

    proposer: Proposer
    books: Mapping[tuple[str, str], Books]  # by contact and client's name
    taken: Mapping[int, str]  # why an invoice cannot go out anew, by Paymo's id
    former: Mapping[int, str]  # that it was in Xero before, likewise
    undone: Collection[int]  # which of these were taken back
    today: date
    is_all: bool
    xero_status: str

    def judge(self, invoice: Invoice) -> Verdict:
        """Return the first thing that stands in the way, or that nothing does."""
        contact_id = self.proposer.contact_of(invoice)
        account_id = self.proposer.account_of(invoice)
        if taken := self.taken.get(invoice.id):
            return Verdict(TAKEN, taken, contact_id, account_id)
        if self.is_all and invoice.issued_on < self.today - _YEAR:
            reason = (
                f"Dated {invoice.issued_on:%d %b %Y}, more than 12 months ago. Name it to export "
                f"it all the same: /paymo-xero export {invoice.number}"
            )
            return Verdict(OLD, reason, contact_id, account_id)
        choice = ExportChoice(
            invoice_id=invoice.id,
            contact_id=contact_id,
            account_id=account_id,
            xero_status=self.xero_status,
        )
        known = self.books[contact_id, invoice.client_name]
        red = _worst(examine(Case(invoice, choice, known)))
        if red is None:
            word = UNDONE if self.is_all and invoice.id in self.undone else READY
            return Verdict(word, self.former.get(invoice.id, ""), contact_id, account_id)
        word = _VERDICT_OF.get(red.name, OTHER)
        return Verdict(word, red.text, contact_id, account_id)


def _worst(checks: tuple[Check, ...]) -> Check | None:
    reds = [each for each in checks if each.colour is Colour.RED]
    return min(reds, key=lambda each: _RANK.get(each.name, 0), default=None)
