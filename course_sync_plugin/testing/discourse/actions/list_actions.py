"""What the fake forum answers at the lists of topics, tags and users, and at ``/site``.

Sources: discourse, app/controllers/list_controller.rb (``set_category``, ``construct_url_with``), lib/topic_query.rb,
API documentation.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from course_sync_plugin.testing.discourse.actions.calls import Call
from course_sync_plugin.testing.discourse.forum.errors import not_found
from course_sync_plugin.testing.discourse.forum.guardian import ensure
from course_sync_plugin.testing.discourse.forum.lists import PER_PAGE, latest, private_messages
from course_sync_plugin.testing.discourse.forum.records import Category, Topic, User
from course_sync_plugin.testing.discourse.requests import Answer
from course_sync_plugin.testing.discourse.views.categories import basic_category
from course_sync_plugin.testing.discourse.views.topics import topic_in_list
from course_sync_plugin.testing.discourse.views.users import basic_user, basic_users


def list_latest(call: Call) -> Answer:
    """List the topics of all categories without the definition topics."""
    definitions = call.forum.settings.show_category_definitions_in_topic_lists
    return _page(call, latest(call.guardian), "/latest", "" if definitions else "no_definitions=true&")


def list_top(call: Call) -> Answer:
    """List the topics of all categories. The real order is by activity in a period; it is not imitated."""
    return _page(call, latest(call.guardian), "/top", "")


def list_category(call: Call, path: str, kind: str = "") -> Answer:
    """List the topics of a category. ``path``: slugs and id; any other path to it answers 301 to the right one."""
    category = _category_at(call, unquote(path))
    if category is None or not call.guardian.sees_category(category):
        raise not_found()
    right = "/".join([*call.forum.slug_path(category), str(category.id)])
    if path != right:
        return call.redirect(call.asked.target.replace(path, right, 1))
    return _page(call, latest(call.guardian, category), f"/c/{right}{kind}", "")


def _category_at(call: Call, path: str) -> Category | None:
    """Find a category by id, by its slugs, or by slugs that it had (``find_by_slug_path_with_id``, permalinks)."""
    forum = call.forum
    parts = path.split("/")
    if parts[-1].isdecimal():
        return forum.categories.get(int(parts[-1]))
    by_slug = (one for one in forum.categories.values() if forum.slug_path(one) == parts)
    return next(by_slug, forum.categories.get(forum.permalinks.get(path, 0)))


def list_private(call: Call, username: str, sent: str = "") -> Answer:
    """List the private messages of a user. Only the user and administrators may see them."""
    owner = call.forum.user_named(username)
    if owner is None:
        raise not_found()
    user = call.signed_in()
    ensure(user.admin or user is owner)
    return _page(call, private_messages(call.forum, owner.id, bool(sent)), call.asked.path, "")


def list_tag(call: Call, name: str) -> Answer:
    """List the topics with a tag."""
    tag = unquote(name).lower()
    if tag not in call.forum.tags:
        raise not_found()
    topics = latest(call.guardian, tag=tag)
    shown = {"id": call.forum.tags[tag], "name": tag, "topic_count": len(topics), "staff": False}
    return _page(call, topics, f"/tag/{name}", "", {"tags": [shown]})


def tags(call: Call) -> Answer:
    """List all tags with the number of their topics."""
    forum = call.forum
    counts = {tag: sum(tag in topic.tags for topic in forum.listable()) for tag in forum.tags}
    shown = [
        {"id": number, "text": tag, "name": tag, "count": counts[tag], "pm_count": 0, "target_tag": None}
        for tag, number in sorted(forum.tags.items())
    ]
    return Answer.json({"tags": shown, "extras": {"categories": []}})


def site(call: Call) -> Answer:
    """Show what a client must know of the site: a small part of it."""
    seen = [one for one in call.forum.categories.values() if call.guardian.sees_category(one)]
    return Answer.json({
        "categories": [basic_category(call.guardian, one) for one in seen],
        "uncategorized_category_id": call.forum.uncategorized.id,
        "groups": [{"id": number, "name": name} for name, number in call.forum.groups.items()],
        "can_create_tag": call.guardian.makes_tags(),
        "can_tag_topics": call.user is not None,
    })  # fmt: skip


def settings(call: Call) -> Answer:
    """Show the site settings that a client must know: some of them."""
    chosen = ("max_category_nesting", "tagging_enabled", "max_tag_length", "max_tags_per_topic")
    return Answer.json({name: getattr(call.forum.settings, name) for name in chosen})


def basic_info(call: Call) -> Answer:
    """Show the name of the site. It needs no API key, so it proves nothing of one."""
    return Answer.json({"title": "Fake Discourse", "description": "", "login_required": False})


def current(call: Call) -> Answer:
    """Show the user of the API key: ``/session/current.json``; 404 without one."""
    if call.user is None:
        raise not_found()
    return Answer.json({"current_user": _user(call.user)})


def user(call: Call, username: str) -> Answer:
    """Show a user."""
    found = call.forum.user_named(username)
    if found is None:
        raise not_found()
    return Answer.json({"user": _user(found)})


def _user(shown: User) -> dict[str, Any]:
    rights = {"admin": shown.admin, "moderator": shown.moderator, "trust_level": shown.trust_level}
    return {**basic_user(shown), **rights}


def _page(call: Call, topics: list[Topic], path: str, query: str, more: dict[str, Any] | None = None) -> Answer:
    """Return a page of 30 topics. A full page has ``more_topics_url``, even if no topic is left; without ``.json``."""
    text = str(call.parameters.get("page") or 0)
    number = int(text) if re.fullmatch(r"\d{1,6}", text) else 0
    shown = topics[number * PER_PAGE : (number + 1) * PER_PAGE]
    full = {"more_topics_url": f"{path}?{query}page={number + 1}"} if len(shown) == PER_PAGE else {}
    users = basic_users(call.forum.users[topic.user_id] for topic in shown)
    rows = [topic_in_list(call.guardian, topic) for topic in shown]
    found = {"can_create_topic": call.user is not None, "per_page": PER_PAGE, "top_tags": [], **full, **(more or {})}
    return Answer.json({"users": users, "primary_groups": [], "topic_list": {**found, "topics": rows}})
