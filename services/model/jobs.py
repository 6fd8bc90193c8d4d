"""The jobs that a worker can be nudged to do, and how long one call of its may take."""

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
    """Where something that is to be done once stands."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"
