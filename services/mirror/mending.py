"""What somebody put right in Xero, seen by what the mirror held before; it releases exports."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self

from services.clients.xero import Addition
from services.lifecycle import releasing
from services.lifecycle.task import ask_again
from services.model.export import NEW_CONTACT
from services.store import mirror, tables, tax_choices
from services.store.engine import Session
from services.store.tables import Connection, Export

Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Books:
    """What exports can be refused for: accounts, tax rates, currencies and the lock date."""

    accounts: dict[str, tuple[bool, str, str]]  # whether it takes sales, its tax type, its code
    rates: dict[str, tuple[bool, Decimal]]  # whether it can be used, and its per cent
    currencies: frozenset[str]
    locked_until: date | None

    @classmethod
    def of(cls, accounts: Rows, rates: Rows, currencies: Rows, locked_until: date | None) -> Self:
        """Return what was read from Xero just now."""
        return cls(
            {
                each["account_id"]: (each["is_usable"], each["tax_type"], each["code"])
                for each in accounts
            },
            {each["tax_type"]: (each["is_usable"], each["effective_rate"]) for each in rates},
            frozenset(each["code"] for each in currencies),
            locked_until,
        )

    def accounts_mended(self, before: "Books") -> list[str]:
        """Return the accounts that take sales again, or carry another tax or code, than before."""
        return [
            account_id
            for account_id, now in self.accounts.items()
            if now[0]
            and (
                before.accounts.get(account_id) != now
                or before.rates.get(now[1]) != self.rates.get(now[1])
            )
        ]

    def rates_mended(self, before: "Books") -> dict[str, Decimal]:
        """Return the per cent of the tax types that can be used, and could not before."""
        return {
            tax_type: now[1]
            for tax_type, now in self.rates.items()
            if now[0] and before.rates.get(tax_type) != now
        }

    def zero_rates(self) -> int:
        """Return among how many rates of zero there is to choose."""
        return sum(is_usable and not rate for is_usable, rate in self.rates.values())

    def is_unlocked(self, before: "Books") -> bool:
        """Say whether days can be used that were locked before."""
        if before.locked_until is None:
            return False
        return self.locked_until is None or self.locked_until < before.locked_until


async def known(session: Session, connection: Connection) -> Books:
    """Return what the mirror holds."""
    return Books(
        {
            each.account_id: (each.is_usable, each.tax_type, each.code)
            for each in await mirror.list_accounts(session, connection.id)
        },
        {
            each.tax_type: (each.is_usable, each.effective_rate)
            for each in await mirror.list_tax_rates(session, connection.id)
        },
        frozenset(await mirror.list_currencies(session, connection.id)),
        connection.locked_until,
    )


async def release(
    session: Session, connection: Connection, before: Books, after: Books, now: datetime
) -> None:
    """Let go on what was refused for something that is put right by now."""
    settled = []
    if accounts := after.accounts_mended(before):
        settled.append(releasing.accounts_mended(accounts))
    if codes := after.currencies - before.currencies:
        settled.append(releasing.currencies_enabled(codes))
    if after.is_unlocked(before):
        settled.append(releasing.lock_moved(after.locked_until))
    if rates := after.rates_mended(before):
        chosen = await tax_choices.list_all(session, connection)
        settled.append(
            releasing.rates_usable([rate for rate, used in chosen.items() if used in rates])
        )
    settled += _about_zero(before, after, rates)
    for cured in settled:
        await releasing.release(session, connection, cured, now)
    if settled:
        await ask_again(session, connection, now)


def _about_zero(
    before: Books, after: Books, mended: dict[str, Decimal]
) -> Iterable[releasing.Cured]:
    """Return what is settled for lines without tax: a rate that is new, or no choice any more."""
    if not all(mended.values()):
        yield releasing.zero_rate_usable()
    if after.zero_rates() == 1 < before.zero_rates():
        yield releasing.untaxed_chosen()


async def copy_contacts(
    session: Session,
    connection: Connection,
    rows: Rows,
    now: datetime,
    left_out: Collection[str] | None = (),
) -> None:
    """Copy Xero's contacts; what one that is active again held up goes on.

    So does what waited for a name, once nobody has it, or its archived owner is restored.
    `left_out` is what a whole list holds and nobody can read; None says that only some were read.
    """
    usable = {each["contact_id"] for each in rows if each["is_active"]}
    restored = usable & await mirror.list_archived_ids(session, connection.id)
    waiting = [
        export
        for export in await releasing.list_name_taken(session, connection)
        if await _namesake(session, connection, export) is not None
    ]
    if left_out is None:
        await mirror.put_changed(session, connection.id, rows)
    else:
        await mirror.replace(session, connection.id, tables.Contact, rows, left_out)
    if restored:
        await releasing.release(session, connection, releasing.contacts_restored(restored), now)
        await ask_again(session, connection, now)
    for export in waiting:
        namesake = await _namesake(session, connection, export)
        if namesake is None or namesake.contact_id in restored:
            there = namesake.contact_id if namesake is not None else NEW_CONTACT
            cured = releasing.name_settled(export, there)
            await releasing.release(session, connection, cured, now)


async def _namesake(
    session: Session, connection: Connection, export: Export
) -> tables.Contact | None:
    adding = Addition.of(export.client_id, export.client_name)
    return await mirror.find_namesake(session, connection.id, adding.name, adding.number)
