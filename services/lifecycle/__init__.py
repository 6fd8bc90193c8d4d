"""The states, and the only functions that change them: a module for each machine."""
