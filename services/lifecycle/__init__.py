"""The states, and the only functions that change one: a module for each machine."""
