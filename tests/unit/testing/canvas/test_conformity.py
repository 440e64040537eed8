"""The fake against the published descriptions: its answers, and the check of requests itself."""

from __future__ import annotations

import pytest

from course_sync_plugin.testing.canvas.exchange import Request
from tests.unit.testing.canvas.conformity import conforms, description, model, of_wrong_type, violations

#: Fields of the real API that the older description does not have yet (lib/api/v1 in canvas-lms).
NEWER = {
    "Module": {"published", "requirement_type"},
    "ModuleItem": {"published"},
    "Page": {"page_id", "html_url", "todo_date", "publish_at"},
    "Assignment": {"workflow_state"},
    "DiscussionTopic": {
        *("author", "can_lock", "can_unpublish", "comments_disabled", "created_at", "url", "anonymous_state"),
        *("group_topic_children", "is_announcement", "is_section_specific", "podcast_has_student_posts", "position"),
        "todo_date",
    },
}

#: Described fields that the fake leaves out: those of students, of locks, of rubrics, plagiarism and groups.
LEFT_OUT = {
    "Module": {"completed_at", "items", "state", "workflow_state"},
    "ModuleItem": {"completion_requirement", "content_details", "content_id", "external_url", "new_tab"},
    "Page": {"lock_explanation", "lock_info"},
    "Assignment": {
        *("all_dates", "allowed_extensions", "anonymous_submissions", "assignment_visibility", "discussion_topic"),
        *("due_date_required", "external_tool_tag_attributes", "freeze_on_copy", "frozen", "frozen_attributes"),
        *("integration_data", "integration_id", "intra_group_peer_reviews", "lock_explanation", "lock_info", "muted"),
        *("needs_grading_count_by_section", "overrides", "peer_review_count", "peer_reviews_assign_at", "post_to_sis"),
        *("quiz_id", "rubric", "rubric_settings", "submission", "turnitin_enabled", "turnitin_settings"),
        *("use_rubric_for_grading", "vericite_enabled"),
    },
    "DiscussionTopic": {"lock_explanation", "lock_info", "subscription_hold"},
}


@pytest.fixture
def answers(canvas, course, api):
    module = canvas.teacher.add_module(course.id, "Bees")
    page = canvas.teacher.do("POST", f"/courses/{course.id}/pages", wiki_page={"title": "Honey", "body": "x"})
    return {
        "Module": module,
        "Page": page,
        "ModuleItem": canvas.teacher.add_item(course.id, module["id"], type="Page", page_url="honey"),
        "Assignment": canvas.teacher.do("POST", f"/courses/{course.id}/assignments", assignment={"name": "Essay"}),
        "DiscussionTopic": canvas.teacher.do("POST", f"/courses/{course.id}/discussion_topics", title="Talk"),
    }


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        ("modules", "Module"),
        ("modules", "ModuleItem"),
        ("pages", "Page"),
        ("assignments", "Assignment"),
        ("discussion_topics", "DiscussionTopic"),
    ],
)
def test_an_answer_has_the_described_fields(answers, resource, name):
    fields = model(resource, name)
    answer = answers[name]
    assert answer.keys() - fields.keys() == NEWER[name]
    assert fields.keys() - answer.keys() == LEFT_OUT[name]
    assert of_wrong_type(answer, fields) == set()


def test_a_course_has_described_fields(canvas, course, raw):
    answer = raw("GET", f"/courses/{course.id}").json()
    assert answer.keys() <= description("openapi_subset")["components"]["schemas"]["Course"]["properties"].keys()


@pytest.mark.parametrize(
    ("resource", "sample"),
    [
        ("Module", ("course", "create_module")),
        ("ModuleItem", ("module", "create_module_item")),
        ("Page", ("course", "create_page")),
        ("Assignment", ("course", "create_assignment")),
        ("DiscussionTopic", ("course", "get_discussion_topic")),
    ],
)
def test_an_answer_has_the_fields_of_the_samples(answers, resource, sample):
    group, name = sample
    expected = description("sample_responses")["fixtures"][group][name]["data"].keys()
    # the samples are made by hand: a page has no id, and a module no workflow_state any more
    assert expected - answers[resource].keys() <= {"id", "workflow_state"}


@pytest.mark.parametrize(
    ("method", "path", "parameters", "problem"),
    [
        ("GET", "/api/v1/courses/1/modules", {"include": ["items"], "per_page": "5"}, ""),
        ("POST", "/api/v1/courses/1/modules", {"module": {"name": "x", "position": "1"}}, ""),
        ("PUT", "/api/v1/courses/1/pages/page_id:3", {"wiki_page": {"title": "x"}}, ""),
        ("PUT", "/api/v1/courses/1/discussion_topics/3", {"title": "x"}, ""),
        ("POST", "/api/v1/courses/1/modules", {"module": {"title": "x"}}, "module.title"),
        ("POST", "/api/v1/courses/1/modules", {"name": "x"}, "name"),
        ("PATCH", "/api/v1/courses/1/modules", {}, "not described"),
        ("GET", "/api/v1/course/1", {}, "not described"),
        ("GET", "/api/v1/courses/1/modules", {"page_size": "5"}, "page_size"),
        ("POST", "/api/v1/courses/1/modules/2/items", {"module_item": {"type": "Header"}}, "none of"),
    ],
)
def test_the_check_of_requests_finds_what_is_not_described(method, path, parameters, problem):
    request = Request(method, path, "", {}, parameters)
    assert conforms(request) is not problem
    assert problem in " ".join(violations(request))
    assert bool(violations(request)) is bool(problem)
