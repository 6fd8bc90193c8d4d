"""How an exported invoice differs in Paymo and in Xero: pure functions, no calls.

After the export, each side is compared with what it showed then. The same change on both sides is
no difference. Neither are Paymo's own status (sent, viewed, paid), its payments and its notes, nor
what somebody chose for the export, such as its date. To reconcile a month, both sides are compared
with each other as they are now, and differences that somebody chose are marked as such.
"""

from services.compare.edits import as_exported, edits_in_paymo
from services.compare.mismatches import DEAD, BothSides, Mismatch, mismatches
from services.compare.snapshots import (
    PAYMO,
    XERO,
    Difference,
    Part,
    Snapshot,
    code_of,
    digest_of_body,
    facts_of,
    fingerprint,
    in_xero,
    told,
    values_of,
    with_told,
)
from services.compare.standing import (
    Comparison,
    Standing,
    agreed,
    checked,
    compared_of,
    standing,
    standing_now,
    why_not_updated,
)

__all__ = [
    "DEAD",
    "PAYMO",
    "XERO",
    "BothSides",
    "Comparison",
    "Difference",
    "Mismatch",
    "Part",
    "Snapshot",
    "Standing",
    "agreed",
    "as_exported",
    "checked",
    "code_of",
    "compared_of",
    "digest_of_body",
    "edits_in_paymo",
    "facts_of",
    "fingerprint",
    "in_xero",
    "mismatches",
    "standing",
    "standing_now",
    "told",
    "values_of",
    "why_not_updated",
    "with_told",
]
