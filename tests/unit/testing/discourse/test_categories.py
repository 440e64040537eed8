"""Categories: names, slugs, parents, definition topics, permissions."""

from __future__ import annotations

import pytest

from tests.unit.testing.discourse.api import Api, ok, refused

NESTED = "You can't nest a subcategory under another"


def test_a_category_is_made_shown_and_listed(api):
    made = api.category("Démo course", color="AB12CD", text_color="000000")
    assert (made["name"], made["slug"], made["color"], made["topic_count"]) == (
        "Démo course",
        "demo-course",
        "AB12CD",
        0,
    )
    assert ok(api.get(f"/c/{made['id']}/show.json"))["category"] == made
    listed = ok(api.get("/categories.json"))["category_list"]["categories"]
    assert [one["name"] for one in listed] == ["Uncategorized", "Démo course"]


def test_only_sub_categories_have_a_parent(api):
    parent = api.category("Course")
    child = api.category("Week one", parent_category_id=parent["id"])
    assert "parent_category_id" not in parent
    assert child["parent_category_id"] == parent["id"]
    top = ok(api.get("/categories.json"))["category_list"]["categories"]
    assert [one["name"] for one in top] == ["Uncategorized", "Course"]
    assert top[1]["subcategory_ids"] == [child["id"]]
    assert "subcategory_list" not in top[1]
    inside = ok(api.get("/categories.json", include_subcategories="true"))["category_list"]["categories"]
    assert [one["name"] for one in inside[1]["subcategory_list"]] == ["Week one"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "x" * 51}, "Category Name is too long (maximum is 50 characters)"),
        ({"name": "DEMO COURSE"}, "Category Name has already been taken"),
        ({"name": "Other", "slug": "demo-course"}, "Slug is already in use"),
        ({"name": "Other", "slug": "none"}, "Slug is reserved"),
        ({"name": "Other", "slug": "17-category"}, "Slug is invalid"),
        ({"name": "Other", "slug": "!!!"}, "Slug is invalid"),
        ({"name": "Other", "slug": "démo"}, "Slug contains non-ascii characters"),
        ({"name": "Other", "color": "red"}, "Color is invalid"),
        ({"name": "Other", "parent_category_id": 999}, "Category not found!"),
    ],
)
def test_what_is_not_valid_is_422(api, fields, message):
    api.category("Demo course")
    assert message in refused(api.post("/categories.json", **fields), 422)


def test_a_name_of_50_characters_is_allowed(api):
    assert len(api.category("x" * 50)["name"]) == 50


def test_a_missing_name_is_400(api):
    assert "name" in refused(api.post("/categories.json", color="AB12CD"), 400)[0]


def test_the_same_name_is_allowed_under_another_parent(api):
    parents = [api.category(name)["id"] for name in ("Course A", "Course B")]
    for parent in parents:
        api.category("Week one", parent_category_id=parent)


def test_a_slug_that_is_taken_is_left_empty_when_it_was_not_asked_for(api):
    api.category("Week: one")
    second = api.category("Week - one")
    assert second["slug"] == ""
    assert (
        api.get(f"/c/{second['id']}.json")
        .headers["Location"]
        .endswith(f"/c/{second['id']}-category/{second['id']}.json")
    )


def test_there_are_two_levels(forum, api):
    course = api.category("Course")["id"]
    week = api.category("Week", parent_category_id=course)["id"]
    assert refused(api.post("/categories.json", name="Day", parent_category_id=week), 422) == [NESTED]
    assert refused(api.put(f"/categories/{course}.json", parent_category_id=week), 422) == [NESTED]
    assert "A subcategory's parent cannot be itself" in refused(
        api.put(f"/categories/{week}.json", parent_category_id=week), 422
    )
    forum.forum.settings.max_category_nesting = 3
    api.category("Day", parent_category_id=week)


def test_a_parent_cannot_go_below_another_category(api):
    course, other = api.category("Course")["id"], api.category("Other")["id"]
    api.category("Week", parent_category_id=course)
    assert refused(api.put(f"/categories/{course}.json", parent_category_id=other), 422) == [NESTED]


class TestDefinitionTopic:
    def test_it_is_made_with_the_category_and_is_no_topic_of_it(self, api):
        made = api.category("Demo course")
        number = int(made["topic_url"].rsplit("/", 1)[1])
        topic = api.show(number)
        assert (topic["title"], topic["category_id"], topic["pinned"]) == (
            "About the Demo course category",
            made["id"],
            True,
        )
        assert made["topic_count"] == 0
        assert made["description"] is None

    def test_its_title_follows_the_name_unless_a_person_changed_it(self, forum, api):
        made = api.category("Demo course")
        number = int(made["topic_url"].rsplit("/", 1)[1])
        changed = ok(api.put(f"/categories/{made['id']}.json", name="Renamed course"))["category"]
        assert (changed["name"], changed["slug"]) == ("Renamed course", "demo-course")
        assert api.show(number)["title"] == "About the Renamed course category"
        forum.person("admin").edit_topic(number, title="What this course is about")
        api.put(f"/categories/{made['id']}.json", name="Third name")
        assert api.show(number)["title"] == "What this course is about"

    def test_the_description_is_its_first_paragraph(self, api):
        made = api.category("Demo course")
        topic = api.show(int(made["topic_url"].rsplit("/", 1)[1]))
        post = topic["post_stream"]["posts"][0]["id"]
        api.put(f"/posts/{post}.json", post={"raw": "All about the demo course.\n\nA second paragraph of the text."})
        shown = ok(api.get(f"/c/{made['id']}/show.json"))["category"]
        assert (shown["description"], shown["description_text"]) == ("All about the demo course.",) * 2

    def test_it_cannot_be_deleted_alone(self, api):
        number = int(api.category()["topic_url"].rsplit("/", 1)[1])
        assert refused(api.delete(f"/t/{number}.json"), 422)

    def test_its_title_is_not_checked_when_it_is_made(self, forum, api):
        forum.person("teacher").create_topic("About the Demo course category", "A topic of somebody else.")
        api.category("Demo course")


class TestDeletion:
    def test_an_empty_category_goes_with_its_definition_topic(self, api):
        made = api.category()
        assert made["can_delete"] is True
        assert ok(api.delete(f"/categories/{made['id']}.json")) == {"success": "OK"}
        assert refused(api.get(f"/c/{made['id']}/show.json"), 404)
        assert api.show(int(made["topic_url"].rsplit("/", 1)[1]))["deleted_at"]

    @pytest.mark.parametrize("inside", ["topic", "sub-category"])
    def test_a_full_category_is_403(self, api, inside):
        made = api.category()
        if inside == "topic":
            topic = api.topic(category=made["id"])["topic_id"]
        else:
            child = api.category("Week one", parent_category_id=made["id"])["id"]
        assert refused(api.delete(f"/categories/{made['id']}.json"), 403)
        api.delete(f"/t/{topic}.json" if inside == "topic" else f"/categories/{child}.json")
        ok(api.delete(f"/categories/{made['id']}.json"))

    def test_unlisted_topics_do_not_keep_it(self, forum, api):
        made = api.category()
        topic = api.topic(category=made["id"])["topic_id"]
        forum.person("admin").set_status(topic, "visible", False)
        ok(api.delete(f"/categories/{made['id']}.json"))


class TestPermissions:
    @pytest.mark.parametrize("username", ["moderator", "teacher"])
    def test_only_administrators_manage_categories(self, forum, api, username):
        made, other = api.category(), Api(forum, username)
        assert refused(other.post("/categories.json", name="Another course"), 403)
        assert refused(other.put(f"/categories/{made['id']}.json", name="Another course"), 403)
        assert refused(other.delete(f"/categories/{made['id']}.json"), 403)

    def test_a_site_may_let_moderators_manage_them(self, forum):
        forum.forum.settings.moderators_manage_categories = True
        Api(forum, "moderator").category()

    def test_a_category_of_a_group_is_hidden_from_others(self, forum, api, student):
        forum.forum.add_user("member", groups=["course-42"])
        made = api.category("Closed course", permissions={"course-42": 1})
        topic = api.topic(category=made["id"])["topic_id"]
        assert made["read_restricted"] is True
        assert refused(student.get(f"/t/{topic}.json"), 404)
        assert refused(student.get(f"/c/closed-course/{made['id']}.json"), 404)
        assert refused(student.get(f"/c/{made['id']}/show.json"), 403)
        assert "Closed course" not in student.get("/categories.json").text
        assert ok(student.get("/latest.json"))["topic_list"]["topics"] == []
        ok(Api(forum, "member").get(f"/t/{topic}.json"))

    @pytest.mark.parametrize(("right", "topics", "replies"), [(1, 200, 200), (2, 403, 200), (3, 403, 422)])
    def test_a_right_allows_topics_replies_or_reading(self, api, student, right, topics, replies):
        made = api.category(permissions={"everyone": right, "staff": 1})
        topic = api.topic(category=made["id"])["topic_id"]
        fields = {"title": "A question about the unit", "raw": "What does the second picture mean?"}
        assert student.post("/posts.json", category=made["id"], **fields).status_code == topics
        answer = student.post("/posts.json", topic_id=topic, raw="An answer of the student.")
        assert answer.status_code == replies
        assert ok(student.get(f"/c/{made['id']}/show.json"))["category"]["permission"] == right
