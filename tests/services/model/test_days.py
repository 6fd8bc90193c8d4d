"""Which day it is where the books are kept."""

from datetime import UTC, date, datetime

import pytest

from services.model import days

NIGHT = datetime(2026, 11, 30, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stated", "day"),
    [
        ("NEWZEALANDSTANDARDTIME", date(2026, 12, 1)),
        ("EAUSTRALIASTANDARDTIME", date(2026, 11, 30)),
        ("E. Australia Standard Time", date(2026, 11, 30)),
        ("CENTRALSTANDARDTIME(MEXICO)", date(2026, 11, 30)),
        ("UTC+13", date(2026, 12, 1)),
        ("UTC11", date(2026, 11, 30)),
        ("UTC", date(2026, 11, 30)),
        ("MIDATLANTICSTANDARDTIME", date(2026, 11, 30)),  # nobody lives there
        ("", date(2026, 11, 30)),
    ],
)
def test_the_day_is_that_of_the_books(stated: str, day: date) -> None:
    assert days.day_in(stated, NIGHT) == day


@pytest.mark.parametrize(
    ("stated", "hours"),
    [("UTC11", -11), ("UTC+13", 13), ("CENTRALSTANDARDTIME(MEXICO)", -6), ("INDIASTANDARDTIME", 5)],
)
def test_a_zone_is_known_by_the_name_that_xero_has_for_it(stated: str, hours: int) -> None:
    offset = NIGHT.astimezone(days.zone_of(stated)).utcoffset()

    assert offset is not None
    assert offset.total_seconds() // 3600 == hours


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("new york", "America/New_York"),
        ("São Paulo", "America/Sao_Paulo"),
        ("ZÜRICH", "Europe/Zurich"),
        ("St. John\u2019s", "America/St_Johns"),
        ("port au prince", "America/Port-au-Prince"),
        ("Pacific/Auckland", "Pacific/Auckland"),
    ],
)
def test_a_zone_is_found_as_people_write_its_city(typed: str, zone: str) -> None:
    assert days.zones_like(typed) == [zone]


def test_every_zone_is_offered_where_nothing_is_typed_and_none_where_nothing_fits() -> None:
    assert set(days.zones_like(" ")) == days.ZONES
    assert days.zones_like("Atlantis") == []
