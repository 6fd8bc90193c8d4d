"""Running jobs: the nudge port, and how long what may pass is tried again."""
