"""What people do in Xero, for demo pages and for programs outside: JSON under `/_sandbox/`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from http import HTTPStatus

from aiohttp import web

from sandbox.serving import Handler, Json, as_json
from sandbox.xero.organisation import Organisation
from sandbox.xero.totals import cents
from sandbox.xero.wire import Invalid, not_found, read_body

Act = Callable[[Organisation, Json], object]


def _pay(books: Organisation, sent: Json) -> object:
    payment = books.pay(
        sent["invoice_id"],
        _amount(sent),
        date=_day(sent) or books.moment().date(),
        account_code=sent.get("account_code", ""),
    )
    return payment.payment_id


def _apply_credit(books: Organisation, sent: Json) -> object:
    """Apply credit; `total` and `date` are the credit's own, where only a part is applied."""
    kind, amount = sent.get("kind", "credit_note"), _amount(sent)
    if "total" not in sent:
        return books.apply_credit(sent["invoice_id"], amount, kind=kind).allocation_id
    total = _amount({"amount": sent["total"]})
    credit = books.give_credit(sent["invoice_id"], total, kind=kind, day=_day(sent))
    return books.apply(credit, sent["invoice_id"], amount).allocation_id


def _amount(sent: Json) -> Decimal:
    """Read an amount that a person typed, who may mistype."""
    try:
        amount = Decimal(str(sent["amount"]))
    except InvalidOperation:
        raise Invalid("The amount is not a number") from None
    if not amount.is_finite() or amount != cents(amount):
        raise Invalid("The amount must be a number of cents")
    return amount


def _day(sent: Json) -> date | None:
    try:
        return date.fromisoformat(sent["date"]) if sent.get("date") else None
    except ValueError:
        raise Invalid("The date is not readable") from None


_ACTS: dict[str, Act] = {
    "pay": _pay,
    "remove_payment": lambda books, sent: books.remove_payment(sent["payment_id"]).payment_id,
    "void": lambda books, sent: books.void(sent["invoice_id"]).status,
    "delete": lambda books, sent: books.delete(sent["invoice_id"]).status,
    "approve": lambda books, sent: books.approve(sent["invoice_id"]).status,
    "mark_sent": lambda books, sent: books.mark_sent(sent["invoice_id"]).status,
    "apply_credit": _apply_credit,
    "round_to": lambda books, sent: books.round_to(sent["invoice_id"], _amount(sent)),
    "remove_credit": lambda books, sent: books.remove_credit(sent["allocation_id"]),
}


@dataclass(frozen=True, slots=True)
class Control:
    """Finds the books that hold what an act is about, and does it there."""

    organisations: Callable[[], dict[str, Organisation]]
    disconnect: Callable[[str], None]

    def routes(self) -> list[web.RouteDef]:
        """Where the acts stand."""
        return [
            web.post("/_sandbox/disconnect", self.drop),
            *(web.post(f"/_sandbox/{name}", self._acting(act)) for name, act in _ACTS.items()),
        ]

    async def drop(self, request: web.Request) -> web.Response:
        """Remove the app from an organisation, as a user does inside Xero."""
        self.disconnect((await read_body(request))["tenant_id"])
        return as_json({"ok": True})

    def _acting(self, act: Act) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            sent = await read_body(request)
            try:
                return as_json({"ok": True, "result": act(self._holding(sent), sent)})
            except Invalid as refusal:
                body = {"ok": False, "messages": refusal.messages}
                return as_json(body, status=HTTPStatus.BAD_REQUEST)

        return answer

    def _holding(self, sent: Json) -> Organisation:
        for books in self.organisations().values():
            allocations = {
                part.allocation_id
                for credit in books.credits.values()
                for part in credit.allocations
            }
            if (
                sent.get("invoice_id") in books.invoices
                or sent.get("payment_id") in books.payments
                or sent.get("allocation_id") in allocations
            ):
                return books
        raise not_found()
