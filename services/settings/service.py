"""A connection's settings: who may do what, what voiding does, and who asks for a role."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from services import money
from services.errors import AlreadyRequested, NotAccepted, NotConnected, NotFound, ServiceError
from services.export.approvals import stop_automatic
from services.jobs.runner import Work
from services.lifecycle.export import judge_again
from services.lifecycle.task import ask_again
from services.matching.suggestions import tax_option
from services.model.export import UNTAXED
from services.model.jobs import Job
from services.model.notice import NoticeKind
from services.model.people import Option, Person, Role
from services.model.wording import Amount, Command, Member, Moment, Typed
from services.store import access, audit, connections, matches, people, worklists
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.settled import Settled, settle
from services.store.tables import AccessRequest, Connection, Export

_KNOWN = {
    "channel_viewers": ("on", "off"),
    "xero_status": ("AUTHORISED", "DRAFT"),
    "void_means": ("void", "delete"),
    "credits": ("record", "notify"),
    "auto_export": ("off", "on"),
    "attach_pdf": ("off", "on"),
}
_SWITCHED_OFF = "Automatic export was turned off before this invoice was sent."
_OTHER = "Choose one of the values that the form offers."
_NO_AMOUNT = "Type an amount such as 5000, or leave it empty."
_ALONE = "Add another exporter first. Nobody can approve their own exports."
_MOST = Decimal(10) ** 15


@dataclass(frozen=True, slots=True)
class SettingsForm:
    """The settings of one connection, as shown and as saved."""

    connection_id: int
    exporters: tuple[str, ...]
    viewers: tuple[str, ...]
    channel_viewers: str  # "on" or "off"
    xero_status: str  # "AUTHORISED" or "DRAFT"
    void_means: str  # "void" or "delete"
    credits: str  # "record" or "notify"
    auto_export: str  # or "on"
    attach_pdf: str = "off"  # or "on"
    clean: int = 0  # exports by hand without a difference
    needed: int = 0  # how many of them automatic export wants
    owner_id: str = ""  # as saved, whom it is handed over to
    organisation: str = ""
    approve_above: str = ""  # the amount above which a second person approves; "" while off
    currency: str = ""  # of that amount
    untaxed: str = ""  # the tax type of lines without tax; "" while nobody has chosen
    untaxed_options: tuple[Option, ...] = ()  # empty where there is nothing to choose


@dataclass(frozen=True, slots=True)
class SettingsService:
    """Only the owner may read and change them."""

    database: Database
    work: Work
    now: Callable[[], datetime]

    async def open(self, person: Person) -> SettingsForm:
        """The settings as they are. Raises `NotAllowed`, `NotConnected`."""
        async with self.database.sessions() as session:
            connection = await connections.find_current(session, person)
            if connection is None:
                raise NotConnected(connections.CONNECT_FIRST, system="Xero")
            await people.require(session, connection, person, Role.OWNER)
            clean = await worklists.count_clean(session, connection)
            return replace(await _form(session, connection), clean=clean, needed=worklists.NEEDED)

    async def save(
        self,
        person: Person,
        form: SettingsForm,
        untouched: Collection[str] = (),
        drawn: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        """Save what was chosen; what is `untouched` stays as it is, also if it has changed since.

        So does whoever got or lost a role after a list was `drawn`. Raises `NotAccepted` by the
        form's fields, `NotAllowed`.
        """
        wrong = {
            name: _OTHER for name, values in _KNOWN.items() if getattr(form, name) not in values
        }
        if wrong:
            raise NotAccepted(wrong)
        async with self.database.sessions.begin() as session:
            connection = await connections.lock_here(session, person, form.connection_id)
            former = await _form(session, connection)
            form = _changed(former, form, untouched, drawn or {})
            had_roles = {*connection.exporters, *connection.viewers}
            _name_people(connection, form)
            _set_choices(connection, form)
            _set_approval(connection, form)
            await self._set_auto_export(session, connection, form, person.user_id)
            if form.untaxed not in {"", former.untaxed}:
                await self._remember_untaxed(session, connection, form.untaxed, former)
            entry = AuditNote(
                "settings_changed",
                self.now(),
                person.user_id,
                before=_values(former),
                after=_values(await _form(session, connection)),
            )
            if entry.before != entry.after:
                audit.record(session, connection, entry)
            await people.outdate(session, connection, entry.at, had_roles)
            await access.settle(session, connection, entry.at)
            if form.owner_id:
                await access.change_owner(
                    session, connection, form.owner_id, access.GIVEN, entry.at
                )
            await _judge_waiting(session, connection, entry.at)
        await self.work.nudge(Job.NOTICES, connection.workspace_id)

    async def _remember_untaxed(
        self, session: Session, connection: Connection, tax_type: str, former: SettingsForm
    ) -> None:
        if tax_type not in {each.value for each in former.untaxed_options}:
            raise NotAccepted({"untaxed": _OTHER})
        chosen, now = (UNTAXED, tax_type), self.now()
        await matches.remember_tax(session, connection, chosen, by=connection.owner_id, at=now)
        await ask_again(session, connection, now)

    async def _set_auto_export(
        self, session: Session, connection: Connection, form: SettingsForm, by: str
    ) -> None:
        wanted, now = form.auto_export == "on", self.now()
        if wanted == connection.auto_export:
            return
        if not wanted:
            await stop_automatic(session, connection, _SWITCHED_OFF, by, now)
            return
        clean = await worklists.count_clean(session, connection)
        if clean < worklists.NEEDED:
            raise NotAccepted({"auto_export": too_early(clean, worklists.NEEDED)})
        await worklists.switch_on(session, connection, by, now)
        again = Settled((NoticeKind.AUTO_EXPORT_PAUSED,), by, "turned it on again")
        await settle(session, connection, again, now)


def _changed(
    former: SettingsForm,
    form: SettingsForm,
    untouched: Collection[str],
    drawn: Mapping[str, Collection[str]],
) -> SettingsForm:
    """Return what is to be saved: only what the form changed is its own."""
    kept: dict[str, Any] = {name: getattr(former, name) for name in untouched}
    for name, shown in drawn.items():
        kept[name] = _merged(getattr(form, name), shown, getattr(former, name))
    return replace(form, **kept)


def _merged(
    chosen: Collection[str], shown: Collection[str], now: Collection[str]
) -> tuple[str, ...]:
    """Return the people who are named `now`, changed as the form changed those it had `shown`."""
    added = [each for each in chosen if each not in shown]
    return tuple(each for each in now if each in chosen or each not in shown) + tuple(added)


def _name_people(connection: Connection, form: SettingsForm) -> None:
    exporters = dict.fromkeys(form.exporters)
    exporters.pop(connection.owner_id, None)
    connection.exporters = list(exporters)
    named = {connection.owner_id, *exporters}
    connection.viewers = [each for each in dict.fromkeys(form.viewers) if each not in named]
    connection.channel_viewers = form.channel_viewers == "on"


def _set_choices(connection: Connection, form: SettingsForm) -> None:
    connection.xero_status = form.xero_status
    connection.void_means = form.void_means
    connection.credits = form.credits
    connection.attach_pdf = form.attach_pdf == "on"


def _set_approval(connection: Connection, form: SettingsForm) -> None:
    """Switch the second person on or off; while it is on, the last exporter may still go."""
    wanted = None
    if form.approve_above:
        try:
            wanted = Decimal(form.approve_above)
        except InvalidOperation:
            raise NotAccepted({"approve_above": _NO_AMOUNT}) from None
        if not wanted.is_finite() or not 0 <= wanted < _MOST:
            raise NotAccepted({"approve_above": _NO_AMOUNT})
        if connection.approve_above is None and not connection.exporters:
            raise NotAccepted({"approve_above": _ALONE})
    connection.approve_above = wanted


async def _judge_waiting(session: Session, connection: Connection, now: datetime) -> None:
    """Check exports that wait for approval again: who may approve, or the rule, has changed."""
    await judge_again(session, Export.connection_id == connection.id, now)


def too_early(clean: int, needed: int) -> str:
    """Say how many exports by hand are missing before automatic export can be turned on."""
    return (
        f"Available once {needed} manual exports have the same total in Xero as in Paymo. "
        f"So far: {clean}."
    )


async def _form(session: Session, connection: Connection) -> SettingsForm:
    rates = await matches.list_zero_rates(session, connection)
    chosen = (await matches.list_tax_choices(session, connection)).get(UNTAXED, "")
    return SettingsForm(
        connection_id=connection.id,
        exporters=tuple(connection.exporters),
        viewers=tuple(connection.viewers),
        channel_viewers="on" if connection.channel_viewers else "off",
        xero_status=connection.xero_status,
        void_means=connection.void_means,
        credits=connection.credits,
        auto_export="on" if connection.auto_export else "off",
        attach_pdf="on" if connection.attach_pdf else "off",
        approve_above=_plain(connection.approve_above),
        currency=connection.base_currency,
        owner_id=connection.owner_id,
        organisation=connection.organisation_name,
        untaxed=chosen if chosen in {each.tax_type for each in rates} else "",
        untaxed_options=tuple(tax_option(each, connection.country) for each in rates),
    )


def _plain(limit: Decimal | None) -> str:
    return "" if limit is None else money.plain(limit)


def _values(form: SettingsForm) -> dict[str, object]:
    """Return what the audit log keeps of the settings, as people read it there."""
    limit, rates = form.approve_above, {each.value: each.text for each in form.untaxed_options}
    return {
        "exporters": list(form.exporters),
        "viewers": list(form.viewers),
        **{name: getattr(form, name) for name in _KNOWN},
        "approve_above": str(Amount(Decimal(limit), form.currency)) if limit else "",
        "untaxed": rates.get(form.untaxed, ""),
    }


@dataclass(frozen=True, slots=True)
class AccessService:
    """Writes rows only; the outbox tells the owner, and whoever asked."""

    database: Database
    work: Work
    now: Callable[[], datetime]

    async def ask(self, person: Person, role: Role) -> str:
        """Ask the owner for a role; return a sentence to show. Two presses are one request."""
        now = self.now()
        async with self.database.sessions.begin() as session:
            connection = await connections.find_current(session, person)
            if connection is None:
                raise ServiceError(connections.CONNECT_FIRST)
            has = people.named_role(connection, person.user_id)
            if has >= role:
                return f"You're already {_a(has)} here."
            wanted = role if has is Role.EXPORTER else min(role, Role.EXPORTER)
            if await access.may_take_over(session, connection, person.user_id, now):
                return _take_over(connection)
            if await access.was_declined(session, connection.id, person.user_id, wanted, now):
                owner = Member(connection.owner_id)
                return f"{owner} declined this less than a day ago. You can ask again tomorrow."
            is_new = await access.ask(session, connection, person.user_id, wanted, now)
            owner, workspace_id = Member(connection.owner_id), connection.workspace_id
        if not is_new:
            return f"You've asked {owner} before. We'll tell you when they answer."
        await self.work.nudge(Job.NOTICES, workspace_id)
        return f"We've asked {owner}. We'll tell you when they answer."

    async def allow(self, person: Person, request_id: int, role: Role | None = None) -> str:
        """Give what was asked for, or another role; return a sentence to show."""
        async with self.database.sessions.begin() as session:
            request, connection = await self._open(session, person, request_id)
            wanted = Role[request.role.upper()]
            given = wanted if role is None or request.is_handover else role
            await self._answer(session, connection, request, given.word)
            if request.is_handover:
                await access.change_owner(
                    session, connection, request.user_id, access.GIVEN, self.now()
                )
            else:
                access.give(connection, request.user_id, given)
                await access.settle(session, connection, self.now())
            await _judge_waiting(session, connection, self.now())
        await self.work.nudge(Job.NOTICES, connection.workspace_id)
        return f"{Member(request.user_id)} is now {_a(given)}."

    async def decline(self, person: Person, request_id: int) -> str:
        """Give nothing; return a sentence to show."""
        async with self.database.sessions.begin() as session:
            request, connection = await self._open(session, person, request_id)
            await self._answer(session, connection, request, "")
        await self.work.nudge(Job.NOTICES, connection.workspace_id)
        return f"Declined. We've told {Member(request.user_id)}."

    async def _answer(
        self, session: Session, connection: Connection, request: AccessRequest, given: str
    ) -> None:
        """Answer once, and write down what the owner decided about whom."""
        now = self.now()
        if not await access.answer(session, connection, request, given, now):
            raise AlreadyRequested(_answered(request))
        what = "access_given" if given else "access_declined"
        after = {"people": [request.user_id], "role": given or request.role}
        audit.record(session, connection, AuditNote(what, now, connection.owner_id, after=after))

    async def _open(
        self, session: Session, person: Person, request_id: int
    ) -> tuple[AccessRequest, Connection]:
        """An unanswered request that this person may answer, with its connection locked."""
        request = await access.find(session, request_id)
        if request is None:
            raise NotFound("This request no longer exists.")
        connection = await connections.lock_here(session, person, request.connection_id)
        if request.answered_at is not None:
            raise AlreadyRequested(_answered(request))
        return request, connection


def _answered(request: AccessRequest) -> str:
    if request.answered_at is None:  # just now
        return "Somebody already answered this request. Nothing changed."
    who, when = Member(request.answered_by), Moment(request.answered_at)
    return f"{who} already answered this request at {when}. Nothing changed."


def _take_over(connection: Connection) -> str:
    return (
        f"{Member(connection.owner_id)} hasn't answered for seven days. To become the owner, type "
        f"{Typed(Command.CONNECT)} and connect Xero again, with an account that reaches "
        f"{connection.organisation_name}."
    )


def _a(role: Role) -> str:
    return {Role.OWNER: "the owner", Role.EXPORTER: "an exporter"}.get(role, "a viewer")
