"""Helpers that publish for one lane and inspect it: the lane of the target ``crm`` of the fixture ``receiver``."""

from __future__ import annotations

from course_sync_plugin import api
from course_sync_plugin.data import Structure
from course_sync_plugin.models import DatabaseNow, Lane, Target
from tests.integration.courses import COURSE, Shelf, a_course


def publish(shelf: Shelf, version: str, **changes) -> Structure:
    """Publish the course with changes and record it, without a delivery."""
    structure = shelf.publish(a_course(version, **changes))
    api.sync_course(COURSE)
    return structure


def renamed(*names: str) -> dict[str, str]:
    return {name: f"{name}, renamed" for name in names}


def the_lane() -> Lane:
    return Lane.objects.get(course__key=COURSE, target__name="crm")


def wait_in_seconds(lane: Lane) -> float:
    """Return the seconds that the lane still waits, by the clock of the database."""
    now = Lane.objects.filter(pk=lane.pk).annotate(now=DatabaseNow()).values_list("now", flat=True)[0]
    return (lane.due_at - now).total_seconds()


def let_time_pass() -> None:
    """Make every waiting lane due."""
    Lane.objects.exclude(due_at=None).update(due_at=DatabaseNow())


def probe_time_comes() -> None:
    """Make the next probe of every target due whose breaker is open."""
    Target.objects.exclude(breaker_opened_at=None).update(breaker_probe_at=DatabaseNow(-1))


def states() -> list[tuple[str, str]]:
    """Return the open problems: the state and the last part of the entity's id."""
    return [(one.state, one.entity_id.rpartition("@")[2]) for one in api.problems()]


def die_holding_the_lease(lane: Lane) -> None:
    """Leave the lane in the state in which a worker leaves it that was killed after its last envelope was answered."""
    Lane.objects.filter(pk=lane.pk).update(lease_token="dead", lease_until=DatabaseNow(-1), due_at=DatabaseNow())
