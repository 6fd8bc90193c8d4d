"""Batches between the stand-ins, as people press them."""

from collections import Counter
from typing import Any

from services.batch.table import BatchForm
from services.model.export import SELECTABLE, Marks
from services.model.people import Person
from services.store.engine import Database
from tests.services.bridge import ANNA, BEN, Bridge

# Too long for Xero to be sent it, so no unique number stops a second copy there.
LONG = "INV-2026-11-25-00000000-"
LINES = [("Design", "Pages", 3, "33.33"), ("Travel", "Train", 1, "19.99")]


async def opened(database: Database) -> Bridge:
    """Return a connected pair with one client that Xero surely knows."""
    made = await Bridge.open(database)
    made.xero.books.add_contact("Acme Ltd")
    made.paymo.company.add_client("Acme Ltd")
    await made.change(exporters=[BEN.user_id])
    return made


def invoices(bridge: Bridge, count: int, client: str = "Acme Ltd", **more: Any) -> None:
    """Add invoices of one client, numbered on, behind `prefix`."""
    prefix = more.pop("prefix", "INV-")
    company = bridge.paymo.company
    owner = next(each for each in company.clients.values() if each.name == client)
    usual = {"tax": 15, "status": "sent"}
    for _ in range(count):
        number = f"{prefix}{len(company.invoices) + 1}"
        company.add_invoice(number, owner, LINES, **{**usual, **more})


async def table(bridge: Bridge, *numbers: str, person: Person = ANNA) -> BatchForm:
    """Open a table and wait until it was read."""
    form = await bridge.batches.open(person, numbers)
    await bridge.batches.attach_view(person, form.batch_id, "V1")
    await bridge.run()
    return await bridge.batches.form(person, form.batch_id)


async def confirmed(bridge: Bridge, *numbers: str) -> int:
    """Have all that is ready exported by one press; return the batch's id."""
    form = await table(bridge, *numbers)
    await bridge.batches.confirm(ANNA, form.batch_id)
    return form.batch_id


async def export_all(bridge: Bridge, *numbers: str) -> BatchForm:
    """Open a table, confirm it, and wait for the end."""
    await confirmed(bridge, *numbers)
    await ended(bridge)
    return bridge.screen.ended[-1]


async def ended(bridge: Bridge) -> None:
    """Let time pass until every batch has its report."""
    for _ in range(60):
        await bridge.run()
        if bridge.screen.ended:
            return
        bridge.clock.turn(seconds=10)
    raise AssertionError("no report")


def marks(form: BatchForm, *numbers: str) -> Marks:
    """Tick these on a page that shows everything that can go, and nothing else."""
    shown = [line for each in form.groups if each.verdict in SELECTABLE for line in each.lines]
    ticked = [each.invoice_id for each in shown if each.number in numbers]
    return Marks(form.revision, tuple(each.invoice_id for each in shown), tuple(ticked))


def words(form: BatchForm) -> dict[str, list[str]]:
    """Return the numbers by their verdicts."""
    return {each.verdict: [line.number for line in each.lines] for each in form.groups}


def by_reference(bridge: Bridge) -> Counter[str]:
    """Return how often each reference of ours stands in Xero."""
    return Counter(each.reference for each in bridge.xero.invoices.values())


def in_xero(bridge: Bridge) -> Counter[str]:
    """Return how often each number stands in Xero."""
    return Counter(each.number for each in bridge.xero.invoices.values())
