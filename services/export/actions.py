"""What an action changes in what was chosen for an export."""

from dataclasses import dataclass
from datetime import date

from services.clients.xero import Addition
from services.errors import ServiceError
from services.lifecycle.export import ExportColumns
from services.mapping.case import DRAFT
from services.mapping.checks import first_open_day
from services.model.actions import Action
from services.model.export import DUE_BY_TERMS, DUE_ON_DATE
from services.model.people import Person, Role
from services.model.wording import Day
from services.store import mirror, roles
from services.store.engine import Session
from services.store.tables import Connection


@dataclass(frozen=True, slots=True)
class Press:
    """What somebody pressed for the invoice of one client, and on which day."""

    action: Action
    person: Person
    adding: Addition
    today: date


async def values_of(session: Session, connection: Connection, press: Press) -> ExportColumns:
    """Return what the press changes, in a form or in an export alike. Raises a refusal."""
    if press.action == Action.OVERRIDE_TAX:
        await roles.require(session, connection, press.person, Role.OWNER)
        return {"override_tax": True}
    if press.action == Action.USE_CONTACT:
        return {"contact_id": await _namesake(session, connection, press.adding)}
    if press.action == Action.FIRST_OPEN_DAY:
        return {"issue_on": first_open_day(connection.locked_until)}
    if press.action == Action.TODAY:
        _require_open(connection, press.today)
    plain: dict[Action, ExportColumns] = {
        Action.AS_DRAFT: {"xero_status": DRAFT},
        Action.TODAY: {"issue_on": press.today},
        Action.DUE_BY_TERMS: {"due_rule": DUE_BY_TERMS},
        Action.DUE_AT_ONCE: {"due_rule": DUE_ON_DATE},
    }
    return plain[press.action]


def _require_open(connection: Connection, day: date) -> None:
    locked = connection.locked_until
    if locked is not None and day <= locked:
        raise ServiceError(
            f"{connection.organisation_name} is locked up to {Day(locked)}, so today is no way "
            "out. Date it the first open day, or export it as a draft."
        )


async def _namesake(session: Session, connection: Connection, adding: Addition) -> str:
    found = await mirror.find_namesake(session, connection.id, adding.name, adding.number)
    if found is None or not found.is_active:
        raise ServiceError(
            f"Xero has no active contact called {adding.name}. Choose one in the form."
        )
    return found.contact_id
