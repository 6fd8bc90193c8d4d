"""The settings of a connection: who may do what, and what voids and credits mean."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from services.errors import NotAccepted, NotConnected
from services.jobs.runner import Work
from services.lifecycle.export import stop_automatic
from services.lifecycle.task import ask_again
from services.matching.menus import tax_option
from services.model.export import UNTAXED
from services.model.jobs import Job
from services.model.people import Option, Person, Role
from services.store import access, audit, automatic, connections, matches, roles
from services.store.audit import AuditNote
from services.store.engine import Database, Session
from services.store.tables import Connection

_KNOWN = {
    "channel_viewers": ("on", "off"),
    "xero_status": ("AUTHORISED", "DRAFT"),
    "void_means": ("void", "delete"),
    "credits": ("record", "notify"),
    "auto_export": ("off", "on"),
    "attach_pdf": ("off", "on"),
}
_SWITCHED_OFF = "Automatic export was switched off before this invoice was sent."
_OTHER = "Choose one of the values that the form offers."


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
    auto_export: str = "off"  # or "on"
    attach_pdf: str = "off"  # or "on"
    clean: int = 0  # exports by hand without a difference
    needed: int = 0  # how many of them automatic export wants
    owner_id: str = ""  # as saved, whom it is handed over to
    organisation: str = ""
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
            await roles.require(session, connection, person, Role.OWNER)
            clean = await automatic.count_clean(session, connection)
            return replace(await _form(session, connection), clean=clean, needed=automatic.NEEDED)

    async def save(self, person: Person, form: SettingsForm) -> None:
        """Take over what was chosen. Raises `NotAccepted` by the form's fields, `NotAllowed`."""
        wrong = {
            name: _OTHER for name, values in _KNOWN.items() if getattr(form, name) not in values
        }
        if wrong:
            raise NotAccepted(wrong)
        async with self.database.sessions.begin() as session:
            connection = await connections.lock_here(session, person, form.connection_id)
            former = await _form(session, connection)
            _name_people(connection, form)
            connection.xero_status = form.xero_status
            connection.void_means = form.void_means
            connection.credits = form.credits
            connection.attach_pdf = form.attach_pdf == "on"
            await self._set_auto_export(session, connection, form)
            if form.untaxed not in {"", former.untaxed}:
                if form.untaxed not in {each.value for each in former.untaxed_options}:
                    raise NotAccepted({"untaxed": _OTHER})
                await matches.remember_tax(
                    session, connection, (UNTAXED, form.untaxed), by=person.user_id, at=self.now()
                )
                await ask_again(session, connection, self.now())
            entry = AuditNote(
                "settings_changed",
                self.now(),
                person.user_id,
                before=_values(former),
                after=_values(await _form(session, connection)),
            )
            audit.record(session, connection, entry)
            await access.settle(session, connection, entry.at)
            if form.owner_id:
                await access.change_owner(
                    session, connection, form.owner_id, access.GIVEN, entry.at
                )
        await self.work.nudge(Job.NOTICES, connection.workspace_id)

    async def _set_auto_export(
        self, session: Session, connection: Connection, form: SettingsForm
    ) -> None:
        wanted = form.auto_export == "on"
        if wanted == connection.auto_export:
            return
        if not wanted:
            await stop_automatic(session, automatic.queued_by(connection), _SWITCHED_OFF)
            connection.auto_export = False
            return
        clean = await automatic.count_clean(session, connection)
        if clean < automatic.NEEDED:
            raise NotAccepted({"auto_export": too_early(clean, automatic.NEEDED)})
        await automatic.switch_on(session, connection, self.now())


def _name_people(connection: Connection, form: SettingsForm) -> None:
    exporters = dict.fromkeys(form.exporters)
    exporters.pop(connection.owner_id, None)
    connection.exporters = list(exporters)
    named = {connection.owner_id, *exporters}
    connection.viewers = [each for each in dict.fromkeys(form.viewers) if each not in named]
    connection.channel_viewers = form.channel_viewers == "on"


def too_early(clean: int, needed: int) -> str:
    """Say how many exports by hand are missing before the app may export by itself."""
    return (
        f"Not available yet: {clean} of {needed} invoices were exported by hand without a "
        "difference. Export some more first."
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
        owner_id=connection.owner_id,
        organisation=connection.organisation_name,
        untaxed=chosen if chosen in {each.tax_type for each in rates} else "",
        untaxed_options=tuple(tax_option(each, connection.country) for each in rates),
    )


def _values(form: SettingsForm) -> dict[str, object]:
    """What the audit log keeps of the settings."""
    people = {"exporters": list(form.exporters), "viewers": list(form.viewers)}
    return people | {name: getattr(form, name) for name in (*_KNOWN, "untaxed")}
