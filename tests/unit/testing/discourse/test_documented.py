"""The fake's answers have the form of the published description, and the requests of the tests are known to it."""

from __future__ import annotations

import json

import pytest

from course_sync_plugin.testing.discourse.requests import read_request
from tests.conftest import shared_data
from tests.unit.testing.discourse.api import BODY, ok
from tests.unit.testing.discourse.documented import conforms, differences


@pytest.fixture
def ids(api, forum):
    category = api.category(description="What the course is about.")
    child = api.category("Week one", parent_category_id=category["id"])
    post = api.topic(category=category["id"], external_id="unit-1", tags=["one"])
    reply = api.reply(post["topic_id"], reply_to_post_number=1)
    forum.person("teacher").reply(post["topic_id"], "An answer of the teacher.", to=reply["post_number"])
    return {
        "category": category["id"],
        "child": child["id"],
        "topic": post["topic_id"],
        "post": post["id"],
        "reply": reply["id"],
    }


ANSWERS = [
    ("POST", "/categories.json", "/categories.json", {"name": "Another course"}),
    ("GET", "/categories.json", "/categories.json?include_subcategories=true", None),
    ("GET", "/c/{id}/show.json", "/c/{child}/show.json", None),
    ("PUT", "/categories/{id}.json", "/categories/{category}.json", {"name": "Renamed course"}),
    ("GET", "/c/{slug}/{id}.json", "/c/demo-course/{category}.json", None),
    (
        "POST",
        "/posts.json",
        "/posts.json",
        {"title": "Another unit of the course", "raw": BODY, "external_id": "unit-2"},
    ),
    (
        "POST",
        "/posts.json",
        "/posts.json",
        {"topic_id": "{topic}", "raw": "One more answer to it.", "reply_to_post_number": 2},
    ),
    ("GET", "/posts/{id}.json", "/posts/{reply}.json", None),
    (
        "PUT",
        "/posts/{id}.json",
        "/posts/{post}.json",
        {"post": {"raw": "Another text of the unit."}, "bypass_bump": True},
    ),
    ("GET", "/t/{id}.json", "/t/{topic}.json", None),
    ("PUT", "/t/-/{id}.json", "/t/-/{topic}.json", {"title": "Another title of the unit"}),
    ("PUT", "/t/{id}/status.json", "/t/{topic}/status.json", {"status": "closed", "enabled": "true"}),
    ("GET", "/t/{id}/posts.json", "/t/{topic}/posts.json?post_ids[]={reply}", None),
    ("GET", "/latest.json", "/latest.json", None),
    ("GET", "/tags.json", "/tags.json", None),
    ("GET", "/tag/{name}.json", "/tag/one.json", None),
]


@pytest.mark.parametrize(
    ("method", "template", "path", "fields"), ANSWERS, ids=[f"{one[0]} {one[2]}" for one in ANSWERS]
)
def test_an_answer_is_as_described(forum, api, ids, method, template, path, fields):
    filled = json.loads(json.dumps(fields).replace('"{topic}"', str(ids["topic"])))
    value = ok(api(method, path.format(**ids), json=filled))
    assert differences(method, template, value) == []
    assert conforms(forum.requests[-1]) == []


def test_the_check_of_answers_can_fail(api, ids):
    value = api.show(ids["topic"])
    del value["title"]
    value["unknown"] = 1
    found = differences("GET", "/t/{id}.json", value)
    assert any("'title' is a required property" in one for one in found)
    assert any("'unknown' was unexpected" in one for one in found)


@pytest.mark.parametrize(
    ("method", "target", "body", "faults"),
    [
        ("PUT", "/t/-/5.json", b'{"titel": "x"}', ["PUT /t/-/{id}.json has no parameter titel"]),
        ("POST", "/posts.json", b'{"category_id": 5}', ["POST /posts.json has no parameter category_id"]),
        ("PUT", "/t/-/5.json", b'{"category": 5}', ["PUT /t/-/{id}.json has no parameter category"]),
        ("PATCH", "/t/-/5.json", b"", ["PATCH /t/-/5 is not described"]),
        ("PUT", "/t/5/recover.json", b"", []),
        ("GET", "/t/external_id/unit-1.json", b"", []),
        ("PUT", "/posts/5.json", b'{"post": {"raw": "x"}, "bypass_bump": true}', []),
    ],
)
def test_the_check_of_requests(method, target, body, faults):
    asked = read_request(method, target, {"Content-Type": "application/json"}, body)
    assert conforms(asked) == faults


@pytest.mark.parametrize(
    ("sample", "method", "path", "inside"),
    [
        ("posts/get_post_response", "GET", "/posts/{reply}.json", None),
        ("posts/update_post_response", "PUT", "/posts/{post}.json", "post"),
        ("topics/new_topic_response", "POST", "/posts.json", None),
        ("topics/topic_response", "GET", "/t/{topic}.json", None),
        ("topics/latest_topics_response", "GET", "/latest.json", "topic_list"),
        ("categories/update_category_response", "PUT", "/categories/{category}.json", "category"),
    ],
)
def test_an_answer_has_the_fields_of_an_old_sample_that_are_still_described(api, ids, sample, method, path, inside):
    """The samples are of 2016 to 2022. Fields that the newer description has dropped are not asked for."""
    dropped = {"avg_time", "primary_group_flair_url", "primary_group_flair_bg_color", "primary_group_flair_color"}
    dropped |= {"read", "logo_url", "background_url", "suppress_from_homepage", "cannot_delete_reason", "draft"}
    dropped |= {"draft_key", "draft_sequence", "hidden_reason_id", "unicode_title", "uploaded_logo", "can_vote"}
    samples = json.loads((shared_data() / "specs" / "discourse_sample_responses.json").read_text("utf-8"))["responses"]
    fields = {
        "PUT": {"post": {"raw": "Another text of the unit."}, "name": "Renamed course"},
        "POST": {"title": "Another unit of the course", "raw": BODY},
        "GET": None,
    }
    ours, real = ok(api(method, path.format(**ids), json=fields[method])), samples[sample]
    if inside:
        ours, real = ours[inside], real[inside]
    assert {*real} - {*ours} <= dropped
