"""API keys with scopes: a request that no scope has is refused like a bad key."""

from __future__ import annotations

import pytest

from course_sync_plugin.testing.discourse.scopes import SCOPES, permits


@pytest.mark.parametrize(
    ("scope", "method", "path", "may"),
    [
        ("global:read", "GET", "/session/current", True),
        ("global:read", "POST", "/posts", False),
        ("topics:write", "POST", "/posts", True),
        ("topics:write", "PUT", "/t/-/5", False),
        ("topics:update", "PUT", "/t/-/5", True),
        ("topics:update", "PUT", "/t/5/status", True),
        ("topics:update", "PUT", "/t/5/recover", False),
        ("topics:delete", "DELETE", "/t/5", True),
        ("topics:read_lists", "GET", "/c/bees/5", True),
        ("topics:read_lists", "GET", "/c/5/show", False),
        ("categories:show", "GET", "/c/5/show", True),
    ],
)
def test_what_a_scope_has(scope, method, path, may):
    assert permits([scope], method, path) == may


def test_a_global_key_may_all():
    assert permits([], "POST", "/categories")


@pytest.mark.parametrize(("method", "path"), [("POST", ""), ("PUT", "/5"), ("DELETE", "/5")])
def test_no_scope_changes_categories(method, path):
    assert not permits(SCOPES, method, f"/categories{path}")
