"""How well names are matched, measured on labelled pairs that no rule was tuned on."""

import csv
import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.matching.names import Party, suggest, surest
from services.store.mirror import folded_name
from services.store.tables import Contact

ROOT = Path(__file__).parents[2]
PAIRS = ROOT / "tests" / "data" / "matching.csv"
PAGE = ROOT / "docs" / "matching.md"
LONGEST = 0.05  # seconds for one answer among ten thousand contacts


@dataclass(frozen=True, slots=True)
class Pair:
    """A client, and the name of the contact that it is, or "" where Xero has none."""

    half: str
    party: Party
    contact: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one half of the pairs."""

    pairs: int
    matched: int  # clients that have a contact
    first: int  # of these, with the right one first
    certain: int
    wrongly_certain: int

    @property
    def accuracy(self) -> float:
        """The share of clients whose contact is the first suggestion, in per cent."""
        return round(100 * self.first / self.matched, 1)


def rows() -> list[dict[str, str]]:
    with PAIRS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contact(name: str, email: str = "", tax_number: str = "") -> Contact:
    return Contact(
        connection_id=1,
        contact_id=name,
        name=name,
        folded_name=folded_name(name),
        email=email,
        tax_number=tax_number,
        is_active=True,
    )


def contacts() -> list[Contact]:
    """Everybody in one organisation: the right contacts, and all that look like them."""
    return [
        contact(row["contact"], row["contact_email"], row["contact_tax_number"])
        for row in rows()
        if row["contact"]
    ]


def pairs(half: str) -> list[Pair]:
    return [
        Pair(
            half,
            Party(row["client"], row["client_email"], row["client_tax_number"]),
            row["contact"],
        )
        for row in rows()
        if row["half"] == half
    ]


def measured(half: str) -> Measured:
    everybody, asked = contacts(), pairs(half)
    found = [(pair, suggest(pair.party, everybody)) for pair in asked]
    sure = [(pair, surest(suggested)) for pair, suggested in found]
    return Measured(
        pairs=len(asked),
        matched=sum(bool(pair.contact) for pair in asked),
        first=sum(
            bool(pair.contact and suggested) and suggested[0].contact.name == pair.contact
            for pair, suggested in found
        ),
        certain=sum(best is not None for _, best in sure),
        wrongly_certain=sum(
            best is not None and best.contact.name != pair.contact for pair, best in sure
        ),
    )


def test_there_are_enough_pairs_and_hard_ones_among_them() -> None:
    assert len(rows()) >= 150
    assert sum(not row["contact"] for row in rows()) >= 20  # clients that Xero does not know
    assert sum(not row["client"] for row in rows()) >= 10  # contacts that only look like one


@pytest.mark.parametrize("half", ["tune", "report"])
def test_the_right_contact_comes_first_and_no_wrong_one_is_certain(half: str) -> None:
    result = measured(half)

    assert result.accuracy >= 97
    assert result.wrongly_certain == 0


def test_the_published_figures_are_those_of_the_report_half() -> None:
    result = measured("report")
    told = dict(re.findall(r"^\| ([a-z -]+) \| ([0-9.]+)", PAGE.read_text("utf-8"), re.MULTILINE))

    assert told == {
        "clients asked about": str(result.pairs),
        "of these in xero": str(result.matched),
        "right contact first": str(result.accuracy),
        "called certain": str(result.certain),
        "wrongly called certain": str(result.wrongly_certain),
    }


def test_every_suggestion_says_why() -> None:
    everybody = contacts()
    suggested = [each for pair in pairs("report") for each in suggest(pair.party, everybody)]

    assert suggested
    assert all(each.reason for each in suggested)


def test_ten_thousand_contacts_answer_at_once() -> None:
    """The best of many calls, in time of this thread: what else the machine does is left out."""
    crowd = [contact(f"{row.name} {place}") for place in range(70) for row in contacts()]
    everybody = crowd[:10_000]
    assert len(everybody) == 10_000
    suggest(Party("Brand New Client"), everybody)
    took = []
    for pair in pairs("report"):
        began = time.thread_time()
        suggest(pair.party, everybody)
        took.append(time.thread_time() - began)

    assert min(took) < LONGEST
