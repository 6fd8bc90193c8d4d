"""A campaign of faults against the running program: `make chaos` (docs/reliability.md)."""
