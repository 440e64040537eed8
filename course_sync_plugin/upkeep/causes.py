"""Groups open problems and lanes that are stopped by their cause: same target, class, status and reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
from django.db.models import OuterRef, Q, QuerySet, Subquery

from course_sync_plugin.data import utc_text
from course_sync_plugin.exceptions import TargetGone
from course_sync_plugin.models import Attempt, Lane, Problem, ProblemState, bulk, digest_of
from course_sync_plugin.upkeep.advice import advice_for
from course_sync_plugin.upkeep.filters import Filters

#: What differs between reasons of one cause: keys of blocks and courses, ids, addresses of memory, numbers.
_VARIABLE = re.compile(
    r"\b(?:block|course|library|ccx|asset)-v1:[^\s\"'<>,;]+"
    r"|\b[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\b"
    r"|\b0x[0-9a-f]+\b|\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b|\d+",
    re.IGNORECASE,
)

#: Days of the trend of a cause.
TREND_DAYS = 7

#: The fewest characters of a digest that name a cause.
FEWEST = 8

_COLUMNS = (
    *("pk", "lane__target__name", "error_class", "status", "state", "reason", "since", "lane__course_id"),
    "lane__target__backend",
)
_LANE_COLUMNS = (
    "pk",
    "course_id",
    "target__name",
    "target__backend",
    "error_class",
    "failing",
    "last_error",
    "retrying_since",
)
_TARGET_COLUMNS = ("target__breaker_opened_at", "target__breaker_error", "target__disabled_reason")


def normalised(reason: str) -> str:
    """Return a reason in which keys, ids and numbers are replaced, so that reasons of one cause are equal."""
    return _VARIABLE.sub("#", reason)


@attrs.define
class Cause:
    """What one group has in common, and its first example.

    ``what``: ``operations``, or the state of lanes (``disabled``, ``failing``, ``unreachable``, ``retrying``).
    ``count``: the number of operations or lanes. ``parked``: the number of operations parked behind them. ``first``,
    ``last``: when the oldest and the newest began. ``example``: the key of the oldest problem or lane. ``keys``: those
    of all of them. ``courses``: the keys of the courses concerned. ``began``: the times at which they began.
    ``backend``: that of the target.
    """

    target: str
    what: str
    error_class: str
    status: int | None
    state: str
    reason: str
    example: int
    first: datetime | None
    last: datetime | None
    count: int = 0
    parked: int = 0
    keys: list[int] = attrs.field(factory=list)
    courses: set[int] = attrs.field(factory=set)
    began: list[datetime] = attrs.field(factory=list)
    backend: str = ""

    @property
    def digest(self) -> str:
        """Return what names the cause, also when its numbers have changed: a digest of what its members share."""
        status = str(self.status or "")
        return digest_of("\n".join((self.target, self.what, self.error_class, status, self.state, self.shared_reason)))

    @property
    def shared_reason(self) -> str:
        """Return the reason without what differs between the members."""
        return normalised(self.reason)

    def add(self, key: int, course: int, since: datetime | None) -> None:
        """Count one more: its key, the key of its course, and when it began."""
        self.count += 1
        self.keys.append(key)
        self.courses.add(course)
        if since:
            self.began.append(since)
            self.last = max(self.last or since, since)

    def by_day(self, now: datetime) -> list[int]:
        """Return how many began in each of the last ``TREND_DAYS`` times 24 hours, the oldest first."""
        ages = Counter(max(0, (now - since).days) for since in self.began)
        return [ages[days] for days in reversed(range(TREND_DAYS))]


def list_causes(filters: Filters) -> dict[str, Any]:
    """Return the causes of the open problems and of the stopped lanes that match, the most frequent first.

    The keys are those of ``problems --json``. Six queries at most, each on the open problems or lanes, whatever the
    size of the journal behind. Raises the errors of :meth:`Filters.problems`.
    """
    return as_listed(find_causes(filters))


def find_causes(filters: Filters) -> list[Cause]:
    """Return the causes, the most frequent first. The errors are those of :meth:`Filters.problems`."""
    causes = [*_of_problems(filters.problems()), *_of_lanes(filters.lanes())]
    return sorted(causes, key=lambda cause: (-cause.count - cause.parked, cause.target, cause.reason))


def causes_named(chosen: Filters, digest: str) -> list[Cause]:
    """Return those of the causes whose digest begins so."""
    return [one for one in find_causes(chosen) if one.digest.startswith(digest)]


def keys_of_cause(chosen: Filters) -> tuple[set[int], set[int]]:
    """Return the keys of the problems and those of the lanes that have the cause which the filters name.

    It has either operations or lanes. Both sets are empty if there is no such cause, or more than one.
    """
    found = causes_named(chosen, chosen.cause)
    if len(found) != 1 or len(chosen.cause) < FEWEST:
        return set(), set()
    keys = set(found[0].keys)
    return (keys, set()) if found[0].what == "operations" else (set(), keys)


def as_listed(causes: Sequence[Cause], most: int | None = None) -> dict[str, Any]:
    """Return causes as :func:`list_causes` does: the sums of all, and the first ``most`` of them."""
    problems = [cause for cause in causes if cause.what == "operations"]
    lanes = [cause for cause in causes if cause.what != "operations"]
    shown = causes[:most]
    operations = _examples(cause for cause in shown if cause.what == "operations")
    examples = _examples_of_lanes(cause for cause in shown if cause.what != "operations")
    now = datetime.now(UTC)
    return {
        "problems": sum(cause.count for cause in problems),
        "parked": sum(cause.parked for cause in problems),
        "lanes": sum(cause.count for cause in lanes),
        "causes": [_as_dict(cause, (operations if cause.what == "operations" else examples), now) for cause in shown],
    }


def _of_problems(chosen: QuerySet[Problem]) -> list[Cause]:
    """Group problems. One that is parked is counted with the first one that it waits behind, if that one is chosen."""
    rows = list(chosen.order_by("since", "pk").values_list(*_COLUMNS))
    heads = {row[0] for row in rows if row[4] != ProblemState.PARKED}
    behind = _behind(chosen)
    causes: dict[tuple[Any, ...], Cause] = {}
    of_problem: dict[int, Cause] = {}
    for pk, target, error_class, status, state, reason, since, course, backend in rows:
        if state == ProblemState.PARKED and _root(pk, behind) in heads:
            continue
        key = (target, error_class, status, state, normalised(reason))
        cause = causes.setdefault(
            key,
            Cause(target, "operations", error_class or "", status, state, reason, pk, since, since, backend=backend),
        )
        cause.add(pk, course, since)
        of_problem[pk] = cause
    for root, number in Counter(_root(pk, behind) for pk in behind).items():
        if root in heads:
            of_problem[root].parked += number
    return list(causes.values())


def _behind(chosen: QuerySet[Problem]) -> dict[int, int]:
    """Return the problem that each parked one waits behind, in the lanes of the chosen problems. One query."""
    lanes = chosen.order_by().values("lane_id")
    parked = Problem.objects.filter(lane_id__in=lanes, state=ProblemState.PARKED)
    return dict(parked.values_list("pk", "behind_id"))


def _root(pk: int, behind: Mapping[int, int]) -> int:
    while pk in behind:
        pk = behind[pk]
    return pk


def _of_lanes(chosen: QuerySet[Lane]) -> list[Cause]:
    """Group the lanes that fail, that wait for their next attempt or for a probe, or whose target is disabled."""
    waits_for_probe = Q(
        target__breaker_opened_at__isnull=False, due_at__isnull=False, paused=False, target__paused=False
    )
    disabled = ~Q(target__disabled_reason="")
    stopped = chosen.filter(Q(failing=True) | Q(attempts__gt=0) | waits_for_probe | disabled).order_by("pk")
    causes: dict[tuple[Any, ...], Cause] = {}
    for row in stopped.values(*_LANE_COLUMNS, *_TARGET_COLUMNS):
        what, error_class, error, since = _of_lane(row)
        key = (row["target__name"], what, error_class, normalised(error))
        backend = row["target__backend"]
        first = Cause(key[0], what, error_class, None, "", error, row["pk"], since, since, backend=backend)
        causes.setdefault(key, first).add(row["pk"], row["course_id"], since)
    return list(causes.values())


def _of_lane(row: Mapping[str, Any]) -> tuple[str, str, str, datetime | None]:
    """Return what a lane is, the class and the text of its error, and since when. The target's state comes first."""
    if gone := row["target__disabled_reason"]:
        return "disabled", TargetGone.__name__, gone, row["retrying_since"]
    if row["failing"]:
        return "failing", row["error_class"] or "", row["last_error"], row["retrying_since"]
    if opened_at := row["target__breaker_opened_at"]:
        return "unreachable", "", row["target__breaker_error"] or row["last_error"], opened_at
    return "retrying", row["error_class"] or "", row["last_error"], row["retrying_since"]


def _examples(causes: Iterable[Cause]) -> dict[int, dict[str, Any]]:
    keys = [cause.example for cause in causes]
    rows: Iterator[Problem] = (
        row
        for part in bulk.chunks(keys)
        for row in Problem.objects.filter(pk__in=part).select_related("operation", "lane__course")
    )
    return {
        row.pk: {
            "course_id": row.lane.course.key,
            "operation": row.operation.operation,
            "entity_type": row.operation.entity_type,
            "entity_id": row.operation.entity_id,
            "operation_id": str(row.operation.operation_id),
            "reason": row.reason,
        }
        for row in rows
    }


def _examples_of_lanes(causes: Iterable[Cause]) -> dict[int, dict[str, Any]]:
    keys = [cause.example for cause in causes]
    columns = ("pk", "course__key", "last_error", "target__breaker_error", "target__disabled_reason", "last_status")
    newest = Attempt.objects.filter(lane=OuterRef("pk")).order_by("-pk").values("status")[:1]
    lanes = Lane.objects.filter(pk__in=keys).annotate(last_status=Subquery(newest)).values_list(*columns)
    return {
        pk: {"course_id": course, "reason": gone or error or breaker or "", "status": status}
        for pk, course, error, breaker, gone, status in lanes
    }


def _as_dict(cause: Cause, examples: Mapping[int, Mapping[str, Any]], now: datetime) -> dict[str, Any]:
    example = examples.get(cause.example, {})
    status = cause.status or example.get("status")  # a lane does not store the status: its newest attempt does
    advice = advice_for(cause.error_class, status, cause.state or cause.what, backend=cause.backend)
    return {
        "cause": cause.digest,
        "target": cause.target,
        "what": cause.what,
        "state": cause.state or cause.what,
        "error_class": cause.error_class,
        "status": status,
        "reason": cause.shared_reason,
        "count": cause.count,
        "parked": cause.parked,
        "courses": len(cause.courses),
        "first": cause.first and utc_text(cause.first),
        "last": cause.last and utc_text(cause.last),
        "by_day": cause.by_day(now),
        "example": example,
        "meaning": str(advice.meaning),
        "action": str(advice.action),
    }
