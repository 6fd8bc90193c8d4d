"""The actions behind buttons, and which refusal offers which; `handlers` draws them."""

from collections.abc import Collection, Iterable
from enum import StrEnum

from services.errors import NotAllowed, NotConnected, NotMatched, ServiceError
from services.model.export import RefusalCode


class Action(StrEnum):
    """What a button does; the value is its name outside, so none of them changes."""

    # What was chosen for an export is changed, in its form or after a refusal.
    OVERRIDE_TAX = "override_tax"
    AS_DRAFT = "as_draft"
    FIRST_OPEN_DAY = "first_open_day"
    TODAY = "today"
    DUE_BY_TERMS = "due_by_terms"
    DUE_AT_ONCE = "due_at_once"
    USE_CONTACT = "use_contact"
    ADD_CONTACT = "add_contact"
    # An export that was refused, or that waits.
    LOOK_AGAIN = "look_again"  # in the form, with everything read anew
    CHANGE = "change"  # what was chosen, in the form
    RETRY = "retry"
    LINK_EXISTING = "link_existing"
    WITHOUT_NUMBER = "without_number"
    CANCEL = "cancel"
    APPROVE = "approve"  # as a second person
    # An invoice that is in Xero, or was.
    ACCEPT_DIFFERENCE = "accept_difference"
    UPDATE_IN_XERO = "update_in_xero"
    UNDO = "undo"
    RESTORE = "restore"
    DELETE_IN_PAYMO = "delete_in_paymo"
    VOID_IN_PAYMO = "void_in_paymo"
    BRING_BACK = "bring_back"  # a payment that a person deleted in Paymo
    RECORD_PAYMENT = "record_payment"  # one that a person is asked about
    # Elsewhere.
    EXPORT = "export"
    MATCH = "match"
    RECONNECT = "reconnect"
    REQUEST_ACCESS = "request_access"
    OPEN_XERO = "open_xero"
    OPEN_PAYMO = "open_paymo"


CHANGES_CHOICE = (
    Action.OVERRIDE_TAX,
    Action.AS_DRAFT,
    Action.FIRST_OPEN_DAY,
    Action.TODAY,
    Action.DUE_BY_TERMS,
    Action.DUE_AT_ONCE,
    Action.USE_CONTACT,
    Action.ADD_CONTACT,
)
_IN_THE_FORM = {
    RefusalCode.TAX: (Action.OVERRIDE_TAX,),
    RefusalCode.LOCKED: (Action.FIRST_OPEN_DAY, Action.TODAY, Action.AS_DRAFT),
    RefusalCode.DUE: (Action.DUE_BY_TERMS, Action.DUE_AT_ONCE, Action.AS_DRAFT),
    RefusalCode.CONTACT: (Action.ADD_CONTACT,),
    RefusalCode.CONTACT_TAKEN: (Action.USE_CONTACT,),
}
# After a refusal the form can be opened again, too, with everything as it is by then.
_AFTER_A_REFUSAL = {
    **_IN_THE_FORM,
    RefusalCode.CONTACT: (),
    RefusalCode.PLAN_LIMIT: (Action.AS_DRAFT,),
    RefusalCode.NUMBER_TAKEN: (
        Action.LINK_EXISTING,
        Action.WITHOUT_NUMBER,
        Action.RETRY,
        Action.CANCEL,
    ),
    RefusalCode.NUMBER_OTHER: (Action.WITHOUT_NUMBER, Action.RETRY, Action.CANCEL),
    RefusalCode.REJECTED: (Action.RETRY, Action.CHANGE, Action.CANCEL),
    RefusalCode.EMAIL: (Action.RETRY, Action.CHANGE, Action.CANCEL),
    RefusalCode.ORGANISATION: (Action.RETRY, Action.CANCEL),
    RefusalCode.UNFINDABLE: (Action.LINK_EXISTING, Action.RETRY, Action.CANCEL),
    RefusalCode.NO_ANSWER: (Action.RETRY, Action.CANCEL),
    RefusalCode.CHANGED: (Action.LOOK_AGAIN, Action.RETRY),
    RefusalCode.CANCELLED: (Action.LOOK_AGAIN,),
    RefusalCode.GONE: (),
}
# Their list is whole: trying again as it is helps with none of them, or is in it.
_NO_RETRY = frozenset(
    {
        RefusalCode.NUMBER_TAKEN,
        RefusalCode.NUMBER_OTHER,
        RefusalCode.UNFINDABLE,
        RefusalCode.NO_ANSWER,
        RefusalCode.GONE,
        RefusalCode.CHANGED,
        RefusalCode.CANCELLED,
    }
)
# What a decision about one invoice settles for all others that wait for the same. Going past a tax
# that differs is for one invoice alone.
_SETTLED_BY = {
    Action.FIRST_OPEN_DAY: (RefusalCode.LOCKED,),
    Action.TODAY: (RefusalCode.LOCKED,),
    Action.DUE_BY_TERMS: (RefusalCode.DUE,),
    Action.DUE_AT_ONCE: (RefusalCode.DUE,),
    Action.AS_DRAFT: (RefusalCode.LOCKED, RefusalCode.DUE, RefusalCode.PLAN_LIMIT),
}
_CHECKED = (
    RefusalCode.STATUS,
    RefusalCode.FIGURES,
    RefusalCode.DESCRIPTION,
    RefusalCode.CONTACT,
    RefusalCode.CONTACT_TAKEN,
    RefusalCode.ACCOUNT,
    RefusalCode.TAX,
    RefusalCode.TAX_RATE,
    RefusalCode.UNTAXED,
    RefusalCode.UNTAXED_CHOICE,
    RefusalCode.LOCKED,
    RefusalCode.DUE,
    RefusalCode.CURRENCY,
)


def actions_for(refusal: ServiceError) -> tuple[Action, ...]:
    """Return what helps whoever was refused; for an export see `after_a_refusal`."""
    if isinstance(refusal, NotConnected):
        return (Action.RECONNECT,)
    if isinstance(refusal, NotAllowed) and refusal.connection_id:
        return (Action.REQUEST_ACCESS,)
    return (Action.MATCH,) if isinstance(refusal, NotMatched) else ()


def in_the_form(codes: Iterable[RefusalCode]) -> tuple[Action, ...]:
    """Return what helps with these red checks."""
    return _each_once(action for code in codes for action in _IN_THE_FORM.get(code, ()))


def after_a_refusal(codes: Collection[RefusalCode]) -> tuple[Action, ...]:
    """Return what helps with an export that was refused, for several reasons perhaps."""
    found = [action for code in codes for action in _AFTER_A_REFUSAL.get(code, ())]
    if Action.CHANGE not in found and any(code in _CHECKED for code in codes):
        found.append(Action.LOOK_AGAIN)
    if not any(code in _NO_RETRY for code in codes):
        found.append(Action.RETRY)
    return _each_once(found)


def settled_by(
    actions: Iterable[Action], codes: Collection[RefusalCode]
) -> tuple[RefusalCode, ...]:
    """Return for which of these reasons the actions hold for all others that wait, too."""
    settled = dict.fromkeys(code for each in actions for code in _SETTLED_BY.get(each, ()))
    return tuple(code for code in settled if code in codes)


def _each_once(found: Iterable[Action]) -> tuple[Action, ...]:
    return tuple(dict.fromkeys(found))
