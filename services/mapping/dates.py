"""The date and the due date of an invoice against the organisation's lock dates."""

from collections.abc import Iterable
from datetime import date, timedelta

from services.mapping.case import Case
from services.model.export import DUE_BY_TERMS, Check, Colour
from services.model.wording import Day


def first_open_day(locked_until: date | None) -> date | None:
    """Return the day after the lock, or None where nothing is locked."""
    return locked_until + timedelta(days=1) if locked_until is not None else None


def check_dates(case: Case) -> Iterable[Check]:
    """Look at the lock dates, then at the due date."""
    is_locked = _is_locked(case)
    if is_locked:
        yield Check("locked", Colour.RED, _locked(case))
    due_on = case.due_on
    if due_on is None or due_on < case.issued_on:
        why = "has no due date" if due_on is None else "is due before its own date"
        if case.choice.due_rule == DUE_BY_TERMS and case.invoice.terms is None:
            why += ", and Paymo states no days to pay, neither for the client nor for the company"
        colour = Colour.AMBER if case.is_draft else Colour.RED
        yield Check(
            "due",
            colour,
            f"The invoice {why}. Set it in Paymo, choose one for Xero, or export it as a draft.",
        )
    elif not is_locked:
        yield _open(case, due_on)


def _is_locked(case: Case) -> bool:
    locked = case.ledger.locked_until
    return locked is not None and case.issued_on <= locked and not case.is_draft


def _locked(case: Case) -> str:
    return (
        f"The invoice is dated {_day(case.issued_on)} and {case.ledger.organisation} is locked up "
        f"to {_day(case.ledger.locked_until)}. Choose another date for Xero, or export it as a "
        "draft; Paymo's date stays as it is."
    )


def _open(case: Case, due_on: date) -> Check:
    said = f"Dated {_day(case.issued_on)}, due {_day(due_on)}."
    if case.issued_on == case.invoice.issued_on and due_on == case.invoice.due_on:
        return Check("dates", Colour.GREEN, said)
    theirs = case.invoice.due_on
    states = f"{_day(case.invoice.issued_on)}, " + (f"due {_day(theirs)}" if theirs else "no due")
    return Check("dates", Colour.AMBER, f"{said} Paymo has {states}, which stays.")


def _day(day: date | None) -> str:
    return str(Day(day)) if day is not None else ""
