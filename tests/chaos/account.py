"""The account at the end of the campaign: what was lost, doubled or out of order, and what is left over."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import attrs

from course_sync_plugin import api
from course_sync_plugin.journal.entities import stored_structure
from course_sync_plugin.lanes.batches import visible
from course_sync_plugin.models import (
    OPEN_STATES,
    Course,
    Envelope,
    HeldRun,
    JournalOperation,
    Lane,
    Marker,
    Problem,
    RunKind,
)
from tests.chaos.world import LOCAL, World


def account(world: World) -> dict[str, list[str]]:
    """Return the findings by name. In a campaign that passes, each list is empty."""
    return {
        "operations lost": list(_lost(world)),
        "operations applied twice in effect": list(_doubled(world)),
        "operations out of order": [line for one in world.receivers.values() for line in one.violations],
        "replicas that differ from their course": [*_different(world), *_different_here(world)],
        "courses recorded wrongly": list(_wrongly_recorded(world)),
        "rows left over": list(left_over()),
    }


def left_over() -> Iterator[str]:
    """Yield a line for each kind of row that says that something is still to be done."""
    at_rest = {"lease_token": "", "due_at": None, "attempts": 0, "failing": False, "paused": False, "closing": False}
    counts = {
        "markers": Marker.objects.count(),
        "held runs": HeldRun.objects.count(),
        "open envelopes": Envelope.objects.count(),
        "open problems": Problem.objects.filter(state__in=OPEN_STATES).count(),
        "lanes that are not at rest": Lane.objects.count() - Lane.objects.filter(**at_rest).count(),
        "courses that are leased": Course.objects.exclude(lease_token="").count(),
    }
    return (f"{count} {name}" for name, count in counts.items() if count)


def _lost(world: World) -> Iterator[str]:
    """Yield each operation since a lane's last snapshot that its receiver did not get, and that is no problem."""
    for lane in Lane.objects.filter(target__name__in=world.receivers).select_related("target", "course"):
        journal = JournalOperation.objects.filter(visible(lane))
        snapshots = journal.filter(run__kind__in=(RunKind.INITIAL, RunKind.SNAPSHOT)).order_by("-run_id", "position")
        start = snapshots.values_list("position", flat=True)[0]
        problems = set(lane.problems.values_list("operation_id", flat=True))
        applied = world.receivers[lane.target.name].inbox.operation_ids
        for row in journal.filter(position__gte=start):
            if str(row.operation_id) not in applied and row.pk not in problems:
                yield f"{lane}: {row}"


def _doubled(world: World) -> Iterator[str]:
    """Yield each operation that a receiver applied under an id that the journal does not have."""
    known = set(map(str, JournalOperation.objects.values_list("operation_id", flat=True)))
    for name, receiver in world.receivers.items():
        for operation_id in receiver.inbox.operation_ids - known:
            yield f"{name}: {operation_id}"


def _different(world: World) -> Iterator[str]:
    for name, receiver in world.receivers.items():
        for draft in world.drafts:
            for line in receiver.difference(world.source.read(draft.course)):
                yield f"{name}: {line}"


def _different_here(world: World) -> Iterator[str]:
    """Yield each course that the tables of the local target have otherwise: entities, fields, places or order."""
    for draft in world.drafts:
        root = api.local_outline(draft.course)
        found = list(_flat(root, None)) if root else []
        expected = [
            attrs.astuple(entity, recurse=False) for entity in world.source.read(draft.course).entities.values()
        ]
        for here, there in zip_longest(found, expected):
            if here != there:
                yield f"{LOCAL}: {here}, should be {there}"
                break


def _flat(node: api.LocalNode, parent_id: str | None) -> Iterator[tuple[Any, ...]]:
    yield node.entity_id, node.entity_type, node.block_type, parent_id, node.fields
    for child in node.children:
        yield from _flat(child, node.entity_id)


def _wrongly_recorded(world: World) -> Iterator[str]:
    """Yield each course whose journal has gaps, or whose recorded entities differ from the published ones."""
    for draft in world.drafts:
        course = Course.objects.get(key=draft.course)
        positions = JournalOperation.objects.filter(course=course).order_by("position")
        if list(positions.values_list("position", flat=True)) != list(range(1, course.last_position + 1)):
            yield f"{course}: the positions have gaps"
        if not stored_structure(course).same_course_as(world.source.read(draft.course)):
            yield f"{course}: the recorded entities differ"
