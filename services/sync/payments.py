"""One payment's copy in Paymo, added and removed: take, call, record.

A copy in Paymo carries a marker in its notes. Payments without one were typed by people.
"""

import contextlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from services import money
from services.clients.paymo import Invoice, PaymoClient
from services.clients.paymo import Payment as Copy
from services.clients.xero import settlements_of
from services.errors import Lost, NotFound, Rejected, ServiceError
from services.jobs import policy
from services.jobs.policy import Wait
from services.jobs.runner import Step, Turn
from services.lifecycle import payment
from services.model.invoice import GONE_FROM_PAYMO, PaymentKind, PaymentState
from services.model.jobs import Job
from services.model.wording import Amount, Day
from services.store import exports, leases, payments
from services.store.engine import Session
from services.store.tables import Payment
from services.sync.run import ExportedInvoice, SweepRun

_NO_PAYMENTS = frozenset({"void"})
_MARKER = "Xero payment "
# As we write it, closing the notes; words that people type have no such id.
_OURS = re.compile(rf"{_MARKER}([0-9a-f-]{{36}}(?::[0-9a-f-]{{36}})?)\Z", re.IGNORECASE)


class _GivenUp(ServiceError):
    """Neither side has let it through for a day, so a person decides."""


@dataclass(frozen=True, slots=True)
class PaymentStep(Step[Payment]):
    """Brings one payment a step on, within a sweep; a refusal doesn't hold up the others."""

    job = Job.SWEEP
    table = Payment
    policy = policy.PAYMENT

    sweep: SweepRun
    outcomes: Counter[PaymentState] = field(default_factory=Counter)

    async def run(self, turn: Turn[Payment]) -> None:
        """Check it, remove it or add it."""
        async with self.sweep.database.sessions() as session:
            copying = await self._of(session, turn)
        was_out = turn.row.state is PaymentState.TOMBSTONE
        try:
            await copying.go_on()
        except _GivenUp as refusal:
            await self.give_up(turn, refusal)
        except Lost:
            await copying.leave_alone()
            raise
        finally:
            self.outcomes[turn.row.state] += not was_out

    async def put_off(
        self, session: Session, turn: Turn[Payment], wait: Wait
    ) -> Mapping[str, object]:
        """Show on the sweep what needs somebody."""
        number = (await exports.get(session, turn.row.export_id)).number
        self.sweep.note_wait(wait, f"A payment on invoice {number} is waiting. {wait.why}")
        return {}

    async def give_up(self, turn: Turn[Payment], refusal: ServiceError) -> None:
        """Let a person decide, once nothing can arrive any more."""
        async with self.sweep.database.sessions() as session:
            copying = await self._of(session, turn)
        await copying.give_up()

    async def _of(self, session: Session, turn: Turn[Payment]) -> "Copying":
        return Copying(self.sweep, await exports.get(session, turn.row.export_id), turn.row)


@dataclass(frozen=True, slots=True)
class Copying(ExportedInvoice):
    """What is done about one payment that was taken."""

    payment: Payment

    async def go_on(self) -> None:
        """Do what its state asks for."""
        if self.payment.state is PaymentState.CHECKING:
            await self._check()
        elif self.payment.state is PaymentState.REMOVING:
            await self._remove()
        elif self.payment.state is PaymentState.TOMBSTONE:
            await self._look_for(is_deleted=await self._is_deleted())
        else:
            await self._add()

    async def wait_for_call(self) -> None:
        """End the call about a payment of which something else is wanted by now."""
        async with self.run.database.sessions.begin() as session:
            await payment.wait_for_call(session, self.payment, self.run.now())

    async def leave_alone(self) -> None:
        """End the call as `wait_for_call` does, unless somebody else has taken the payment."""
        with contextlib.suppress(Lost):
            await self.wait_for_call()

    async def give_up(self) -> None:
        """Ask a person about a payment that Paymo refuses, or report a copy it won't delete."""
        if leases.is_under_way(self.payment, self.run.now()):
            await self.wait_for_call()
        elif self.payment.state is PaymentState.TOMBSTONE:
            await self._look_for(is_deleted=False)
        elif self.payment.state is PaymentState.ADDING:
            await self.ask("Paymo hasn’t accepted it for a day. Record it once Paymo works again.")
        else:
            why = "It's gone from Xero, but we couldn't delete it in Paymo for a day."
            async with self.run.database.sessions.begin() as session:
                await payment.give_removing_up(session, self.payment, why)
                await self.tell_removed(session, self.payment, by_person=False, is_stuck=True)

    def _require_over(self) -> None:
        """Raise `StillUnderWay` while what was sent may still stand in Paymo."""
        leases.require_over(self.payment, self.run.now())

    def _require_patience(self) -> None:
        """Raise `_GivenUp` once it has been tried for as long as the policy allows."""
        if policy.PAYMENT.is_over(self.payment.tries - 1):
            raise _GivenUp("We tried for a day.")

    async def _leave(self) -> None:
        """Note that a write leaves now, before it does. Raises `StillUnderWay` or `Lost`."""
        self._require_over()
        async with self.run.database.sessions.begin() as session:
            await payment.mark_sent(session, self.payment, self.run.now())

    # ---- missing from its invoice: gone, or not?

    async def _check(self) -> None:
        """Ask Xero by id; only "deleted" counts, and a payment that cannot be found does not."""
        is_deleted = await self._is_deleted()
        async with self.run.database.sessions.begin() as session:
            if is_deleted:
                await payment.remove(session, self.payment)
            elif self.payment.paymo_payment_id is not None:
                await payment.mark_standing(session, self.payment)
            else:
                await payment.add_after_all(session, self.payment, self.run.now())
        if is_deleted:
            await self._remove()

    async def _look_for(self, *, is_deleted: bool) -> None:
        """End what Xero has deleted after a person did so in Paymo; else leave it as it is."""
        async with self.run.database.sessions.begin() as session:
            if is_deleted:
                await payment.mark_removed(session, self.payment)
                await self.settle_payment(session, self.payment)
            else:
                await payment.look_for(session, self.payment, None)

    async def _is_deleted(self) -> bool:
        xero = self.run.xero
        try:
            if self.payment.kind is PaymentKind.PAYMENT:
                return (await xero.payment(self.payment.xero_payment_id)).status == "DELETED"
            invoice = await xero.invoice(self.export.xero_invoice_id or "")
        except NotFound:
            return False
        listed = {each.key for each in settlements_of(invoice, self.run.today)}
        return self.payment.xero_payment_id not in listed

    # ---- out of Paymo

    async def _remove(self) -> None:
        """Delete the copy in Paymo, and only that one."""
        copy_id = await self._standing_copy()
        if copy_id is not None:
            self._require_patience()
            await self._leave()
            try:
                with leases.answered(self.payment):
                    await self.run.paymo.delete_payment(copy_id)
            except NotFound:  # somebody may have been faster; what counts is that it is not there
                await self.run.require_sight()
        was_there = copy_id is not None or self.payment.paymo_payment_id is not None
        comes_again = await self._comes_again()
        leases.settle(self.payment)
        async with self.run.database.sessions.begin() as session:
            if comes_again:
                await payment.add_again(session, self.payment, self.run.now())
                return
            await payment.mark_removed(session, self.payment)
            # Where Paymo had no copy, nothing is told, but somebody may have been asked.
            await self.settle_payment(session, self.payment)
            if was_there and not await payments.is_replaced(session, self.payment.id):
                await self.tell_removed(session, self.payment, by_person=False)

    async def _standing_copy(self) -> int | None:
        """Return the copy in Paymo, also one left by a call whose answer was lost.

        A deletion that may still arrive is done where its copy is not listed any more; where no
        copy is known, nothing is sure before the addition's time is over.
        """
        known_id = self.payment.paymo_payment_id
        if known_id is not None and self.payment.sent_at is None:
            return known_id
        invoice = await self.in_paymo()
        if invoice is None:
            return None
        if known_id is not None:
            return known_id if any(each.id == known_id for each in invoice.payments) else None
        found = _find_copy(invoice, self.payment)
        if found is None:
            self._require_over()
            return None
        leases.settle(self.payment)
        return found.id

    async def _comes_again(self) -> bool:
        """Say whether this is a credit whose applied amount changed, so that it is added anew."""
        return self.payment.kind is not PaymentKind.PAYMENT and not await self._is_deleted()

    # ---- into Paymo

    def plain_amount(self, invoice: Invoice) -> Decimal | None:
        """Return the amount to record; None if the payment needs a check of its own."""
        is_gone = self.export.invoice_state in GONE_FROM_PAYMO
        is_alone = is_gone or bool(self.export.drift) or self._is_only_told()
        if is_alone or _find_copy(invoice, self.payment) is not None:
            return None
        amount = self.payment.amount
        is_odd = self._takeable(invoice) != amount or self._why_not(invoice, amount)
        return None if is_odd else amount

    def facts_of(self, copy: Copy) -> dict[str, object]:
        """Return a notification's facts about the copy, besides the payment's own."""
        short = self.payment.amount - copy.amount
        return {
            "short_by": format(short, "f") if short > 0 else "",
            "over_by": format(-short, "f") if short < 0 else "",
            "is_rounding": short == self.export.xero_rounding,
        }

    async def leave_again(self) -> None:
        """Note again that a write leaves now; nothing of it has left yet."""
        leases.settle(self.payment)
        await self._leave()

    async def _add(self) -> None:
        if self.export.invoice_state in GONE_FROM_PAYMO:
            await self._park(gone=True)
            return
        if self._is_only_told() and self.payment.sent_at is None:
            await self._park(gone=False)
            return
        invoice = await self.in_paymo()
        if invoice is None:
            await self._park(gone=True)
            return
        known = _find_copy(invoice, self.payment)
        if known is None:
            self._require_over()
            if self._is_only_told():
                await self._park(gone=False)
                return
            amount = self._takeable(invoice)
            await self.require_room(self.payment.amount - invoice.left)
            if why := self._why_not(invoice, amount):
                await self.ask(why)
                return
            self._require_patience()
            known = await self._call(invoice, amount)
        if known is not None:
            await self._record(known)

    def _is_only_told(self) -> bool:
        is_credit = self.payment.kind is not PaymentKind.PAYMENT
        return is_credit and self.run.connection.credits == "notify"

    async def _call(self, invoice: Invoice, amount: Decimal) -> Copy | None:
        """Add the payment, on a draft after making it sent; None when Paymo refused for good."""
        paymo = self.run.paymo
        try:
            if invoice.status == "draft":
                await self._leave()
                with leases.answered(self.payment):
                    await paymo.set_status(invoice.id, "sent")
            await self._leave()
            with leases.answered(self.payment):
                return await self.add_to(paymo, amount)
        except Rejected as refusal:
            await self.end_refused(refusal)
            return None

    async def end_refused(self, refusal: Rejected) -> None:
        """Record the copy if Paymo has it all the same; else let a person decide."""
        known = None
        with contextlib.suppress(ServiceError):  # where Paymo can't be asked, the refusal counts
            invoice = await self.run.paymo.invoice(self.export.paymo_invoice_id)
            known = _find_copy(invoice, self.payment)
        await (self.ask(str(refusal)) if known is None else self._record(known))

    async def add_to(self, paymo: PaymoClient, amount: Decimal) -> Copy:
        """Add the copy; its note is written."""
        return await paymo.add_payment(
            self.export.paymo_invoice_id,
            amount=amount,
            paid_on=self.payment.paid_on,
            notes=notes_of(self.payment),
        )

    def _takeable(self, invoice: Invoice) -> Decimal:
        """Return the amount to record: all of it, or what is left where both nearly agree.

        A cent too much in Xero is let go, once no former copy takes its room. Beyond it only what
        a person accepted or rounded counts: as much above, or, once nothing is due, exactly below.
        """
        amount, accepted = self.payment.amount, self.export.allowed_difference
        over = amount - invoice.left
        if over <= 0:
            is_last = self.export.xero_due == 0
            return invoice.left if is_last and over == accepted else amount
        cent = Decimal(1).scaleb(-money.decimals_of(self.export.currency))
        return invoice.left if over <= max(cent, accepted) else amount

    def _why_not(self, invoice: Invoice, amount: Decimal) -> str:
        """Say why a person must decide, or ""."""
        if invoice.status in _NO_PAYMENTS:
            return "The invoice is void in Paymo."
        if why := self.why_other_currency(invoice):
            return why
        country = self.run.connection.country
        twin = self._hand_typed_twin(invoice)
        if twin is not None:
            return (
                f"Paymo already has a payment of the same amount, dated "
                f"{Day(twin.paid_on, country)}, that somebody added there. It's probably the same "
                "one."
            )
        if amount > invoice.left or amount <= 0:
            left = Amount(max(invoice.left, Decimal(0)), self.export.currency, country)
            return f"It's more than what's left to pay in Paymo ({left})."
        return ""

    def _hand_typed_twin(self, invoice: Invoice) -> Copy | None:
        """Return a payment typed by hand that looks like this one; a person is asked only once."""
        if self.payment.is_brought_back:
            return None
        same = self.payment.amount, self.payment.paid_on
        typed = (each for each in invoice.payments if not key_of(each))
        return next((each for each in typed if (each.amount, each.paid_on) == same), None)

    async def _record(self, copy: Copy) -> None:
        leases.settle(self.payment)
        more = {**self.facts_of(copy), "was_brought_back": self.payment.is_brought_back}
        async with self.run.database.sessions.begin() as session:
            await payment.mark_recorded(session, self.payment, copy.id, copy.amount)
            await self.tell_received(session, self.payment, **more)

    async def ask(self, why: str) -> None:
        """Let a person decide."""
        more = {**await self.reminder(), "was_brought_back": self.payment.is_brought_back}
        async with self.run.database.sessions.begin() as session:
            await payment.ask(session, self.payment, why)
            await self.tell_received(session, self.payment, asked=why, **more)

    async def _park(self, *, gone: bool) -> None:
        why = "The invoice is no longer in Paymo." if gone else ""
        more = {} if gone else await self.reminder()
        async with self.run.database.sessions.begin() as session:
            if gone:
                await payment.park(session, self.payment, why)
            else:
                await payment.only_tell(session, self.payment)
            await self.tell_received(session, self.payment, gone=gone, asked=why, **more)


def key_of(copy: Copy) -> str:
    """Return the Xero id in a payment's marker; "" if a person typed the payment."""
    found = _OURS.search(copy.notes or "")
    return found[1] if found is not None else ""


def notes_of(row: Payment) -> str:
    """Return a copy's notes: the kind of credit, if any, then the marker."""
    return _marker(row) if row.kind is PaymentKind.PAYMENT else f"{row.label} · {_marker(row)}"


def _find_copy(invoice: Invoice, row: Payment) -> Copy | None:
    """Return the payment in Paymo with this one's marker, if there is one."""
    marker = _marker(row)
    return next((each for each in invoice.payments if (each.notes or "").endswith(marker)), None)


def _marker(row: Payment) -> str:
    return f"{_MARKER}{row.xero_payment_id}"
