"""How requests are read."""

from __future__ import annotations

import pytest

from course_sync_plugin.testing.discourse.forum.clock import Clock, moment
from course_sync_plugin.testing.discourse.requests import nested, read_request
from tests.unit.testing.discourse.api import ok


@pytest.mark.parametrize(
    ("pairs", "value"),
    [
        ([("title", "a")], {"title": "a"}),
        ([("post[raw]", "a"), ("post[edit_reason]", "b")], {"post": {"raw": "a", "edit_reason": "b"}}),
        ([("tags[]", "a"), ("tags[]", "b")], {"tags": ["a", "b"]}),
        (
            [("tags[][id]", "1"), ("tags[][name]", "a"), ("tags[][id]", "2")],
            {"tags": [{"id": "1", "name": "a"}, {"id": "2"}]},
        ),
        ([("permissions[everyone]", "1")], {"permissions": {"everyone": "1"}}),
        ([("a", "1"), ("a", "2")], {"a": "2"}),
    ],
)
def test_parameters_are_nested_as_rails_nests_them(pairs, value):
    assert nested(pairs) == value


@pytest.mark.parametrize(
    ("target", "accept", "path", "json"),
    [
        ("/t/5.json?page=2", "*/*", "/t/5", True),
        ("/t/5", "application/json; charset=utf-8", "/t/5", True),
        ("/t/5/", "text/html", "/t/5", False),
        ("/", "", "/", False),
    ],
)
def test_path_and_format(target, accept, path, json):
    asked = read_request("GET", target, {"Accept": accept, "API-KEY": "k"}, b"")
    assert (asked.path, asked.json, asked.key) == (path, json, "k")


def test_a_form_with_parts_is_read(api):
    parts = {"name": (None, "Démo course"), "permissions[staff]": (None, "1")}
    made = ok(api("POST", "/categories.json", files=parts))["category"]
    assert (made["name"], made["read_restricted"]) == ("Démo course", True)


def test_the_clock_moves_only_forward():
    clock = Clock()
    clock.freeze()
    first, second = clock.now(), clock.now()
    assert first < second
    clock.advance(60)
    assert 60 < (clock.now() - second).total_seconds() < 60.1
    assert moment(first).endswith("Z")
    assert len(moment(first)) == 24
    assert moment(None) is None
