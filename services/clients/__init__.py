"""The only door to the networks of Xero and Paymo."""

import sys
from importlib.util import find_spec

if find_spec("sniffio") is None:
    # Else httpcore looks for it on the disk, four times a call.
    sys.modules["sniffio"] = None  # type: ignore[assignment]
