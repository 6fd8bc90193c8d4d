"""What one press can do about an invoice that was exported, by what the rows say of it."""

from collections.abc import Iterator

from services import compare as drift
from services.model.connection import ConnectionState
from services.model.export import ExportState
from services.model.invoice import InvoiceState
from services.store import exports
from services.store.tables import Connection, Export

ACCEPT_DIFFERENCE = "accept_difference"
UPDATE_IN_XERO = "update_in_xero"
UNDO = "undo"
RESTORE = "restore"
DELETE_IN_PAYMO = "delete_in_paymo"
VOID_IN_PAYMO = "void_in_paymo"
RECONNECT = "reconnect"


def presses_of(export: Export, connection: Connection, *, is_restored: bool) -> tuple[str, ...]:
    """Return what helps; each is judged once more when pressed."""
    is_here = (
        connection.state is ConnectionState.ACTIVE and export.tenant_id == connection.tenant_id
    )
    if not is_here or export.state not in exports.DONE:
        return ()
    if export.invoice_state is InvoiceState.LIVE:
        return tuple(_while_it_lives(export, connection))
    if (
        export.invoice_state is InvoiceState.DELETED
        and export.snapshot is not None
        and not is_restored
    ):
        return (RESTORE,)
    if export.invoice_state is InvoiceState.ASKED:
        return (VOID_IN_PAYMO, DELETE_IN_PAYMO)
    return (DELETE_IN_PAYMO,) if export.invoice_state is InvoiceState.VOIDED else ()


def _while_it_lives(export: Export, connection: Connection) -> Iterator[str]:
    if export.state is ExportState.DIFFERENT:
        yield ACCEPT_DIFFERENCE
    if export.drift:
        edited = drift.standing(export, drift.compared_of(export)).in_paymo
        locked = drift.locked_until(connection)
        if edited and not drift.why_not_updated(export, connection, edited, locked):
            yield UPDATE_IN_XERO
    if not export.is_linked and export.xero_due in {None, export.xero_total}:
        yield UNDO
