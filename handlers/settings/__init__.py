"""Settings and access."""
