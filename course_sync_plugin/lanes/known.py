"""Works out what the target of a lane is known to hold: the journal up to the cursor, without what was not done."""

from __future__ import annotations

import attrs

from course_sync_plugin.data import Operation, Structure
from course_sync_plugin.diff.apply import Tree, apply
from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.journal.past import as_of
from course_sync_plugin.models import MISPLACED_STATES, UNDONE_STATES, JournalOperation, Lane, RunKind

_PLACE = ("parent_id", "index")


def known_structure(lane: Lane, now: Structure) -> Structure:
    """Return what the target of a lane is known to hold. What was given up counts as held.

    ``now``: the course as it is recorded. Entities of types that the target does not want are in the result too. Raises
    CannotReverse if it cannot be worked out.
    """
    empty = Structure.empty(lane.course.key)
    if lane.cursor is None:
        return empty
    own = _own_pending(lane)
    snapshot = next((row.run_id for row in own if row.run.kind == RunKind.SNAPSHOT), None)
    if snapshot is not None:  # the target drops what it had before
        sent = JournalOperation.objects.filter(run=snapshot, position__lte=lane.cursor).order_by("position")
        return apply((row.as_operation() for row in sent), empty)
    tree = Tree(as_of(lane.course, now, lane.cursor, lane))
    repairs = [row for row in own if row.run.kind == RunKind.REPAIR]  # they have closed the problems that they correct
    for row in sorted([*_undone(lane), *repairs], key=lambda row: -row.position):
        _take_back(tree, row.as_operation())
    return tree.structure(lane.course.key, lane.delivered_version)


def _own_pending(lane: Lane) -> list[JournalOperation]:
    """Return the operations for this lane alone that are not delivered."""
    if lane.cursor is None or lane.cursor >= lane.end:
        return []
    rows = JournalOperation.objects.filter(course=lane.course_id, lane=lane, position__gt=lane.cursor)
    return list(rows.select_related("run").order_by("position"))


def _undone(lane: Lane) -> list[JournalOperation]:
    states = set(UNDONE_STATES) - set(MISPLACED_STATES)
    return [one.operation for one in lane.problems.filter(state__in=states).select_related("operation")]


def _take_back(tree: Tree, operation: Operation) -> None:
    """Change the tree as if an operation had not been carried out. The tree has everything that came before it."""
    entity = tree.entities.get(operation.entity_id)
    if operation.operation == "create":
        tree.apply(attrs.evolve(operation, operation="delete"))
    elif operation.operation == "update" and entity:
        fields = {**entity.fields, **operation.previous}
        there = {name: value for name, value in fields.items() if value is not None}
        tree.entities[entity.entity_id] = attrs.evolve(entity, fields=there)
    elif operation.operation == "move" and entity:
        _put_back(tree, attrs.evolve(operation, fields={}))
    elif operation.operation == "delete" and entity is None:
        fields = {name: value for name, value in operation.previous.items() if name not in _PLACE}
        _put_back(tree, attrs.evolve(operation, operation="create", fields=fields))


def _put_back(tree: Tree, operation: Operation) -> None:
    """Put an entity to the old place that an operation names, if the tree still has that place."""
    parent_id, index = (operation.previous.get(name) for name in _PLACE)
    siblings = [one for one in tree.children.get(parent_id or "", ()) if one != operation.entity_id]
    at = min(index or 0, len(siblings))
    after_id = siblings[at - 1] if at else None
    try:
        tree.apply(attrs.evolve(operation, parent_id=parent_id, index=at, after_id=after_id))
    except PermanentError:  # the parent is not there either, or is below the entity by now: the place stays unknown
        return
