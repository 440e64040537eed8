"""Items of modules: places, moves, and what follows a rename."""

from __future__ import annotations

import pytest
from canvasapi.exceptions import BadRequest, ResourceDoesNotExist


@pytest.fixture
def module(api):
    return api.create_module({"name": "Bees"})


def header(module, title, **more):
    return module.create_module_item({"type": "SubHeader", "title": title, **more})


def places(module):
    return [(item.title, item.position) for item in module.get_module_items()]


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"type": "Page"}, "missing page_url parameter"),
        ({"type": "Page", "page_url": "nowhere"}, "invalid page_url parameter"),
        ({"type": "Assignment", "content_id": 4711}, "Could not find content"),
        ({"type": "Elephant"}, "Could not find content"),
        ({}, "Could not find content"),
    ],
)
def test_what_cannot_be_shown_is_refused(course, module, raw, sent, message):
    path = f"/courses/{course.id}/modules/{module.id}/items"
    answer = raw("POST", path, json={"module_item": {"title": "x", **sent}})
    assert (answer.status_code, answer.json()) == (400, {"message": message})
    assert places(module) == []


def test_an_item_needs_its_parameters(course, module, raw):
    answer = raw("POST", f"/courses/{course.id}/modules/{module.id}/items", json={})
    assert (answer.status_code, answer.json()) == (400, {"message": "missing module item parameter"})


def test_texts_and_links_begin_unpublished(module):
    link = module.create_module_item({"type": "ExternalUrl", "title": "Unit", "external_url": "https://a.example/x"})
    assert (link.published, link.external_url, link.new_tab) == (False, "https://a.example/x", False)
    text = header(module, "Honey", indent=1)
    assert (text.published, text.indent) == (False, 1)
    assert not hasattr(text, "html_url")


@pytest.mark.parametrize("url", ["", "nonsense", "javascript:alert(1)"])
def test_a_link_needs_an_address(module, url):
    with pytest.raises(BadRequest):
        module.create_module_item({"type": "ExternalUrl", "title": "Unit", "external_url": url})


@pytest.mark.parametrize("published", [True, False])
def test_an_item_takes_the_state_and_title_of_its_content(api, module, published):
    page = api.create_page({"title": "Honey", "published": published})
    item = module.create_module_item({"type": "Page", "page_url": page.url})
    assert (item.title, item.published, item.page_url) == ("Honey", published, "honey")
    assert not hasattr(item, "content_id")


def test_positions_of_deleted_items_still_shift(course, module):
    first, second, third = (header(module, title) for title in "ABC")
    first.delete()
    assert places(module) == [("B", 2), ("C", 3)]
    third.edit(module_item={"position": 1})
    assert places(module) == [("C", 1), ("B", 3)]
    assert course.items[first.id].position == 2


def test_a_new_item_goes_behind_the_living_ones(module):
    for title in "AB":
        header(module, title)
    last = header(module, "C")
    last.delete()
    assert header(module, "D").position == 3


def test_equal_positions_are_ordered_by_title(course, module):
    for title in "BA":
        header(module, title)
    for item in course.items.values():
        item.position = 7
    assert places(module) == [("A", 7), ("B", 7)]


def test_an_item_that_moves_loses_its_position(api, module):
    other = api.create_module({"name": "Wasps"})
    header(other, "X")
    item, follower = header(module, "A"), header(module, "B")
    moved = item.edit(module_item={"module_id": other.id})
    assert (moved.module_id, moved.position) == (other.id, None)
    assert places(module) == [("B", 1)]
    assert places(other) == [("X", 1), ("A", None)]
    assert follower.module_id == module.id


def test_an_item_that_moves_to_a_position_pushes_the_others(api, module):
    other = api.create_module({"name": "Wasps"})
    for title in "XY":
        header(other, title)
    header(module, "A").edit(module_item={"module_id": other.id, "position": 1})
    assert places(other) == [("A", 1), ("X", 2), ("Y", 3)]


def test_an_unknown_module_cannot_be_moved_to(course, module):
    item = header(module, "A")
    with pytest.raises(BadRequest, match="invalid module_id"):
        item.edit(module_item={"module_id": 4711, "indent": 3})
    assert course.items[item.id].indent == 0


def test_an_item_can_be_moved_to_a_deleted_module(api, module):
    other = api.create_module({"name": "Wasps"})
    other.delete()
    assert header(module, "A").edit(module_item={"module_id": other.id}).module_id == other.id
    assert places(module) == []


def test_a_link_can_get_another_address(module):
    link = module.create_module_item({"type": "ExternalUrl", "title": "Unit", "external_url": "https://a.example"})
    edited = link.edit(module_item={"external_url": "http://b.example", "new_tab": True})
    assert (edited.external_url, edited.new_tab) == ("http://b.example", True)
    with pytest.raises(BadRequest):
        link.edit(module_item={"external_url": "nonsense"})
    text = header(module, "A").edit(module_item={"external_url": "http://b.example"})
    assert not hasattr(text, "external_url")


def test_an_item_is_shown_in_its_module_only_but_changed_through_any(course, api, module, raw):
    other = api.create_module({"name": "Wasps"})
    item = header(module, "A")
    with pytest.raises(ResourceDoesNotExist):
        other.get_module_item(item.id)
    answer = raw("PUT", f"/courses/{course.id}/modules/{other.id}/items/{item.id}", json={"module_item": {"indent": 2}})
    assert (answer.status_code, answer.json()["module_id"], answer.json()["indent"]) == (200, module.id, 2)


def test_renaming_an_item_renames_its_page_and_every_item_of_it(api, module):
    page = api.create_page({"title": "Honey"})
    items = [module.create_module_item({"type": "Page", "page_url": "honey"}) for _ in range(2)]
    renamed = items[0].edit(module_item={"title": "Wax"})
    assert (renamed.title, renamed.page_url) == ("Wax", "wax")
    assert [item.title for item in module.get_module_items()] == ["Wax", "Wax"]
    assert api.get_page(f"page_id:{page.page_id}").url == "wax"
    with pytest.raises(ResourceDoesNotExist):
        api.get_page("honey")


def test_renaming_an_item_to_a_taken_title_gives_both_a_number(api, module):
    api.create_page({"title": "Wax"})
    api.create_page({"title": "Honey"})
    item = module.create_module_item({"type": "Page", "page_url": "honey"})
    assert item.edit(module_item={"title": "Wax"}).title == "Wax-2"


def test_a_page_that_refuses_the_title_keeps_its_own(api, module):
    api.create_page({"title": "Wax-2"})
    page = api.create_page({"title": "Honey"})
    item = module.create_module_item({"type": "Page", "page_url": page.url})
    assert item.edit(module_item={"title": "Wax-2"}).title == "Wax-2"
    assert api.get_page("honey").title == "Honey"


def test_renaming_an_item_renames_assignments_and_topics(api, module):
    assignment = api.create_assignment({"name": "Essay"})
    topic = api.create_discussion_topic(title="Talk")
    for kind, content in (("Assignment", assignment), ("Discussion", topic)):
        module.create_module_item({"type": kind, "content_id": content.id}).edit(module_item={"title": f"New {kind}"})
    assert api.get_assignment(assignment.id).name == "New Assignment"
    assert api.get_discussion_topic(topic.id).title == "New Discussion"


def test_renaming_content_renames_its_items(api, module):
    page = api.create_page({"title": "Honey"})
    assignment = api.create_assignment({"name": "Essay"})
    topic = api.create_discussion_topic(title="Talk")
    module.create_module_item({"type": "Page", "page_url": page.url})
    module.create_module_item({"type": "Assignment", "content_id": assignment.id})
    module.create_module_item({"type": "Discussion", "content_id": topic.id})
    page.edit(wiki_page={"title": "Wax"})
    assignment.edit(assignment={"name": "Paper"})
    topic.course_id = api.id
    topic.update(title="Debate")
    assert [item.title for item in module.get_module_items()] == ["Wax", "Paper", "Debate"]


def test_renaming_a_text_renames_nothing_else(api, module):
    api.create_page({"title": "Honey"})
    header(module, "Honey").edit(module_item={"title": "Wax"})
    assert [page.title for page in api.get_pages()] == ["Honey"]


def test_publishing_an_item_publishes_its_content_and_the_other_items_of_it(api, module):
    page = api.create_page({"title": "Honey"})
    items = [module.create_module_item({"type": "Page", "page_url": page.url}) for _ in range(2)]
    items[0].edit(module_item={"published": True})
    assert api.get_page("honey").published is True
    assert [item.published for item in module.get_module_items()] == [True, True]


def test_unpublishing_an_item_with_submissions_hides_the_item_only(canvas, course, api, module):
    assignment = api.create_assignment({"name": "Essay", "published": True})
    item = module.create_module_item({"type": "Assignment", "content_id": assignment.id})
    canvas.student.submit(course.id, assignment.id)
    assert item.edit(module_item={"published": False}).published is False
    assert api.get_assignment(assignment.id).published is True


def test_deleting_content_deletes_its_items_and_not_the_other_way_round(api, module):
    page = api.create_page({"title": "Honey"})
    item = module.create_module_item({"type": "Page", "page_url": page.url})
    item.delete()
    assert api.get_page("honey").title == "Honey"
    module.create_module_item({"type": "Page", "page_url": page.url})
    page.delete()
    assert places(module) == []


def test_details_of_the_content_come_if_asked(api, module):
    assignment = api.create_assignment({"name": "Essay", "points_possible": 5, "due_at": "2026-03-01T10:00:00Z"})
    module.create_module_item({"type": "Assignment", "content_id": assignment.id})
    (item,) = module.get_module_items(include=["content_details"])
    assert item.content_details["points_possible"] == 5
    assert item.content_details["due_at"] == "2026-03-01T10:00:00Z"
