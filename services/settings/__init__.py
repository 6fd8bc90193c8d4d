"""A connection's settings: who may do what, and what happens automatically."""
