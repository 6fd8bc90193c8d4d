"""Labelled clients and contacts: which contact a client is, to measure how well that is found."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from services.matching.index import Index, Party
from services.matching.suggestions import suggest, surest
from services.store.mirror import folded_name
from services.store.tables import Contact

DATA = Path(__file__).parents[1] / "data"
_LINE = re.compile(r"(.+?)((?: >[+-].*)+)")


@dataclass(frozen=True, slots=True)
class Case:
    """A client among contacts, and the id of the one that it is, or "" where none is."""

    party: Party
    contacts: tuple[Contact, ...]
    right: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of some cases."""

    asked: int
    matched: int  # clients that have a contact
    first: int  # of these, with the right one first
    certain: int
    wrongly_certain: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """The share of clients whose contact is the first suggestion, in per cent."""
        return round(100 * self.first / self.matched, 1)


@lru_cache
def measured(source: str, half: str) -> Measured:
    """Ask about every client of one half of the town or of the twins."""
    cases = town(half) if source == "town" else twins(half)
    found = [(each, suggest(each.party, index_of(each.contacts))) for each in cases]
    sure = [(each, surest(suggested)) for each, suggested in found]
    return Measured(
        asked=len(cases),
        matched=sum(bool(each.right) for each in cases),
        first=sum(
            bool(each.right and suggested) and suggested[0].contact.contact_id == each.right
            for each, suggested in found
        ),
        certain=sum(best is not None for _, best in sure),
        wrongly_certain=tuple(
            f"{each.party.name} is not {best.contact.name}"
            for each, best in sure
            if best is not None and best.contact.contact_id != each.right
        ),
    )


@lru_cache(maxsize=4)
def index_of(contacts: tuple[Contact, ...]) -> Index:
    """Read contacts once for the many clients that are asked about."""
    index = Index()
    for each in contacts:
        index.put(each)
    return index


@lru_cache
def rows() -> Sequence[dict[str, str]]:
    """Return the town's rows: pairs, and contacts that only look like one."""
    with (DATA / "matching.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@lru_cache
def townspeople() -> tuple[Contact, ...]:
    """Return everybody in one organisation: the right contacts, and all that look like them."""
    return tuple(
        contact(f"c{place}", row["contact"], row["contact_email"], row["contact_tax_number"])
        for place, row in enumerate(rows())
        if row["contact"]
    )


def town(half: str) -> Sequence[Case]:
    """Return clients who are looked for among all the contacts."""
    return [
        Case(
            Party(row["client"], row["client_email"], row["client_tax_number"]),
            townspeople(),
            f"c{place}" if row["contact"] else "",
        )
        for place, row in enumerate(rows())
        if row["half"] == half
    ]


@lru_cache
def twins(half: str) -> Sequence[Case]:
    """Return clients who are looked for among contacts that resemble each other."""
    cases, now = [], ""
    for line in (DATA / "matching_twins.txt").read_text("utf-8").splitlines():
        if line.startswith("# "):
            now = line.removeprefix("# ").partition(":")[0]
        elif now == half and (found := _LINE.fullmatch(line)):
            cases.append(_case(found[1], found[2].split(" >")[1:]))
    return cases


def contact(contact_id: str, name: str, email: str = "", tax_number: str = "") -> Contact:
    """Return a contact as the mirror has it."""
    return Contact(
        connection_id=1,
        contact_id=contact_id,
        name=name,
        folded_name=folded_name(name),
        email=email,
        tax_number=tax_number,
        is_active=True,
    )


def _case(client: str, others: Sequence[str]) -> Case:
    signs = [each[0] for each in others]
    contacts = [contact(f"c{place}", *_fields(each[1:])) for place, each in enumerate(others)]
    right = f"c{signs.index('+')}" if "+" in signs else ""
    # The right one comes first in the file, and must not win by that.
    return Case(Party(*_fields(client)), tuple(reversed(contacts)), right)


def _fields(text: str) -> list[str]:
    return [part.strip().replace("@everybody.example", "@gmail.com") for part in text.split(" ;")]
