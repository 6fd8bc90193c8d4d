"""What was refused is decided anew by the checks, with the invoice that it was refused with.

It goes on by itself when all that stood in its way is settled. Paymo's invoice is read again before
it leaves, and one that was changed since waits for a person.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from services.clients.paymo import Invoice
from services.export import books
from services.export.preparing import choice_of
from services.lifecycle import export as lifecycle
from services.lifecycle.export import ExportColumns
from services.mapping.case import Case, adding_of
from services.mapping.checks import codes_of, examine, grounds_of, reds
from services.model.export import NEW_CONTACT, RefusalCode
from services.store import audit, exports, matches
from services.store.audit import AuditNote
from services.store.engine import Session
from services.store.tables import Connection, Export

_OF_CONTACT = {RefusalCode.CONTACT, RefusalCode.CONTACT_TAKEN}
_OF_ACCOUNT = {RefusalCode.ACCOUNT, RefusalCode.TAX}


@dataclass(frozen=True, slots=True)
class Recheck:
    """One export that was refused, before the checks again."""

    session: Session
    connection: Connection
    export: Export

    async def grounds_for(self, refusals: Collection[RefusalCode]) -> dict[str, str]:
        """Return what Xero knew when it refused what no check had seen, and who has a name there.

        Without a change of this it is not asked again.
        """
        case = await self._case({})
        if case is None:
            return {}
        red = codes_of(reds(examine(case)))
        return {
            code: ground
            for code, ground in grounds_of(case).items()
            if code in refusals and (code not in red or code is RefusalCode.CONTACT_TAKEN)
        }

    async def requeue(
        self, now: datetime, decided: ExportColumns, settled: Collection[RefusalCode] = ()
    ) -> bool:
        """Queue it again if nothing stops it any more, and say whether it goes.

        One that was refused for more keeps only the reasons that are left, and goes with the last.
        `decided` is what somebody chose for it; `settled` are reasons that are known to be over.
        """
        case = await self._case(decided)
        if case is None:
            return False
        chosen = await self._chosen_since(case)
        wanted: ExportColumns = {**decided, **chosen}
        if chosen:
            case = await self._case(wanted) or case
        left = [each for each in self._left(case) if each not in settled]
        if left:
            if left != self.export.refusals or wanted:
                kept: ExportColumns = {**wanted, "refusals": left}
                await lifecycle.keep_refused(self.session, self.export, kept)
            return False
        before = {"problem": ",".join(self.export.refusals)}
        # A batch has ended its report by then, so this one speaks for itself.
        asked: ExportColumns = {**wanted, "due_at": now, "batch_id": None}
        if not await lifecycle.requeue(self.session, self.export, asked):
            return False
        entry = AuditNote("released", now, export_id=self.export.id, before=before)
        audit.record(self.session, self.connection, entry)
        return True

    def _left(self, case: Case) -> list[RefusalCode]:
        """Return what still stops it: what is red, and what Xero refused while all was the same."""
        red, now, then = codes_of(reds(examine(case))), grounds_of(case), self.export.grounds or {}
        return [
            each
            for each in self.export.refusals
            if each in red or each not in now or then.get(each) == now[each]
        ]

    async def _case(self, wanted: ExportColumns) -> Case | None:
        export = self.export
        if export.invoice is None:
            return None
        invoice = Invoice.from_json(export.invoice)
        choice = replace(
            choice_of(export),
            contact_id=wanted.get("contact_id", export.contact_id),
            account_id=wanted.get("account_id", export.account_id),
            xero_status=wanted.get("xero_status", export.xero_status),
            override_tax=wanted.get("override_tax", export.override_tax),
            issue_on=wanted.get("issue_on", export.issue_on),
            due_rule=wanted.get("due_rule", export.due_rule),
        )
        known = await books.load(
            self.session, self.connection, choice.contact_id, adding_of(invoice)
        )
        return Case(invoice, choice, known)

    async def _chosen_since(self, case: Case) -> ExportColumns:
        """Return the contact and the account that serve by now: matched, or restored in Xero."""
        export, refused, namesake = self.export, set(self.export.refusals), case.ledger.namesake
        found: ExportColumns = {}
        if export.client_id is None or not refused & (_OF_CONTACT | _OF_ACCOUNT):
            return found
        match = await matches.find(
            self.session, self.connection.id, self.connection.tenant_id, export.client_id
        )
        was_archived = (export.grounds or {}).get(RefusalCode.CONTACT_TAKEN, "")
        if refused & _OF_CONTACT:
            if match is not None and match.contact_id not in {"", NEW_CONTACT, export.contact_id}:
                found["contact_id"] = match.contact_id
            elif namesake and namesake.is_active and namesake.contact_id in was_archived:
                found["contact_id"] = namesake.contact_id
        if refused & _OF_ACCOUNT and match is not None and match.account_id:
            other: ExportColumns = {"account_id": match.account_id}
            moved = await self._case(other)
            if moved is not None and not _OF_ACCOUNT & set(codes_of(reds(examine(moved)))):
                found |= other
        return found


async def requeue_due(session: Session, connection: Connection, now: datetime) -> None:
    """Queue again at once what may go, ahead of the jobs that would."""
    for export in await exports.list_refused(session, connection):
        if export.due_at is not None and export.due_at <= now:
            await Recheck(session, connection, export).requeue(now, {})
