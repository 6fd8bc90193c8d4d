"""Money, case by case: the text-book invoice, refusals, currencies, rates, numbers, wording."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from handlers.blocks import render_plain
from services.money import (
    DoesNotAddUp,
    LineSum,
    NotExportable,
    PaymoFigures,
    PaymoLine,
    check_adds_up,
    check_exportable,
    currency_code,
    decimals_of,
    effective_rate,
    expected_totals,
    fits_number,
    folded,
    is_plain,
    largest_remainder,
    line_amounts,
    line_text,
    lines_without_description,
    plain_text,
    rates_agree,
    reference,
    tax_components_rate,
    xero_lines,
)
from tests.services.paymo_book import Habit, Rates, Rounding, line, paymo_figures

CENT = Decimal("0.01")
EVERYTHING = Rates(Decimal(5), Decimal(8), tax_on_tax=True, discount=Decimal(10))


def text_book() -> PaymoFigures:
    lines = [line("120", "10"), line("80", "3.5"), line("150", taxed=False)]
    return paymo_figures(lines, EVERYTHING)


def test_the_text_book_invoice_keeps_every_figure() -> None:
    figures = text_book()

    assert figures.total == Decimal("1645.49")
    assert expected_totals(figures) == (Decimal(1467), Decimal("178.49"), Decimal("1645.49"))
    sent = xero_lines(figures)
    assert [each.discount_amount for each in sent] == [Decimal(120), Decimal(28), Decimal(15)]
    assert [each.tax_amount for each in sent] == [Decimal("144.72"), Decimal("33.77"), Decimal(0)]
    assert [each.is_taxed for each in sent] == [True, True, False]


def test_three_lines_at_fifteen_per_cent_do_not_lose_xeros_cent() -> None:
    figures = paymo_figures([line("25.06"), line("25.61"), line("25.63")], Rates(Decimal(15)))

    taxes = [each.tax_amount for each in xero_lines(figures)]

    assert sum(taxes) == figures.tax_amount == Decimal("11.45")


@pytest.mark.parametrize(
    ("quantity", "price", "sent"),
    [
        ("3.5", "80", ("3.5", "80", "Work")),
        ("0.25", "0.08", ("0.25", "0.08", "Work")),
        ("1.00000", "85.50", ("1", "85.50", "Work")),
        ("3.33", "85.505", ("1", "284.73", "Work\n3.33 × 85.505")),
        ("0.12345", "100000", ("1", "12345", "Work\n0.12345 × 100000")),
        ("1000", "0.00123", ("1", "1.23", "Work\n1000 × 0.00123")),
        ("0.3333333", "300", ("1", "100", "Work\n0.3333333 × 300")),
        ("-1", "12.50", ("1", "-12.50", "Work")),
        ("-3", "50", ("3", "-50", "Work")),
        ("-2", "-7.25", ("2", "7.25", "Work")),
        ("-3.33", "85.505", ("1", "-284.73", "Work\n-3.33 × 85.505")),
        ("0", "95", ("1", "0", "Work\n0 × 95")),
        ("0", "0", ("1", "0", "Work")),
        ("0.00001", "95", ("1", "0", "Work\n0.00001 × 95")),
    ],
)
def test_a_product_that_xero_would_round_or_refuse_goes_otherwise(
    quantity: str, price: str, sent: tuple[str, str, str]
) -> None:
    [each] = xero_lines(paymo_figures([line(price, quantity)]))

    assert (each.quantity, each.unit_amount) == (Decimal(sent[0]), Decimal(sent[1]))
    assert each.description == sent[2]


@pytest.mark.parametrize(
    ("lines", "discount", "sent"),
    [
        # Each line: quantity, unit amount, discount, what is left of it.
        (
            [line("100", "10"), line("-250")],
            "10",
            [("10", "100", "100", "900"), ("1", "-225", "0", "-225")],
        ),
        (
            [line("100", "10"), line("250", "-1"), line("95", "0")],
            "50",
            [("10", "100", "500", "500"), ("1", "-125", "0", "-125"), ("1", "0", "0", "0")],
        ),
        ([line("19.99", "3")], "100", [("3", "19.99", "59.97", "0")]),
        ([line("100"), line("-40")], "120", [("1", "-20", "0", "-20"), ("1", "8", "0", "8")]),
        ([line("100")], "-5", [("1", "105", "0", "105")]),
    ],
)
def test_a_discount_stands_where_xero_takes_it_and_is_in_the_price_elsewhere(
    lines: list[PaymoLine], discount: str, sent: list[tuple[str, ...]]
) -> None:
    found = xero_lines(paymo_figures(lines, Rates(discount=Decimal(discount))))

    assert [
        (each.quantity, each.unit_amount, each.discount_amount, each.amount) for each in found
    ] == [tuple(map(Decimal, each)) for each in sent]


def test_a_price_that_holds_the_discount_says_so() -> None:
    lines = [line("100", "10"), line("250", "-1", text="Deposit paid")]

    _, deposit = xero_lines(paymo_figures(lines, Rates(discount=Decimal(10))))

    assert deposit.description == "Deposit paid\n-1 × 250, discount included"


def test_a_sum_that_paymo_rounded_once_is_met_by_the_lines() -> None:
    lines = [line("0.335"), line("0.335"), line("0.335")]
    figures = paymo_figures(lines, habit=Habit(rounding=Rounding.ONCE))

    assert check_adds_up(figures) is LineSum.ROUNDED_ONCE
    assert line_amounts(figures) == (Decimal("0.34"), Decimal("0.34"), Decimal("0.33"))


@pytest.mark.parametrize(
    ("change", "figure"),
    [
        ({"total": Decimal("1645.50")}, "£1,645.50"),
        ({"discount_amount": Decimal("163.01")}, "£163.01"),
        ({"subtotal": Decimal("1630.01"), "total": Decimal("1645.50")}, "£1,630.01"),
        ({"lines": text_book().lines[:2]}, "£1,480.00"),
        ({"lines": tuple(replace(each, is_taxed=False) for each in text_book().lines)}, "178.49"),
    ],
)
def test_figures_off_by_a_cent_or_a_line_are_refused_with_the_figures(
    change: dict[str, Any], figure: str
) -> None:
    with pytest.raises(DoesNotAddUp) as refusal:
        xero_lines(replace(text_book(), **change))
    assert figure in render_plain(str(refusal.value))


def test_a_discount_on_lines_that_cancel_out_is_refused() -> None:
    figures = paymo_figures([line("10"), line("-10")])
    odd = replace(figures, discount_amount=Decimal(1), total=Decimal(-1))

    with pytest.raises(DoesNotAddUp, match="add up to nothing"):
        check_adds_up(odd)


def test_a_tax_on_taxed_lines_that_cancel_out_is_refused() -> None:
    figures = paymo_figures([line("10"), line("-10"), line("5", taxed=False)])
    odd = replace(figures, tax_amount=Decimal(1), total=Decimal(6))

    with pytest.raises(DoesNotAddUp) as refusal:
        check_adds_up(odd)
    assert "£1.00 of tax" in render_plain(str(refusal.value))


def test_a_second_tax_that_its_rate_does_not_come_to_is_refused() -> None:
    figures = paymo_figures([line("100"), line("50", taxed=False)], Rates(tax=Decimal(20)))
    odd = replace(figures, tax2_amount=Decimal(33), total=Decimal(203))

    with pytest.raises(DoesNotAddUp) as refusal:
        check_adds_up(odd)
    said = render_plain(str(refusal.value))
    assert "a second tax of £33.00, but its rate comes to £0.00" in said


def test_a_tax_counts_by_the_rate_of_the_discount_beside_a_deposit_taken_off() -> None:
    """Of 5.03, a tenth is 0.503: rounded to 0.50, it seems to leave 900.60 of the taxed line."""
    lines = [line("1000"), line("-994.97", taxed=False)]
    figures = paymo_figures(lines, Rates(tax=Decimal(20), discount=Decimal(10)))
    assert (figures.discount_amount, figures.tax_amount) == (Decimal("0.50"), Decimal(180))

    sent = xero_lines(figures)
    assert sum(each.amount + each.tax_amount for each in sent) == figures.total == Decimal("184.53")
    off = Decimal("0.50")
    with pytest.raises(DoesNotAddUp, match="its rate comes to"):
        check_adds_up(replace(figures, tax_amount=180 - off, total=figures.total - off))


@pytest.mark.parametrize(
    ("lines", "why"), [([], "no lines"), ([line("0")], "£0.00"), ([line("-5")], "-£5.00")]
)
def test_nothing_to_pay_is_refused(lines: list[object], why: str) -> None:
    with pytest.raises(NotExportable) as refusal:
        check_exportable(paymo_figures(lines))  # type: ignore[arg-type]
    assert why in render_plain(str(refusal.value))


def test_a_third_decimal_is_refused_by_name() -> None:
    fine = paymo_figures([line("12.340", "2")], currency="KWD")
    assert xero_lines(fine)[0].unit_amount == Decimal("12.34")

    with pytest.raises(NotExportable) as of_a_line:
        check_adds_up(paymo_figures([line("12.345")], currency="KWD"))
    assert "line 1 is KWD\u00a012.345" in render_plain(str(of_a_line.value))
    with pytest.raises(NotExportable) as of_the_total:
        check_adds_up(replace(fine, total=Decimal("24.681")))
    assert "total is KWD\u00a024.681" in render_plain(str(of_the_total.value))


def test_yen_stay_whole_unless_paymo_itself_states_less() -> None:
    whole = paymo_figures([line("85.5", "3"), line("100")], Rates(Decimal(10)), currency="JPY")
    assert [each.unit_amount for each in xero_lines(whole)] == [Decimal(257), Decimal(100)]

    lines = (line("85.5", "3"),)
    stated = replace(whole, lines=lines, subtotal=Decimal("256.5"), tax_amount=Decimal("25.65"))
    odd = replace(stated, total=Decimal("282.15"))
    assert expected_totals(odd) == (Decimal("256.5"), Decimal("25.65"), Decimal("282.15"))
    assert xero_lines(odd)[0].tax_amount == Decimal("25.65")


@pytest.mark.parametrize(
    ("paymo", "iso"),
    [
        ("CFP", "XPF"),
        ("RMB", "CNY"),
        ("TBH", "THB"),
        ("U$S", "USD"),
        ("US$", "USD"),
        ("eur", "EUR"),
    ],
)
def test_paymo_codes_become_iso_codes(paymo: str, iso: str) -> None:
    assert currency_code(paymo) == iso


@pytest.mark.parametrize(
    "code", ["ANG", "BGN", "EEK", "HRK", "LTL", "LVL", "SKK", "VEF", "DOGE", ""]
)
def test_a_currency_that_xero_cannot_know_is_refused_by_name(code: str) -> None:
    with pytest.raises(NotExportable, match=code or "''"):
        currency_code(code)


@pytest.mark.parametrize(
    ("code", "decimals"), [("GBP", 2), ("JPY", 0), ("CFP", 0), ("KRW", 0), ("KWD", 3), ("HUF", 2)]
)
def test_currencies_have_their_decimals(code: str, decimals: int) -> None:
    assert decimals_of(code) == decimals


def test_the_larger_remainder_gets_the_cent() -> None:
    shares = [Decimal(1), Decimal(1), Decimal(1), Decimal(0)]

    parts = largest_remainder(Decimal("0.02"), shares, CENT)

    assert parts == (CENT, CENT, Decimal(0), Decimal(0))


def test_an_amount_finer_than_the_unit_is_refused() -> None:
    with pytest.raises(DoesNotAddUp):
        largest_remainder(Decimal("0.015"), [Decimal(1), Decimal(2)], CENT)


@pytest.mark.parametrize(
    ("tax", "tax2", "on_tax", "rate"),
    [("5", "8", True, "13.4"), ("5", "8", False, "13"), ("6.25", "0", True, "6.25")],
)
def test_e23_two_taxes_make_one_effective_rate(
    tax: str, tax2: str, rate: str, *, on_tax: bool
) -> None:
    assert effective_rate(Decimal(tax), Decimal(tax2), tax_on_tax=on_tax) == Decimal(rate)


@pytest.mark.parametrize("parts", [[(8, True), (3, False), (2, False)], [(5, False), (8, True)]])
def test_xeros_compound_part_is_charged_on_the_plain_ones(parts: list[tuple[int, bool]]) -> None:
    components = [(Decimal(rate), is_compound) for rate, is_compound in parts]

    assert tax_components_rate(components) == Decimal("13.4")


def test_rates_agree_to_four_decimals_and_no_further() -> None:
    assert rates_agree(Decimal("8.875"), Decimal("8.87500"))
    assert rates_agree(Decimal("8.87501"), Decimal("8.875"))
    assert not rates_agree(Decimal("8.8751"), Decimal("8.875"))


@pytest.mark.parametrize(
    ("number", "fits"), [("x" * 22, True), ("x" * 23, False), ("ж" * 22, True), ("🧾" * 23, False)]
)
def test_twenty_two_characters_pass_and_twenty_three_do_not(number: str, *, fits: bool) -> None:
    assert fits_number(number) is fits


@pytest.mark.parametrize("number", ["#INV-7", "INV (draft)", "N" * 400, f"{'N' * 254} 2"])
def test_a_reference_is_the_number_as_far_as_xero_takes_it(number: str) -> None:
    assert number.startswith(reference(number))
    assert 0 < len(reference(number)) <= 255


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("INV 🎉 7", "INV 7"),
        (" INV \u00a0 7\u200b", "INV 7"),
        ("❤️INV-7", "INV-7"),
        ("inv-7", "INV-7"),
        ("Cafe\u0301 7", "Café 7"),
        ("1️⃣ INV\t7", "1 INV 7"),
    ],
)
def test_what_xero_makes_of_a_text_is_known_again(sent: str, kept: str) -> None:
    assert folded(sent) == folded(kept)
    assert folded(sent) != folded(f"{kept}1")


@pytest.mark.parametrize(
    ("text", "is_kept"),
    [("INV-7 (a)", True), ("7, second", False), ('7"', False), ("O'Neill", False)]
    + [(text, False) for text in ("a\\b", "INV  7", " INV", "INV–7", "7 🎉", "")],
)
def test_only_a_plain_text_is_asked_for_with_a_filter(text: str, *, is_kept: bool) -> None:
    assert is_plain(text) is is_kept


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Design &amp; build</p><p>June</p>", "Design & build\nJune"),
        ("one\r\ntwo\rthree<br/>four", "one\ntwo\nthree\nfour"),
        ("<ul><li>a</li><li class='x'>b</li></ul>", "a\nb"),
        ("a < b, Vec<int> and R&D", "a < b, Vec<int> and R&D"),
        ("x<!-- no --><script>alert(1)</script>y\x00", "xy"),
        ("&lt;b&gt;&nbsp;bold", "<b> bold"),
        ("<p> </p>", ""),
    ],
)
def test_html_becomes_the_text_a_person_reads(html: str, text: str) -> None:
    assert plain_text(html) == text


def test_a_title_is_not_said_twice() -> None:
    assert line_text("Logo", "<p>Logo, three drafts</p>") == "Logo, three drafts"
    assert line_text("Logo", "Three drafts") == "Logo\nThree drafts"
    assert line_text("Logo", "") == "Logo"


def test_a_long_description_is_cut_before_the_product() -> None:
    [short] = xero_lines(paymo_figures([line("1", text="w" * 4000)]))
    [cut] = xero_lines(paymo_figures([line("85.505", "3.33", text="w" * 4001)]))

    assert short.description == "w" * 4000
    assert len(cut.description) == 4000
    assert cut.description.endswith("w…\n3.33 × 85.505")


def test_lines_that_say_nothing_are_named_by_their_place() -> None:
    figures = paymo_figures([line("1"), line("2", text="<p>&nbsp;</p>"), line("3", text=" ")])

    assert lines_without_description(figures) == (2, 3)
