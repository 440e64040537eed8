"""Pages: titles, urls, states, the front page and the history."""

from __future__ import annotations

import pytest
from canvasapi.exceptions import BadRequest, Forbidden, ResourceDoesNotExist

TAKEN = "A page with this title already exists"


def listed(api):
    return [(page.title, page.url) for page in api.get_pages()]


def test_a_page_begins_unpublished_with_a_url_from_its_title(api):
    page = api.create_page({"title": "Bees & Honey", "body": "<p>x</p>"})
    assert (page.url, page.published, page.body) == ("bees-and-honey", False, "<p>x</p>")
    assert page.page_id > 0


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("", "Title can't be blank"),
        ("  ", "Title can't be blank"),
        ("x" * 256, "Title can't exceed 255 characters"),
        ("?!", "Title must contain at least one letter or number"),
    ],
)
def test_a_title_that_is_refused(api, title, message):
    with pytest.raises(BadRequest, match=message):
        api.create_page({"title": title})


def test_a_second_page_with_the_title_gets_a_number(api):
    for _ in range(3):
        api.create_page({"title": "Week"})
    assert listed(api) == [("Week", "week"), ("Week-2", "week-2"), ("Week-3", "week-3")]


def test_a_taken_title_with_a_number_is_refused(api):
    api.create_page({"title": "Week-2"})
    with pytest.raises(BadRequest, match=TAKEN):
        api.create_page({"title": "Week-2"})


def test_two_titles_may_share_a_url_stem(api):
    api.create_page({"title": "Week 1"})
    assert api.create_page({"title": "week  1!"}).url == "week-1-2"


def test_with_permanent_links_titles_may_be_equal_and_old_urls_lead_on(canvas, api):
    canvas.behaviour.permanent_page_links = True
    page = api.create_page({"title": "Week"})
    second = api.create_page({"title": "Week"})
    assert (second.title, second.url) == ("Week", "week-2")
    page_id = page.page_id
    page.edit(wiki_page={"title": "Month"})
    assert (api.get_page("week").title, api.get_page("week").page_id) == ("Month", page_id)
    api.get_page("month").delete()
    with pytest.raises(ResourceDoesNotExist):
        api.get_page("week")


def test_a_new_title_changes_the_url_and_the_old_one_stays_reserved(api):
    page = api.create_page({"title": "Old"})
    page.edit(wiki_page={"title": "New"})
    with pytest.raises(ResourceDoesNotExist):
        api.get_page("old")
    assert api.create_page({"title": "Old"}).url == "old-2"
    api.get_page("new").edit(wiki_page={"title": "Old!"})
    assert ("Old!", "old") in listed(api)


@pytest.mark.parametrize(("taken", "url"), [(True, "week-2"), (False, "week")])
def test_the_url_of_a_deleted_page(canvas, api, taken, url):
    canvas.behaviour.deleted_slugs_stay_taken = taken
    api.create_page({"title": "Week"}).delete()
    page = api.create_page({"title": "Week"})
    assert (page.title, page.url) == ("Week", url)


def test_a_put_on_a_missing_url_creates_a_page(course, api, raw):
    api.create_page({"title": "Honey"}).edit(wiki_page={"title": "Wax"})
    answer = raw("PUT", f"/courses/{course.id}/pages/honey", json={"wiki_page": {"body": "mine"}})
    assert answer.status_code == 200
    assert [title for title, _ in listed(api)] == ["Wax", "Honey"]


def test_a_put_on_a_missing_id_creates_a_page_too(course, api, raw):
    answer = raw("PUT", f"/courses/{course.id}/pages/page_id:4711", json={"wiki_page": {"body": "mine"}})
    assert (answer.status_code, answer.json()["url"]) == (200, "page-id-4711")


def test_a_page_is_found_by_its_id_after_a_rename(canvas, course, api):
    page = api.create_page({"title": "Honey"})
    canvas.teacher.edit_page(course.id, page.page_id, title="Wax")
    assert api.get_page(f"page_id:{page.page_id}").title == "Wax"
    assert api.get_page(str(page.page_id)).title == "Wax"
    assert api.get_page("Wax").title == "Wax"


def test_a_deleted_page_that_is_asked_for_by_its_id_is_forbidden(api):
    page = api.create_page({"title": "Honey"})
    page.delete()
    with pytest.raises(Forbidden):
        api.get_page(f"page_id:{page.page_id}")
    with pytest.raises(ResourceDoesNotExist):
        api.get_page("honey")


def test_updated_at_moves_with_title_and_body_only(canvas, api):
    page = api.create_page({"title": "Honey", "body": "x"})
    canvas.clock.advance(60)
    assert page.edit(wiki_page={"published": True}).updated_at == page.updated_at
    canvas.clock.advance(60)
    assert api.get_page("honey").edit(wiki_page={"body": "y"}).updated_at > page.created_at


def test_the_history_of_a_page(api):
    page = api.create_page({"title": "Honey", "body": "<p>one</p>"})
    page.edit(wiki_page={"body": "<p>two</p>"})
    page.edit(wiki_page={"published": True})
    page.edit(wiki_page={"body": "<p>two</p>"})
    assert [revision.revision_id for revision in page.get_revisions()] == [2, 1]
    page.revert_to_revision(1)
    assert api.get_page("honey").body == "<p>one</p>"
    assert page.show_latest_revision().revision_id == 3


def test_a_missing_revision_is_not_there(api):
    page = api.create_page({"title": "Honey"})
    with pytest.raises(ResourceDoesNotExist):
        page.get_revision_by_id(4711)


class TestFrontPage:
    def test_there_is_none_at_first(self, course, raw):
        answer = raw("GET", f"/courses/{course.id}/front_page")
        assert (answer.status_code, answer.json()) == (404, {"message": "No front page has been set"})

    def test_it_must_be_published(self, api):
        with pytest.raises(BadRequest, match="cannot be unpublished"):
            api.create_page({"title": "Home", "front_page": True})

    def test_it_cannot_be_unpublished_or_deleted_and_keeps_its_role_when_renamed(self, api):
        page = api.create_page({"title": "Home", "published": True, "front_page": True})
        with pytest.raises(BadRequest, match="cannot be unpublished"):
            page.edit(wiki_page={"published": False})
        with pytest.raises(BadRequest, match="The front page cannot be deleted"):
            page.delete()
        page.edit(wiki_page={"title": "Start"})
        assert api.show_front_page().url == "start"

    def test_a_module_does_not_unpublish_it(self, api):
        module = api.create_module({"name": "Bees"})
        page = api.create_page({"title": "Home", "published": True, "front_page": True})
        module.create_module_item({"type": "Page", "page_url": page.url})
        assert module.edit(module={"published": False}).unpublish_warning is True
        assert api.show_front_page().published is True

    def test_it_is_created_published_if_there_is_none(self, api):
        api.edit_front_page(wiki_page={"title": "Home"})
        assert (api.show_front_page().title, api.show_front_page().published) == ("Home", True)

    def test_it_can_be_given_up(self, api):
        page = api.create_page({"title": "Home", "published": True, "front_page": True})
        page.edit(wiki_page={"front_page": False})
        page.delete()
        assert listed(api) == []


def test_lists_have_no_bodies_unless_asked(api):
    api.create_page({"title": "Honey", "body": "x"})
    assert not hasattr(next(iter(api.get_pages())), "body")
    assert next(iter(api.get_pages(include=["body"]))).body == "x"


@pytest.mark.parametrize(
    ("wanted", "titles"),
    [
        ({"sort": "title"}, ["Apple", "bee", "Cow"]),
        ({"sort": "title", "order": "desc"}, ["Cow", "bee", "Apple"]),
        ({"published": True}, ["bee"]),
        ({"published": False}, ["Cow", "Apple"]),
        ({"search_term": "O"}, ["Cow"]),
    ],
)
def test_lists_are_sorted_and_selected(api, wanted, titles):
    for title in ("Cow", "bee", "Apple"):
        api.create_page({"title": title, "published": title == "bee"})
    assert [page.title for page in api.get_pages(**wanted)] == titles


def test_an_empty_published_is_ignored(course, api, raw):
    api.create_page({"title": "Honey", "published": True})
    answer = raw("PUT", f"/courses/{course.id}/pages/honey", data={"wiki_page[published]": ""})
    assert answer.json()["published"] is True


def test_a_role_that_does_not_exist_is_refused(course, raw):
    sent = {"wiki_page": {"title": "Honey", "editing_roles": "queens"}}
    answer = raw("POST", f"/courses/{course.id}/pages", json=sent)
    assert answer.json()["errors"]["editing_roles"][0]["message"] == "The provided editing roles are invalid"
