"""Lists of topics, and the posts of a topic."""

from __future__ import annotations

import pytest

from tests.unit.testing.discourse.api import ok, refused


def ids(response):
    return [topic["id"] for topic in ok(response)["topic_list"]["topics"]]


def fill(forum, number, category=None):
    person = forum.person("admin")
    return [
        person.create_topic(f"Topic {at} of a long list", "A body that is long enough.", category).id
        for at in range(number)
    ]


class TestLists:
    def test_a_full_page_names_the_next_one_even_if_that_is_empty(self, forum, api):
        category = api.category()
        fill(forum, 29, category["id"])
        first = ok(api.get(f"/c/demo-course/{category['id']}.json"))["topic_list"]
        assert (len(first["topics"]), first["per_page"]) == (30, 30)
        assert first["more_topics_url"] == f"/c/demo-course/{category['id']}?page=1"
        second = ok(api("GET", first["more_topics_url"], headers={"Accept": "application/json"}))["topic_list"]
        assert second["topics"] == []
        assert "more_topics_url" not in second

    def test_pages_together_are_the_whole_list(self, forum, api):
        made = fill(forum, 65)
        pages = [ids(api.get("/latest.json", page=page)) for page in range(3)]
        assert [len(page) for page in pages] == [30, 30, 5]
        assert [topic for page in pages for topic in page] == made[::-1]
        assert ok(api.get("/latest.json"))["topic_list"]["more_topics_url"] == "/latest?no_definitions=true&page=1"

    def test_the_newest_post_is_first_and_pinned_topics_before_it(self, forum, api):
        category = api.category()
        one, two, three = fill(forum, 3, category["id"])
        definition = int(category["topic_url"].rsplit("/", 1)[1])
        api.reply(one)
        assert ids(api.get("/latest.json")) == [one, three, two]
        path = f"/c/demo-course/{category['id']}/l/latest.json"
        assert ids(api.get(path)) == [definition, one, three, two]
        api.put(f"/t/{two}/status.json", status="pinned", enabled="true")
        assert ids(api.get(path)) == [two, definition, one, three]
        assert ids(api.get("/latest.json")) == [one, three, two]
        api.put(f"/t/{three}/status.json", status="pinned_globally", enabled="true")
        assert ids(api.get("/latest.json")) == [three, one, two]
        assert ids(api.get(path)) == [three, two, definition, one]
        api.put(f"/t/{two}/status.json", status="pinned", enabled="true")
        assert ids(api.get(path)) == [two, three, definition, one]

    def test_definition_topics_are_in_no_list_of_all_topics(self, forum, api):
        api.category()
        assert ids(api.get("/latest.json")) == []
        forum.forum.settings.show_category_definitions_in_topic_lists = True
        assert len(ids(api.get("/latest.json"))) == 1

    def test_a_category_lists_the_topics_of_its_sub_categories_too(self, forum, api):
        course = api.category("Course")
        week = api.category("Week one", parent_category_id=course["id"])
        (topic,) = fill(forum, 1, week["id"])
        definition = int(course["topic_url"].rsplit("/", 1)[1])
        assert ids(api.get(f"/c/course/{course['id']}.json")) == [definition, topic]
        assert topic in ids(api.get(f"/c/course/week-one/{week['id']}.json"))

    def test_unlisted_topics_are_for_staff(self, forum, api, student):
        (topic,) = fill(forum, 1)
        forum.person("admin").set_status(topic, "visible", False)
        assert ids(api.get("/latest.json")) == [topic]
        assert ids(student.get("/latest.json")) == []
        assert ok(student.get(f"/t/{topic}.json"))["visible"] is False

    @pytest.mark.parametrize(
        "path", ["/c/{id}.json", "/c/wrong/{id}.json", "/c/demo-course.json", "/c/demo-course/l/latest.json"]
    )
    def test_any_other_address_of_a_category_is_301(self, forum, api, path):
        number = api.category()["id"]
        response = api.get(path.format(id=number))
        assert response.status_code == 301
        assert response.headers["Location"].startswith(f"{forum.url}/c/demo-course/{number}")
        ok(api.session.get(response.headers["Location"], timeout=10))

    def test_a_former_slug_leads_to_the_category(self, forum, api):
        number = api.category()["id"]
        api.put(f"/categories/{number}.json", slug="new-slug")
        assert "/c/new-slug/" in api.get("/c/demo-course.json").headers["Location"]
        assert refused(api.get("/c/no-such-course.json"), 404)


class TestStreams:
    @pytest.fixture
    def topic(self, forum):
        (topic,) = fill(forum, 1)
        for number in range(44):
            forum.person("admin").reply(topic, f"Reply {number} to the long topic.")
        return topic

    def test_a_topic_shows_20_posts_and_the_ids_of_all(self, api, topic):
        stream = api.show(topic)["post_stream"]
        assert (len(stream["posts"]), len(stream["stream"])) == (20, 45)
        numbers = [post["post_number"] for post in ok(api.get(f"/t/{topic}.json", page=3))["post_stream"]["posts"]]
        assert numbers == [*range(41, 46)]

    def test_a_page_behind_the_last_is_301_to_the_last(self, api, topic):
        response = api.get(f"/t/{topic}.json", page=4)
        assert response.status_code == 301
        assert response.headers["Location"].endswith(f"/{topic}.json?page=3")

    def test_the_posts_around_a_number(self, api, topic):
        posts = ok(api.get(f"/t/topic-0-of-a-long-list/{topic}/30.json"))["post_stream"]["posts"]
        assert 30 in [post["post_number"] for post in posts]
        assert len(posts) == 20

    def test_posts_are_read_by_their_ids(self, api, topic):
        stream = api.show(topic)["post_stream"]["stream"]
        answer = ok(api("GET", f"/t/{topic}/posts.json", params={"post_ids[]": stream[20:40]}))
        assert [post["id"] for post in answer["post_stream"]["posts"]] == stream[20:40]
        assert len(ok(api.get(f"/t/{topic}/posts.json"))["post_stream"]["posts"]) == 20
        assert "raw" not in answer["post_stream"]["posts"][0]
        with_text = ok(api.get(f"/t/{topic}/posts.json", include_raw="true"))["post_stream"]["posts"][0]
        assert with_text["raw"] == "A body that is long enough."

    def test_a_wrong_slug_is_301(self, forum, api, topic):
        response = api.get(f"/t/another-slug/{topic}.json")
        assert response.status_code == 301
        assert response.headers["Location"] == f"{forum.url}/t/topic-0-of-a-long-list/{topic}.json"
        ok(api.get(f"/t/topic-0-of-a-long-list/{topic}.json"))

    def test_a_post_is_read_by_its_number(self, api, topic):
        assert ok(api.get(f"/posts/by_number/{topic}/7.json"))["post_number"] == 7
        assert refused(api.get(f"/posts/by_number/{topic}/99.json"), 404)
        assert refused(api.get("/t/999/posts.json"), 404)

    def test_the_newest_posts_of_all_topics(self, api, topic):
        newest = ok(api.get("/posts.json"))["latest_posts"]
        assert newest[0]["post_number"] == 45
        assert ok(api.get("/posts.json", before=newest[0]["id"]))["latest_posts"][0]["post_number"] == 44

    def test_a_hidden_post_shows_its_text_to_staff_and_its_author_only(self, forum, api, student, topic):
        post = forum.person("teacher").reply(topic, "Something that was flagged by many.")
        forum.person("moderator").hide_post(post.id)
        shown = ok(student.get(f"/posts/{post.id}.json"))
        assert shown["hidden"] is True
        assert "raw" not in shown
        assert "flagged" in shown["cooked"]
        assert ok(api.get(f"/posts/{post.id}.json"))["raw"] == "Something that was flagged by many."
