"""Answers with more fields than we know, with fewer, and with others."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.targets.canvas import answers, assignments, courses, entries, items, modules, pages, topics
from course_sync_plugin.targets.canvas.answers import Fields, Unreadable, written
from course_sync_plugin.testing.canvas.faults import Refuse

KINDS = ("course", "module", "item", "page", "assignment", "topic", "entry")


def everything(client, course_id):
    """Return an object of each kind, as it is answered."""
    module = modules.create(client, course_id, name="Bees")
    topic = topics.create(client, course_id, title="Talk", published=True)
    return {
        "course": courses.show(client, course_id),
        "module": module,
        "item": items.create(client, course_id, module.id, "SubHeader", title="Honey"),
        "page": pages.create(client, course_id, title="Honey", body="<p>x</p>"),
        "assignment": assignments.create(client, course_id, name="Essay"),
        "topic": topic,
        "entry": entries.create(client, course_id, topic.id, "x"),
    }


#: The fields that are needed; every other one may be left out.
NEEDED = {
    "course": {"id", "name"},
    "module": {"id", "name"},
    "item": {"id", "module_id", "title", "type"},
    "page": {"page_id", "url", "title"},
    "assignment": {"id", "name"},
    "topic": {"id", "title"},
    "entry": {"id"},
}

READ = {
    "course": courses._read,
    "module": modules._read,
    "item": items.read_item,
    "page": pages._read,
    "assignment": assignments._read,
    "topic": topics._read,
    "entry": entries._read,
}


def test_fields_that_we_do_not_know_are_ignored(canvas, course_id, client):
    canvas.behaviour.extra_fields = {kind: {"colour": {"a": [1]}, "name_of_bee": None} for kind in KINDS}
    assert everything(client, course_id).keys() == set(KINDS)


def test_fields_that_are_not_needed_may_be_missing(canvas, course_id, client):
    known = {"course_code", "workflow_state", "time_zone", "position", "unlock_at", "published", "items", "indent",
             "content_id", "body", "front_page", "updated_at", "description", "points_possible", "due_at", "lock_at",
             "submission_types", "has_submitted_submissions", "message", "discussion_subentry_count", "can_unpublish",
             "is_announcement", "assignment_id", "parent_id", "user_id", "user_name", "created_at"}  # fmt: skip
    canvas.behaviour.missing_fields = dict.fromkeys(KINDS, known)
    found = everything(client, course_id)
    assert found["module"] == modules.Module(found["module"].id, "Bees")
    assert found["assignment"] == assignments.Assignment(found["assignment"].id, "Essay")


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in sorted(NEEDED[kind])])
def test_a_field_that_is_needed_and_missing_is_named(canvas, course_id, client, kind, name):
    canvas.behaviour.missing_fields = {kind: {name}}
    with pytest.raises(PermanentError, match=f"without '{name}'") as error:
        everything(client, course_id)
    assert error.value.exchange.status in (200, 201)
    assert error.value.context == {"target": "canvas"}


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"7", b"null", b"true"])
def test_an_answer_that_is_no_object(canvas, course_id, client, body):
    canvas.faults.append(Refuse(200, body=body))
    with pytest.raises(PermanentError, match="without a course"):
        courses.show(client, course_id)


@pytest.mark.parametrize("body", [b"{}", b'"text"', b"null"])
def test_an_answer_that_is_no_list(canvas, course_id, client, body):
    canvas.faults.append(Refuse(200, body=body))
    with pytest.raises(PermanentError, match="without a list"):
        modules.list_all(client, course_id)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("2026-03-01T00:00:00Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
_NAMES = sorted({name for names in NEEDED.values() for name in names}) + [
    "position", "unlock_at", "published", "items", "body", "points_possible", "submission_types", "parent_id",
    "deleted",
]  # fmt: skip


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(_NAMES), _VALUES) | _VALUES)
def test_whatever_is_answered_is_read_or_not_understood(kind, value):
    try:
        found = READ[kind](value)
    except Unreadable:
        return  # any other exception would be an error of ours
    assert found.id.isdigit()


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (answers.an_id, 2**63, str(2**63)),
        (answers.an_id, "9007199254740993", "9007199254740993"),
        (answers.a_number, 2, 2.0),
        (answers.a_moment, "2026-03-01T00:00:00Z", datetime(2026, 3, 1, tzinfo=UTC)),
        (answers.a_moment, "2026-03-01T00:00:00-07:00", datetime(2026, 3, 1, 7, tzinfo=UTC)),
        (answers.a_moment, "2026-03-01T00:00:00", datetime(2026, 3, 1, tzinfo=UTC)),
        (answers.texts, ["a"], ("a",)),
    ],
)
def test_values_that_are_read(read, value, expected):
    assert Fields("a thing", {"x": value}).required("x", read) == expected


@pytest.mark.parametrize(
    ("read", "value"),
    [
        *((answers.an_id, value) for value in (True, 1.5, -1, "", "-1", "x", "1/2", "١", "9" * 21, [])),
        *((answers.a_text, value) for value in (1, "a\0b", "\ud800", [])),
        *((answers.a_flag, value) for value in (0, "true", [])),
        *((answers.a_whole_number, value) for value in (1.5, "1", True, 2**63)),
        *((answers.a_number, value) for value in ("1", True, float("nan"), float("inf"), 1e300)),
        *((answers.a_moment, value) for value in ("", "soon", 7, "2026-13-01T00:00:00Z")),
        *((answers.texts, value) for value in ("a", [1], {"a": 1}, ["\0"])),
    ],
)
def test_values_that_are_not(read, value):
    with pytest.raises(Unreadable, match="about a thing, and its 'x' is not "):
        Fields("a thing", {"x": value}).required("x", read)


def test_what_is_sent():
    noon = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    values = written({"due_at": noon, "unlock_at": None, "name": "", "published": False})
    assert json.loads(json.dumps(values)) == {
        "due_at": "2026-03-01T10:00:00Z", "unlock_at": None, "name": "", "published": False,
    }  # fmt: skip
