"""Looks at linked systems: those that are due, and those that an operator names."""

from __future__ import annotations

import attrs

from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.models import Lane, Link
from course_sync_plugin.replication.inbound.poll import due_links, plan_first_looks, poll, put_off
from course_sync_plugin.replication.inbound.take_notices import take_notices
from course_sync_plugin.replication.inbound.write_back import write_pending
from course_sync_plugin.toggles import is_stopped
from course_sync_plugin.upkeep.decisions import clock
from course_sync_plugin.upkeep.links import chosen


@attrs.frozen
class Polled:
    """The result of a look at one counterpart.

    ``seen``, ``edited``, ``deleted``: the number of entities that were looked at, that people had edited, and that they
    had deleted. ``busy``: another worker works on it, or nothing may be sent there. ``error``: why it failed.
    """

    course_id: str
    target: str
    seen: int = 0
    edited: int = 0
    deleted: int = 0
    busy: bool = False
    error: str = ""


def poll_due() -> int:
    """Take the notices that wait, and look at the counterparts that are due. Return how many were looked at.

    If a target does not answer, its other counterparts wait until the next round.
    """
    if is_stopped():
        return 0
    plan_first_looks()
    take_notices()
    done, silent = 0, set[int]()
    for link in due_links():
        if link.target_id in silent:
            put_off(link)
            continue
        polled = _poll(link)
        done += not (polled.error or polled.busy)
        if polled.error:
            silent.add(link.target_id)
    return done


def poll_now(name: str = "", course: str = "") -> list[Polled]:
    """Look at the counterparts of one target or of all, and of one course or of all, whether they are due or not.

    Raises UnknownName for an unknown target or course, ConfigurationError for a wrong course key.
    """
    name, course = chosen(name, course)
    links = Link.objects.select_related("target", "course").order_by("course__key", "target__name")
    return [_poll(link) for link in links if name in ("", link.target.name) and course in ("", link.course.key)]


def _why_stopped(link: Link) -> str:
    """Return why nothing is sent to a counterpart until an operator acts; empty if another worker has it."""
    lane = Lane.objects.filter(target=link.target_id, course=link.course_id).first()
    return lane.last_error if lane and lane.failing else ""


def _poll(link: Link) -> Polled:
    course_id, target = link.course.key, link.target.name
    try:
        looked = poll(link)
    except CourseSyncError as error:
        return Polled(course_id, target, error=error.message)
    if looked is None:
        return Polled(course_id, target, busy=True, error=_why_stopped(link))
    write_pending(link, clock)
    return Polled(course_id, target, looked.seen, len(looked.edited), len(looked.deleted))
