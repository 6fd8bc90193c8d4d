"""Turns what both sides say into the rows of a report, each with the one button that helps."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from services import compare, money
from services.clients.paymo import Invoice
from services.clients.paymo.transport import PAYMO
from services.clients.xero import XeroInvoice
from services.compare import DEAD, BothSides, Mismatch
from services.model.actions import Action
from services.model.export import ExportState
from services.model.invoice import ISSUED_IN_PAYMO, OPEN_IN_XERO, InvoiceState, Links, PaymentState
from services.reconcile.reading import Statements, is_exported
from services.reconcile.report import Month, Outcome, Report, Row, Side
from services.store import exports
from services.store.tables import Connection, Export

_Help = tuple[Action | None, str]  # and with what
_NOTHING: _Help = (None, "")
_IN_XERO: _Help = (Action.OPEN_XERO, "")
_MONEY = frozenset({"paid", "status"})  # nothing that Xero could be brought after
_ORDER = list(Outcome)


@dataclass(frozen=True, slots=True)
class Judge:
    """Makes rows of what was read."""

    connection: Connection
    read: Statements
    links: Links

    def report(self, month: Month, at: datetime) -> Report:
        """The comparison, with those that need somebody first."""
        rows = [*self._exported(), *self._not_exported(), *self._odd()]
        return Report(
            organisation=self.connection.organisation_name or "Xero",
            company=self.connection.paymo_company_name or "Paymo",
            month=month.key,
            label=month.label,
            at=at,
            rows=tuple(sorted(rows, key=lambda row: (_ORDER.index(row.outcome), row.number))),
            others=self.read.others,
            connection_id=self.connection.id,
        )

    def _mine(self, export: Export) -> Invoice | None:
        return self.read.paymo.get(export.paymo_invoice_id)

    def _theirs(self, export: Export) -> XeroInvoice | None:
        return self.read.xero.get(export.xero_invoice_id or "")

    def _is_free(self, export: Export) -> bool:
        """Say whether the export was undone, so that the invoice counts as not exported."""
        theirs = self._theirs(export)
        is_dead = theirs is not None and theirs.status in DEAD
        return is_dead and export.invoice_state is InvoiceState.UNDONE

    def _exported(self) -> Iterator[Row]:
        for export in self.read.known.exports.values():
            ids = {str(export.paymo_invoice_id), export.xero_invoice_id}
            if not is_exported(export) or self.read.odd.keys() & ids:
                continue
            mine, theirs = self._mine(export), self._theirs(export)
            if theirs is None:
                note = "Xero didn't show this invoice. Check it in Xero."
                yield self._row(export, Outcome.UNREAD, _noted(note))
            elif mine is None:
                if not self._went_again(export, theirs):
                    yield self._only_xero(export, theirs)
            elif not self._is_free(export):
                yield self._pair(export, mine, theirs)

    def _went_again(self, export: Export, theirs: XeroInvoice) -> bool:
        """Say whether it is deleted, and an invoice of its number has taken its place since."""
        return theirs.status in DEAD and any(
            each.number == export.number and self._is_live(each)
            for each in self.read.known.exports.values()
        )

    def _is_live(self, export: Export) -> bool:
        mine, theirs = self._mine(export), self._theirs(export)
        return mine is not None and theirs is not None and theirs.status not in DEAD

    def _pair(self, export: Export, mine: Invoice, theirs: XeroInvoice) -> Row:
        known = self.read.known
        matched = known.matches.get(mine.client_id, "")
        both = BothSides(
            export=export,
            paymo=mine,
            xero=theirs,
            payments=known.payments.get(export.id, ()),
            client=known.clients.get(mine.client_id, export.client_name),
            contacts=frozenset({matched} if matched else ()),
            has_left=export.contact_id in known.left_contacts,
        )
        found = compare.mismatches(both)
        outcome = Outcome.DECIDED if all(each.is_decided for each in found) else Outcome.DIFFERS
        helps = _help(both, found, self.connection)
        return self._row(export, outcome if found else Outcome.AGREES, found, helps)

    def _only_xero(self, export: Export, theirs: XeroInvoice) -> Row:
        if theirs.status not in DEAD:
            note = "It was deleted in Paymo, but it's still in Xero."
            return self._row(export, Outcome.ONLY_XERO, _noted(note))
        was_followed = export.invoice_state is InvoiceState.DELETED and export.snapshot is not None
        is_back = any(each.number == export.number for each in self.read.paymo.values())
        helps = (Action.RESTORE, str(export.id)) if was_followed and not is_back else _NOTHING
        return self._row(export, Outcome.GONE, (), helps)

    def _odd(self) -> Iterator[Row]:
        """Name what cannot be read; it is not missing."""
        known = self.read.known.exports.values()
        by_id = {str(each.paymo_invoice_id): each for each in known}
        by_id |= {each.xero_invoice_id: each for each in known if each.xero_invoice_id}
        for key, odd in self.read.odd.items():
            export, code = by_id.get(key), self.connection.short_code
            is_mine = odd.where == PAYMO
            yield Row(
                outcome=Outcome.ODD,
                number=export.number if export else odd.name,
                client=export.client_name if export else "",
                findings=_noted(f"Part of {odd} can't be read. Check it there."),
                help=Action.OPEN_PAYMO if is_mine else Action.OPEN_XERO,
                paymo_id=export.paymo_invoice_id if export else 0,
                client_id=export.client_id if export else None,
                paymo_url=self.links.paymo(int(key)) if is_mine and key else "",
                xero_url="" if is_mine else self.links.xero(code, key),
            )

    def _not_exported(self) -> Iterator[Row]:
        """Find what the month's sales are in Paymo without a living copy in Xero."""
        for invoice_id in sorted(self.read.asked):
            mine = self.read.paymo[invoice_id]
            export = self.read.known.exports.get(invoice_id)
            if mine.status not in ISSUED_IN_PAYMO:
                continue
            if export is None or not is_exported(export) or self._is_free(export):
                yield self._only_paymo(mine, export)

    def _only_paymo(self, mine: Invoice, export: Export | None) -> Row:
        on_its_way = (*exports.WAITING, ExportState.AWAITING)
        is_going = export is not None and export.state in on_its_way
        helps = (Action.OPEN_PAYMO, "") if is_going else (Action.EXPORT, mine.number)
        return Row(
            outcome=Outcome.ONLY_PAYMO,
            number=mine.number,
            client=self._client(mine),
            paymo=self._paymo_side(mine),
            findings=_noted(why) if (why := self._why_not(mine, export)) else (),
            help=helps[0],
            help_value=helps[1],
            paymo_id=mine.id,
            paymo_url=self.links.paymo(mine.id),
            client_id=mine.client_id,
        )

    def _why_not(self, mine: Invoice, export: Export | None) -> str:
        """Say what more there is to know than that it is only in Paymo."""
        if export is not None and is_exported(export):
            return "Somebody undid its export."
        if export is not None and export.state is ExportState.FAILED:
            return f"Its export was refused. {export.reason}"
        if export is not None and export.state is ExportState.AWAITING:
            return f"Its export is waiting for approval. {export.reason}"
        if export is not None:
            return "Its export is on its way."
        if money.folded(mine.number) not in self.read.other_numbers:
            return ""
        return "Not exported, but Xero has another invoice with this number."

    def _row(
        self,
        export: Export,
        outcome: Outcome,
        findings: tuple[Mismatch, ...],
        helps: _Help = _IN_XERO,
    ) -> Row:
        mine, theirs = self._mine(export), self._theirs(export)
        return Row(
            outcome=outcome,
            number=mine.number if mine else export.number,
            client=self._client(mine) if mine else export.client_name,
            paymo=self._paymo_side(mine) if mine else None,
            xero=_xero_side(theirs) if theirs else None,
            findings=tuple(each.situated(self.connection.country) for each in findings),
            help=helps[0],
            help_value=helps[1],
            paymo_id=export.paymo_invoice_id,
            xero_id=export.xero_invoice_id or "",
            paymo_url=self.links.paymo(mine.id) if mine else "",
            client_id=mine.client_id if mine else export.client_id,
            xero_url=self.links.xero(self.connection.short_code, export.xero_invoice_id),
        )

    def _client(self, mine: Invoice) -> str:
        return self.read.known.clients.get(mine.client_id) or mine.client_name

    def _paymo_side(self, mine: Invoice) -> Side:
        return Side(
            number=mine.number,
            contact=self._client(mine),
            currency=mine.currency,
            issued_on=mine.issued_on,
            due_on=mine.due_on,
            total=mine.total,
            paid=mine.paid,
            status=mine.status,
        )


def _noted(note: str) -> tuple[Mismatch, ...]:
    return (Mismatch("", note=note),)


def _help(both: BothSides, findings: tuple[Mismatch, ...], connection: Connection) -> _Help:
    """Choose the button: a payment first, then the invoice itself, then opening Xero."""
    if not findings:
        return _NOTHING
    if deleted := both.payment_in(PaymentState.TOMBSTONE):
        return Action.BRING_BACK, str(deleted.id)
    if asked := both.payment_in(PaymentState.ASKED):
        return Action.RECORD_PAYMENT, str(asked.id)
    if both.is_dead_in_xero:
        return _for_dead(both)
    if _is_safe_to_update(both, findings, connection):
        return Action.UPDATE_IN_XERO, str(both.export.id)
    return _IN_XERO


def _for_dead(both: BothSides) -> _Help:
    """Help where Xero's copy is deleted or void, and Paymo's is not."""
    if both.export.invoice_state is InvoiceState.ASKED:
        return Action.DELETE_IN_PAYMO, str(both.export.id)
    if both.export.invoice_state in {InvoiceState.KEPT, InvoiceState.VOIDED}:
        return Action.EXPORT, both.paymo.number
    return _IN_XERO


def _is_safe_to_update(
    both: BothSides, findings: tuple[Mismatch, ...], connection: Connection
) -> bool:
    """Say whether Paymo was edited after the export, and Xero still lets the copy be changed."""
    if both.settled or both.xero.status not in OPEN_IN_XERO:
        return False  # more recent than what the row says
    now = compare.standing_now(both.export, both.paymo, _contact_of(both), both.xero)
    concerns = any(not each.is_decided and each.name not in _MONEY for each in findings)
    if not now.in_paymo or not concerns or now.in_xero:
        return False
    return not compare.why_not_updated(both.export, connection, now.in_paymo)


def _contact_of(both: BothSides) -> str:
    """The contact that its client goes to, as far as Xero's invoice names it."""
    if both.export.client_id in (None, both.paymo.client_id):
        return both.export.contact_id
    stated = both.xero.contact.contact_id
    return stated if stated in both.contacts else ""


def _xero_side(theirs: XeroInvoice) -> Side:
    return Side(
        number=theirs.invoice_number,
        contact=theirs.contact.name,
        currency=theirs.currency_code,
        issued_on=theirs.issued_on,
        due_on=theirs.due_on,
        total=theirs.total,
        paid=theirs.amount_paid + theirs.amount_credited,
        status=theirs.status,
        due=theirs.amount_due,
        credited=theirs.amount_credited,
    )
