"""The jobs a worker can be nudged to do, how long a call may take, and how much time is left."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

# The whole of a write, from its first queue to the last byte of its answer. When it is over we
# have given up, and what was sent has taken effect or will not be seen to.
CALL_LIMIT = timedelta(seconds=20)


class Job(StrEnum):
    """What a worker can be nudged to do; the key is a row's id."""

    EXPORT = "export"  # key: export
    PREVIEW = "preview"  # key: draft
    SWEEP = "sweep"  # key: connection
    MIRROR = "mirror"  # key: connection
    NOTICES = "notices"  # key: workspace
    DISCONNECT = "disconnect"  # key: connection
    BATCH = "batch"  # key: batch
    UNDO = "undo"  # key: task, as for all that follow
    UPDATE = "update"
    RESTORE = "restore"
    ATTACH = "attach"
    ANNOTATE = "annotate"
    ANNOTATE_BATCH = "annotate_batch"
    RECONCILE = "reconcile"
    AUTO = "auto"
    RELINK = "relink"


class TaskState(StrEnum):
    """The state of a one-off task."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Left:
    """How much is left undone, in all workspaces that have the app."""

    exports_waiting: int  # for a quarter of an hour or longer
    exports_failed: int  # and need somebody
    notices_waiting: int  # for a quarter of an hour or longer
    notices_given_up: int  # within a day
    connections_broken: int
