"""Whether Paymo still has what the table showed: one question for many, and a reading for few.

Heads tell which invoices were touched. Only those are read again, since a client who opens an
invoice touches it too, and that changes nothing which Xero is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from services.batch.reading import whole
from services.clients.paymo import Header, Invoice, PaymoClient
from services.errors import NotFound, Rejected
from services.export import preparing
from services.export.reading import read_invoice
from services.export.refusals import Refused
from services.model import ISSUED_IN_PAYMO
from services.store.tables import BatchRow, Export

Member = tuple[BatchRow, Export]

_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Compared:
    """The invoices that can go as they were shown, and those that cannot."""

    unchanged: list[Member] = field(default_factory=list)
    touched: list[tuple[BatchRow, Export, Invoice]] = field(default_factory=list)  # as they are now
    refused: list[tuple[Export, Refused]] = field(default_factory=list)


async def compare(paymo: PaymoClient, members: Sequence[Member]) -> Compared:
    """Compare each with Paymo."""
    ids = [row.paymo_invoice_id for row, _ in members]
    heads = {each.id: each for each in await paymo.headers_of(ids)}
    suspects = [each for each in members if not _is_untouched(each, heads)]
    now, unread = await _read_again(paymo, [row.paymo_invoice_id for row, _ in suspects], heads)
    compared = Compared()
    for member in members:
        row, export = member
        if _is_untouched(member, heads):
            compared.unchanged.append(member)
            continue
        invoice = now.get(row.paymo_invoice_id)
        if why := unread.get(row.paymo_invoice_id):
            compared.refused.append((export, Refused(why, problem="rejected")))
        elif invoice is None:
            compared.refused.append((export, preparing.gone(export)))
        elif _is_same(Invoice.from_json(row.invoice or {}), invoice):
            compared.touched.append((row, export, invoice))
        else:
            compared.refused.append((export, preparing.changed(export, invoice)))
    return compared


def _is_untouched(member: Member, heads: dict[int, Header]) -> bool:
    row, export = member
    head = heads.get(row.paymo_invoice_id)
    return head is not None and head.updated_on == export.seen_updated_on


async def _read_again(
    paymo: PaymoClient, ids: Sequence[int], heads: dict[int, Header]
) -> tuple[dict[int, Invoice], dict[int, str]]:
    """Return those that Paymo has, with lines, and why others are not read.

    One that a list lacks is asked for by itself.
    """
    listed = await paymo.invoices_with_items([each for each in ids if each in heads])
    found = {each.id: await whole(paymo, each) for each in listed}
    unread: dict[int, str] = {}
    for missing in (each for each in ids if each not in found):
        try:
            found[missing] = await read_invoice(paymo, missing)
        except NotFound:
            continue
        except Rejected as refusal:
            unread[missing] = str(refusal)
    return found, unread


def _is_same(shown: Invoice, now: Invoice) -> bool:
    """Say whether Xero would be sent the same: its status there says nothing to Xero."""
    if shown.status != now.status and not {shown.status, now.status} <= set(ISSUED_IN_PAYMO):
        return False
    return _printed(shown) == _printed(now)


def _printed(invoice: Invoice) -> Invoice:
    return msgspec.structs.replace(
        invoice, status="", updated_on=_ANY_TIME, payments=(), client=None, notes=None
    )
