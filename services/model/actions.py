"""What one press can do; which refusal offers which is said here, how it is drawn in `handlers`."""

from enum import StrEnum

from services.errors import NotAllowed, NotConnected, NotMatched, ServiceError


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
    # An export that was refused, or that waits.
    LOOK_AGAIN = "look_again"  # in the form, with everything read anew
    CHANGE = "change"  # what was chosen, in the form
    RETRY = "retry"
    LINK_EXISTING = "link_existing"
    WITHOUT_NUMBER = "without_number"
    CANCEL = "cancel"
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
)


def actions_for(refusal: ServiceError) -> tuple[Action, ...]:
    """Return what helps whoever was refused; an export's refusals are in `services.export`."""
    if isinstance(refusal, NotConnected):
        return (Action.RECONNECT,)
    if isinstance(refusal, NotAllowed) and refusal.connection_id:
        return (Action.REQUEST_ACCESS,)
    return (Action.MATCH,) if isinstance(refusal, NotMatched) else ()
