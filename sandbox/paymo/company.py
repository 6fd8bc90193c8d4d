"""One Paymo company: its data, its rules, and what the people in it do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from sandbox.paymo.model import STATUSES, Client, Invoice, Item, Payment, Refused, invalid, stamp
from sandbox.paymo.projects import Entry, Expense, Project
from sandbox.paymo.webhooks import Courier, Hook, made_from
from sandbox.serving import Clock, Json, Numbers

Line = tuple[Any, ...]  # item, description, quantity, price, and whether it is taxed
_TERMS = timedelta(days=30)


def not_found() -> Refused:
    """The refusal of an unknown id."""
    return Refused(HTTPStatus.NOT_FOUND, "Object not found")


@dataclass(slots=True)
class Company:
    """The books of one company, and the API keys that open them; all companies share the ids."""

    id: int
    name: str
    keys: set[str] = field(repr=False)
    now: Clock
    currency: str = "NZD"
    due_interval: str = ""
    reminders: tuple[str, str, str] = ("0", "0", "0")
    ids: Numbers = field(kw_only=True)
    clients: dict[int, Client] = field(default_factory=dict)
    invoices: dict[int, Invoice] = field(default_factory=dict)
    payments: dict[int, Payment] = field(default_factory=dict)
    projects: dict[int, Project] = field(default_factory=dict)
    expenses: dict[int, Expense] = field(default_factory=dict)
    entries: dict[int, Entry] = field(default_factory=dict)
    hooks: dict[int, Hook] = field(default_factory=dict)
    courier: Courier = field(default_factory=Courier, kw_only=True)
    includes_time: bool = True  # whether the time of an invoice's lines can be asked for with it
    founded: datetime = field(init=False)

    def __post_init__(self) -> None:
        """Remember when it began."""
        self.founded = self.now()

    def json(self) -> Json:
        """As `/company` shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "default_currency": self.currency,
            "due_interval": self.due_interval,
            **{f"payment_reminder_{nth}": each for nth, each in enumerate(self.reminders, 1)},
            "timezone": "UTC",
            "date_format": "Y-m-d",
            "account_type": "commercial",
            "created_on": stamp(self.founded),
            "updated_on": stamp(self.founded),
        }

    # What people do in Paymo.

    def add_client(self, name: str, **more: Any) -> Client:
        """Add a client; `more` is any of Paymo's own fields, such as email."""
        client = Client(next(self.ids), name, self.now(), more)
        self.clients[client.id] = client
        return client

    def add_invoice(
        self, number: str, client: Client, lines: Sequence[Line], **more: Any
    ) -> Invoice:
        """Add an invoice; `more` is any field of `Invoice`, rates and discount as text or number.

        A line is (item, description, quantity, price) or, untaxed, (…, False).
        """
        if any(each.number == number for each in self.invoices.values()):
            raise Refused(HTTPStatus.BAD_REQUEST, "Invoice number already exists")
        for name in ("tax", "tax2", "discount"):
            if name in more:
                more[name] = Decimal(str(more[name]))
        day = more.pop("issued", self.now().date())
        usual: dict[str, Any] = {
            "due": day + _TERMS,
            "currency": self.currency,
            "issued": day,
        }
        invoice = Invoice(
            id=next(self.ids),
            number=number,
            client_id=client.id,
            items=[self._item(line) for line in lines],
            created=self.now(),
            updated=self.now(),
            **(usual | more),
        )
        self.invoices[invoice.id] = invoice
        self._tell_invoice("insert", invoice)
        return invoice

    def _item(self, line: Line) -> Item:
        title, description, quantity, price, *rest = line
        return Item(
            next(self.ids),
            title,
            description,
            Decimal(str(price)),
            Decimal(str(quantity)),
            apply_tax=bool(rest[0]) if rest else True,
        )

    def add_project(self, client: Client, name: str) -> Project:
        """Begin a project."""
        project = Project(next(self.ids), name, client.id, self.now())
        self.projects[project.id] = project
        return project

    def add_expense(self, client: Client, amount: Decimal | str, notes: str = "") -> Expense:
        """Note what was spent for a client."""
        now = self.now()
        expense = Expense(
            next(self.ids), client.id, Decimal(amount), notes, now.date(), now, self.currency
        )
        self.expenses[expense.id] = expense
        return expense

    def add_entry(self, project: Project, seconds: int, description: str = "") -> Entry:
        """Note time that was spent on a project."""
        now = self.now()
        entry = Entry(
            next(self.ids), project.client_id, project.id, seconds, description, now.date(), now
        )
        self.entries[entry.id] = entry
        return entry

    def assign(self, invoice_id: int, project: Project) -> None:
        """Put an invoice on a project, as the app does; the API alone sets less."""
        invoice = self._invoice(invoice_id)
        invoice.project_id = project.id
        linked = {"amount": str(invoice.total), "project_id": project.id}
        invoice.options = {"linked_projects": [linked]}

    def bill(
        self, item: Item, *, expense_id: int | None = None, entry_ids: Sequence[int] = ()
    ) -> None:
        """Have a line bill an expense and time; what another line billed is this one's now."""
        if expense_id is not None:
            item.expense_id = expense_id
            self.expenses[expense_id].item_id = item.id
        for each in entry_ids:
            self.entries[each].item_id = item.id

    def entries_of(self, item: Item) -> list[Entry]:
        """The time that a line bills."""
        return [each for each in self.entries.values() if each.item_id == item.id]

    def numbered(self, number: str) -> Invoice:
        """The invoice with this number."""
        found = [each for each in self.invoices.values() if each.number == number]
        if not found:
            raise not_found()
        return found[0]

    def pay(
        self,
        invoice_id: int,
        amount: Decimal | str,
        *,
        paid_on: date | None = None,
        notes: str = "",
    ) -> Payment:
        """Record a payment; the invoice is paid when nothing is left."""
        invoice = self._invoice(invoice_id)
        money = Decimal(amount)
        _check_amount(money, self.left(invoice_id))
        now = self.now()
        payment = Payment(
            next(self.ids), invoice_id, money, paid_on or now.date(), notes, now, updated=now
        )
        self.payments[payment.id] = payment
        self._tell("insert.InvoicePayment", payment.json())
        if not self.left(invoice_id):
            self._move(invoice, "paid")
        return payment

    def edit_payment(
        self,
        payment_id: int,
        amount: Decimal | str | None = None,
        *,
        paid_on: date | None = None,
        notes: str | None = None,
    ) -> Payment:
        """Change a payment; its invoice becomes paid or viewed with what it comes to."""
        payment = self.payments.get(payment_id)
        if payment is None:
            raise not_found()
        if amount is not None:
            _check_amount(Decimal(amount), self.left(payment.invoice_id) + payment.amount)
            payment.amount = Decimal(amount)
        payment.paid_on = paid_on or payment.paid_on
        payment.notes = payment.notes if notes is None else notes
        payment.updated = self._later(payment.updated)
        self._tell("update.InvoicePayment", payment.json())
        invoice = self._invoice(payment.invoice_id)
        if not self.left(invoice.id):
            self._move(invoice, "paid")
        self._owe_again(invoice)
        return payment

    def delete_payment(self, payment_id: int) -> None:
        """Take a payment away; a paid invoice becomes viewed."""
        payment = self.payments.pop(payment_id, None)
        if payment is None:
            raise not_found()
        self._tell("delete.InvoicePayment", {"id": payment_id})
        self._owe_again(self._invoice(payment.invoice_id))

    def _owe_again(self, invoice: Invoice) -> None:
        if invoice.status == "paid" and self.left(invoice.id):
            self._move(invoice, "viewed")

    def delete_invoice(self, invoice_id: int) -> None:
        """Delete an invoice for good, and its payments with it; only the invoice is told.

        Its time and expenses can be billed again: that is nowhere documented, and the worst case.
        """
        items = {each.id for each in self._invoice(invoice_id).items}
        tied: list[Entry | Expense] = [*self.entries.values(), *self.expenses.values()]
        for each in tied:
            if each.item_id in items:
                each.item_id = None
        del self.invoices[invoice_id]
        for payment in self.payments_of(invoice_id):
            del self.payments[payment.id]
        self._tell("delete.Invoice", {"id": str(invoice_id)})

    def set_status(self, invoice_id: int, status: str) -> None:
        """Set a status by hand; Paymo allows any of the five."""
        if status not in STATUSES:
            raise invalid("status")
        self._move(self._invoice(invoice_id), status)

    def edit(self, invoice_id: int, **fields: Any) -> None:
        """Change fields of an invoice."""
        invoice = self._invoice(invoice_id)
        for name, value in fields.items():
            setattr(invoice, name, value)
        invoice.updated = self._later(invoice.updated)
        self._tell_invoice("update", invoice)

    def add_hook(self, sent: Json) -> Hook:
        """Send events to an address; all keys of the company are one person's."""
        hook = made_from(sent, next(self.ids), self.now())
        self.hooks[hook.id] = hook
        return hook

    def edit_hook(self, hook_id: int, sent: Json) -> Hook:
        """Change what is told, or where to."""
        hook = self.hook(hook_id)
        hook.change(sent)
        hook.updated = self._later(hook.updated)
        return hook

    def delete_hook(self, hook_id: int) -> None:
        """Tell it no more."""
        del self.hooks[self.hook(hook_id).id]

    def hook(self, hook_id: int) -> Hook:
        """The webhook with this id."""
        if hook_id not in self.hooks:
            raise not_found()
        return self.hooks[hook_id]

    def payments_of(self, invoice_id: int) -> list[Payment]:
        """An invoice's payments, oldest first."""
        return [each for each in self.payments.values() if each.invoice_id == invoice_id]

    def left(self, invoice_id: int) -> Decimal:
        """What is left to pay."""
        paid = sum((each.amount for each in self.payments_of(invoice_id)), Decimal(0))
        return self._invoice(invoice_id).total - paid

    def _invoice(self, invoice_id: int) -> Invoice:
        if invoice_id not in self.invoices:
            raise not_found()
        return self.invoices[invoice_id]

    def _move(self, invoice: Invoice, status: str) -> None:
        invoice.status = status
        invoice.updated = self._later(invoice.updated)
        self._tell_invoice("update", invoice)

    def _tell_invoice(self, verb: str, invoice: Invoice) -> None:
        client = {"id": invoice.client_id, "name": self.clients[invoice.client_id].name}
        whole = invoice.json() | {"invoiceitems": invoice.lines(), "client": client}
        self._tell(f"{verb}.Invoice", whole)

    def _tell(self, what: str, body: Json) -> None:
        self.courier.announce(self.hooks, f"model.{what}", body)

    def _later(self, former: datetime) -> datetime:
        """A time after the former one even when the clock stands: Paymo counts seconds."""
        return max(self.now(), former + timedelta(seconds=1))


def _check_amount(amount: Decimal, most: Decimal) -> None:
    if amount <= 0:
        raise Refused(HTTPStatus.BAD_REQUEST, "Field 'amount' must be greater than 0")
    if amount > most:
        raise Refused(HTTPStatus.BAD_REQUEST, "The payment amount is greater than the amount due")
