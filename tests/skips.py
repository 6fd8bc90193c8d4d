"""What lies beside the repository when it is worked on, and not when it is cloned alone."""

from pathlib import Path

SHARED = Path(__file__).parents[2] / "shared"
