"""What people do, in Slack and in both ledgers, and what must come of it."""

import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from sandbox.slack import Message, View
from tests.chaos.people import Person
from tests.chaos.stage import Fate, Stage
from tests.walk import text_in

Step = tuple[str, str, str]  # which stand-in, the method, and what the path holds

READ = ("paymo", "GET", r"/api/invoices")
LOOK_UP = ("xero", "GET", r"/Invoices$")
MAKE = ("xero", "PUT", r"/Invoices$")
CHANGE = ("xero", "POST", r"/Invoices/")
NOTE = ("xero", "PUT", r"/History$")
ADD = ("paymo", "POST", r"/api/invoicepayments")
MARK = ("paymo", "PUT", r"/api/invoices/")
CONFIRM = ("xero", "GET", r"/Payments/")
REMOVE = ("paymo", "DELETE", r"/api/invoicepayments/")
DELETE = ("paymo", "DELETE", r"/api/invoices/")
REMAKE = ("paymo", "POST", r"/api/invoices")
TELL = ("slack", "POST", r"/api/chat\.postMessage$")
DRAW = ("slack", "POST", r"/api/(chat\.update|views\.update)$")
LEAVE = ("xero", "DELETE", r"/connections/")
REFRESH = ("token", "POST", r"/connect/token$")


@dataclass(frozen=True, slots=True)
class Act:
    """Something that people do, with the calls in which the program follows."""

    name: str
    do: Callable[[Person, Sequence[Fate], Random], Coroutine[Any, Any, None]]
    steps: tuple[Step, ...]
    fits: Callable[[Fate], bool] = lambda _: False
    takes: int = 0  # so many of the invoices that fit
    is_alone: bool = False


def is_open(fate: Fate) -> bool:
    """Say whether it is approved in Xero and nothing is paid, and nobody has meddled with it."""
    return fate.xero == "AUTHORISED" and not fate.payments and fate.paymo == {"draft"}


def is_part_paid(fate: Fate) -> bool:
    """Say whether a part of it is paid, by more than a credit."""
    return fate.xero == "AUTHORISED" and any(":" not in each for each in fate.payments)


def is_draft(fate: Fate) -> bool:
    """Say whether it is a draft in Xero."""
    return fate.xero == "DRAFT"


def _fresh(stage: Stage, status: str = "AUTHORISED", *, in_batch: bool = False) -> Fate:
    count = len(stage.fates) + 1
    fate = stage.add_invoice(f"INV-{count}", count)
    fate.xero = status
    if not in_batch:
        fate.told["invoice_exported"] += 1
    fate.noted["exported"] += 1
    stage.fates.append(fate)
    return fate


async def _export(person: Person, status: str) -> None:
    fate, slack = _fresh(person.stage, status), person.stage.slack

    def passed() -> View | None:
        view = slack.top_view(person.name)
        return view if view and view.payload.get("submit") and _says(view, "passed") else None

    async def act() -> None:
        if person.stage.in_xero(fate):
            return
        await person.close()
        await person.type(f"export {fate.number}")
        view = await person.glance(passed)
        if view is not None:
            await slack.choose(person.name, view.id, "xero_status", status)
            await person.submit(view)

    await person.insist(f"export {fate.number}", act, lambda: person.stage.in_xero(fate) or None)
    await person.close()


def _says(view: View, words: str) -> bool:
    return words in text_in(view.payload)


async def export(person: Person, _: Sequence[Fate], __: Random) -> None:
    """Export one invoice, approved."""
    await _export(person, "AUTHORISED")


async def export_draft(person: Person, _: Sequence[Fate], __: Random) -> None:
    """Export one invoice as a draft."""
    await _export(person, "DRAFT")


async def export_several(person: Person, _: Sequence[Fate], __: Random) -> None:
    """Export four invoices at once."""
    fates = [_fresh(person.stage, in_batch=True) for _ in range(4)]
    person.stage.told["batch_exported"] += 1
    numbers = " ".join(each.number for each in fates)
    is_submitted: list[bool] = []

    async def act() -> None:
        told = person.stage.slack.top_view(person.name)
        if is_submitted and not (told and _says(told, "Try again")):
            return
        view = await person.open(f"export {numbers}", "export_all", "Export 4 Invoices")
        if view is not None and await person.submit(view):
            is_submitted.append(True)

    await person.insist(
        numbers, act, lambda: all(person.stage.in_xero(each) for each in fates) or None
    )
    await person.close()


async def pay_part(person: Person, fates: Sequence[Fate], rng: Random) -> None:
    """Pay a part in Xero."""
    _pay(person.stage, fates[0], Decimal(rng.randrange(10_000, 50_000)) / 100)


async def pay_twice(person: Person, fates: Sequence[Fate], rng: Random) -> None:
    """Pay everything in Xero, in two parts at once."""
    first = Decimal(rng.randrange(10_000, 50_000)) / 100
    _pay(person.stage, fates[0], first)
    _pay(person.stage, fates[0], fates[0].total - first)


async def pay_rest(person: Person, fates: Sequence[Fate], _: Random) -> None:
    """Pay what is left in Xero."""
    left = fates[0].total - sum(fates[0].payments.values())
    _pay(person.stage, fates[0], left)


def _pay(stage: Stage, fate: Fate, amount: Decimal) -> None:
    day = stage.books.moment().date()
    made = stage.books.pay(stage.live(fate).invoice_id, amount, date=day)
    fate.pay(made.payment_id, amount)


async def credit(person: Person, fates: Sequence[Fate], rng: Random) -> None:
    """Apply a credit note, an overpayment or a prepayment in Xero."""
    stage, [fate] = person.stage, fates
    amount = Decimal(rng.randrange(1_000, 9_000)) / 100
    invoice_id = stage.live(fate).invoice_id
    kind = rng.choice(["credit_note", "overpayment", "prepayment"])
    made = stage.books.apply_credit(invoice_id, amount, kind=kind)
    fate.pay(f"{made.credit.credit_id}:{invoice_id}", amount)


async def edit_payment(person: Person, fates: Sequence[Fate], rng: Random) -> None:
    """Change a payment in Xero, which deletes it and makes another."""
    stage, [fate] = person.stage, fates
    key = _payment_of(fate)
    _drop(stage, fate, key)
    del fate.payments[key]
    _pay(stage, fate, Decimal(rng.randrange(10_000, 20_000)) / 100)


async def remove_payment(person: Person, fates: Sequence[Fate], _: Random) -> None:
    """Delete a payment in Xero."""
    stage, [fate] = person.stage, fates
    key = _payment_of(fate)
    _drop(stage, fate, key)
    del fate.payments[key]
    fate.told["payment_removed"] += 1
    fate.settle()


def _payment_of(fate: Fate) -> str:
    return next(each for each in fate.payments if ":" not in each)


def _drop(stage: Stage, fate: Fate, key: str) -> None:
    for copy in stage.company.payments_of(fate.paymo_ids[-1]):
        if copy.notes.endswith(key):
            stage.expect_deletion(f"/api/invoicepayments/{copy.id}", key)
    stage.books.remove_payment(key)


async def bring_back(person: Person, fates: Sequence[Fate], _: Random) -> None:
    """Delete a payment's copy in Paymo, and bring it back by the button."""
    stage, [fate] = person.stage, fates
    key = _payment_of(fate)
    amount = fate.payments[key]

    def copies() -> list[int]:
        found = stage.company.payments_of(fate.paymo_ids[-1])
        return [each.id for each in found if each.amount == amount]

    [former] = copies()
    last = stage.slack.messages("invoices")[-1].ts
    stage.company.delete_payment(former)
    fate.told["payment_removed"] += 1
    fate.told["payment_received"] += 1
    await person.press(
        lambda: person.told("payment_removed", fate.paymo_ids[-1], last),
        "bring_back",
        lambda: bool(copies()),
    )


async def void(person: Person, fates: Sequence[Fate], _: Random) -> None:
    """Void an invoice in Xero."""
    _void(person.stage, fates[0])


def _void(stage: Stage, fate: Fate) -> None:
    invoice_id = stage.live(fate).invoice_id
    stage.books.void(invoice_id)
    fate.xero, fate.paymo = "VOIDED", frozenset({"void"})
    fate.told["invoice_voided"] += 1


async def void_many(person: Person, fates: Sequence[Fate], _: Random) -> None:
    """Void four invoices at once, and let the deletions pass by the button."""
    stage = person.stage
    last = stage.slack.messages("invoices")[-1].ts
    stage.told["sync_paused"] += 2  # in the channel, and to the owner
    for each in fates:
        _void(stage, each)

    def followed() -> bool:
        return all((found := stage.in_paymo(each)) and found.status == "void" for each in fates)

    await person.press(lambda: person.told("sync_paused", after=last), "breaker_apply", followed)


async def delete_and_restore(person: Person, fates: Sequence[Fate], _: Random) -> None:
    """Delete a draft in Xero, and restore it in Paymo by a command."""
    stage, [fate] = person.stage, fates
    invoice_id, former = stage.live(fate).invoice_id, fate.paymo_ids[-1]
    stage.expect_deletion(f"/api/invoices/{former}", invoice_id)
    stage.books.delete(invoice_id)
    fate.xero, fate.paymo = "DELETED", frozenset({"draft"})
    fate.told["invoice_deleted"] += 1
    fate.told["invoice_restored"] += 1
    fate.noted["restored"] += 1

    def back() -> bool:
        found = [each for each in stage.company.invoices.values() if each.number == fate.number]
        fate.paymo_ids += [each.id for each in found if each.id not in fate.paymo_ids]
        return fate.paymo_ids[-1] != former

    find: Callable[[], Message | None] = lambda: person.told("invoice_deleted", former)  # noqa: E731 - it is named for its type
    await person.press(find, "restore", back)


async def undo(person: Person, fates: Sequence[Fate], _: Random) -> None:
    """Undo an export by its command and the button of the question."""
    stage, [fate] = person.stage, fates
    invoice = stage.live(fate)
    ended = "DELETED" if fate.xero == "DRAFT" else "VOIDED"
    fate.xero = ended
    fate.told["invoice_undone"] += 1
    fate.noted["undone"] += 1

    taken: list[Message] = []

    def question() -> Message | None:
        words = f"Undo the export of {fate.number} ("
        found = stage.slack.ephemerals(person.name)
        return next((each for each in reversed(found) if words in text_in(each.blocks)), None)

    async def act() -> None:
        if question() is None:
            await person.type(f"undo {fate.number}")
        asked = await person.glance(question)
        if asked is None or invoice.status == ended:
            return
        if (await stage.slack.press(person.name, asked, "undo")).ok and not taken:
            taken.append(asked)
            stage.acted_at = time.monotonic()

    await person.insist(f"undo {fate.number}", act, lambda: invoice.status == ended or None)


async def update(person: Person, fates: Sequence[Fate], rng: Random) -> None:
    """Change an invoice in Paymo, and bring the change to Xero by the button."""
    stage, [fate] = person.stage, fates
    invoice, made = stage.company.invoices[fate.paymo_ids[-1]], stage.live(fate)
    last = stage.slack.messages("invoices")[-1].ts
    invoice.items[0].price_unit += Decimal(rng.randrange(100, 900)) / 100
    stage.company.edit(invoice.id)
    fate.total = invoice.total
    fate.told["invoice_drifted"] += 2
    fate.noted["updated_in_xero"] += 1
    await person.press(
        lambda: person.told("invoice_drifted", invoice.id, last),
        "update_in_xero",
        lambda: made.total == fate.total,
    )


async def disconnect(person: Person, _: Sequence[Fate], __: Random) -> None:
    """Disconnect, and connect the same two again."""
    stage = person.stage
    stage.told["connection_ended"] += 1

    async def leave() -> None:
        view = await person.open("disconnect", "disconnect", "Maple")
        if view is not None and stage.xero.authority.connections:
            await person.submit(view)

    await person.insist("disconnect", leave, lambda: not stage.xero.authority.connections or None)
    await person.close()
    await person.connect()


def _arrows(whose: str, *arrows: str) -> tuple[Step, ...]:
    return tuple(("step", whose, each) for each in arrows)


def _called(whose: str) -> tuple[Step, ...]:
    return _arrows(f"{whose}'s call", "no call → call", "call → no call")


TOLD = _arrows("notification", "[*] → waiting", "waiting → posted")
CARD = (*TOLD, *_arrows("card", "[*] → posted"))
SENT = (*_arrows("export", "[*] → queued", "queued → sending", "sending → exported"), *CARD)
SENT += _called("export")
BATCH = _arrows("batch", "[*] → reading", "reading → ready", "ready → running", "running → done")
ADDED = (*_arrows("payment", "[*] → adding", "adding → recorded"), *TOLD, *_called("payment"))
CHECKED = _arrows("payment", "recorded → checking", "checking → removing", "removing → removed")
VOIDED = (*_arrows("invoice", "live → void_seen", "void_seen → voided"), *_called("export"), *TOLD)
HELD = _arrows("invoice", "void_seen → held", "held → void_seen")
DELETED = _arrows("invoice", "live → delete_seen", "delete_seen → deleted")
BROUGHT = _arrows("payment", "recorded → tombstone", "tombstone → adding", "adding → recorded")
TASK = (*_arrows("task", "[*] → waiting", "waiting → done"), *_called("task"))
UNDONE = _arrows("invoice", "live → undoing", "undoing → undone")
LEFT = _arrows("connection", "active → ending", "ending → ended", "ended → active")
SWEEP = (LOOK_UP, REFRESH, TELL, DRAW)
PAID = (*SWEEP, ADD, ADD, *ADDED)
ACTS = (
    Act("export", export, (READ, MAKE, MAKE, NOTE, TELL, DRAW, REFRESH, *SENT)),
    Act("export as a draft", export_draft, (READ, MAKE, MAKE, TELL, DRAW, REFRESH, *SENT)),
    Act("batch", export_several, (READ, LOOK_UP, MAKE, MAKE, TELL, DRAW, REFRESH, *SENT, *BATCH)),
    Act("part payment", pay_part, (*PAID, MARK), is_open, 1),
    Act("payment in two parts", pay_twice, (*PAID, MARK), is_open, 1),
    Act("payment of the rest", pay_rest, PAID, is_part_paid, 1),
    Act("credit", credit, PAID, is_open, 1),
    Act("payment edited", edit_payment, (*PAID, CONFIRM, REMOVE, *CHECKED), is_part_paid, 1),
    Act(
        "payment deleted",
        remove_payment,
        (*SWEEP, CONFIRM, REMOVE, REMOVE, *CHECKED, *_called("payment"), *TOLD),
        is_part_paid,
        1,
    ),
    Act(
        "copy deleted, brought back", bring_back, (TELL, DRAW, ADD, ADD, *BROUGHT), is_part_paid, 1
    ),
    Act("voided", void, (*SWEEP, MARK, MARK, *VOIDED), is_open, 1),
    Act("many voided", void_many, (*SWEEP, MARK, *VOIDED, *HELD), is_open, 4, is_alone=True),
    Act(
        "deleted, restored",
        delete_and_restore,
        (*SWEEP, DELETE, REMAKE, *DELETED, *TASK, *TOLD),
        is_draft,
        1,
    ),
    Act("undo", undo, (CHANGE, CHANGE, TELL, DRAW, *UNDONE, *TASK, *TOLD), is_open, 1),
    Act("update", update, (READ, CHANGE, CHANGE, TELL, DRAW, *TASK, *TOLD), is_open, 1),
    Act("disconnect", disconnect, (LEAVE, LEAVE, TELL, *LEFT, *TOLD), takes=0, is_alone=True),
)
