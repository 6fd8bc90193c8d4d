"""Running jobs: the nudge port, the runner, and what follows where a job does not come through."""
