"""Finds the courses whose discussions are mirrored, and plans when they are compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

import attrs

from course_sync_plugin.models import DatabaseNow, DiscussionMirror, Link, Target

#: The two kinds of targets.
CANVAS, DISCOURSE = "canvas", "discourse"

#: Seconds between two rounds over a course in which people write.
ROUND_SECONDS = 300.0


@attrs.frozen
class Pair:
    """The two links of a course whose discussions are mirrored."""

    canvas: Link
    discourse: Link

    @property
    def name(self) -> str:
        return f"{self.canvas.target.name} ↔ {self.discourse.target.name}"


def pairs(course_ids: Collection[int] | None = None) -> dict[int, Pair]:
    """Return the pairs by course: those with exactly one link of each kind whose target has ``discussions=mirror``.

    ``course_ids``: only these courses.
    """
    rows = Target.objects.filter(backend__in=(CANVAS, DISCOURSE))
    mirrored = [row for row in rows if row.options.get("discussions") == "mirror"]
    if {row.backend for row in mirrored} != {CANVAS, DISCOURSE}:
        return {}
    links = Link.objects.filter(target__in=mirrored).select_related("target", "course")
    links = links if course_ids is None else links.filter(course__in=course_ids)
    by_course: dict[int, dict[str, list[Link]]] = defaultdict(lambda: {CANVAS: [], DISCOURSE: []})
    for link in links.iterator(chunk_size=1000):
        by_course[link.course_id][link.target.backend].append(link)
    return {
        course_id: Pair(kinds[CANVAS][0], kinds[DISCOURSE][0])
        for course_id, kinds in by_course.items()
        if [len(kinds[CANVAS]), len(kinds[DISCOURSE])] == [1, 1]
    }


def due_pairs(limit: int = 100) -> list[Pair]:
    """Return the pairs that are to be compared now, the longest overdue first."""
    found = pairs()
    if not found:
        return []
    known = set(DiscussionMirror.objects.values_list("course_id", flat=True))
    for course_id in found.keys() - known:
        DiscussionMirror.objects.get_or_create(course_id=course_id, defaults={"due_at": DatabaseNow()})
    due = DiscussionMirror.objects.filter(due_at__lte=DatabaseNow()).order_by("due_at")
    return [found[row.course_id] for row in due if row.course_id in found][:limit]
