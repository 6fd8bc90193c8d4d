"""The only code that queries the database."""

import errno

from sqlalchemy import exc as errors

_OURS = (errors.IntegrityError, errors.ProgrammingError, errors.DataError)
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_outage(error: BaseException) -> bool:
    """Say whether the database or its disk failed, and not our code."""
    if isinstance(error, errors.DBAPIError):
        return not isinstance(error, _OURS)
    if isinstance(error, OSError):
        return isinstance(error, ConnectionError | TimeoutError) or error.errno in _NO_ROOM
    return isinstance(error, errors.TimeoutError)
