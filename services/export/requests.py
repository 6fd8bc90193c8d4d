"""What people ask for: an export, another try, or a way around a refusal."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from services import money
from services.clients.xero import Addition
from services.errors import AlreadyRequested, NotAccepted, ServiceError
from services.export import approvals, claims, forms, ledger_settings, refusals
from services.export.checking import Recheck
from services.export.drafts import CLOSED
from services.jobs.runner import Work
from services.lifecycle import export as lifecycle
from services.lifecycle.export import ExportColumns
from services.lifecycle.task import ask_again
from services.mapping import taxes
from services.mapping.case import ExportChoice, adding_of
from services.mapping.checks import Case, examine
from services.model.actions import Action, settled_by
from services.model.export import UNTAXED, Colour, ExportState, RefusalCode
from services.model.invoice import Links
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.people import Person, ReplyTarget
from services.model.wording import Member, some_of
from services.store import audit, connections, drafts, exports, leases, matches, mirror, notices
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.settled import EXPORTS, Settled, settle
from services.store.tables import Connection, Draft, Export

_READING = "The invoice is still being read from Paymo. Wait a moment, then press again."
_OTHER_INVOICE = "The form now shows another invoice. Check it, then press again."


@dataclass(frozen=True, slots=True)
class ExportRequests:
    """What people ask for and press: it is noted in a row, and the job does the rest."""

    database: Database
    work: Work
    links: Links
    now: Callable[[], datetime]

    async def request(
        self, person: Person, draft_id: int, choice: ExportChoice, reply_to: ReplyTarget
    ) -> str:
        """Claim the invoice and have it sent; return its number.

        The answer belongs to the connection's workspace. Raises `NotAccepted` by the form's fields,
        `AlreadyRequested`, `NotAllowed`, `NotConnected`.
        """
        now = self.now()
        async with self.database.sessions.begin() as session:
            connection = await connections.get_for_exporter(session, person)
            # It ends first, so that a claim redraws only others; a refusal takes that back.
            draft = await drafts.end(session, draft_id)
            own = (person.user_id, connection.id)
            if draft is None or (draft.user_id, draft.connection_id) != own:
                raise ServiceError(CLOSED)  # it may show another organisation
            status = choice.xero_status or draft.xero_status
            choice = _with_actions(draft, replace(choice, xero_status=status))
            latest = await _not_taken(session, connection, choice)
            invoice = await _sendable(session, connection, draft, choice, now)
            reply_to = replace(reply_to, workspace_id=connection.workspace_id)
            asked = claims.Request(person.user_id, reply_to, now, choice, invoice)
            export = await claims.claim_after(session, connection, asked, latest)
            if export is latest or draft.batch_id is not None:
                await claims.remember_match(session, export, now)  # the table below needs it
            export_id, number = export.id, export.number
        await self.work.nudge(Job.EXPORT, export_id)
        return number

    async def act(
        self, person: Person, export_id: int, reply_to: ReplyTarget, pressed: Action
    ) -> str:
        """Try again what was refused, with what this button changes; return a sentence to show."""
        async with self.database.sessions() as session:
            export, connection = await exports.get_here(session, person, export_id)
            adding = Addition.of(export.client_id, export.client_name)
            press = claims.Press(pressed, person, self.now(), adding)
            decided = await claims.decided_by(session, connection, press)
            settled = settled_by([pressed], export.refusals)
        said = await self._restart(person, export_id, reply_to, decided)
        decided["changed_by"] = person.user_id
        others = await self._settle_others(export, settled, decided) if settled else []
        return f"{said} {so_are(others)}".strip()

    async def approve(self, person: Person, export_id: int, seen: str) -> str:
        """Let go, as the second person, what was shown; return a sentence to show."""
        async with self.database.sessions.begin() as session:
            export, connection = await exports.get_here(session, person, export_id)
            press = approvals.Approval(person.user_id, seen, self.now())
            await approvals.approve(session, connection, export, press)
            said = f"{Member(person.user_id)} approved the export of invoice {export.number}."
        await self.work.nudge(Job.EXPORT, export_id)
        return said

    async def cancel(self, person: Person, export_id: int) -> str:
        """End an export that did not go; it can be asked for again at any time.

        What may still arrive in Xero is waited for, and looked for: what is there stays exported.
        """
        now = self.now()
        async with self.database.sessions.begin() as session:
            found, connection = await exports.get_here(session, person, export_id)
            export = await exports.hold(session, found.id)
            _require_not_done(export, connection)
            said = Settled(EXPORTS, person.user_id, "cancelled it", export.id)
            await settle(session, connection, said, now)
            entry = AuditNote("export_cancelled", now, person.user_id, export_id=export.id)
            audit.record(session, connection, entry)
            fence = export.fence if leases.is_under_way(export, now) else export.fence + 1
            number = export.number
            is_over = refusals.may_be_ended_at_once(export)
            if is_over:
                known = refusals.known_of(export)
                await lifecycle.cancel(session, export, refusals.cancelled(export), fence)
                await self._tell_cancelled(session, connection, export, person, known)
            else:
                await lifecycle.ask_to_cancel(session, export, leases.over_at(export, now), fence)
        if is_over:
            await self.work.nudge(Job.NOTICES, connection.workspace_id)
            return f"The export of invoice {number} is cancelled. {known}"
        await self.work.nudge(Job.EXPORT, export_id)
        return (
            f"We'll cancel the export of invoice {number} once we know that Xero doesn't have it. "
            "If Xero has it, it stays there, and you can undo it."
        )

    async def _tell_cancelled(
        self, session: Session, connection: Connection, export: Export, person: Person, known: str
    ) -> None:
        """Tell whoever asked for an export that somebody else cancelled it."""
        if export.requested_by in {"", person.user_id}:
            return
        facts = notices.common_facts(export, connection, self.links)
        facts |= {"by": person.user_id, "reason": known}
        source, whom = f"cancelled:{export.id}:{export.fence}", [export.requested_by]
        told = notices.Notification(NoticeKind.EXPORT_CANCELLED, source, facts, export, also=whom)
        await notices.enqueue(session, connection, told, self.now())

    async def _settle_others(
        self, export: Export, settled: Sequence[RefusalCode], decided: ExportColumns
    ) -> list[Export]:
        """Let this decision hold for all others that were refused for the same reasons."""
        async with self.database.sessions.begin() as session:
            connection = await connections.get(session, export.connection_id)
            requeued = [
                each
                for each in await exports.list_refused(session, connection)
                if each.id != export.id
                and set(each.refusals) & set(settled)
                and await Recheck(session, connection, each).requeue(self.now(), decided)
            ]
        for each in requeued:
            await self.work.nudge(Job.EXPORT, each.id)
        return requeued

    async def _restart(
        self, person: Person, export_id: int, reply_to: ReplyTarget, decided: ExportColumns
    ) -> str:
        now = self.now()
        async with self.database.sessions.begin() as session:
            export, connection = await exports.get_here(session, person, export_id)
            _require_not_done(export, connection)
            if export.state is ExportState.AWAITING:
                raise AlreadyRequested(claims.why_taken(export, connection))
            if export.state is not ExportState.FAILED:
                if not leases.is_under_way(export, now):
                    export.due_at = now  # it waits; try it at once
            else:
                asked: ExportColumns = {
                    "requested_by": person.user_id,
                    "requested_at": now,
                    "reply_to": asdict(replace(reply_to, view_hash="")),
                    "changed_by": "",
                    "due_at": now,
                    "batch_id": None,  # from here on it speaks for itself
                    "seen_updated_on": None,  # the person has read what changed, and goes on
                    # Only the owner answers for a tax that differs.
                    "override_tax": export.override_tax and person.user_id == connection.owner_id,
                }
                said = Settled(EXPORTS, person.user_id, "tried it again", export.id)
                if await lifecycle.requeue(session, export, {**asked, **decided}):
                    await settle(session, connection, said, now)
                    if decided:
                        await claims.remember_match(session, export, now)
            number, organisation = export.number, connection.organisation_name
        await self.work.nudge(Job.EXPORT, export_id)
        return f"Invoice {number} is on its way to {organisation}."


def _require_not_done(export: Export, connection: Connection) -> None:
    if export.state in exports.DONE:
        raise AlreadyRequested(claims.why_taken(export, connection) or "It's already exported.")


def _with_actions(draft: Draft, choice: ExportChoice) -> ExportChoice:
    """Add what was pressed in the form; that holds for the invoice that it shows only."""
    if choice.invoice_id != draft.invoice_id:
        return choice
    return replace(
        choice,
        override_tax=draft.override_tax,
        issue_on=draft.issue_on,
        due_rule=draft.due_rule,
    )


async def _not_taken(
    session: Session, connection: Connection, choice: ExportChoice
) -> Export | None:
    """Return the invoice's former export, if any, unless that stands in the way."""
    if choice.invoice_id is None:
        raise NotAccepted({"invoice": "Choose the invoice to export."})
    latest = await exports.find_latest(session, connection, choice.invoice_id)
    if latest is not None and (taken := claims.why_taken(latest, connection)):
        raise AlreadyRequested(taken)
    return latest


async def _sendable(
    session: Session, connection: Connection, draft: Draft, choice: ExportChoice, now: datetime
) -> ExportColumns:
    """Return the invoice to export, if nothing is known to stand in its way."""
    invoice = forms.kept(draft) if choice.invoice_id == draft.invoice_id else None
    if invoice is None:
        return await _unseen(session, connection, draft, choice)
    known = await ledger_settings.load(session, connection, choice.contact_id, adding_of(invoice))
    case = Case(invoice, choice, known)
    _require_sendable(case)
    for chosen in _rates_chosen(case):
        await matches.remember_tax(session, connection, chosen, by=draft.user_id, at=now)
        await ask_again(session, connection, now)
    return claims.columns_of(invoice)


def _rates_chosen(case: Case) -> Iterator[tuple[str, str]]:
    """Yield the tax types that were chosen in the form, each with the rate of Paymo's."""
    choice = case.choice
    if choice.untaxed_type in {each.tax_type for each in taxes.untaxed_choices(case)}:
        yield UNTAXED, choice.untaxed_type
    rate, _ = taxes.chosen(case)
    if rate is not None and rate.tax_type == choice.tax_type:
        yield money.plain(case.invoice.rate), rate.tax_type


async def _unseen(
    session: Session, connection: Connection, draft: Draft, choice: ExportChoice
) -> ExportColumns:
    """Take a form that was filled in at once, before any invoice was shown in it.

    The job checks everything before it sends. After another invoice was shown, the contact and
    account may be that one's, so then the person has to see it first.
    """
    if draft.invoice is not None:
        other = choice.invoice_id != draft.invoice_id
        raise NotAccepted({"invoice": _OTHER_INVOICE if other else draft.reason or _READING})
    header = await mirror.find_header(session, connection.id, choice.invoice_id or 0)
    if header is None or not choice.contact_id or not choice.account_id:
        raise NotAccepted({"invoice": draft.reason or _READING})
    client = await mirror.find_client(session, connection.id, header.client_id)
    return claims.columns_of_head(header, client.name if client else "")


def _require_sendable(case: Case) -> None:
    wrong: dict[str, str] = {}
    for check in examine(case):
        if check.colour is Colour.RED:
            wrong.setdefault(forms.red_field(check), check.text)
    if wrong:
        raise NotAccepted(wrong)


def so_are(others: Sequence[Export]) -> str:
    """Say which others go as well, or ""."""
    if not others:
        return ""
    numbers = some_of([each.number for each in others])
    verb, was = ("is", "was") if len(others) == 1 else ("are", "were")
    return f"So {verb} {numbers}, which {was} waiting for the same thing."
