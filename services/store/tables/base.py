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


class Leased:
    """A row that wants work (services.store.leases).

    While a worker is at it `due_at` is the lease's end, so that a killed one's row comes due by
    itself; a hint makes it sooner, and leaves the lease alone.
    """

    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)  # None: no work
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: nobody is at it
    fence: Mapped[int] = mapped_column(default=0)  # grows whenever the row is taken
    tries: Mapped[int] = mapped_column(default=0)


class Sends:
    """A row about which a remote system is written to (services.store.leaving)."""

    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: nothing is unanswered
