"""Looks at linked systems from time to time, and when a notice says that something may have changed there.

A look holds the lease of the lane of the link: it never overlaps with a delivery to the same counterpart.
"""

from __future__ import annotations

import random
import time
from typing import Any

from course_sync_plugin.exceptions import CourseSyncError, Interrupted, RateLimited
from course_sync_plugin.lanes.open_target import read_options
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import DatabaseNow, Lane, Link
from course_sync_plugin.replication.hold import held_for_a_look
from course_sync_plugin.replication.inbound.look import Looked, look

log = get_logger(__name__)

#: Seconds between two looks (option ``poll_seconds``).
POLL_SECONDS = 300.0

#: After so many looks that found nothing, the wait grows by ``poll_seconds``, up to so many times ``poll_seconds``.
_QUIET, _MOST_QUIET = 12, 12

#: Seconds after which a look that another worker prevented, or that failed, is tried again.
_AGAIN = 60.0


def due_links(limit: int = 100) -> list[Link]:
    """Return the links that are to be looked at now, the longest overdue first."""
    due = Link.objects.filter(poll_at__lte=DatabaseNow()).select_related("target", "course")
    return list(due.order_by("poll_at")[:limit])


def poll_soon(link_ids: list[int]) -> None:
    """Make links due for a look now."""
    Link.objects.filter(pk__in=link_ids).update(poll_at=DatabaseNow(), quiet_polls=0)


def put_off(link: Link) -> None:
    """Plan a look that could not be made now for a little later."""
    _plan(link, _AGAIN)


def plan_first_looks() -> None:
    """Plan the first look at the counterpart of each link whose course was delivered."""
    filled = Lane.objects.exclude(cursor=None).values_list("target_id", "course_id")
    waiting = Link.objects.filter(poll_at=None).values_list("pk", "target_id", "course_id")
    pairs = set(filled) if waiting else set()
    ready = [pk for pk, target_id, course_id in waiting if (target_id, course_id) in pairs]
    Link.objects.filter(pk__in=ready).update(poll_at=DatabaseNow(POLL_SECONDS))


def poll(link: Link) -> Looked | None:
    """Look at a counterpart. Returns None if another worker works on it, or nothing may be sent there.

    Raises the errors of ``Target.send``; the next look is planned in each case.
    """
    began = time.monotonic()
    try:
        with held_for_a_look(link) as carry:
            looked = look(carry) if carry else None
    except CourseSyncError as error:
        _plan(link, error.retry_after if isinstance(error, (Interrupted, RateLimited)) else _AGAIN)
        log.warning("course_sync: target=%s course=%s look error=%s", link.target, link.course, error.message)
        raise
    if looked is None:
        _plan(link, _AGAIN)
        return None
    _note(link, looked)
    _log(link, looked, time.monotonic() - began)
    return looked


def wait_after(seconds: float, quiet: int) -> float:
    """Return the seconds until the next look. They grow while nothing changes at the counterpart."""
    return seconds * min(1 + quiet // _QUIET, _MOST_QUIET)


def _note(link: Link, looked: Looked) -> None:
    """Note a look, and plan the next one: the later, the longer nobody has changed anything."""
    quiet = 0 if looked.edited or looked.deleted or looked.recovered else link.quiet_polls + 1
    seconds = read_options(link.target).get("poll_seconds", POLL_SECONDS)
    wait = wait_after(seconds, quiet)
    values: dict[str, Any] = {"quiet_polls": quiet, "polled_at": DatabaseNow()}
    Link.objects.filter(pk=link.pk).update(**values)
    _plan(link, wait)


def _plan(link: Link, seconds: float) -> None:
    """Plan the next look; up to a tenth later, so that the looks at many courses spread."""
    Link.objects.filter(pk=link.pk).update(poll_at=DatabaseNow(seconds * (1 + random.random() / 10)))


def _log(link: Link, looked: Looked, seconds: float) -> None:
    for entity_id, reason in list(looked.failed.items())[:1]:
        text = "course_sync: target=%s course=%s look failed=%s, for example entity=%s error=%s"
        log.warning(text, link.target, link.course, len(looked.failed), entity_id, reason)
    log.info(
        "course_sync: target=%s course=%s look seen=%s edited=%s deleted=%s recovered=%s seconds=%.2f",
        link.target,
        link.course,
        looked.seen,
        len(looked.edited),
        len(looked.deleted),
        len(looked.recovered),
        seconds,
    )
