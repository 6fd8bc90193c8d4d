"""What every table has, and column types: money, times, encrypted secrets, enumerations."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from cryptography.fernet import MultiFernet
from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    DateTime,
    Dialect,
    Enum,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    bindparam,
)
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator
from structlog.contextvars import get_contextvars

from services.model.export import RefusalCode

# Paymo says nowhere how large its ids grow. SQLite's integers have 64 bits under any name.
PAYMO_ID = BigInteger().with_variant(Integer(), "sqlite")


NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC; SQLite forgets zones, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: nobody knows which zone they meant."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class RefusalCodes(TypeDecorator[list[RefusalCode]]):
    """A list of codes, as JSON."""

    impl = JSON
    cache_ok = True

    def process_result_value(
        self, value: list[str] | None, dialect: Dialect
    ) -> list[RefusalCode] | None:
        """Give the enumeration back."""
        return None if value is None else [RefusalCode(each) for each in value]


class Money(TypeDecorator[Decimal]):
    """A decimal kept as text: SQLite would turn a numeric column into a float."""

    impl = String(40)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """Write every digit."""
        return None if value is None else format(value, "f")

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        """Read every digit."""
        return None if value is None else Decimal(value)


class Keyring:
    """The keys that secrets are encrypted with; filled once, when the engine is built.

    SQLAlchemy's column types are made at import time and the keys are known only at start, so
    the columns share this one holder.
    """

    def __init__(self) -> None:
        """Start without keys."""
        self._fernet: MultiFernet | None = None

    def fill(self, fernet: MultiFernet) -> None:
        """Use these keys from now on."""
        self._fernet = fernet

    @property
    def fernet(self) -> MultiFernet:
        """The keys; a program that forgot to fill them fails at once."""
        if self._fernet is None:
            raise RuntimeError("the keyring is empty")
        return self._fernet


KEYRING = Keyring()


class Secret(TypeDecorator[str]):
    """Text that is encrypted in the database: the first key encrypts, all keys decrypt."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Encrypt."""
        return None if value is None else KEYRING.fernet.encrypt(value.encode()).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Decrypt."""
        return None if value is None else KEYRING.fernet.decrypt(value.encode()).decode()


def text_enum(kind: type[StrEnum]) -> Enum:
    """A StrEnum stored by its value, as plain text that migrations need not touch."""

    def values(members: Any) -> list[str]:
        return [member.value for member in members]

    return Enum(kind, native_enum=False, length=32, values_callable=values)


def partial(name: str, *columns: str, where: str, **more: Any) -> Index:
    """Return an index of only those rows for which `where` holds, as a migration makes it.

    Given the condition itself, SQLAlchemy would load every database's dialect: 2 MB.
    """
    return Index(name, *columns, info={"where": where}, **more)


def is_any(column: InstrumentedAttribute[Any], values: Iterable[StrEnum]) -> ColumnElement[bool]:
    """Compare with values that stand in the statement itself: a partial index is found by them."""
    listed = bindparam(None, list(values), type_=column.type, expanding=True, literal_execute=True)
    return column.in_(listed)


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


def request_at_work() -> str:
    """Return the id that logs have for the Slack request that this is done for; "" for none."""
    return str(get_contextvars().get("request_id", ""))


class Traced:
    """A row that keeps which Slack request it was last wanted for; logs of its steps say so."""

    request_id: Mapped[str] = mapped_column(String(16), default=request_at_work)


class Sends:
    """A row about which a remote system is written to (services.store.leases)."""

    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: nothing is unanswered
