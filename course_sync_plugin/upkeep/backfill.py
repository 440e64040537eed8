"""Records existing courses that were never recorded, and makes the lanes that targets lack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from enum import Enum

import attrs
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import toggles
from course_sync_plugin.keys import org_of
from course_sync_plugin.lanes.due import make_lanes, missing_lanes
from course_sync_plugin.models import Course, Lane, Target, bulk, digest_of
from course_sync_plugin.sync.course import Outcome
from course_sync_plugin.upkeep.audit import only, record
from course_sync_plugin.upkeep.courses import among, published_courses
from course_sync_plugin.upkeep.sync_now import sync_now
from course_sync_plugin.upkeep.targets.change import get_target
from course_sync_plugin.upkeep.throttle import rest


class FillOutcome(str, Enum):
    """What a backfill did for one course.

    ``recorded``: recorded for the first time. ``lanes``: it was recorded before, and got the lanes that targets lacked.
    ``complete``: it needs nothing. ``skipped``: it is left out. ``failed``: it could not be read. ``left``: for the
    next backfill, also because another process reads it.
    """

    RECORDED = "recorded"
    LANES = "lanes"
    COMPLETE = "complete"
    SKIPPED = "skipped"
    FAILED = "failed"
    LEFT = "left"


#: What it means for a backfill that a sync did not record a course, and the reason if the sync gives none.
_NOT_RECORDED = {
    Outcome.UNREADABLE: (FillOutcome.FAILED, gettext_lazy("it could not be read")),
    Outcome.STOPPED: (FillOutcome.FAILED, gettext_lazy("syncs are stopped by course_sync.stopped")),
    Outcome.BUSY: (FillOutcome.LEFT, gettext_lazy("left: another process reads it")),
    Outcome.EXCLUDED: (FillOutcome.SKIPPED, gettext_lazy("skipped: excluded by course_sync.excluded")),
    Outcome.HELD: (FillOutcome.SKIPPED, gettext_lazy("skipped: its run is held; 'approve' shows it")),
    Outcome.UNCHANGED: (FillOutcome.COMPLETE, gettext_lazy("complete: there is nothing to record")),
}


@attrs.frozen
class Filled:
    """The result for one course. ``reason`` says what was done, or why nothing was done.

    ``lanes``: the number of lanes that were made for a course that was recorded before.
    """

    course_key: str
    outcome: FillOutcome
    reason: str
    lanes: int = 0

    @property
    def done(self) -> bool:
        """Tell whether something was done for the course."""
        return self.outcome in (FillOutcome.RECORDED, FillOutcome.LANES)

    @property
    def failed(self) -> bool:
        """Tell whether the course could not be read."""
        return self.outcome is FillOutcome.FAILED


@attrs.frozen
class Gap:
    """A course that needs something. ``targets``: those without a lane; empty if the course was never recorded."""

    course: Course
    targets: tuple[Target, ...] = ()


@attrs.frozen
class BackfillPlan:
    """What a backfill will do: ``gaps`` in their order, of which it fills the first ``limit`` (None: all).

    ``others``: the results for the courses that need nothing or are skipped.
    """

    others: tuple[Filled, ...]
    gaps: tuple[Gap, ...]
    limit: int | None = None

    @property
    def chosen(self) -> tuple[Gap, ...]:
        """Return the gaps that the backfill fills."""
        return self.gaps[: self.limit]

    def preview(self) -> list[Filled]:
        """Return the result for each chosen gap as it would be. Nothing is written."""
        return [_preview(gap) for gap in self.chosen]

    def carry_out(self, sleep: float = 0, is_ending: Callable[[], bool] = lambda: False) -> Iterator[Filled]:
        """Fill the chosen gaps and yield the result for each. A course that cannot be read does not stop the others.

        ``sleep``: seconds to wait between two courses. ``is_ending`` is asked before each course: if it returns True,
        no further one is begun. The switch ``course_sync.stopped`` ends the backfill too.
        """
        for number, gaps in enumerate(self._steps(single=sleep > 0)):
            if number:
                rest(sleep, is_ending)
            if is_ending():
                return
            _make_lanes([gap for gap in gaps if gap.targets])
            for filled in map(_fill, gaps):
                yield filled
                if filled.failed and toggles.is_stopped():
                    return

    def left(self, filled: Sequence[Filled]) -> list[Filled]:
        """Return the results for the gaps that are left, if those in ``filled`` were filled."""
        reason = _("left for the next backfill")
        return [Filled(gap.course.key, FillOutcome.LEFT, reason) for gap in self.gaps[len(filled) :]]

    def _steps(self, *, single: bool) -> Iterator[Sequence[Gap]]:
        """Yield the chosen gaps that are filled in one go: all missing lanes, then each course to record.

        ``single``: each course is a step of its own.
        """
        lanes = () if single else tuple(gap for gap in self.chosen if gap.targets)
        if lanes:
            yield lanes
        for gap in self.chosen[len(lanes) :]:
            yield (gap,)


def courses_to_fill(courses: Sequence[str] = ()) -> list[str]:
    """Return the course ids to fill: the named ones, or all published ones.

    Raises ConfigurationError for a wrong course key, UnknownName for a course that is not published.
    """
    published = published_courses()
    return list(dict.fromkeys(among(published, course) for course in courses)) or sorted(published)


def backfill(
    courses: Sequence[str], target: str = "", dry_run: bool = False, *, limit: int | None = None, sleep: float = 0
) -> Iterator[Filled]:
    """Record each course that is not recorded yet, and make the lanes that targets lack. Yield a result per course.

    The arguments are those of :func:`plan_backfill` and :meth:`BackfillPlan.carry_out`.
    """
    plan = plan_backfill(courses, target, limit)
    filled = []
    for one in plan.preview() if dry_run else plan.carry_out(sleep):
        filled.append(one)
        yield one
    yield from plan.others
    yield from plan.left(filled)


def plan_backfill(courses: Sequence[str], target: str = "", limit: int | None = None) -> BackfillPlan:
    """Find the courses that were never recorded, and the lanes that targets lack. The same few queries for any number.

    With ``target`` only courses and lanes of that target count. Lanes come first, since they cost no read. Then come
    the courses that no sync has tried, then those that failed, the oldest failure first: so courses that cannot be read
    do not keep the others from their turn. Raises UnknownName for the target.
    """
    only = get_target(target) if target else None
    targets = [only] if only else list(Target.objects.prefetch_related("subscriptions").order_by("name"))
    rows = _rows(courses)
    skipped = _skipped(rows, only)
    wanted = [course for course in rows if course.key not in skipped]
    recorded = [course for course in wanted if course.last_position]
    lacking = defaultdict(list)
    for target_without_lane, course in missing_lanes(targets, recorded, _lanes(recorded)):
        lacking[course.key].append(target_without_lane)
    lanes = (Gap(course, tuple(lacking[course.key])) for course in recorded if course.key in lacking)
    unrecorded = sorted((course for course in wanted if not course.last_position), key=_last_attempt)
    complete = (_complete(course) for course in recorded if course.key not in lacking)
    return BackfillPlan((*skipped.values(), *complete), (*lanes, *map(Gap, unrecorded)), limit)


def _rows(courses: Sequence[str]) -> list[Course]:
    """Return the rows of courses in their order; for a course without a row, one that is not saved. One query."""
    rows = Course.objects.only("key", "org", "last_position", "lease_until")
    if len(courses) <= bulk.ROWS:
        rows = rows.filter(key_digest__in=[digest_of(key) for key in courses])
    known = {course.key: course for course in rows}
    return [known.get(key) or Course(key=key, org=org_of(key)) for key in courses]


def _lanes(courses: Sequence[Course]) -> QuerySet[Lane]:
    """Return the lanes of some courses. If there are many, those of all: no condition holds so many keys."""
    lanes = Lane.objects.all()
    return lanes.filter(course__in=[course.pk for course in courses]) if len(courses) <= bulk.ROWS else lanes


def _skipped(courses: Sequence[Course], only: Target | None) -> dict[str, Filled]:
    """Return the results for the courses that are skipped, by course id."""
    unwanted = [course.key for course in courses if only and not only.wants(course)]
    excluded = toggles.excluded_among([course.key for course in courses])
    not_subscribed = _("skipped: {name} has no subscription for it").format(name=only.name if only else "")
    reasons = dict.fromkeys(unwanted, not_subscribed)
    reasons |= dict.fromkeys(excluded, _("skipped: excluded by course_sync.excluded"))
    return {key: Filled(key, FillOutcome.SKIPPED, reason) for key, reason in reasons.items()}


def _last_attempt(course: Course) -> tuple[bool, float]:
    """Return the place of a course that was never recorded: first without a row, then by the time of its last attempt.

    A read that failed leaves that time in ``lease_until``. If the process died during the read, the lease ended then.
    """
    return course.pk is not None, course.lease_until.timestamp() if course.lease_until else 0


def _complete(course: Course) -> Filled:
    reason = _("complete: it is recorded, and every subscribed target has a lane")
    return Filled(course.key, FillOutcome.COMPLETE, reason)


def _preview(gap: Gap) -> Filled:
    if gap.targets:
        return _with_lanes(gap, _("would send a snapshot to {names}"))
    return Filled(gap.course.key, FillOutcome.RECORDED, _("would be recorded for the first time"))


def _fill(gap: Gap) -> Filled:
    """Record the course of a gap. If the course is recorded, the missing lanes have just been made."""
    return _with_lanes(gap, _("a snapshot is due for {names}")) if gap.targets else _record(gap.course.key)


@transaction.atomic
def _make_lanes(gaps: Sequence[Gap]) -> None:
    """Make the missing lanes of courses that are recorded, and record it: one action for each target."""
    make_lanes((target, gap.course) for gap in gaps for target in gap.targets)
    courses = defaultdict(list)
    for gap in gaps:
        for target in gap.targets:
            courses[target.name].append(gap.course.key)
    for name, keys in courses.items():
        record("backfill", target=name, course=only(keys), changed={"lanes": len(keys), "courses": keys})


def _with_lanes(gap: Gap, text: str) -> Filled:
    names = ", ".join(target.name for target in gap.targets)
    return Filled(gap.course.key, FillOutcome.LANES, text.format(names=names), lanes=len(gap.targets))


def _record(course_key: str) -> Filled:
    result = sync_now(course_key, "backfill")
    if result.outcome is Outcome.RECORDED:
        n = len(result.operations)
        reason = ngettext("recorded: {n} entity", "recorded: {n} entities", n).format(n=n)
        return Filled(course_key, FillOutcome.RECORDED, reason)
    outcome, text = _NOT_RECORDED[result.outcome]
    return Filled(course_key, outcome, result.error or str(text))
