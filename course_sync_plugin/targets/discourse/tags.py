"""Tags. Sources: discourse, app/controllers/tags_controller.rb (from memory), and the API documentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from course_sync_plugin.targets.discourse.client import DiscourseClient
from course_sync_plugin.targets.discourse.fields import Fields


def names(client: DiscourseClient) -> frozenset[str]:
    """Return the names of all tags that the user may see, also of those in groups and of single categories."""
    return client.get("/tags.json", lambda answer: frozenset(_listed(answer)))


def tag_names(shown: Fields) -> tuple[str, ...]:
    """Return the names of the tags of a topic: objects in newer versions, texts in older ones."""
    return tuple(_names(shown.values.get("tags")))


def _listed(answer: Fields) -> Iterator[str]:
    yield from (name for one in answer.each("tags") for name in _names([one.values]))
    extras = answer.values.get("extras")
    for group in ("tag_groups", "categories"):
        for one in extras.get(group) or () if isinstance(extras, dict) else ():
            yield from _names(Fields.of(one, group).values.get("tags"))


def _names(value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else ():
        name = (one.get("name") or one.get("text")) if isinstance(one, dict) else one
        if isinstance(name, str):
            yield name
