"""Numbers as people paste them and phones type them."""

import time
from decimal import Decimal

import pytest
from babel.numbers import list_currencies
from hypothesis import given
from hypothesis import strategies as st

from services import money
from services.model.numbers import amount, cleaned, core, fitting, mentioned, parts
from tests.properties import tried

# Of the others, 1.956 may be a thousand as well.
HALF = Decimal("0.5")
CURRENCIES = sorted(
    each for each in list_currencies() if "500" not in money.format_amount(HALF, each, "GB")
)
ALL = ("INV-2041", "INV\u20132041", "QUO-77", "2025/INV/0042", "INV-0007", "RE 12 b", "7, second")


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("INV\u20132041", "INV\u20132041"),  # as typed, though cleaned it is another one
        ("INV\u20112041", "INV-2041"),
        ("inv\u22122041", "INV-2041"),
        ("`INV-2041`", "INV-2041"),
        ("*_INV-2041_*", "INV-2041"),
        ("\u201cINV-2041\u201d", "INV-2041"),
        ("\u00abINV-2041\u00bb,", "INV-2041"),
        ("(INV-2041).", "INV-2041"),
        ("\u200b\u202aINV\u00ad-2041\ufeff", "INV-2041"),
        ("quo\u00a077", "QUO-77"),
        ("quo\u3000\u200977", "QUO-77"),
        ("quo77", "QUO-77"),
        ("77", "QUO-77"),
        ("077", "QUO-77"),
        ("\uff17\uff17", "QUO-77"),
        ("\u0667\u0667", "QUO-77"),
        ("<tel:7700|QUO-77>", "QUO-77"),
        ("# 77", "QUO-77"),
        ("\u2116 77", "QUO-77"),
        ("invoice no. 77", "QUO-77"),
        ("inv 0042", "2025/INV/0042"),
        ("42", "2025/INV/0042"),
        ("2025-inv-42", "2025/INV/0042"),
        ("7", "INV-0007"),
        ("0007", "INV-0007"),
        ("re12B", "RE 12 b"),
        ("7 SECOND", "7, second"),
    ],
)
def test_the_one_that_is_meant_is_found(typed: str, found: str) -> None:
    assert fitting(typed, ALL) == (found,)
    assert core(typed) in found.casefold()


def test_several_that_fit_are_all_found_and_the_closest_alone() -> None:
    assert fitting("2041", ALL) == ("INV-2041", "INV\u20132041")
    assert fitting("2041", ("A-2041", "A-12041")) == ("A-2041",)
    assert fitting("2041", ("A-12041", "B-92041", "C-2041-1")) == ("A-12041", "B-92041")


@pytest.mark.parametrize("typed", ["", "-", "\u200b", "🎉", "INV", "41", "2042", "INV-2041-1"])
def test_what_fits_nothing_finds_nothing(typed: str) -> None:
    assert fitting(typed, ALL) == ()


@pytest.mark.parametrize("number", ALL)
def test_cleaning_twice_is_cleaning_once(number: str) -> None:
    assert cleaned(cleaned(number)) == cleaned(number)


@tried(300)
@given(st.text(max_size=40), st.text(alphabet="INVqu-\u20130123/. ", min_size=1, max_size=14))
def test_a_number_that_exists_is_found_by_itself(text: str, number: str) -> None:
    assert cleaned(cleaned(text)) == cleaned(text)
    assert not parts(number) or number in fitting(number, [number, text])


@pytest.mark.parametrize("edges", ["#-", "-#'", "#", "((", "<#>"])
def test_the_longest_message_of_nothing_but_edges_is_read_at_once(edges: str) -> None:
    text = (edges * 40_000)[:40_000]
    before = time.process_time()

    assert (cleaned(text), mentioned(f"{text}1")) == ("", (((" 1", "1"), ["1"]),))
    assert time.process_time() - before < 5


@given(
    st.decimals("0.01", "9999999.99", places=2),
    st.sampled_from(CURRENCIES),
    st.sampled_from(["GB", "US", "NZ", "ZA", "KE", "CH", "IN", "DE", "NO", "DK", "FR", "CZ", "CA"]),
)
@tried(300)
def test_an_amount_is_read_as_it_is_written_for_any_currency_and_country(
    value: Decimal, currency: str, country: str
) -> None:
    written = money.format_amount(value, currency, country)
    read = amount(written)

    assert read is not None, written
    assert Decimal(".".join(filter(None, read))) == value, written


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("US$1,956.25", ("1956", "25")),
        ("1.956,25 US$", ("1956", "25")),
        ("R1\u00a0956,25", ("1956", "25")),
        ("KWD 1,956.250", ("1956", "250")),
        ("1,234,567", ("1234567", None)),
        ("CHF 1\u2019234\u2019567.50", ("1234567", "50")),
        ("INV2041", None),
        ("Acme 7 Ltd", None),
    ],
)
def test_amounts_are_told_from_numbers_and_names(typed: str, read: tuple[str, str] | None) -> None:
    assert amount(typed) == read


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("KWD 956.250", ("956", "250")),
        ("956,250", ("956", "250")),
        ("1,956.250", ("1956", "250")),
        ("1,956,250", ("1956250", None)),
        ("956.25", ("956", "25")),
    ],
)
def test_three_digits_behind_the_only_mark_are_decimals_where_a_currency_has_three(
    typed: str, read: tuple[str, str | None]
) -> None:
    assert amount(typed, has_three=True) == read
