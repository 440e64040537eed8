"""Says how old a list may be when an object in it is deleted."""

from __future__ import annotations

import time

#: Seconds for which a list that was read counts as what is there now. In an older one an object is read by itself once
#: more before it is deleted: a person may have edited it. Neither Canvas nor Discourse deletes on a condition, so what
#: is edited in the last moment is lost in any case, and a second request for each deletion would double their number.
FRESH_SECONDS = 10.0


def is_fresh(read_at: float | None) -> bool:
    """Tell whether a list is fresh. ``read_at``: by ``time.monotonic``; None: it is not read yet, but will be now."""
    now = time.monotonic()
    return now - (now if read_at is None else read_at) <= FRESH_SECONDS
