"""What an exported invoice has come to differ in: pure, nothing is called and nothing moves.

Each side is compared with what it showed at the export, and what then differs with the other side:
the same change on both is no difference. Paymo's own status (sent, viewed, paid), its payments and
its notes are none either; nor is what somebody decided for the export, such as its date.
"""

from services.compare.advice import locked_until, why_not_updated
from services.compare.compared import (
    Compared,
    Standing,
    agreed,
    compare,
    compared_of,
    looked,
    standing,
)
from services.compare.edits import as_exported, in_paymo
from services.compare.faces import Face, digest_of_body, face_in_xero
from services.compare.marks import facts_of, fingerprint, told, values_of, with_told
from services.compare.shapes import PAYMO, XERO, Difference, Part

__all__ = [
    "PAYMO",
    "XERO",
    "Compared",
    "Difference",
    "Face",
    "Part",
    "Standing",
    "agreed",
    "as_exported",
    "compare",
    "compared_of",
    "digest_of_body",
    "face_in_xero",
    "facts_of",
    "fingerprint",
    "in_paymo",
    "locked_until",
    "looked",
    "standing",
    "told",
    "values_of",
    "why_not_updated",
    "with_told",
]
