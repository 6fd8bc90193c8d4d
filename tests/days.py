"""Days as people read them; this year's are written without the year, so tests can't quote them."""

from datetime import UTC, date, datetime

from services import money


def day(iso: str) -> str:
    """Return a day as it is shown today for an organisation in New Zealand."""
    return money.format_day(date.fromisoformat(iso), datetime.now(UTC).date(), "NZ")
