"""Mirrors the discussions that are due, and those that an operator names."""

from __future__ import annotations

import attrs

from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.replication.discussions.pairs import Pair, due_pairs, pairs
from course_sync_plugin.replication.discussions.turn import mirror
from course_sync_plugin.toggles import is_stopped
from course_sync_plugin.upkeep.links import chosen


@attrs.frozen
class MirrorRound:
    """The result of a comparison of the discussions of a course.

    ``read``: topics. ``written``, ``removed``: copies. ``busy``: another worker works on it, or nothing may be sent.
    ``error``: why it failed.
    """

    course_id: str
    targets: str
    read: int = 0
    written: int = 0
    removed: int = 0
    busy: bool = False
    error: str = ""


def mirror_due() -> int:
    """Compare the discussions that are due. Return how many courses were compared.

    If one of its targets does not answer, the other courses wait until the next round.
    """
    if is_stopped():
        return 0
    done, silent = 0, set[str]()
    for pair in due_pairs():
        if pair.name not in silent:
            compared = _mirror(pair)
            done += not (compared.error or compared.busy)
            silent |= {pair.name} if compared.error else set()
    return done


def mirror_now(course: str = "") -> list[MirrorRound]:
    """Compare the discussions of one course or of all, whether they are due or not.

    Raises UnknownName for an unknown course, ConfigurationError for a wrong course key.
    """
    _name, course = chosen("", course)
    found = sorted(pairs().values(), key=lambda pair: pair.canvas.course.key)
    return [_mirror(pair) for pair in found if course in ("", pair.canvas.course.key)]


def _mirror(pair: Pair) -> MirrorRound:
    course_id = pair.canvas.course.key
    try:
        counts = mirror(pair)
    except CourseSyncError as error:
        return MirrorRound(course_id, pair.name, error=error.message)
    if counts is None:
        return MirrorRound(course_id, pair.name, busy=True)
    return MirrorRound(course_id, pair.name, counts.read, counts.written, counts.removed)
