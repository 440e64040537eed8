"""Checks requests to the fake forum, and its answers, against the published description (OpenAPI) of Discourse."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from course_sync_plugin.testing.discourse.requests import Asked
from tests.conftest import shared_data, shared_names

#: The published description, beside the repository.
DESCRIPTION = "specs/discourse_openapi.json"

#: Parameters that Discourse reads although its description does not name them, with the place that reads them.
READ_ALL_THE_SAME = {
    ("POST", "/posts.json"): {"tags", "skip_validations", "nested_post", "visible", "no_bump"},  # posts_controller.rb
    ("PUT", "/t/-/{id}.json"): {
        "title",
        "category_id",
        "tags",
        "original_title",
        "original_tags",
    },  # topics_controller.rb
    ("PUT", "/posts/{id}.json"): {"title"},  # posts_controller.rb
    ("GET", "/t/{id}.json"): {"page", "include_raw", "print"},  # topics_controller.rb
    ("GET", "/t/{id}/posts.json"): {"include_raw"},  # topics_controller.rb
    ("GET", "/c/{slug}/{id}.json"): {"page"},  # list_controller.rb
    ("GET", "/latest.json"): {"page", "no_definitions"},  # list_controller.rb
    ("PUT", "/categories/{id}.json"): {"position", "description"},  # categories_controller.rb
    ("POST", "/categories.json"): {"position", "description"},
    ("GET", "/categories.json"): {"parent_category_id", "page"},  # categories_controller.rb, category_list.rb
}
#: Requests that Discourse answers although its description does not have them.
UNDOCUMENTED = [
    ("PUT", r"/t/\d+/recover"), ("PUT", r"/posts/\d+/recover"), ("DELETE", r"/categories/[^/]+"),
    ("GET", r"/session/current"), ("GET", r"/posts/by_number/\d+/\d+"), ("PUT", r"/t/\d+/reset-bump-date"),
    ("GET", r"/t/[^/]+/\d+(/\d+)?"), ("GET", r"/posts/\d+/revisions/\w+"), ("GET", r"/c/.+/l/latest"),
    ("GET", r"/site/settings"), ("PUT", r"/topics/bulk"),
]  # fmt: skip


@cache
def description() -> dict[str, Any]:
    """Return the description; the calling test is skipped if it is not there."""
    return json.loads((shared_data() / DESCRIPTION).read_text("utf-8"))


def conforms(asked: Asked) -> list[str]:
    """Return what the description of Discourse does not know about a request: path, method, names of parameters."""
    if any(asked.method == method and re.fullmatch(pattern, asked.path) for method, pattern in UNDOCUMENTED):
        return []
    found = _operation(asked)
    if found is None:
        return [f"{asked.method} {asked.path} is not described"]
    template, operation = found
    known = {one["name"].removesuffix("[]") for one in operation.get("parameters", ())}
    for content in operation.get("requestBody", {}).get("content", {}).values():
        known |= {name.removesuffix("[]") for name in content["schema"].get("properties", {})}
    known |= READ_ALL_THE_SAME.get((asked.method, template), set())
    return [f"{asked.method} {template} has no parameter {name}" for name in asked.parameters if name not in known]


def check_requests(sent: Iterable[Asked]) -> None:
    """Fail if the description does not know one of these requests. Without the description nothing is checked."""
    if shared_names(DESCRIPTION) != ["absent"]:
        assert {fault for asked in sent for fault in conforms(asked)} == set()


def _operation(asked: Asked) -> tuple[str, dict[str, Any]] | None:
    for template, operations in description()["paths"].items():
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template.removesuffix(".json")))
        if re.fullmatch(pattern, asked.path) and asked.method.lower() in operations:
            return template, operations[asked.method.lower()]
    return None


def differences(method: str, template: str, value: Any) -> list[str]:
    """Return where the body of an answer differs from its description."""
    operation = description()["paths"][template][method.lower()]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    errors = Draft202012Validator(_as_it_is(schema)).iter_errors(value)
    return [f"{'/'.join(str(part) for part in error.absolute_path)}: {error.message[:200]}" for error in errors]


#: What real answers have beside what is described, or with another type (recorded answers, sources in the code).
REAL: dict[str, Any] = {
    "reply_to_post_number": {"type": ["integer", "null"]},
    "parent_category_id": {"type": "integer"},
    "external_id": {"type": "string"},
    "action_code": {"type": "string"},
    "reply_to_user": {"type": "object"},
    "is_uncategorized": {"type": "boolean"},
    "more_topics_url": {"type": "string"},
    "tags": {"type": "array"},
    "tags_descriptions": {"type": "object"},
    "raw": {"type": "string"},
    "flair_group_id": {"type": ["integer", "null"]},
    "post_url": {"type": "string"},
}
_LOOSE = "reviewable_id image_url deleted_by permission subcategory_list available_groups bookmarked liked".split()


def _as_it_is(schema: Any) -> Any:
    """Return a schema that allows the differences of ``REAL``, and null where the description forgets it."""
    if isinstance(schema, list):
        return [_as_it_is(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {name: _as_it_is(value) for name, value in schema.items()}
    if isinstance(changed.get("properties"), dict):
        changed["properties"] |= REAL
        changed["properties"] |= {name: {} for name in _LOOSE}
    if "items" in changed and changed["items"] == {}:
        changed["items"] = True
    return changed
