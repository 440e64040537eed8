"""Tests the platform's course flags: a query for many courses gives the same answers as one for each course."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from edx_django_utils.cache import RequestCache
from openedx.core.djangoapps.waffle_utils.models import WaffleFlagCourseOverrideModel, WaffleFlagOrgOverrideModel
from waffle.testutils import override_flag

from course_sync_plugin import toggles

pytestmark = pytest.mark.django_db

ORGS = ("Org", "On", "Off", "Unset")


@pytest.fixture(autouse=True)
def _overrides():
    """Make overrides for organisations and courses. The newest one counts, and an override may be disabled."""
    RequestCache.clear_all_namespaces()
    for org, choice in (("On", "on"), ("Off", "off"), ("Unset", "on"), ("Unset", "")):
        row = {"org": org, "override_choice": choice or "on", "enabled": bool(choice)}
        WaffleFlagOrgOverrideModel.objects.create(waffle_flag=toggles.EXCLUDED, **row)
    for key, choice in (("On+Course+Run1", "off"), ("Off+Course+Run1", "on"), ("Org+Course+Run1", "on")):
        row = {"course_id": f"course-v1:{key}", "override_choice": choice, "enabled": True}
        WaffleFlagCourseOverrideModel.objects.create(waffle_flag=toggles.EXCLUDED, **row)
    yield
    RequestCache.clear_all_namespaces()


def courses(number: int) -> list[str]:
    return [f"course-v1:{org}+Course+Run{at}" for org in ORGS for at in range(number)]


@pytest.mark.parametrize("everywhere", [False, True])
def test_each_has_the_answer_that_it_has_by_itself(everywhere):
    with override_flag(toggles.EXCLUDED, active=everywhere):
        each = {key for key in courses(3) if toggles.is_excluded(key)}
        RequestCache.clear_all_namespaces()
        assert toggles.excluded_among(courses(3)) == each
    assert "course-v1:Off+Course+Run1" in each
    assert "course-v1:On+Course+Run1" not in each
    assert ("course-v1:Unset+Course+Run2" in each) is everywhere


def test_its_queries_do_not_grow_with_the_courses():
    counts = []
    for number in (5, 50):
        RequestCache.clear_all_namespaces()
        with CaptureQueriesContext(connection) as queries:
            toggles.excluded_among(courses(number))
        counts.append(len(queries))
    assert counts[0] == counts[1]
