"""Keeping secrets out of what leaves the app: whatever its name or its form gives away."""

import re
from typing import Any

MASK = "•••"
# A permalink opens Paymo's invoice to whoever holds it, so it counts as a secret.
_SECRET_NAME = re.compile(
    r"token|secret|password|passphrase|api_?key|authorization|credential|nonce|permalink|pdf_link",
    re.IGNORECASE,
)
_SECRET_TEXT = re.compile(
    r"\bxox[a-z]-[\w-]+|\bxapp-[\w-]+|\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]+)?"
    r"|\b(?:Bearer|Basic)\s+[\w.~+/=-]{8,}",
)


def masked(value: Any) -> Any:
    """Return the same value without secrets, however deep they lie."""
    if isinstance(value, dict):
        return {
            name: MASK if each and _SECRET_NAME.search(str(name)) else masked(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [masked(each) for each in value]
    return _SECRET_TEXT.sub(MASK, value) if isinstance(value, str) else value
