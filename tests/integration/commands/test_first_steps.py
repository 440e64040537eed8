"""What a hurried operator is told by the commands for linked systems."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.management.subcommands.decisions import _outcome
from course_sync_plugin.sanitize.limits import ROW_ID


@pytest.mark.django_db
def test_a_course_that_was_not_recorded_can_be_by_backfill():
    api.add_target("here", backend="local")
    with pytest.raises(UnknownName, match="'backfill --course' records a course"):
        api.pause("here", "course-v1:Meadow+BEES101+2026")


@pytest.mark.django_db
def test_a_url_that_is_missing():
    with pytest.raises(ConfigurationError, match=r"missing \(--url\)"):
        api.add_target("crm")


def test_a_look_that_is_not_possible_now_points_to_the_state():
    assert "'status'" in _outcome(api.Polled("course-v1:A+B+C", "canvas", busy=True))


def test_an_id_is_a_number_without_a_unit():
    assert str(ROW_ID).startswith("a whole number from 1 to ")
