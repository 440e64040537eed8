"""``external_id`` of topics."""

from __future__ import annotations

import pytest

from tests.unit.testing.discourse.api import Api, ok, refused


def test_a_topic_is_found_by_its_external_id(forum, api):
    topic = api.topic(external_id="course_42-unit_7")["topic_id"]
    response = api.get("/t/external_id/course_42-unit_7.json")
    assert response.status_code == 301
    assert response.headers["Location"] == f"{forum.url}/t/the-first-unit-of-the-course/{topic}.json"
    assert ok(api.session.get(response.headers["Location"], timeout=10))["external_id"] == "course_42-unit_7"


def test_an_unknown_one_is_404(api):
    assert refused(api.get("/t/external_id/unknown.json"), 404)


@pytest.mark.parametrize(
    ("external_id", "error"),
    [
        ("x" * 51, "External is too long (maximum is 50 characters)"),
        ("block-v1:Org+C+R", "External is invalid"),
        ("with space", "External is invalid"),
        ("größe", "External is invalid"),
        ("TAKEN", "External has already been taken"),
    ],
)
def test_what_is_not_valid_is_422(api, external_id, error):
    api.topic("The topic that has it", external_id="taken")
    response = api.post(
        "/posts.json", title="The topic that wants it", raw="A body for this topic.", external_id=external_id
    )
    assert error in refused(response, 422)


def test_50_characters_are_allowed(api):
    api.topic(external_id="x" * 50)


def test_a_deleted_topic_keeps_it_and_cannot_be_found_by_it(api):
    topic = api.topic(external_id="unit-7")["topic_id"]
    api.delete(f"/t/{topic}.json")
    assert refused(api.get("/t/external_id/unit-7.json"), 404)
    again = api.post("/posts.json", title="Another title for it", raw="A body for this topic.", external_id="unit-7")
    assert refused(again, 422) == ["External has already been taken"]
    api.put(f"/t/{topic}/recover.json")
    assert api.get("/t/external_id/unit-7.json").status_code == 301


def test_a_topic_without_the_right_to_see_it_is_403(api, student):
    category = api.category(permissions={"staff": 1})["id"]
    api.topic(external_id="unit-7", category=category)
    assert refused(student.get("/t/external_id/unit-7.json"), 403)


def test_any_user_s_key_may_set_it(forum):
    Api(forum, "teacher").topic(external_id="unit-7")


def test_it_cannot_be_changed_later(api):
    topic = api.topic(external_id="unit-7")["topic_id"]
    ok(api.put(f"/t/-/{topic}.json", external_id="unit-8"))
    assert api.show(topic)["external_id"] == "unit-7"
