"""From what both sides state to the rows of a report, each with the one thing that helps."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from services import money
from services.clients.paymo import Invoice
from services.clients.paymo.reading import PAYMO
from services.clients.xero import XeroInvoice
from services.model.export import ExportState
from services.model.invoice import ISSUED_IN_PAYMO, InvoiceState
from services.model.links import Links
from services.reconcile import comparing, curing
from services.reconcile.months import Month
from services.reconcile.pairs import DEAD, Pair
from services.reconcile.reading import Books, is_exported
from services.reconcile.shapes import Finding, Help, Report, Row, Side, Verdict
from services.store.tables import Connection, Export

_ORDER = {
    verdict: reply_to
    for reply_to, verdict in enumerate(
        (
            Verdict.UNREAD,
            Verdict.ODD,
            Verdict.DIFFERS,
            Verdict.ONLY_XERO,
            Verdict.ONLY_PAYMO,
            Verdict.DECIDED,
            Verdict.GONE,
            Verdict.AGREES,
        )
    )
}


@dataclass(frozen=True, slots=True)
class _Found:
    """An export, and its invoice as far as each side shows it."""

    export: Export
    mine: Invoice | None
    theirs: XeroInvoice | None

    @property
    def is_free(self) -> bool:
        """Say whether the export was taken back, so that the invoice counts as not exported."""
        is_dead = self.theirs is not None and self.theirs.status in DEAD
        return is_dead and self.export.invoice_state is InvoiceState.UNDONE


@dataclass(frozen=True, slots=True)
class Judge:
    """Makes rows of what was read."""

    connection: Connection
    books: Books
    links: Links

    def report(self, month: Month, at: datetime) -> Report:
        """Return the comparison, with those that need somebody first."""
        rows = [*self._exported(), *self._not_exported(), *self._odd()]
        return Report(
            organisation=self.connection.organisation_name or "Xero",
            company=self.connection.paymo_company_name or "Paymo",
            month=month.key,
            label=month.label,
            at=at,
            rows=tuple(sorted(rows, key=lambda row: (_ORDER[row.verdict], row.number))),
            others=self.books.others,
            connection_id=self.connection.id,
        )

    def _exported(self) -> Iterator[Row]:
        for export in self.books.known.exports.values():
            if not is_exported(export):
                continue
            found = self._found(export)
            if self.books.odd.keys() & {str(export.paymo_invoice_id), export.xero_invoice_id}:
                continue
            if found.theirs is None:
                yield self._unread(found)
            elif found.mine is None:
                yield self._only_xero(found, found.theirs)
            elif not found.is_free:
                yield self._pair(found, found.mine, found.theirs)

    def _found(self, export: Export) -> _Found:
        mine = self.books.paymo.get(export.paymo_invoice_id)
        return _Found(export, mine, self.books.xero.get(export.xero_invoice_id or ""))

    def _pair(self, found: _Found, mine: Invoice, theirs: XeroInvoice) -> Row:
        known, export = self.books.known, found.export
        matched = known.matches.get(mine.client_id, "")
        pair = Pair(
            export=export,
            paymo=mine,
            xero=theirs,
            payments=known.payments.get(export.id, ()),
            client=known.clients.get(mine.client_id, export.client_name),
            contacts=frozenset({matched} if matched else ()),
            has_left=export.contact_id in known.left_contacts,
        )
        findings = comparing.findings_of(pair)
        cure = curing.for_pair(pair, findings, self.connection)
        return self._row(_verdict(findings), found, findings, cure)

    def _unread(self, found: _Found) -> Row:
        note = "Xero did not show this invoice. Nothing is concluded from that; look there."
        return self._row(Verdict.UNREAD, found, (Finding("", note=note),), (Help.OPEN_XERO, ""))

    def _only_xero(self, found: _Found, theirs: XeroInvoice) -> Row:
        export = found.export
        if theirs.status in DEAD:
            was_followed = (
                export.invoice_state is InvoiceState.DELETED and export.snapshot is not None
            )
            is_back = any(each.number == export.number for each in self.books.paymo.values())
            can_come_back = was_followed and not is_back
            cure = (Help.RESTORE, str(export.id)) if can_come_back else curing.NOTHING
            return self._row(Verdict.GONE, found, (), cure)
        note = "It was deleted in Paymo, and is still in Xero."
        return self._row(Verdict.ONLY_XERO, found, (Finding("", note=note),), (Help.OPEN_XERO, ""))

    def _odd(self) -> Iterator[Row]:
        """Name what cannot be read; it is not missing."""
        exports = self.books.known.exports.values()
        by_id = {str(each.paymo_invoice_id): each for each in exports}
        by_id |= {each.xero_invoice_id: each for each in exports if each.xero_invoice_id}
        for key, odd in self.books.odd.items():
            export, code = by_id.get(key), self.connection.short_code
            is_mine = odd.where == PAYMO
            yield Row(
                verdict=Verdict.ODD,
                number=export.number if export else odd.name,
                client=export.client_name if export else "",
                findings=(Finding("", note=f"Part of {odd} can't be read. Look at it there."),),
                help=Help.OPEN_PAYMO if is_mine else Help.OPEN_XERO,
                paymo_id=export.paymo_invoice_id if export else 0,
                paymo_url=self.links.paymo(int(key)) if is_mine and key else "",
                xero_url="" if is_mine else self.links.xero(code, key),
            )

    def _not_exported(self) -> Iterator[Row]:
        """Find what the month's sales are in Paymo without a living copy in Xero."""
        for invoice_id in sorted(self.books.asked):
            mine = self.books.paymo[invoice_id]
            export = self.books.known.exports.get(invoice_id)
            if mine.status not in ISSUED_IN_PAYMO:
                continue
            if export is None or not is_exported(export) or self._found(export).is_free:
                yield self._only_paymo(mine, export)

    def _only_paymo(self, mine: Invoice, export: Export | None) -> Row:
        is_going = export is not None and export.state in {
            ExportState.QUEUED,
            ExportState.SENDING,
            ExportState.UNKNOWN,
        }
        cure = (Help.OPEN_PAYMO, "") if is_going else (Help.EXPORT, mine.number)
        findings = (Finding("", note=self._why_not(mine, export)),)
        return Row(
            verdict=Verdict.ONLY_PAYMO,
            number=mine.number,
            client=self._client(mine),
            paymo=self._paymo_side(mine),
            findings=findings,
            help=cure[0],
            help_value=cure[1],
            paymo_id=mine.id,
            paymo_url=self.links.paymo(mine.id),
        )

    def _why_not(self, mine: Invoice, export: Export | None) -> str:
        if export is not None and is_exported(export):
            return "Its export was taken back."
        if export is not None and export.state is ExportState.FAILED:
            return f"Its export was refused. {export.reason}"
        if export is not None:
            return "Its export is on its way."
        if money.folded(mine.number) not in self.books.other_numbers:
            return "It was not exported."
        return "It was not exported, but Xero has another invoice with this number."

    def _row(
        self, verdict: Verdict, found: _Found, findings: tuple[Finding, ...], cure: curing.Cure
    ) -> Row:
        export, mine, theirs = found.export, found.mine, found.theirs
        return Row(
            verdict=verdict,
            number=mine.number if mine else export.number,
            client=self._client(mine) if mine else export.client_name,
            paymo=self._paymo_side(mine) if mine else None,
            xero=_xero_side(theirs) if theirs else None,
            findings=findings,
            help=cure[0],
            help_value=cure[1],
            paymo_id=export.paymo_invoice_id,
            xero_id=export.xero_invoice_id or "",
            paymo_url=self.links.paymo(mine.id) if mine else "",
            xero_url=self.links.xero(self.connection.short_code, export.xero_invoice_id),
        )

    def _client(self, mine: Invoice) -> str:
        return self.books.known.clients.get(mine.client_id) or mine.client_name

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


def _verdict(findings: tuple[Finding, ...]) -> Verdict:
    if not findings:
        return Verdict.AGREES
    return Verdict.DECIDED if all(each.is_decided for each in findings) else Verdict.DIFFERS


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
