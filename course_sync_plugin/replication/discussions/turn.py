"""Compares the discussions of one course. It holds the leases of both lanes, so it never overlaps with a delivery."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from course_sync_plugin.exceptions import CourseSyncError, Interrupted, RateLimited
from course_sync_plugin.lanes.claim import claimable
from course_sync_plugin.lanes.open_target import read_options
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import DatabaseNow, DiscussionMirror, Link
from course_sync_plugin.replication.discussions.half import Counts, Half, Round
from course_sync_plugin.replication.discussions.pairs import ROUND_SECONDS, Pair
from course_sync_plugin.replication.discussions.threads import mirror_round
from course_sync_plugin.replication.hold import held
from course_sync_plugin.replication.inbound.poll import wait_after
from course_sync_plugin.replication.outbound.target import TwoWayTarget

log = get_logger(__name__)

#: Seconds after which a round that another worker prevented, or that failed, or that left something, is made again.
_AGAIN = 60.0


def mirror(pair: Pair) -> Counts | None:
    """Compare the discussions of a course once. Returns None if another worker works on one of its lanes.

    Raises the errors of ``Target.send``; the next round is planned in each case.
    """
    try:
        with _held(pair) as targets:
            counts = _compare(pair, *targets) if targets else None
    except CourseSyncError as error:
        wait = error.retry_after if isinstance(error, (Interrupted, RateLimited)) else _AGAIN
        _plan(pair, wait, error=error.message)
        log.warning("course_sync: targets=%s course=%s mirror error=%s", pair.name, _course(pair), error.message)
        raise
    if counts is None:
        _plan(pair, _AGAIN)
        return None
    _note(pair, counts)
    return counts


@contextmanager
def _held(pair: Pair) -> Iterator[tuple[TwoWayTarget, TwoWayTarget] | None]:
    """Yield both targets while both lanes are held; None if one cannot be. Each request renews both leases.

    The lanes are claimed in the order of their links, which every worker follows.
    """
    links = sorted((pair.canvas, pair.discourse), key=lambda link: link.pk)
    lanes = claimable().filter(cursor__isnull=False)
    with held(links[0], lanes) as first, held(links[1], lanes) as second:
        if first is None or second is None:
            yield None
            return
        first.progress = second.progress = partial(_renew, first.progress, second.progress)
        yield (first, second) if links[0] is pair.canvas else (second, first)


def _renew(*leases: Callable[[], None] | None) -> None:
    for renew in leases:
        if renew:
            renew()


def _compare(pair: Pair, canvas: TwoWayTarget, discourse: TwoWayTarget) -> Counts:
    around = Round(_half(canvas, pair.canvas), _half(discourse, pair.discourse), _now(pair))
    try:
        return mirror_round(around)
    finally:
        around.canvas.side.close()
        around.discourse.side.close()


def _half(target: TwoWayTarget, link: Link) -> Half:
    return Half(link, target.discussions_for(link), target.config.options.get("attribution") != "none")


def _now(pair: Pair) -> Any:
    return Link.objects.filter(pk=pair.canvas.pk).annotate(now=DatabaseNow()).values_list("now", flat=True).get()


def _note(pair: Pair, counts: Counts) -> None:
    row = DiscussionMirror.objects.filter(course=pair.canvas.course_id).first()
    quiet = 0 if counts.written or counts.removed else (row.quiet if row else 0) + 1
    seconds = max(
        read_options(link.target).get("poll_seconds", ROUND_SECONDS) for link in (pair.canvas, pair.discourse)
    )
    wait = _AGAIN if counts.more or counts.waiting else wait_after(seconds, quiet)
    _plan(pair, wait, error="", done_at=DatabaseNow(), quiet=quiet)
    log.info(
        "course_sync: targets=%s course=%s mirror read=%s written=%s removed=%s",
        pair.name,
        _course(pair),
        counts.read,
        counts.written,
        counts.removed,
    )


def _plan(pair: Pair, seconds: float, **values: Any) -> None:
    """Plan the next round; up to a tenth later, so that the rounds of many courses spread."""
    due_at = DatabaseNow(seconds * (1 + random.random() / 10))
    DiscussionMirror.objects.filter(course=pair.canvas.course_id).update(due_at=due_at, **values)


def _course(pair: Pair) -> str:
    return pair.canvas.course.key
