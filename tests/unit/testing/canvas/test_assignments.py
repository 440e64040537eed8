"""Assignments: dates, points, states, and what is dropped silently."""

from __future__ import annotations

import pytest
from canvasapi.exceptions import BadRequest, ResourceDoesNotExist


@pytest.fixture
def essay(api):
    return api.create_assignment({"name": "Essay", "published": True})


def test_an_assignment_begins_unpublished_without_points(course, raw):
    answer = raw("POST", f"/courses/{course.id}/assignments", json={"assignment": {"name": "Essay"}})
    assert answer.status_code == 201
    assert (answer.json()["published"], answer.json()["points_possible"]) == (False, 0)


@pytest.mark.parametrize(
    ("field", "sent", "read"),
    [
        ("due_at", "2026-03-01T00:00:00Z", "2026-03-01T23:59:59Z"),
        ("lock_at", "2026-03-01T00:00:00Z", "2026-03-01T23:59:59Z"),
        ("unlock_at", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("due_at", "2026-03-01T00:00:01Z", "2026-03-01T00:00:01Z"),
        ("due_at", "2026-03-01T10:00:00+02:00", "2026-03-01T08:00:00Z"),
        ("due_at", "", None),
    ],
)
def test_midnight_is_the_end_of_the_day(api, field, sent, read):
    assert getattr(api.create_assignment({"name": "Essay", field: sent}), field) == read


def test_midnight_is_that_of_the_user(canvas, api):
    canvas.behaviour.time_zone = "America/Denver"
    assert api.create_assignment({"name": "A", "due_at": "2026-03-01T00:00:00Z"}).due_at == "2026-03-01T00:00:00Z"
    assert api.create_assignment({"name": "B", "due_at": "2026-03-01T07:00:00Z"}).due_at == "2026-03-02T06:59:59Z"


@pytest.mark.parametrize("field", ["due_at", "lock_at", "unlock_at"])
@pytest.mark.parametrize("text", ["tomorrow", "2026-03-01"])
def test_a_date_must_be_in_iso_8601(course, raw, field, text):
    answer = raw("POST", f"/courses/{course.id}/assignments", json={"assignment": {"name": "Essay", field: text}})
    assert answer.status_code == 400
    assert answer.json()["errors"][f"assignment[{field}]"][0]["message"] == f"Invalid datetime for {field}"
    assert course.assignments == {}


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"points_possible": -1}, "points_possible"),
        ({"points_possible": 1_000_000_000}, "points_possible"),
        ({"points_possible": "many"}, "points_possible"),
        ({"grading_type": "stars"}, "grading_type"),
        ({"submission_types": ["pigeon"]}, "assignment[submission_types]"),
    ],
)
def test_what_is_refused(course, essay, raw, sent, field):
    answer = raw("PUT", f"/courses/{course.id}/assignments/{essay.id}", json={"assignment": sent})
    assert answer.status_code == 400
    assert answer.json()["errors"].keys() - {"invalid_record"} == {field}
    assert course.assignments[essay.id].name == "Essay"


def test_an_assignment_without_a_name_has_the_name_of_its_kind(course, raw):
    answer = raw("POST", f"/courses/{course.id}/assignments", json={"assignment": {"points_possible": "5"}})
    assert (answer.json()["name"], answer.json()["points_possible"]) == ("Assignment", 5)


def test_the_id_of_a_sis_is_dropped_without_the_right(canvas, course, api):
    assignment = api.create_assignment({"name": "Essay", "integration_id": "course-sync-1"})
    assert not hasattr(assignment, "integration_id")
    assert course.assignments[assignment.id].integration_id is None


def test_the_id_of_a_sis_is_kept_with_the_right(canvas, api):
    canvas.user.sis = True
    assert api.create_assignment({"name": "Essay", "integration_id": "course-sync-1"}).integration_id == "course-sync-1"


def test_an_assignment_with_submissions_cannot_be_unpublished(canvas, course, api, essay):
    canvas.student.submit(course.id, essay.id)
    with pytest.raises(BadRequest, match="Can't unpublish if there are student submissions"):
        essay.edit(assignment={"published": False})
    shown = api.get_assignment(essay.id)
    assert (shown.published, shown.unpublishable, shown.has_submitted_submissions) == (True, False, True)


def test_a_failed_update_names_the_record_too(course, essay, raw):
    path = f"/courses/{course.id}/assignments/{essay.id}"
    errors = raw("PUT", path, json={"assignment": {"points_possible": -1}}).json()["errors"]
    text = "The value of possible points for this assignment must be zero or greater."
    assert {name: error[0]["message"] for name, error in errors.items()} == {
        "points_possible": text,
        "invalid_record": f"Validation failed: {text}",
    }
    assert raw("PUT", path, json={"assignment": {"due_at": "x"}}).json()["errors"].keys() == {"assignment[due_at]"}


def test_an_assignment_without_submissions_can(essay):
    assert essay.edit(assignment={"published": False}).published is False


def test_an_assignment_with_submissions_can_be_deleted(canvas, course, api, essay):
    canvas.student.submit(course.id, essay.id)
    essay.delete()
    assert [*api.get_assignments()] == []
    with pytest.raises(ResourceDoesNotExist):
        api.get_assignment(essay.id)
    assert course.assignments[essay.id].submitters == {canvas.student.user.id}


def test_an_unknown_field_is_ignored_with_200(course, essay, raw):
    answer = raw("PUT", f"/courses/{course.id}/assignments/{essay.id}", json={"assignment": {"colour": "red"}})
    assert (answer.status_code, "colour" in answer.json()) == (200, False)


def test_assignments_are_ordered_by_their_number(api):
    first = api.create_assignment({"name": "A"})
    api.create_assignment({"name": "B"})
    first.edit(assignment={"position": 9})
    assert [(one.name, one.position) for one in api.get_assignments()] == [("B", 2), ("A", 9)]
    assert [one.name for one in api.get_assignments(search_term="a")] == ["A"]
