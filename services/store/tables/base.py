"""What every table shares."""

from datetime import datetime

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.store.types import UtcDateTime

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The metadata that models and migrations agree on."""

    metadata = MetaData(naming_convention=NAMES)


class Sends:
    """A row about which a remote system is written to (services.store.leaving)."""

    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: nothing is unanswered
