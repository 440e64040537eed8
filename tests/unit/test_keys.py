"""Course keys: which of them name a course run that can be synced, and how they are parsed."""

from __future__ import annotations

import pytest
from ccx_keys.locator import CCXLocator
from opaque_keys.edx.keys import CourseKey, UsageKey
from opaque_keys.edx.locator import CourseLocator, LibraryLocator, LibraryLocatorV2

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.keys import course_id, course_of_entity, is_course_run, org_of, parse_course_id

COURSE = "course-v1:Org+Course+Run"


@pytest.mark.parametrize(
    ("key", "is_one"),
    [
        (CourseLocator("Org", "Course", "Run"), True),
        (CourseLocator("Org", "Course", "Run", branch="draft-branch"), True),
        (CourseLocator("Org", "Course", "Run", version_guid="0" * 24), True),
        (CourseKey.from_string("course-v1:Ürg+Çourse+第一"), True),
        (LibraryLocator("Org", "Library"), False),
        (LibraryLocatorV2("Org", "library"), False),
        (CCXLocator(org="Org", course="Course", run="Run", ccx="1"), False),
        (CourseKey.from_string("Org/Course/Run"), False),
        (UsageKey.from_string("block-v1:Org+Course+Run+type@html+block@a"), False),
        (None, False),
        (COURSE, False),
    ],
    ids=str,
)
def test_only_a_course_run_of_our_own(key, is_one):
    assert is_course_run(key) is is_one


@pytest.mark.parametrize("key", [f"{COURSE}+branch@draft-branch", f"{COURSE}+version@{'0' * 24}", COURSE])
def test_an_id_has_no_branch_and_no_version(key):
    assert course_id(CourseKey.from_string(key)) == COURSE
    assert parse_course_id(key) == COURSE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not a course key such as course-v1:Org+Course+Run"),
        ("Course", "'Course' is not a course key"),
        ("course-v1:Org+Course", "is not a course key"),
        (" course-v1:Org+Course+Run extra", "is not a course key"),
        ("block-v1:Org+Course+Run+type@html+block@a", "is not a course key"),
        ("library-v1:Org+Library", "'library-v1:Org+Library' is not a course run: libraries and CCX courses"),
        ("ccx-v1:Org+Course+Run+ccx@1", "is not a course run"),
        ("Org/Course/Run", "is not a course run"),
    ],
)
def test_what_is_none_says_why(text, message):
    with pytest.raises(ConfigurationError, match="is not a course") as error:
        parse_course_id(text)
    assert message in error.value.message


def test_white_space_around_it_is_forgiven():
    """People paste keys with white space."""
    assert parse_course_id(f" {COURSE}\n") == COURSE


def test_one_that_no_column_holds():
    """The key columns of the platform, and ours, have 255 characters."""
    longest = f"course-v1:Org+{'C' * (255 - len('course-v1:Org++Run'))}+Run"
    assert len(parse_course_id(longest)) == 255
    with pytest.raises(ConfigurationError, match="255"):
        parse_course_id(longest + "1")


def test_the_organisation():
    assert org_of(COURSE) == "Org"


@pytest.mark.parametrize(
    ("entity_id", "course"),
    [
        ("block-v1:Org+Course+Run+type@vertical+block@unit", "course-v1:Org+Course+Run"),
        ("lb:Org:lib:problem:id", None),
        ("i4x://Org/Course/problem/id", None),
        ("course-v1:Org+Course+Run", None),
        ("no key", None),
    ],
)
def test_the_course_of_an_entity(entity_id, course):
    assert course_of_entity(entity_id) == course
