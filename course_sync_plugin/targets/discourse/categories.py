"""Categories: list, show, create, update, delete.

Sources: discourse, app/controllers/categories_controller.rb, app/models/category.rb, app/models/category_list.rb.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.targets.discourse.client import DiscourseClient
from course_sync_plugin.targets.discourse.errors import NotThere
from course_sync_plugin.targets.discourse.fields import Fields, checked_id

#: Large forums list this many categories on a page (``CATEGORIES_PER_PAGE``); others list all of them on the first.
PER_PAGE = 20
#: The most pages that are read.
PAGES = 500

#: The levels of categories that every forum has (``max_category_nesting``).
_LEVELS = 2

#: The right of who may create topics (app/models/category_group.rb). A user with less gets another number, or null.
_FULL = 1

_TOPIC_URL = re.compile(r".*/t/(?:[^/]*/)?([0-9]+)", re.ASCII)


@attrs.frozen
class Category:
    """A category.

    ``definition_topic_id``: the topic *About the … category*, which exists as long as the category does.
    ``permissions``: rights by group (1: all, 2: reply and read, 3: read); None in lists, which do not say them.
    ``read_restricted``: not everybody may read it.
    ``takes_topics``: the user may create topics in it. ``can_edit``: the user may change it, and make sub-categories.
    ``description``: as HTML, made of the first paragraph of the definition topic.
    """

    id: str
    name: str
    slug: str
    parent_id: str | None = None
    definition_topic_id: str | None = None
    permissions: Mapping[str, int] | None = None
    description: str | None = None
    read_restricted: bool = False
    takes_topics: bool = True
    can_edit: bool = False


def children(client: DiscourseClient, parent_id: str | None = None) -> list[Category]:
    """Return the sub-categories of a category, or the top categories, that the user may see.

    Raises PermanentError if there are more than PAGES pages.
    """
    found: dict[str, Category] = {}
    query = {"include_subcategories": "true"}
    if parent_id is not None:
        query["parent_category_id"] = checked_id(parent_id)
    for page in range(1, PAGES + 1):
        listed = client.get("/categories.json", _listed, {**query, "page": str(page)})
        new = {one.id: one for one in listed if one.id not in found}
        found.update(new)
        # Of a full page, "uncategorized" may be left out. A forum of an older version answers with the same again.
        if len(listed) < PER_PAGE - 1 or not new:
            return [one for one in found.values() if one.parent_id == parent_id]
    raise PermanentError(f"The forum lists more than {PAGES * PER_PAGE} categories.")


def may_create(client: DiscourseClient) -> bool:
    """Tell whether the user may create categories."""
    return client.get("/categories.json", lambda answer: answer.inside("category_list").flag("can_create_category"))


def most_levels(client: DiscourseClient) -> int:
    """Return how many levels of categories the forum has: 2, or 3 if the hidden site setting says so.

    Source: discourse, app/controllers/site_controller.rb (``settings``); that the setting is among those, is from
    memory. A forum that does not say it has two.
    """
    try:
        found = client.get("/site/settings.json", lambda answer: answer.values.get("max_category_nesting"))
    except NotThere:
        return _LEVELS
    return found if isinstance(found, int) else _LEVELS


def show(client: DiscourseClient, category_id: str) -> Category:
    """Return a category. Raises NotThere, or Forbidden if the user may not see it."""
    return client.get(f"/c/{checked_id(category_id)}/show.json", _changed)


def create(
    client: DiscourseClient,
    *,
    name: str,
    slug: str | None = None,
    parent_id: str | None = None,
    permissions: Mapping[str, int] | None = None,
    description: str | None = None,
) -> Category:
    """Create a category and, with it, its definition topic. Everybody may use it unless ``permissions`` says otherwise.

    ``name``: at most 50 characters, unique under its parent. Nothing prevents a second creation but this rule: after an
    error that is no refusal, look for the name among the :func:`children` of the parent.
    """
    fields = _fields(name=name, slug=slug, parent=parent_id, permissions=permissions, description=description)
    return client.post("/categories.json", fields, _changed)


def update(
    client: DiscourseClient,
    category_id: str,
    *,
    name: str,
    slug: str | None = None,
    parent_id: str | None = None,
    permissions: Mapping[str, int] | None = None,
    description: str | None = None,
) -> Category:
    """Change what is given. The API requires ``name``, so give the old one if it stays. The former slug redirects.

    ``permissions`` replaces all rights. The definition topic is renamed with the category if it has the old title.
    """
    fields = _fields(name=name, slug=slug, parent=parent_id, permissions=permissions, description=description)
    return client.put(f"/categories/{checked_id(category_id)}.json", fields, _changed)


def delete(client: DiscourseClient, category_id: str) -> None:
    """Delete a category and its definition topic. Raises Forbidden if it has topics or sub-categories."""
    client.act("DELETE", f"/categories/{checked_id(category_id)}.json")


def _fields(*, parent: str | None, permissions: Mapping[str, int] | None, **texts: str | None) -> dict[str, Any]:
    fields: dict[str, Any] = {name: text for name, text in texts.items() if text is not None}
    if parent is not None:
        fields["parent_category_id"] = checked_id(parent)
    if permissions is not None:
        fields["permissions"] = dict(permissions)
    return fields


def _changed(answer: Fields) -> Category:
    return _category(answer.inside("category"))


def _listed(answer: Fields) -> list[Category]:
    return list(_flat(answer.inside("category_list").each("categories")))


def _flat(categories: list[Fields]) -> Iterator[Category]:
    for one in categories:
        yield _category(one)
        if one.values.get("subcategory_list"):
            yield from _flat(one.each("subcategory_list"))


def _category(shown: Fields) -> Category:
    topic = _TOPIC_URL.fullmatch(shown.optional_text("topic_url") or "")
    return Category(
        id=shown.remote_id("id"),
        name=shown.text("name"),
        slug=shown.optional_text("slug") or "",
        parent_id=shown.optional_id("parent_category_id"),
        definition_topic_id=topic[1] if topic else None,
        permissions=_permissions(shown),
        description=shown.optional_text("description"),
        read_restricted=shown.flag("read_restricted"),
        takes_topics=shown.values.get("permission", _FULL) == _FULL,
        can_edit=shown.flag("can_edit"),
    )


def _permissions(shown: Fields) -> dict[str, int] | None:
    if shown.values.get("group_permissions") is None:
        return None
    return {one.text("group_name"): one.number("permission_type") for one in shown.each("group_permissions")}
