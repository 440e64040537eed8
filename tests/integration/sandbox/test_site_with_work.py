"""The site of ``make dashboard`` has the work in it that its pages are to show."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.discourse import DiscourseServer
from course_sync_plugin.testing.receiver import Receiver
from sandbox.site_with_work import Systems, fill


@pytest.mark.django_db
def test_a_problem_a_conflict_and_a_proposal(settings):
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    with Receiver() as receiver, CanvasFake() as canvas, DiscourseServer() as forum:
        key = fill(Systems(receiver, canvas, forum))
        (problem,) = api.problems()
        (conflict,) = api.conflicts(key)
        (proposal,) = api.proposals(key)
    assert (problem.target, problem.reason) == ("crm", "the title is taken")
    assert (conflict["target"], conflict["openedx"], conflict["remote"]) == ("canvas", "Sweet honey", "Honey and wax")
    assert (proposal["target"], proposal["value"]) == ("forum", "Tools of the trade (equipment)")
