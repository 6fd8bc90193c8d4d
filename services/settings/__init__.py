"""The settings of a connection: who may do what, and what happens automatically."""
