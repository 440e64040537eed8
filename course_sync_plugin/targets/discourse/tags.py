"""Tags. Sources: discourse, app/controllers/tags_controller.rb (from memory), and the API documentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from course_sync_plugin.targets.discourse.client import DiscourseClient
from course_sync_plugin.targets.discourse.fields import Fields

_RIGHTS = ("can_create_tag", "can_tag_topics")


def names(client: DiscourseClient) -> frozenset[str]:
    """Return the names of all tags that the user may see, also of those in groups and of single categories."""
    return client.get("/tags.json", lambda answer: frozenset(_listed(answer)))


def may_create(client: DiscourseClient) -> bool:
    """Tell whether the user of the key may create tags and give them to topics.

    The forum leaves out tags of a user who may not, and says nothing. Source: discourse,
    app/serializers/site_serializer.rb (``can_create_tag``, ``can_tag_topics``).
    """
    answers = client.get("/site.json", lambda answer: [answer.values.get(name) for name in _RIGHTS])
    return False not in answers


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
