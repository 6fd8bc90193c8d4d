"""What one press can do about each refusal, before an export and after it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from services.clients.xero import Addition
from services.errors import ServiceError
from services.lifecycle.export import ExportColumns
from services.mapping.case import DRAFT
from services.mapping.dates import first_open_day
from services.model.export import DUE_BY_TERMS, DUE_ON_DATE, RefusalCode
from services.model.people import Person, Role
from services.store import mirror, roles
from services.store.engine import Session
from services.store.tables import Connection

OVERRIDE_TAX = "override_tax"
AS_DRAFT = "as_draft"
FIRST_OPEN_DAY = "first_open_day"
TODAY = "today"
DUE_TERMS = "due_by_terms"
DUE_AT_ONCE = "due_at_once"
USE_CONTACT = "use_contact"
LOOK_AGAIN = "look_again"
CHANGE = "change"  # what was chosen, in the form
RETRY = "retry"
PRESSED = (
    OVERRIDE_TAX,
    AS_DRAFT,
    FIRST_OPEN_DAY,
    TODAY,
    DUE_TERMS,
    DUE_AT_ONCE,
    USE_CONTACT,
)

_OF_THE_FORM = {
    RefusalCode.TAX: (OVERRIDE_TAX,),
    RefusalCode.LOCKED: (FIRST_OPEN_DAY, TODAY, AS_DRAFT),
    RefusalCode.DUE: (DUE_TERMS, DUE_AT_ONCE, AS_DRAFT),
    RefusalCode.CONTACT_TAKEN: (USE_CONTACT,),
}
# After a refusal the form can be opened again, too, with everything as it is by then.
_OF_A_RESULT = {
    **_OF_THE_FORM,
    RefusalCode.PLAN_LIMIT: (AS_DRAFT,),
    RefusalCode.NUMBER_TAKEN: ("link_existing", "without_number", RETRY, "cancel"),
    RefusalCode.NUMBER_OTHER: ("without_number", RETRY, "cancel"),
    RefusalCode.REJECTED: (RETRY, CHANGE, "cancel"),
    RefusalCode.EMAIL: (RETRY, CHANGE, "cancel"),
    RefusalCode.ORGANISATION: (RETRY, "cancel"),
    RefusalCode.UNFINDABLE: ("link_existing", RETRY, "cancel"),
    RefusalCode.NO_ANSWER: (RETRY, "cancel"),
    RefusalCode.CHANGED: (LOOK_AGAIN, RETRY),
    RefusalCode.CANCELLED: (LOOK_AGAIN,),
    RefusalCode.GONE: (),
}
_DONE_WITHOUT_MORE = frozenset(
    {
        *(
            RefusalCode.NUMBER_TAKEN,
            RefusalCode.NUMBER_OTHER,
            RefusalCode.UNFINDABLE,
            RefusalCode.NO_ANSWER,
        ),
        *(RefusalCode.GONE, RefusalCode.CHANGED),
        RefusalCode.CANCELLED,
    }
)
# What a decision about one invoice settles for all others that wait for the same. Going past a tax
# that differs is for one invoice alone.
_SETTLED_BY = {
    FIRST_OPEN_DAY: (RefusalCode.LOCKED,),
    TODAY: (RefusalCode.LOCKED,),
    DUE_TERMS: (RefusalCode.DUE,),
    DUE_AT_ONCE: (RefusalCode.DUE,),
    AS_DRAFT: (RefusalCode.LOCKED, RefusalCode.DUE, RefusalCode.PLAN_LIMIT),
}
_LOOKED_AT = (
    RefusalCode.STATUS,
    RefusalCode.FIGURES,
    RefusalCode.DESCRIPTION,
    RefusalCode.CONTACT,
    RefusalCode.CONTACT_TAKEN,
    RefusalCode.ACCOUNT,
    RefusalCode.TAX,
    RefusalCode.UNTAXED,
    RefusalCode.UNTAXED_CHOICE,
    RefusalCode.LOCKED,
    RefusalCode.DUE,
    RefusalCode.CURRENCY,
)


def of_the_form(names: Iterable[RefusalCode]) -> tuple[str, ...]:
    """Return the buttons that help with these red checks."""
    return _each_once(cure for name in names for cure in _OF_THE_FORM.get(name, ()))


def of_a_result(names: Collection[RefusalCode]) -> tuple[str, ...]:
    """Return the buttons that help with a refusal, which may have several reasons."""
    found = [cure for name in names for cure in _OF_A_RESULT.get(name, ())]
    if CHANGE not in found and any(name in _LOOKED_AT for name in names):
        found.append(LOOK_AGAIN)
    if not any(name in _DONE_WITHOUT_MORE for name in names):
        found.append(RETRY)
    return _each_once(found)


def settled_by(
    pressed: Iterable[str], refusals: Collection[RefusalCode]
) -> tuple[RefusalCode, ...]:
    """Return which reasons of a refusal these buttons settle for all others, too."""
    names = dict.fromkeys(name for each in pressed for name in _SETTLED_BY.get(each, ()))
    return tuple(name for name in names if name in refusals)


def _each_once(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Press:
    """A cure that somebody pressed for the invoice of one client, and on which day."""

    cure: str
    person: Person
    adding: Addition
    today: date


async def values_of(session: Session, connection: Connection, press: Press) -> ExportColumns:
    """Return what the press changes, in a form or in an export alike. Raises a refusal."""
    if press.cure == OVERRIDE_TAX:
        await roles.require(session, connection, press.person, Role.OWNER)
        return {"override_tax": True}
    if press.cure == USE_CONTACT:
        return {"contact_id": await _namesake(session, connection, press.adding)}
    if press.cure == FIRST_OPEN_DAY:
        return {"issue_on": first_open_day(connection.locked_until)}
    if press.cure == TODAY:
        _require_open(connection, press.today)
    plain: dict[str, ExportColumns] = {
        AS_DRAFT: {"xero_status": DRAFT},
        TODAY: {"issue_on": press.today},
        DUE_TERMS: {"due_rule": DUE_BY_TERMS},
        DUE_AT_ONCE: {"due_rule": DUE_ON_DATE},
    }
    return plain[press.cure]


def _require_open(connection: Connection, day: date) -> None:
    locked = connection.locked_until
    if locked is not None and day <= locked:
        raise ServiceError(
            f"{connection.organisation_name} is locked up to {locked:%d %b %Y}, so today is no way "
            "out. Date it the first open day, or export it as a draft."
        )


async def _namesake(session: Session, connection: Connection, adding: Addition) -> str:
    found = await mirror.find_namesake(session, connection.id, adding.name, adding.number)
    if found is None or not found.is_active:
        raise ServiceError(
            f"Xero has no active contact called {adding.name}. Choose one in the form."
        )
    return found.contact_id
