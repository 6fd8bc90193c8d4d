"""What somebody put right in Xero, seen by what the mirror held before; it releases exports."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.store import mirror, releasing
from services.store.engine import Session
from services.store.tables import Connection

Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Books:
    """Accounts, tax rates and currencies as far as exports can be refused for them."""

    accounts: dict[str, tuple[bool, str]]  # whether it takes sales, and its tax type
    rates: dict[str, tuple[bool, str]]  # whether it can be used, and its per cent
    currencies: frozenset[str]

    @classmethod
    def of(cls, accounts: Rows, rates: Rows, currencies: Rows) -> "Books":
        """Return what was read from Xero just now."""
        return cls(
            {each["account_id"]: (each["is_usable"], each["tax_type"]) for each in accounts},
            {
                each["tax_type"]: (each["is_usable"], f"{each['effective_rate']:f}")
                for each in rates
            },
            frozenset(each["code"] for each in currencies),
        )

    def mended_since(self, before: "Books") -> list[str]:
        """Return the accounts that take sales again, or carry another tax, than before."""
        return [
            account_id
            for account_id, (is_usable, tax_type) in self.accounts.items()
            if is_usable
            and (
                before.accounts.get(account_id) != (is_usable, tax_type)
                or before.rates.get(tax_type) != self.rates.get(tax_type)
            )
        ]


async def known(session: Session, connection: Connection) -> Books:
    """Return what the mirror holds."""
    return Books(
        {
            each.account_id: (each.is_usable, each.tax_type)
            for each in await mirror.list_accounts(session, connection.id)
        },
        {
            each.tax_type: (each.is_usable, f"{each.effective_rate:f}")
            for each in await mirror.list_tax_rates(session, connection.id)
        },
        frozenset(await mirror.list_currencies(session, connection.id)),
    )


async def release(
    session: Session, connection: Connection, before: Books, after: Books, now: datetime
) -> None:
    """Let go on what was refused for something that is put right by now."""
    if accounts := after.mended_since(before):
        await releasing.release(session, connection, releasing.accounts_mended(accounts), now)
    if codes := after.currencies - before.currencies:
        await releasing.release(session, connection, releasing.currencies_enabled(codes), now)
