"""Waits between two steps of a command that a signal can end."""

from __future__ import annotations

import time
from collections.abc import Callable

from course_sync_plugin.models import leases

#: Seconds after which the wait looks again whether the command has to end.
_LOOK = 0.2


def rest(seconds: float, is_ending: Callable[[], bool]) -> None:
    """Wait between two steps, or until ``is_ending``. The database may have cut the connection meanwhile."""
    ends_at = time.monotonic() + seconds
    while not is_ending() and (left := ends_at - time.monotonic()) > 0:
        time.sleep(min(_LOOK, left))
    if seconds:
        leases.replace_cut_connection()
