"""Modules: what the API makes of what it is sent."""

from __future__ import annotations

import pytest
from canvasapi.exceptions import BadRequest, ResourceDoesNotExist


def names(api):
    return [(module.name, module.position) for module in api.get_modules()]


@pytest.fixture
def bees(api):
    return [api.create_module({"name": name}) for name in ("A", "B", "C", "D")]


def test_a_module_begins_unpublished_at_the_end(api):
    module = api.create_module({"name": "Bees", "unlock_at": "2026-01-01T00:00:00Z"})
    assert (module.published, module.position, module.items_count) == (False, 1, 0)
    assert module.unlock_at == "2026-01-01T00:00:00Z"
    assert not hasattr(module, "updated_at")
    assert module.require_sequential_progress is False
    assert module.edit(module={"require_sequential_progress": True}).require_sequential_progress is True


def test_a_module_cannot_be_created_published(course, raw):
    answer = raw("POST", f"/courses/{course.id}/modules", json={"module": {"name": "Bees", "published": True}})
    assert answer.json()["published"] is False


@pytest.mark.parametrize(
    ("sent", "message"),
    [({}, "missing module parameter"), ({"module": {"name": ""}}, "missing module name")],
)
def test_a_module_needs_a_name(course, raw, sent, message):
    answer = raw("POST", f"/courses/{course.id}/modules", json=sent)
    assert (answer.status_code, answer.json()) == (400, {"message": message})


@pytest.mark.parametrize(
    ("moved", "position", "expected"),
    [
        ("D", 1, [("D", 1), ("A", 2), ("B", 3), ("C", 4)]),
        ("A", 3, [("B", 1), ("C", 2), ("A", 3), ("D", 4)]),
        ("B", 2, [("A", 1), ("B", 2), ("C", 3), ("D", 4)]),
        ("A", 99, [("B", 1), ("C", 2), ("D", 3), ("A", 99)]),
    ],
)
def test_a_move_shifts_those_between(api, bees, moved, position, expected):
    next(module for module in bees if module.name == moved).edit(module={"position": position})
    assert names(api) == expected


def test_a_deleted_module_leaves_a_gap(api, bees):
    bees[1].delete()
    assert names(api) == [("A", 1), ("C", 3), ("D", 4)]
    with pytest.raises(ResourceDoesNotExist):
        api.get_module(bees[1].id)
    assert api.create_module({"name": "E"}).position == 5


def test_a_module_created_at_a_position_pushes_the_others(api, bees):
    api.create_module({"name": "E", "position": 2})
    assert names(api) == [("A", 1), ("E", 2), ("B", 3), ("C", 4), ("D", 5)]


def test_publishing_a_module_publishes_every_item_and_its_content(api):
    module = api.create_module({"name": "Bees"})
    draft = api.create_page({"title": "The teacher's draft"})
    module.create_module_item({"type": "Page", "page_url": draft.url})
    module.create_module_item({"type": "SubHeader", "title": "Honey"})
    module.edit(module={"published": True})
    assert [item.published for item in module.get_module_items()] == [True, True]
    assert api.get_page(draft.url).published is True
    module.edit(module={"published": False})
    assert [item.published for item in module.get_module_items()] == [False, False]
    assert api.get_page(draft.url).published is False


def test_the_items_can_be_left_alone(course, api, raw):
    module = api.create_module({"name": "Bees"})
    module.create_module_item({"type": "SubHeader", "title": "Honey"})
    sent = {"module": {"published": True, "skip_content_tags": True}}
    answer = raw("PUT", f"/courses/{course.id}/modules/{module.id}", json=sent)
    assert answer.json()["published"] is True
    assert [item.published for item in module.get_module_items()] == [False]


def test_null_unpublishes(course, api, raw):
    module = api.create_module({"name": "Bees"}).edit(module={"published": True})
    answer = raw("PUT", f"/courses/{course.id}/modules/{module.id}", json={"module": {"published": None}})
    assert answer.json()["published"] is False


def test_a_module_with_submissions_is_unpublished_but_its_assignment_is_not(canvas, course, api):
    module = api.create_module({"name": "Bees"})
    assignment = api.create_assignment({"name": "Essay"})
    module.create_module_item({"type": "Assignment", "content_id": assignment.id})
    module.edit(module={"published": True})
    canvas.student.submit(course.id, assignment.id)
    answer = module.edit(module={"published": False})
    assert (answer.published, answer.unpublish_warning) == (False, True)
    assert api.get_assignment(assignment.id).published is True


def test_deleting_a_module_deletes_all_its_items_but_no_content(canvas, course, api):
    module = api.create_module({"name": "Bees"})
    page = api.create_page({"title": "Honey"})
    canvas.teacher.add_item(course.id, module.id, type="Page", page_url=page.url)
    module.delete()
    assert [item.state for item in course.items.values()] == ["deleted"]
    assert api.get_page(page.url).title == "Honey"


def test_items_come_with_the_list_if_asked(api):
    module = api.create_module({"name": "Bees"})
    module.create_module_item({"type": "SubHeader", "title": "Honey"})
    (listed,) = api.get_modules(include=["items"])
    assert [item["title"] for item in listed.items] == ["Honey"]
    assert not hasattr(next(iter(api.get_modules())), "items")


def test_many_items_are_left_out(canvas, api):
    module = api.create_module({"name": "Bees"})
    canvas.behaviour.max_per_page = 2
    for title in "AB":
        module.create_module_item({"type": "SubHeader", "title": title})
    assert len(next(iter(api.get_modules(include=["items"]))).items) == 2
    module.create_module_item({"type": "SubHeader", "title": "C"})
    (listed,) = api.get_modules(include=["items"])
    assert (listed.items_count, hasattr(listed, "items")) == (3, False)


def test_a_list_can_be_searched(api, bees):
    assert [module.name for module in api.get_modules(search_term="c")] == ["C"]


def test_a_date_that_cannot_be_read_becomes_null(api):
    assert api.create_module({"name": "Bees", "unlock_at": "tomorrow"}).unlock_at is None


def test_a_course_has_a_name_that_can_be_changed(client, course):
    found = client.get_course(course.id)
    found.update(course={"name": "Wasps"})
    assert [one.name for one in client.get_courses()] == ["Wasps"]


def test_an_unknown_course_is_not_there(client):
    with pytest.raises(ResourceDoesNotExist):
        client.get_course(4711)


def test_an_unknown_module_is_not_there(api):
    with pytest.raises(ResourceDoesNotExist):
        api.get_module(4711)


def test_the_error_of_the_library_has_the_text(api):
    module = api.create_module({"name": "Bees"})
    with pytest.raises(BadRequest, match="Could not find content"):
        module.create_module_item({"type": "Assignment", "content_id": 4711})
