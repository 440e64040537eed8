"""Helpers that let operations fail for one cause, in courses of several organisations."""

from __future__ import annotations

from course_sync_plugin import api
from course_sync_plugin.testing.faults import Fail
from course_sync_plugin.testing.receiver import Receiver
from tests.integration.courses import COURSE, Shelf, a_course, block

#: A course of another organisation.
OTHER = "course-v1:Other+Course+Run"


def deliver(shelf: Shelf, version: str, course: str = COURSE, **changes: object) -> None:
    """Publish a course, record it and deliver it."""
    shelf.publish(a_course(version, course=course, **changes))
    api.sync_course(course)
    api.deliver_until_empty()


def let_fail(
    shelf: Shelf,
    receiver: Receiver,
    version: str,
    course: str = COURSE,
    reason: str = "no room",
    unit: str = "unit-0-0",
) -> None:
    """Let the receiver refuse a new title of a unit once."""
    receiver.faults.append(Fail(entity_id=block("vertical", unit, course), reason=reason))
    deliver(shelf, version, course, titles={unit: f"title {version}"})


def the_cause(**filters: object) -> dict:
    """Return the only cause that there is now, as a program sees it."""
    (cause,) = api.errors(api.Filters(), state="all", **filters).listed["causes"]
    return cause


def step(name: str, digest: str, note: str = "", user: str = "", by: str = "ann") -> None:
    """Take a step on a cause as an operator."""
    with api.acting(by, note):
        api.carry_out_step(api.step_plan(f"{name}-cause", digest, assignee=user))


def heal() -> None:
    """Retry everything that failed, and deliver it."""
    for plan in api.retry_plans(api.Filters()):
        api.carry_out_retry(plan)
    api.deliver_until_empty()
    assert api.problems() == []
