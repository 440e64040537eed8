"""Sites that the tests of several pages begin with."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.testing.faults import Fail
from tests.integration.courses import a_course, block
from tests.integration.dashboard.people import HOSTILE, OTHER
from tests.integration.one_lane import publish, renamed


@pytest.fixture
def in_step(shelf, receiver) -> None:
    """Record a course and deliver it."""
    publish(shelf, "1")
    api.deliver_until_empty()


@pytest.fixture
def two_courses(shelf, receiver) -> None:
    """Record a course of each of two organisations. That of Org has a problem, the other one is in step."""
    publish(shelf, "1")
    shelf.publish(a_course("1", course=OTHER))
    api.sync_course(OTHER)
    api.deliver_until_empty()
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0"), reason=HOSTILE))
    publish(shelf, "2", titles=renamed("unit-0-0"))
    api.deliver_until_empty()
