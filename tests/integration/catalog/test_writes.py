"""Tests that a column of a course overview is written only if it still has the value that was compared."""

from __future__ import annotations

import pytest

from course_sync_plugin.catalog import course_overviews
from course_sync_plugin.testing.catalog_server import made_up_key
from sandbox.course_overviews.models import CourseOverview

pytestmark = pytest.mark.django_db

A, B, C = (f"https://www.example.com/{name}" for name in "abc")
KEY, OTHER, THIRD = (made_up_key(at) for at in range(3))


def overview(key: str = KEY) -> CourseOverview:
    return CourseOverview.objects.get(id=key)


@pytest.mark.parametrize(
    ("compared", "meanwhile", "written", "stands"),
    [
        (A, A, C, C),
        (None, None, C, C),
        (A, A, None, None),
        (A, B, C, B),
        (A, None, C, None),
        (None, B, C, B),
        (A, A.upper(), C, A.upper()),
    ],
)
def test_a_value_that_somebody_wrote_meanwhile_stands(compared, meanwhile, written, stands):
    """A publish changes the value between our SELECT and our UPDATE. The UPDATE still writes the other overviews."""
    for key in (KEY, OTHER):
        CourseOverview.objects.create(id=key, marketing_url=compared)
    old = course_overviews.read([KEY, OTHER])
    CourseOverview.objects.filter(id=KEY).update(marketing_url=meanwhile)
    course_overviews.write(old, {key: {"marketing_url": written} for key in (KEY, OTHER)})
    assert (overview().marketing_url, overview(OTHER).marketing_url) == (stands, written)


def test_each_column_is_compared_by_itself():
    CourseOverview.objects.create(id=KEY, marketing_url=A, eligible_for_financial_aid=True, language="en")
    old = course_overviews.read([KEY])
    CourseOverview.objects.filter(id=KEY).update(eligible_for_financial_aid=False, language="fr")
    new = {"marketing_url": C, "eligible_for_financial_aid": False, "language": "de"}
    course_overviews.write(old, {KEY: new})
    row = overview()
    assert (row.marketing_url, row.eligible_for_financial_aid, row.language) == (C, False, "fr")


def test_each_overview_gets_its_own_columns_alone():
    for key in (KEY, OTHER, THIRD):
        CourseOverview.objects.create(id=key, marketing_url=A, language="en")
    old = course_overviews.read([KEY, OTHER, THIRD])
    course_overviews.write(old, {KEY: {"marketing_url": B}, OTHER: {"language": "de"}})
    rows = CourseOverview.objects.order_by("id").values_list("marketing_url", "language")
    assert list(rows) == [(B, "en"), (A, "de"), (A, "en")]
