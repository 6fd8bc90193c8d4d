"""Paymo's REST API, as far as this program needs it (github.com/paymoapp/api, and its help pages).

Paymo knows no idempotency key, no bulk writes and no sorting; every answer wraps objects in a
list named after the resource. Amounts are read exactly as they stand on the wire.
"""

import contextlib
import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import httpx
import msgspec

from services.clients.http import ApiClient, Sleep, sleep_for
from services.clients.messages import messages_of
from services.clients.paymo.transport import (
    BILLED,
    CLIENTS,
    COMPANIES,
    COMPANY,
    ENTRIES,
    HEADERS,
    HEADS,
    HOOKS,
    INVOICES,
    MOST,
    PAGE,
    PAYMENTS,
    PROJECTS,
    PaymoTransport,
    Progress,
    Turnstile,
    WaitBudget,
    only,
    question,
    require_done,
    rows_of,
    written,
)
from services.clients.paymo.wire import Client, Company, Header, Hook, Invoice, Payment
from services.clients.rows import Kind, LeftOut, Rows
from services.errors import (
    NotConnected,
    NotFound,
    Rejected,
    Unavailable,
)
from services.model import chunks
from services.model.connection import mark_of
from services.model.jobs import CALL_LIMIT

T = TypeVar("T", bound=msgspec.Struct)

_WHOLE = "invoiceitems,invoicepayments,client"


@dataclass(frozen=True, slots=True)
class PaymoClient(PaymoTransport):
    """One Paymo account, reached with one API key."""

    left_out: list[LeftOut] = field(default_factory=list)  # of the lists that were read so far

    async def company(self) -> Company:
        """The company that the key belongs to; the cheapest proof that it works."""
        return only(await self.send("GET", COMPANY), COMPANIES)

    async def clients(self, known: Collection[int] = ()) -> tuple[Client, ...]:
        """Every client; a page that fails fails the whole.

        Rows move over the pages' edges while we read, so what is `known` and wasn't listed is asked
        for by its id. So it is with `headers`.
        """
        return await self._pages("/clients", CLIENTS, progress=Progress(known=known))

    async def headers(
        self, *, updated_since: datetime | None = None, progress: Progress | None = None
    ) -> tuple[Header, ...]:
        """The heads of all invoices, or of those changed since a time.

        With `progress` the reading goes on where it stopped, and what was read stays there.
        """
        where = {}
        if updated_since is not None:
            where = {"where": f"updated_on>={int(updated_since.timestamp())}"}
        return await self._pages("/invoices", HEADERS, where, progress)

    async def try_invoices(self) -> bool:
        """Say whether the key is shown any invoice at all. Raises `Forbidden`."""
        first = {"page": "0", "page_size": "1"}
        return bool(rows_of(await self.send("GET", "/invoices", params=first), HEADERS).count)

    async def statements(
        self, first: date | None = None, after: date | None = None
    ) -> tuple[Invoice, ...]:
        """All invoices, or those dated from `first` to before `after`, with payments.

        Raises `Unavailable` where Paymo may have left payments out.
        """
        params = {"include": "invoicepayments"}
        if first is not None and after is not None:
            params["where"] = f"date>={first.isoformat()} and date<{after.isoformat()}"
        return await self._pages("/invoices", INVOICES, params)

    async def invoice(self, invoice_id: int) -> Invoice:
        """One invoice with lines, payments and client. Raises `NotFound`, `Unreadable`."""
        return await self._invoice(invoice_id, _WHOLE)

    async def invoice_with_terms(self, invoice_id: int) -> Invoice:
        """One invoice; without a usable due date with the days its client has to pay.

        What a client does not have of its own, Paymo takes from the company. Raises `NotFound`.
        """
        invoice = await self.invoice(invoice_id)
        is_due = invoice.due_on is not None and invoice.due_on >= invoice.issued_on
        if is_due or invoice.client is None or invoice.terms is not None:
            return invoice
        company = await self.company()
        client = msgspec.structs.replace(invoice.client, due_interval=company.due_interval)
        return msgspec.structs.replace(invoice, client=client)

    async def invoice_with_time(self, invoice_id: int) -> Invoice:
        """One invoice with the time that its lines bill, too. Raises `NotFound`.

        Where Paymo does not take that question, the client's time is read and looked through; who
        may not see any time is not told of any.
        """
        try:
            return await self._invoice(invoice_id, f"{_WHOLE},invoiceitems.entries")
        except Rejected:
            invoice = await self._invoice(invoice_id, _WHOLE)
        where = {"where": f"client_id={invoice.client_id}"}
        try:
            entries = await self._pages("/entries", ENTRIES, where)
        except (Rejected, NotFound):
            return invoice
        return invoice.with_time(entries)

    async def billed(self, kind: str, ids: Collection[int]) -> dict[int, int | None] | None:
        """Which line bills each of these `expenses` or `entries` that there are.

        None where Paymo does not answer that.
        """
        found: dict[int, int | None] = {}
        try:
            for some in chunks(sorted(ids), HEADS):
                answer = await self.send("GET", f"/{kind}", params=question(some))
                rows = rows_of(answer, BILLED[kind]).found
                found |= {row.id: row.invoice_item_id for row in rows}
        except (Rejected, NotFound):
            return None
        return found

    async def project_name(self, project_id: int) -> str:
        """A project's name, or "" where it cannot be read."""
        try:
            answer = await self.send("GET", f"/projects/{project_id}")
        except (Rejected, NotFound):
            return ""
        return only(answer, PROJECTS).name

    async def _invoice(self, invoice_id: int, include: str) -> Invoice:
        answer = await self.send("GET", f"/invoices/{invoice_id}", params={"include": include})
        rows = rows_of(answer, INVOICES)
        self.left_out.extend(rows.left_out)
        invoice = INVOICES.only(rows)
        if invoice.id != invoice_id:
            raise Unavailable("Paymo answered with the wrong invoice. Try again later.")
        return invoice

    async def create_invoice(self, former: Invoice) -> Invoice:
        """Make an invoice again as it was, a draft without payments. Raises `Rejected`.

        Lines are sent under `items` and answered under `invoiceitems`; a discount of 0 is refused,
        so it is left out (github.com/paymoapp/api, invoices).
        """
        answer = await self.send(
            "POST", "/invoices", params={"include": "invoiceitems"}, body=former.as_new()
        )
        made = written(answer, INVOICES)
        return await self.invoice(int(made.key)) if isinstance(made, LeftOut) else made

    async def invoices_with_items(self, invoice_ids: Sequence[int]) -> tuple[Invoice, ...]:
        """These invoices, if they exist, with lines and client, three hundred an answer.

        Past 2,500 objects Paymo leaves lines out without a word, so they must be added up. What has
        none at all, and what a shorter page left out, is asked for again by the hundred.
        """
        found: dict[int, Invoice] = {}
        for some in chunks(invoice_ids, HEADS):
            rows = await self._listed(some, "invoiceitems,client")
            found.update((each.id, each) for each in self._noted(rows))
            keys = set(rows.keys)
            bare = {each.id for each in rows.found if not each.items}
            again = [each for each in some if str(each) not in keys or each in bare]
            for few in chunks(again, PAGE) if rows.count >= PAGE and len(some) > PAGE else ():
                rows = await self._listed(few, "invoiceitems,client")
                found.update((each.id, each) for each in self._noted(rows))
        return tuple(found.values())

    async def glance(self, invoice_ids: Sequence[int]) -> tuple[Invoice, ...]:
        """Those of these, at most a hundred, that the list shows, with all that `invoice` reads.

        A list may leave out lines, payments or invoices: what differs must be read singly.
        """
        return (await self._listed(invoice_ids, _WHOLE)).found

    async def paid(self, invoice_ids: Sequence[int]) -> dict[int, Invoice]:
        """Up to a hundred of these, by id, if the list shows all their payments.

        None of them where it may have left payments out.
        """
        rows = await self._listed(invoice_ids, "invoicepayments")
        shown = sum(len(each.payments) for each in rows.found)
        return {} if rows.left_out or shown >= MOST else {each.id: each for each in rows.found}

    def queued(self) -> "PaymoClient":
        """The same account, for writes that nobody waits for: several at once, after all else.

        The caller logs what was written.
        """
        quiet = dataclasses.replace(self.api, is_quiet=True)
        return dataclasses.replace(self, api=quiet, is_queued=True)

    async def _listed(self, invoice_ids: Sequence[int], include: str) -> Rows[Invoice]:
        params = question(invoice_ids) | {"include": include}
        return rows_of(await self.send("GET", "/invoices", params=params), INVOICES)

    async def headers_of(self, invoice_ids: Sequence[int]) -> tuple[Header, ...]:
        """The heads of those of these invoices that there are; read singly what is missing.

        Heads are short: one question takes several hundred. What a page left out is asked again.
        """
        found: dict[int, Header] = {}
        for some in chunks(invoice_ids, HEADS):
            left = list(some)
            while left:
                rows = rows_of(await self.send("GET", "/invoices", params=question(left)), HEADERS)
                found.update({row.id: row for row in rows.found})
                seen = set(rows.keys)
                before = len(left)
                left = [each for each in left if str(each) not in seen]
                if rows.count < PAGE or len(left) == before:
                    break
        return tuple(found.values())

    async def pdf(self, invoice_id: int) -> bytes:
        """The invoice as a PDF. Raises `NotFound`."""
        answer = await self.send(
            "GET",
            f"/invoices/{invoice_id}",
            params={"format": "pdf"},
            headers={"Accept": "application/pdf"},
        )
        if not answer.body.startswith(b"%PDF"):
            raise Unavailable("Paymo's answer isn't a PDF.")
        return answer.body

    async def add_payment(
        self, invoice_id: int, *, amount: Decimal, paid_on: date, notes: str
    ) -> Payment:
        """Add a payment. Raises `Rejected` when it is more than is left to pay."""
        asked = {
            "invoice_id": invoice_id,
            "amount": amount,
            "date": paid_on.isoformat(),
            "notes": notes,
        }
        answer = await self.send("POST", "/invoicepayments", body=asked)
        made = written(answer, PAYMENTS, asked)
        if isinstance(made, LeftOut):
            return Payment(
                id=int(made.key), amount=amount, paid_on=paid_on, invoice_id=invoice_id, notes=notes
            )
        return made

    async def has_payment(self, payment_id: int) -> bool:
        """Say whether a payment is there, asked for alone."""
        try:
            await self.send("GET", f"/invoicepayments/{payment_id}")
        except NotFound:
            return False
        return True

    async def delete_payment(self, payment_id: int) -> None:
        """Delete a payment. Raises `NotFound`, or `Rejected` where it is still there."""
        await self._delete(f"/invoicepayments/{payment_id}")

    async def set_status(self, invoice_id: int, status: str) -> None:
        """Set an invoice's status by hand. Doing it twice does no harm."""
        answer = await self.send(
            "PUT", f"/invoices/{invoice_id}", repeatable=True, body={"status": status}
        )
        require_done(answer, INVOICES, {"id": invoice_id, "status": status})

    async def delete_invoice(self, invoice_id: int) -> None:
        """Delete an invoice for good. Raises `NotFound`, or `Rejected` where it is still there."""
        await self._delete(f"/invoices/{invoice_id}")

    async def _delete(self, path: str) -> None:
        """Delete one object and see that it is gone, since what Paymo answers is not documented."""
        require_done(await self.send("DELETE", path))
        try:
            await self.send("GET", path)
        except NotFound:
            return
        raise Rejected("Paymo said it was deleted, but it's still there.")

    async def hooks(self) -> tuple[Hook, ...]:
        """The webhooks of the person whose key this is; Paymo shows no others."""
        return rows_of(await self.send("GET", "/hooks"), HOOKS).found

    async def add_hook(self, target_url: str, event: str, secret: str) -> Hook:
        """Have events that fit a pattern, such as `*.Invoice`, told to an address, signed."""
        asked = {"target_url": target_url, "event": event}
        answer = await self.send("POST", "/hooks", body=asked | {"secret": secret})
        made = written(answer, HOOKS, asked)
        if isinstance(made, LeftOut):
            return Hook(id=int(made.key), target_url=target_url, event=event)
        return made

    async def delete_hook(self, hook_id: int) -> None:
        """Delete a webhook. Raises `NotFound`."""
        require_done(await self.send("DELETE", f"/hooks/{hook_id}"))

    async def delete_hooks_to(self, token: str) -> None:
        """Delete every webhook whose address ends with this token."""
        for hook in await self.hooks():
            if hook.leads_to(token):
                with contextlib.suppress(NotFound):
                    await self.delete_hook(hook.id)

    async def _pages(
        self,
        path: str,
        kind: Kind[T],
        params: dict[str, str] | None = None,
        progress: Progress | None = None,
    ) -> tuple[T, ...]:
        way = progress or Progress()
        while True:
            numbers = {"page": str(way.page), "page_size": str(PAGE)}
            answer = await self.send("GET", path, params={**(params or {}), **numbers})
            rows = rows_of(answer, kind)
            _require_payments(rows)
            new = way.add(rows)
            # An account that ignores paging sends the same rows for ever.
            if rows.count < PAGE or not new:
                break
            way.page += 1
        for some in chunks(way.missed, PAGE):
            way.add(rows_of(await self.send("GET", path, params=question(some)), kind))
        self.left_out.extend(way.left_out)
        return tuple(way.found.values())

    def _noted(self, rows: Rows[T]) -> tuple[T, ...]:
        self.left_out.extend(rows.left_out)
        return rows.found


@dataclass(frozen=True, slots=True)
class PaymoClients:
    """Makes a client for each API key; keeps what is known of its allowance, but not the key."""

    http: httpx.AsyncClient
    sleep: Sleep = sleep_for
    limit: timedelta = CALL_LIMIT
    turnstiles: dict[str, Turnstile] = field(default_factory=dict, repr=False)

    def client(self, api_key: str | None, *, patience: timedelta = timedelta(0)) -> PaymoClient:
        """The client for this key. Paymo takes the key as the user of Basic auth.

        With patience it waits for Paymo's windows that long, all its calls together.
        """
        if not api_key:
            raise NotConnected("Paymo isn't connected.", system="Paymo")
        turnstile = self.turnstiles.setdefault(access := mark_of(api_key), Turnstile())
        return PaymoClient(
            api=ApiClient(
                "Paymo",
                self.http,
                explain=messages_of,
                allowance=turnstile.allowance,
                sleep=self.sleep,
                limit=self.limit,
            ),
            auth=httpx.BasicAuth(api_key, "x"),
            access=access,
            turnstile=turnstile,
            patience=WaitBudget(patience),
        )


def _require_payments(rows: Rows[T]) -> None:
    """Refuse a page that may have left payments out."""
    if sum(len(each.payments) for each in rows.found if isinstance(each, Invoice)) >= MOST:
        raise Unavailable("Paymo didn't list all payments, so we can't rely on its answer.")
