"""Running jobs: the nudge port, the runner, and what follows a failure."""
