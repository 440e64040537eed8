"""Reads the tree of a course: as a target is known to hold it, or as it was recorded at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import attrs
from django.db.models import Q
from django.utils.translation import gettext as _

from course_sync_plugin.data import utc_text
from course_sync_plugin.diff.reverse import CannotReverse
from course_sync_plugin.journal.entities import stored_structure
from course_sync_plugin.journal.past import as_of, known_since, position_at
from course_sync_plugin.lanes.known import known_structure
from course_sync_plugin.lanes.receiver_repairs import wanted_part
from course_sync_plugin.lanes.skipped import since_snapshot
from course_sync_plugin.models import UNDONE_STATES, Course, Exclusion, Lane, ProblemState
from course_sync_plugin.upkeep.reports.tree import FieldLine, TreeLine, Trees, field_lines, tree_lines
from course_sync_plugin.upkeep.words import in_words

#: The most problems that are shown in a tree.
_MOST_PROBLEMS = 1000


@attrs.frozen
class CourseTree:
    """The lines of a tree. ``entities``: the number of entities of the course; ``differing``: of those marked.

    ``is_shortened``: only the top and what is marked is in ``lines``. ``fields``: those of the entity that was named.
    ``note``: why there is nothing to show; empty if there is.
    """

    lines: Sequence[TreeLine] = ()
    entities: int = 0
    differing: int = 0
    is_shortened: bool = False
    fields: Sequence[FieldLine] = ()
    note: str = ""


def lanes_of_course(course: Course) -> dict[str, Lane]:
    """Return the lanes of a course by the names of their targets, in the order of the names. One query."""
    lanes = Lane.objects.filter(course=course).select_related("target", "course").order_by("target__name")
    return {lane.target.name: lane for lane in lanes}


def target_tree(lane: Lane, entity_id: str = "") -> CourseTree:
    """Return the recorded course, marked where what the target of a lane is known to hold differs.

    ``entity_id``: the entity whose fields are returned.
    """
    course, here = lane.course, stored_structure(lane.course)
    try:
        there = known_structure(lane, here)
    except CannotReverse as reason:
        text = _("What {target} holds cannot be worked out: {reason}.")
        return CourseTree(note=text.format(target=lane.target.name, reason=reason))
    excluded = set(Exclusion.objects.filter(target=lane.target, course=course).values_list("entity_id", flat=True))
    wanted = wanted_part(here, lane.target.entity_types, excluded)
    return _tree(Trees.of(here, there, wanted), entity_id, _notes(lane, excluded))


def course_at(course: Course, at: datetime, until: datetime | None = None, entity_id: str = "") -> CourseTree:
    """Return a course as it was recorded at a time, or at ``until``, marked where it differs from ``at``."""
    since = known_since(course)
    if since and min(at, until or at) < since:
        text = _("Rows of the journal were pruned. The course can be shown from {since} on.")
        return CourseTree(note=text.format(since=utc_text(since)))
    try:
        now = stored_structure(course)
        then = as_of(course, now, position_at(course, at))
        later = as_of(course, now, position_at(course, until)) if until else then
    except CannotReverse as reason:
        return CourseTree(note=_("The course at that time cannot be worked out: {reason}.").format(reason=reason))
    return _tree(Trees.of(later, then), entity_id, {})


def _tree(trees: Trees, entity_id: str, notes: dict[str, list[str]]) -> CourseTree:
    lines, is_shortened = tree_lines(trees, notes)
    fields = field_lines(trees, entity_id) if entity_id else []
    return CourseTree(lines, len(trees.here), len(trees.marks()), is_shortened, fields, _nothing(trees))


def _nothing(trees: Trees) -> str:
    is_empty = not (trees.here.entities or trees.there.entities)
    return _("The course has no entities: it was not recorded, or it is deleted.") if is_empty else ""


def _notes(lane: Lane, excluded: set[str]) -> dict[str, list[str]]:
    """Return sentences about entities: their exclusion, and the reasons of their problems."""
    notes: dict[str, list[str]] = defaultdict(list)
    for entity_id in excluded:
        notes[entity_id].append(_("excluded from the target"))
    shown = Q(state__in=UNDONE_STATES) | Q(since_snapshot(lane), state=ProblemState.SKIPPED)
    problems = lane.problems.filter(shown).select_related("operation")
    for problem in problems.defer("operation__fields").order_by("-pk")[:_MOST_PROBLEMS]:
        if problem.operation.entity_id in excluded:
            continue
        parts = (in_words(problem.operation.operation), problem.get_state_display(), problem.reason)
        notes[problem.operation.entity_id].append(": ".join(filter(None, parts)))
    return notes
