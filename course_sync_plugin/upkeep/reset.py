"""Resets lanes: forgets what a target has of its courses, so that each lane begins again with a snapshot."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

import attrs
from django.db import transaction
from django.db.models import Count, QuerySet

from course_sync_plugin.lanes.begin_anew import begin_anew
from course_sync_plugin.lanes.excluded import Excluded
from course_sync_plugin.models import (
    UNDONE_STATES,
    Entity,
    Lane,
    Problem,
    Target,
    bulk,
)
from course_sync_plugin.sanitize.text import host_of
from course_sync_plugin.upkeep.audit import only, record
from course_sync_plugin.upkeep.pending import count_pending
from course_sync_plugin.upkeep.plan_tokens import no_longer_valid, token_of
from course_sync_plugin.upkeep.targets.change import get_lane, get_target


@attrs.frozen
class ResetPlan:
    """What a reset would forget, and send again.

    ``courses``: those of the lanes that begin again. ``deleted``: courses of lanes that are left out, because the
    course is deleted: a snapshot would have nothing to send. ``entities``: the number of entities that the snapshots
    will hold. ``excluded``: the number of those that they leave out because they, or what they are in, are excluded;
    the target removes what it has of them. ``pending``: the number of operations that are not delivered now; the
    snapshots replace them. ``problems``: the number of open problems, which are closed. ``held_back``: the target is
    paused or disabled, so nothing is sent until ``resume``. ``token`` names the target, the lanes and their open
    problems. It is empty if there is no lane to reset.
    """

    name: str
    host: str
    courses: tuple[str, ...]
    deleted: tuple[str, ...]
    entities: int
    excluded: int
    pending: int
    problems: int
    held_back: bool
    token: str


@attrs.frozen
class Reset:
    """The result for a token. ``lanes``: how many begin again. ``error``: why nothing was reset."""

    token: str
    lanes: int = 0
    entities: int = 0
    problems: int = 0
    error: str = ""


@attrs.frozen
class _Rows:
    """The rows that a reset concerns. ``lanes``: courses by the lanes' ids. ``problems``: states by their ids.

    ``resets``: when each lane was last reset, so that the token of a reset that was carried out is not valid again.
    """

    target: Target
    lanes: Mapping[int, str]
    deleted: tuple[str, ...]
    problems: Mapping[int, str]
    resets: tuple[str, ...]

    @classmethod
    def of(cls, target: Target, chosen: QuerySet[Lane]) -> _Rows:
        """Read the rows. The number of queries grows with the number of chunks of lanes only."""
        columns = ("pk", "course__key", "course__published_version", "reset_at")
        rows = list(chosen.order_by("pk").values_list(*columns))
        lanes = {pk: key for pk, key, version, _reset_at in rows if version}
        problems: dict[int, str] = {}
        for part in bulk.chunks([*lanes]):
            open_problems = Problem.objects.filter(lane__in=part, state__in=UNDONE_STATES)
            problems.update(open_problems.order_by("pk").values_list("pk", "state"))
        deleted = sorted(key for pk, key, _version, _reset_at in rows if pk not in lanes)
        return cls(target, lanes, tuple(deleted), problems, tuple(str(reset_at) for *_row, reset_at in rows))

    @property
    def courses(self) -> tuple[str, ...]:
        return tuple(sorted(self.lanes.values()))

    @property
    def token(self) -> str:
        ids = [*map(str, self.lanes), *self.resets, "problems", *map(str, self.problems)]
        return token_of("reset", str(self.target.pk), self.target.name, *ids) if self.lanes else ""

    def chunks(self) -> Iterator[QuerySet[Lane]]:
        """Yield the lanes in parts that fit into one condition."""
        return (Lane.objects.filter(pk__in=part) for part in bulk.chunks([*self.lanes]))

    def entities(self) -> tuple[int, int]:
        """Return the number of entities that snapshots for these lanes would hold, and of those that they leave out."""
        counts: Counter[str] = Counter()
        for part in bulk.chunks([*self.lanes]):
            rows = Entity.objects.filter(course__lanes__in=part).order_by()
            counts.update(dict(rows.values_list("entity_type").annotate(Count("pk"))))
        left_out = self._wanted(_excluded_types(self.target, self.lanes.values()))
        return self._wanted(counts) - left_out, left_out

    def _wanted(self, counts: Counter[str]) -> int:
        wanted = self.target.entity_types
        return sum(number for kind, number in counts.items() if not wanted or kind in wanted)


def _excluded_types(target: Target, courses: Collection[str]) -> Counter[str]:
    """Count by type the recorded entities that are excluded from a target or are below one that is."""
    ids: dict[int, set[str]] = defaultdict(set)
    for course, key, entity_id in target.exclusions.values_list("course", "course__key", "entity_id"):
        if key in courses:
            ids[course].add(entity_id)
    counts: Counter[str] = Counter()
    for course, excluded in ids.items():
        rows = list(Entity.objects.filter(course=course).values_list("entity_id", "entity_type", "parent_id"))
        tree = Excluded(excluded, {entity_id: parent for entity_id, _type, parent in rows})
        counts.update(kind for entity_id, kind, _parent in rows if tree.covers(entity_id))
    return counts


def reset_plan(name: str, courses: Sequence[str] = ()) -> ResetPlan:
    """Return what a reset of a target, or of its lanes of some courses, would do.

    Raises UnknownName if the target, or its lane of one of the courses, does not exist, ConfigurationError for a wrong
    course key.
    """
    target = get_target(name)
    rows = _Rows.of(target, _chosen(target, courses))
    entities, excluded = rows.entities()
    return ResetPlan(
        name=target.name,
        host=host_of(target.url),
        courses=rows.courses,
        deleted=rows.deleted,
        entities=entities,
        excluded=excluded,
        pending=sum(map(count_pending, rows.chunks())),
        problems=len(rows.problems),
        held_back=bool(target.paused or target.disabled_reason),
        token=rows.token,
    )


def reset_shown(name: str, token: str, courses: Sequence[str] = ()) -> Reset:
    """Reset the lanes if they are still as they were shown with this token. Otherwise nothing changes.

    The errors are those of :func:`reset_plan`.
    """
    target = get_target(name)
    chosen = _chosen(target, courses)
    with transaction.atomic():
        chosen.update(lease_token="", lease_until=None)  # the lanes first, as workers do: another order could deadlock
        rows = _Rows.of(target, chosen)
        if not token or rows.token != token:
            transaction.set_rollback(True)
            return Reset(token, error=no_longer_valid(token))
        return _carry_out(rows)


def reset(name: str, courses: Sequence[str] = ()) -> Reset:
    """Reset a target, or its lanes of some courses, at once. The errors are those of :func:`reset_plan`."""
    target = get_target(name)
    chosen = _chosen(target, courses)
    with transaction.atomic():
        chosen.update(lease_token="", lease_until=None)
        return _carry_out(_Rows.of(target, chosen))


def _chosen(target: Target, courses: Sequence[str]) -> QuerySet[Lane]:
    if not courses:
        return Lane.objects.filter(target=target)
    return Lane.objects.filter(pk__in=[get_lane(target, course).pk for course in courses])


def _carry_out(rows: _Rows) -> Reset:
    """Reset the lanes, inside the transaction that has locked them, and record it."""
    for lanes in rows.chunks():
        begin_anew(lanes)
    done = Reset(rows.token, len(rows.lanes), rows.entities()[0], len(rows.problems))
    changed = {"lanes": done.lanes, "entities": done.entities, "problems": done.problems, "courses": rows.courses}
    record("reset", target=rows.target.name, course=only(rows.courses), changed=changed)
    return done
