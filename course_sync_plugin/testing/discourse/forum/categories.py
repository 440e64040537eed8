"""Making, changing and deleting categories of the fake forum.

Sources: discourse, app/models/category.rb, app/controllers/categories_controller.rb,
lib/guardian/category_guardian.rb (``can_delete_category?``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from course_sync_plugin.testing.discourse.forum.definitions import (
    create_definition,
    describe,
    rename_definition,
    trash_definition,
)
from course_sync_plugin.testing.discourse.forum.errors import CATEGORY_NOT_FOUND, invalid, missing_parameter
from course_sync_plugin.testing.discourse.forum.guardian import Guardian, ensure
from course_sync_plugin.testing.discourse.forum.records import Category, Topic, User
from course_sync_plugin.testing.discourse.forum.slugs import slug_for
from course_sync_plugin.testing.discourse.forum.state import Forum

_COLOR = re.compile(r"([0-9a-fA-F]{6}|[0-9a-fA-F]{3})\Z")


def create_category(forum: Forum, user: User | None, parameters: Mapping[str, Any]) -> Category:
    """Make a category and its definition topic. Raises Refused: 403 without the right, 400 without a name, 422."""
    ensure(Guardian(forum, user).manages_categories() and user is not None)
    if not str(parameters.get("name") or ""):
        raise missing_parameter("name")
    assert user is not None  # noqa: S101  # for mypy: ensure() has checked it
    category = Category(0, "", "", user.id, position=len(forum.categories))
    _assign(forum, category, parameters)
    category.id = forum.number("category")
    forum.categories[category.id] = category
    create_definition(forum, category, str(parameters.get("description") or ""))
    forum.tell("category_created", "category", category)
    return category


def update_category(forum: Forum, user: User | None, category: Category, parameters: Mapping[str, Any]) -> Category:
    """Change the fields of a category that are sent. Raises Refused: 403, 422."""
    ensure(Guardian(forum, user).manages_categories())
    name, path = category.name, "/".join(forum.slug_path(category))
    _assign(forum, category, parameters)
    if category.name != name:
        rename_definition(forum, category, name)
    if "/".join(forum.slug_path(category)) != path:
        forum.permalinks[path] = category.id
    if parameters.get("description") is not None:
        describe(forum, category, str(parameters["description"]))
    forum.tell("category_updated", "category", category)
    return category


def topics_in(forum: Forum, category: Category) -> list[Topic]:
    """Return the topics that ``topic_count`` counts."""
    listed = [topic for topic in forum.listable() if topic.visible and topic.category_id == category.id]
    return [topic for topic in listed if topic.id != category.topic_id]


def deletable(forum: Forum, category: Category) -> bool:
    """Tell whether a category has neither listed topics besides its definition nor sub-categories.

    Discourse looks at ``topic_count``, which does not count unlisted topics (app/services/topic_status_updater.rb).
    """
    return not topics_in(forum, category) and not forum.children(category) and category is not forum.uncategorized


def delete_category(forum: Forum, user: User | None, category: Category) -> None:
    """Delete an empty category and its definition topic. Raises Refused: 403 for a full one, too.

    Deleted topics do not count, so a category can go although its deleted topics still refer to it.
    """
    ensure(Guardian(forum, user).manages_categories() and deletable(forum, category))
    forum.tell("category_destroyed", "category", category)
    trash_definition(forum, category)
    del forum.categories[category.id]


def _assign(forum: Forum, category: Category, parameters: Mapping[str, Any]) -> None:
    """Set the fields of a category if all of them are valid; else raise Refused 422 with a message for each fault."""
    name = str(parameters.get("name", category.name)).strip()
    slug = str(parameters.get("slug") or category.slug)
    parent_id = _parent_id(parameters.get("parent_category_id", category.parent_id))
    new = not category.id
    faults = _name_faults(forum, category, name, parent_id) if new or _moves(category, name, parent_id) else []
    faults += _parent_faults(forum, category, parent_id)
    slug, slug_faults = _slug(forum, category, name, slug, parent_id)
    colors = {key: str(parameters.get(key) or getattr(category, key)) for key in ("color", "text_color")}
    faults += slug_faults
    faults += [f"{key.replace('_', ' ').capitalize()} is invalid" for key in colors if not _COLOR.match(colors[key])]
    if faults:
        raise invalid(*faults)
    category.name, category.slug, category.parent_id = name, slug, parent_id
    category.color, category.text_color = colors["color"], colors["text_color"]
    if isinstance(parameters.get("permissions"), Mapping):
        category.permissions = _permissions(parameters["permissions"])
    if str(parameters.get("position") or "").isdecimal():
        category.position = int(parameters["position"])


def _moves(category: Category, name: str, parent_id: int | None) -> bool:
    return name != category.name or parent_id != category.parent_id


def _parent_id(value: Any) -> int | None:
    text = str(value or "")
    return int(text) if text.isdecimal() else None


def _permissions(value: Mapping[str, Any]) -> dict[str, int]:
    """Return the rights by group; full rights for everyone are the same as no entry (``resolve_permissions``)."""
    rights = {str(group): int(right) for group, right in value.items()}
    return {} if rights.get("everyone") == 1 else rights


def _name_faults(forum: Forum, category: Category, name: str, parent_id: int | None) -> list[str]:
    siblings = [one for one in forum.categories.values() if one.parent_id == parent_id and one is not category]
    faults = [] if name else ["Category Name can't be blank"]
    if any(one.name.lower() == name.lower() for one in siblings):
        faults.append("Category Name has already been taken")
    if len(name) > 50:
        faults.append("Category Name is too long (maximum is 50 characters)")
    return faults


def _parent_faults(forum: Forum, category: Category, parent_id: int | None) -> list[str]:
    if parent_id is None:
        return []
    parent = forum.categories.get(parent_id)
    if parent is None:
        return [CATEGORY_NOT_FOUND]
    faults = ["A subcategory's parent cannot be itself"] if parent is category else []
    inside = category.id and parent is not category and category in _ancestors(forum, parent)
    depth = len(forum.slug_path(parent)) + 1 + (0 if parent is category else _depth_below(forum, category))
    if inside or parent is category or depth > forum.settings.max_category_nesting:
        faults.append("You can't nest a subcategory under another")
    return faults


def _ancestors(forum: Forum, category: Category) -> list[Category]:
    parent = forum.categories.get(category.parent_id or 0)
    return [parent, *_ancestors(forum, parent)] if parent else []


def _depth_below(forum: Forum, category: Category) -> int:
    children = forum.children(category) if category.id else []
    return 1 + max((_depth_below(forum, child) for child in children), default=-1) if children else 0


def _slug(forum: Forum, category: Category, name: str, slug: str, parent_id: int | None) -> tuple[str, list[str]]:
    """Return the slug and its faults. A slug made from the name is left empty when another category has it."""
    taken = {
        one.slug for one in forum.categories.values() if one.parent_id == parent_id and one is not category and one.slug
    }
    if not slug:
        made = slug_for(name, "")
        return ("" if made in taken else made), ["Slug is invalid"] if _is_reserved(category, made) else []
    if not slug.isascii():
        return slug, ["Slug contains non-ascii characters"]
    cleaned = slug_for(slug, "")
    if not cleaned or cleaned == "none" or _is_reserved(category, cleaned):
        return slug, ["Slug is reserved" if cleaned == "none" else "Slug is invalid"]
    return cleaned, ["Slug is already in use"] if cleaned in taken else []


def _is_reserved(category: Category, slug: str) -> bool:
    """Tell whether a slug begins as that of another category without a slug (``ensure_slug``)."""
    reserved = re.match(r"(\d+)-category", slug)
    return bool(reserved and reserved[1] != str(category.id))
