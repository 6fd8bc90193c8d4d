"""What hangs on an invoice in Paymo: what a deletion cuts, and what is tied again afterwards.

Time and expenses hang on lines, and the invoice on its project. An invoice that is made again has
other lines, so everything is tied anew as far as it is still free, read back, and compared.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

import msgspec

from services.clients.paymo import Invoice, Item, PaymoClient
from services.model.wording import listed

_Standing = Mapping[int, int | None]  # which line bills each of them now


class _Why(NamedTuple):
    """Why something is not tied again."""

    of_one: str
    of_many: str


_DELETED = _Why("It was deleted in Paymo.", "They were deleted in Paymo.")
_ELSEWHERE = _Why("Another invoice bills it by now.", "Other invoices bill them by now.")
_OPEN = _Why(
    "It can be billed again: mark it as billed in Paymo.",
    "They can be billed again: mark them as billed in Paymo.",
)


def said(invoice: Invoice) -> str:
    """Name what hangs on an invoice, as in "its project and 2 time entries", or ""."""
    expenses = sum(each.expense_id is not None for each in invoice.items)
    entries = sum(len(each.entries) for each in invoice.items)
    parts = ["its project"] if invoice.project_id is not None else []
    if expenses:
        parts.append(f"{expenses} expense{'' if expenses == 1 else 's'}")
    if entries:
        parts.append(f"{entries} time {'entry' if entries == 1 else 'entries'}")
    return listed(parts)


async def free(paymo: PaymoClient, former: Invoice) -> Invoice:
    """The former invoice without what is gone, or billed on another invoice, by now."""
    own = {each.id for each in former.items}
    expenses = await _standing(paymo, "expenses", _expenses(former.items))
    entries = await _standing(paymo, "entries", _entries(former.items))
    items = [
        msgspec.structs.replace(
            each,
            expense_id=each.expense_id if _is_free(each.expense_id, expenses, own) else None,
            entries=tuple(row for row in each.entries if _is_free(row.id, entries, own)),
        )
        for each in former.items
    ]
    return msgspec.structs.replace(former, items=tuple(items))


def bare(former: Invoice) -> Invoice:
    """The former invoice with nothing that hangs on it."""
    items = [msgspec.structs.replace(each, expense_id=None, entries=()) for each in former.items]
    return msgspec.structs.replace(former, items=tuple(items), project_id=None)


async def lost(paymo: PaymoClient, former: Invoice, made: Invoice) -> Sequence[str]:
    """Say what hangs on the invoice that was made no more, a sentence for each line and thing."""
    missing = list(_missing(former, made))
    expenses = await _standing(
        paymo, "expenses", [found for _, _, found, _ in missing if found is not None]
    )
    entries = await _standing(paymo, "entries", [each for *_, found in missing for each in found])
    sentences = await _lost_project(paymo, former, made)
    for place, item, expense, gone in missing:
        line = f"Line {place}, {item.title}:" if item.title else f"Line {place}:"
        if expense is not None:
            why = _why(expense, expenses)
            sentences.append(f"{line} its expense isn't on it any more. {why.of_one}")
        for why, count in _counted(gone, entries):
            time = "1 time entry isn't" if count == 1 else f"{count} time entries aren't"
            because = why.of_one if count == 1 else why.of_many
            sentences.append(f"{line} {time} on it any more. {because}")
    return sentences


async def _lost_project(paymo: PaymoClient, former: Invoice, made: Invoice) -> list[str]:
    if former.project_id is None and not _linked(former):
        return []
    name = await paymo.project_name(former.project_id) if former.project_id else ""
    project = f"its project {name}".strip()
    if made.project_id != former.project_id:
        return [f"It isn't on {project} any more: choose it in Paymo."]
    if _linked(former) != _linked(made):
        said = f"Paymo's list of invoices doesn't show {project}: choose it there, as only you can."
        return [said]
    return []


def _linked(invoice: Invoice) -> Collection[object]:
    found = (invoice.options or {}).get("linked_projects") or []
    return [each.get("project_id") for each in found if isinstance(each, dict)]


def _missing(
    former: Invoice, made: Invoice
) -> Iterator[tuple[int, Item, int | None, Sequence[int]]]:
    """Yield the lines that lack something, by their place: the expense, and the time."""
    pairs = zip_longest(former.in_order, made.in_order[: len(former.items)])
    for place, (was, now) in enumerate(pairs, start=1):
        has = {each.id for each in now.entries} if now is not None else set()
        gone = [each.id for each in was.entries if each.id not in has]
        is_same = now is not None and now.expense_id == was.expense_id
        expense = None if is_same else was.expense_id
        if gone or expense is not None:
            yield place, was, expense, gone


async def _standing(paymo: PaymoClient, kind: str, ids: Collection[int]) -> _Standing | None:
    return await paymo.billed(kind, ids) if ids else {}


def _expenses(items: Sequence[Item]) -> list[int]:
    return [each.expense_id for each in items if each.expense_id is not None]


def _entries(items: Sequence[Item]) -> list[int]:
    return [row.id for each in items for row in each.entries]


def _is_free(its_id: int | None, standing: _Standing | None, own: Collection[int]) -> bool:
    """Say whether it can be billed again; where Paymo does not tell, it is left to Paymo."""
    if its_id is None or standing is None:
        return its_id is not None
    return its_id in standing and (standing[its_id] is None or standing[its_id] in own)


def _why(its_id: int, standing: _Standing | None) -> _Why:
    if standing is not None and its_id not in standing:
        return _DELETED
    if standing is not None and standing[its_id] is not None:
        return _ELSEWHERE
    return _OPEN


def _counted(gone: Sequence[int], standing: _Standing | None) -> Iterator[tuple[_Why, int]]:
    reasons = [_why(each, standing) for each in gone]
    return ((each, reasons.count(each)) for each in dict.fromkeys(reasons))
