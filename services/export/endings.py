"""How an export ends that nobody took: what is known of it, and what helps."""

from services.export.refusals import Refused
from services.model.export import ExportState, RefusalCode
from services.store.tables import Export


def no_answer(export: Export) -> Refused:
    """Return why it is not tried any more."""
    if not _may_have_left(export):
        return Refused(
            "Paymo or Xero could not be asked for too long, so nothing was sent. Try again when "
            "both work, or cancel.",
            RefusalCode.NO_ANSWER,
        )
    if _is_missing(export):
        return Refused(
            "Xero failed every time the app sent it, and Xero does not have it. Try again later, "
            "or cancel.",
            RefusalCode.NO_ANSWER,
        )
    return Refused(
        "Xero has not answered for too long, so it may or may not have this invoice. The app looks "
        "for it in Xero before it sends anything again. Try again later, or cancel.",
        RefusalCode.NO_ANSWER,
    )


def cancelled(export: Export) -> str:
    """Say what is known of an export that a person ended."""
    if not _may_have_left(export):
        return "It was cancelled; nothing was sent."
    if _is_missing(export):
        return "It was cancelled. Xero did not answer, and does not have it."
    return "It was cancelled. Xero did not answer, so look there whether it has this invoice."


def disconnected(export: Export) -> Refused:
    """Return what is known of an export whose connection was ended."""
    if not _may_have_left(export):
        text = "The connection was ended before this invoice was sent."
        return Refused(text, RefusalCode.DISCONNECTED)
    return Refused(
        "The connection was ended before Xero answered. Look in Xero whether it has this invoice; "
        "the app looks there, too, before it sends anything again.",
        RefusalCode.DISCONNECTED,
    )


def _may_have_left(export: Export) -> bool:
    return export.sent_at is not None and export.sent is not None


def _is_missing(export: Export) -> bool:
    sent_at, missed_at = export.sent_at, export.missed_at
    return sent_at is not None and missed_at is not None and missed_at >= sent_at


def may_be_ended_at_once(export: Export) -> bool:
    """Say whether nothing of it can be in Xero, or on its way there."""
    is_new = export.state is ExportState.QUEUED and not _may_have_left(export)
    return is_new or export.state is ExportState.FAILED
