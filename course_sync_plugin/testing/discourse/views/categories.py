"""Categories in the answers of the fake forum.

Sources: API documentation (``/categories.json``, ``/c/{id}/show.json``) for the names. ``parent_category_id`` is only
there for a sub-category (recorded answers; the documentation does not list it).
"""

from __future__ import annotations

import re
from typing import Any

from course_sync_plugin.testing.discourse.forum.categories import deletable, topics_in
from course_sync_plugin.testing.discourse.forum.guardian import Guardian
from course_sync_plugin.testing.discourse.forum.records import SMALL_ACTION, Category

#: Fields that the fake keeps at one value. Those of ``_SHOWN`` are not in lists.
_FIXED: dict[str, Any] = {
    "style_type": "square", "emoji": None, "icon": None, "notification_level": 1, "topic_template": None,
    "topic_title_placeholder": None, "sort_order": None, "sort_ascending": None, "show_subcategory_list": False,
    "num_featured_topics": 3, "default_view": None, "subcategory_list_style": "rows_with_featured_topics",
    "default_top_period": "all", "default_list_filter": "all", "minimum_required_tags": 0,
    "navigate_to_first_post_after_read": False, "uploaded_logo": None, "uploaded_logo_dark": None,
    "uploaded_background": None, "uploaded_background_dark": None,
}  # fmt: skip
_SHOWN: dict[str, Any] = {
    "form_template_ids": [], "custom_fields": {}, "allowed_tags": [], "allowed_tag_groups": [],
    "allow_global_tags": False, "required_tag_groups": [], "category_localizations": [], "read_only_banner": None,
    "auto_close_hours": None, "auto_close_based_on_last_post": False, "default_slow_mode_seconds": None,
    "allow_unlimited_owner_edits_on_first_post": False, "email_in": None, "email_in_allow_strangers": False,
    "mailinglist_mirror": False, "all_topics_wiki": False, "allow_badges": True, "topic_featured_link_allowed": True,
    "search_priority": 0, "topic_posting_review_group_ids": [], "reply_posting_review_group_ids": [],
}  # fmt: skip


def basic_category(guardian: Guardian, category: Category) -> dict[str, Any]:
    """Return a category as in lists and webhooks."""
    forum = guardian.forum
    children = forum.children(category)
    topic = forum.topics.get(category.topic_id or 0)
    text = re.sub("<[^>]+>", "", category.description) if category.description else None
    return {
        **_FIXED,
        "id": category.id,
        "name": category.name,
        "color": category.color,
        "text_color": category.text_color,
        "slug": category.slug,
        "topic_count": len(topics_in(forum, category)),
        "post_count": _post_count(guardian, category),
        "position": category.position,
        "description": category.description,
        "description_text": text,
        "description_excerpt": text,
        "topic_url": f"/t/{forum.slug_of(topic)}/{topic.id}" if topic else None,
        "read_restricted": category.read_restricted,
        "permission": guardian.right_shown(category),
        "can_edit": guardian.manages_categories(),
        "has_children": bool(children),
        "subcategory_count": len(children) or None,
        **({"parent_category_id": category.parent_id} if category.parent_id else {}),
    }


def category_shown(guardian: Guardian, category: Category) -> dict[str, Any]:
    """Return a category as ``/c/{id}/show.json`` and the answers to changes have it."""
    forum = guardian.forum
    rights = category.permissions or {"everyone": 1}
    review = {"topic_posting_review_mode": "no_one", "reply_posting_review_mode": "no_one"}
    return {
        **basic_category(guardian, category),
        **_SHOWN,
        "available_groups": sorted(forum.groups),
        "group_permissions": [
            {"permission_type": right, "group_name": group, "group_id": forum.groups.get(group, 0)}
            for group, right in rights.items()
        ],
        "can_delete": guardian.manages_categories() and deletable(forum, category),
        "category_setting": {
            "require_topic_approval": category.require_topic_approval,
            "require_reply_approval": category.require_reply_approval,
            **review,
        },
    }


def category_list(guardian: Guardian, include_subcategories: bool) -> dict[str, Any]:
    """Return the top categories that the user may see; with the sub-categories inside them if they are asked for."""
    seen = [one for one in guardian.forum.categories.values() if guardian.sees_category(one)]
    seen.sort(key=lambda one: (one.position, one.id))
    top = [_listed(guardian, one, seen, include_subcategories) for one in seen if one.parent_id is None]
    rights = {"can_create_category": guardian.manages_categories(), "can_create_topic": guardian.user is not None}
    return {"category_list": {**rights, "categories": top}}


def _listed(guardian: Guardian, category: Category, seen: list[Category], inside: bool) -> dict[str, Any]:
    children = [one for one in seen if one.parent_id == category.id]
    count = len(topics_in(guardian.forum, category))
    periods = {f"topics_{period}": count for period in ("day", "week", "month", "year", "all_time")}
    value = {**basic_category(guardian, category), **periods, "subcategory_ids": [child.id for child in children]}
    if category is guardian.forum.uncategorized:
        value["is_uncategorized"] = True
    if inside:
        value["subcategory_list"] = [_listed(guardian, child, seen, inside) for child in children]
    return value


def _post_count(guardian: Guardian, category: Category) -> int:
    forum = guardian.forum
    posts = (post for topic in topics_in(forum, category) for post in forum.posts_of(topic, deleted=False))
    return sum(post.post_type != SMALL_ACTION for post in posts)
