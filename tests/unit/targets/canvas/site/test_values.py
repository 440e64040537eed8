"""Values of Canvas in our terms: what Canvas makes of ours counts as ours, everything else is an edit."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from course_sync_plugin.data import Entity, utc_text
from course_sync_plugin.targets.canvas.site.mapping import Texts, is_marked, title_of
from course_sync_plugin.targets.canvas.site.values import date_text, free_title, our_value, shared_title
from course_sync_plugin.testing.canvas.dates import end_of_day

ZONES = ["UTC", "America/Denver", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe", "Europe/Berlin"]


def entity(**fields) -> Entity:
    return Entity("block-v1:O+C+R+type@vertical+block@u_1", fields.pop("type", "unit"), "vertical", "parent", fields)


@example(date(2020, 10, 4), "Australia/Lord_Howe")  # a day of 23.5 hours
@example(date(2020, 4, 5), "Australia/Lord_Howe")
@given(st.dates(date(2020, 1, 1), date(2035, 1, 1)), st.sampled_from(ZONES))
def test_midnight_of_every_zone_comes_back_as_ours(day, zone):
    due = datetime.combine(day, datetime.min.time(), ZoneInfo(zone))
    ours = entity(due=utc_text(due))
    assert our_value(ours, "due", date_text(end_of_day(due, zone))) == ours.fields["due"]


@pytest.mark.parametrize("hours", [-24, -1, 1, 24, 47])
def test_another_date_is_an_edit(hours):
    value = utc_text(datetime(2026, 3, 1, 12, tzinfo=ZoneInfo("UTC")) + timedelta(hours=hours))
    for field in ("due", "start"):
        assert our_value(entity(**{field: "2026-03-01T12:00:00Z"}), field, value) == value


def test_a_date_half_an_hour_off_is_an_edit_elsewhere():
    value = "2026-03-02T11:29:59Z"
    assert our_value(entity(due="2026-03-01T12:00:00Z"), "due", value) == value


def test_a_date_that_was_removed_or_added_is_an_edit():
    assert our_value(entity(due="2026-03-01T12:00:00Z"), "due", None) is None
    assert our_value(entity(), "due", "2026-03-01T12:00:00Z") == "2026-03-01T12:00:00Z"
    assert our_value(entity(), "due", None) is None


@pytest.mark.parametrize(
    ("title", "value", "is_ours"),
    [
        ("Bees", "Bees", True),
        (" Bees\n ", "Bees", True),
        ("Bees", "Bees-2", True),
        ("Part-1", "Part-1 (2)", True),
        ("Bees", "Bees-x", False),
        ("Bees", "Bee-2", False),
        (300 * "b", 253 * "b" + "-2", True),
        (300 * "b", 200 * "b" + "-2", False),
        (None, "u 1", True),
        ("?!", "u 1", True),
    ],
)
def test_titles(title, value, is_ours):
    ours = entity() if title is None else entity(display_name=title)
    assert our_value(ours, "display_name", value) == (title if is_ours else value)


def test_only_pages_get_a_number():
    assert our_value(entity(type="section", display_name="Bees"), "display_name", "Bees-2") == "Bees-2"
    assert title_of(entity(type="section", display_name="?!")) == "?!"


def test_two_titles():
    ours = entity(type="subsection", display_name="Bees")
    value = shared_title("Theirs", "Bees", "Bees")
    assert (value, our_value(ours, "display_name", value)) == (["Theirs", "Bees"], "Theirs")
    assert shared_title("Bees", "Theirs", "Bees") == ["Theirs", "Bees"]
    assert shared_title("Theirs", "Bees", value) == shared_title("Bees", "Theirs", value) == value
    assert shared_title("Newer", "Bees", value) == ["Newer", "Bees"]
    assert shared_title("Ours", "Ours", value) == "Ours"


def test_a_rename_of_which_one_half_arrived_is_not_complete():
    assert our_value(entity(type="subsection", display_name="New"), "display_name", ["New", "Old"]) == "Old"


def test_free_titles():
    assert free_title("Quiz", {"Quiz"}) == "Quiz"  # Canvas numbers it
    assert free_title("Quiz-1", {"Quiz"}) == "Quiz-1"
    assert free_title("Quiz-1", {"Quiz-1", "Quiz-1 (2)"}) == "Quiz-1 (3)"
    assert len(free_title(253 * "b" + "-1", {253 * "b" + "-1"})) == 255


def test_texts_have_the_mark_and_a_link():
    text = Texts("https://lms.example.org", "course-v1:O+C+R").text_of(entity(), "abc")
    assert "https://lms.example.org/courses/course-v1:O+C+R/jump_to/block-v1:O+C+R+type@vertical+block@u_1" in text
    assert (is_marked(text, "abc"), is_marked(text, "ab"), is_marked(None, "abc"), is_marked(text, "")) == (
        True,
        False,
        False,
        False,
    )
    assert "<a" not in Texts("", "course-v1:O+C+R").text_of(entity(), "abc")
