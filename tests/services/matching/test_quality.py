"""How well names are matched, measured on labelled cases that no rule was tuned on."""

import re
import time
from pathlib import Path

import pytest

from services.matching.index import Index, Party
from services.matching.suggestions import suggest
from tests.services.matching_cases import (
    contact,
    index_of,
    measured,
    rows,
    town,
    townspeople,
    twins,
)

PAGE = Path(__file__).parents[3] / "docs" / "matching.md"
LONGEST = 0.05  # seconds for one answer among ten thousand contacts


def test_there_are_enough_cases_and_hard_ones_among_them() -> None:
    assert len(rows()) >= 150
    assert sum(not row["contact"] for row in rows()) >= 20  # clients that Xero does not know
    assert sum(not row["client"] for row in rows()) >= 10  # contacts that only look like one
    assert len(twins("tune")) >= 250
    assert len(twins("report")) >= 150
    assert sum(not each.right for each in twins("report")) >= 40


@pytest.mark.parametrize("half", ["tune", "report"])
@pytest.mark.parametrize("source", ["town", "twins"])
def test_the_right_contact_comes_first_and_no_wrong_one_is_certain(source: str, half: str) -> None:
    result = measured(source, half)

    assert result.accuracy >= 97
    assert result.wrongly_certain == ()


def test_the_published_figures_are_those_of_the_report_halves() -> None:
    both = [measured(source, "report") for source in ("town", "twins")]
    told = {
        label: (one, other)
        for label, one, other in re.findall(
            r"^\| ([a-z -]+) \| ([0-9.]+)[ %]* \| ([0-9.]+)", PAGE.read_text("utf-8"), re.MULTILINE
        )
    }

    assert told == {
        "clients asked about": tuple(str(each.asked) for each in both),
        "of these in xero": tuple(str(each.matched) for each in both),
        "right contact first": tuple(str(each.accuracy) for each in both),
        "called certain": tuple(str(each.certain) for each in both),
        "wrongly called certain": tuple(str(len(each.wrongly_certain)) for each in both),
    }


def test_every_suggestion_says_why() -> None:
    suggested = [
        each for case in twins("report") for each in suggest(case.party, index_of(case.contacts))
    ]

    assert suggested
    assert all(each.reason for each in suggested)


def test_ten_thousand_contacts_answer_at_once() -> None:
    """The best of some calls, in time of this thread: what else the machine does is left out."""
    index = Index()
    for place in range(10_000):
        one = townspeople()[place % len(townspeople())]
        index.put(contact(f"c{place}", f"{one.name} {place // len(townspeople()) or ''}"))
    took = []
    for case in town("report")[:20]:
        began = time.thread_time()
        suggest(case.party, index)
        took.append(time.thread_time() - began)

    assert len(index.contacts) == 10_000
    assert (
        suggest(Party("Bluebird Bakery 40"), index)[0].contact.name == "Bluebird Bakery Limited 40"
    )
    assert min(took) < LONGEST
