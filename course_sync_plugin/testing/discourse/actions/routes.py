"""Which action of the fake forum answers which path.

Source: discourse, config/routes.rb (not read again) and API documentation.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from course_sync_plugin.testing.discourse.actions import category_actions, list_actions, post_actions, topic_actions
from course_sync_plugin.testing.discourse.actions.calls import Call
from course_sync_plugin.testing.discourse.forum.errors import not_found
from course_sync_plugin.testing.discourse.requests import Answer

Action = Callable[..., Answer]

_ID = r"(?P<number>\d+)"
_TABLE: list[tuple[str, str, Action]] = [
    ("GET", r"/(?:latest)?", list_actions.list_latest),
    ("GET", r"/top", list_actions.list_top),
    ("GET", r"/categories", category_actions.index),
    ("POST", r"/categories", category_actions.create),
    ("PUT", r"/categories/(?P<identifier>[^/]+)", category_actions.update),
    ("DELETE", r"/categories/(?P<identifier>[^/]+)", category_actions.destroy),
    ("GET", r"/c/(?P<identifier>[^/]+)/(?:show|find_by_slug)", category_actions.show),
    ("GET", r"/c/(?P<path>.+?)(?P<kind>/l/latest)?", list_actions.list_category),
    ("GET", rf"/t/{_ID}/posts", topic_actions.posts),
    ("GET", r"/t/external_id/(?P<external_id>[\w-]+)", topic_actions.show_by_external_id),
    ("GET", rf"/t/{_ID}(?:/(?P<post_number>\d+))?", topic_actions.show),
    ("GET", rf"/t/(?P<slug>[^/]+)/{_ID}(?:/(?P<post_number>\d+))?", topic_actions.show),
    ("PUT", r"/topics/bulk", topic_actions.bulk),
    ("PUT", rf"/t/{_ID}/status", topic_actions.status),
    ("PUT", rf"/t/{_ID}/recover", topic_actions.recover),
    ("PUT", rf"/t/{_ID}/reset-bump-date", topic_actions.reset_bump_date),
    ("PUT", rf"/t/(?:(?P<slug>[^/]+)/)?{_ID}", topic_actions.update),
    ("DELETE", rf"/t/{_ID}", topic_actions.destroy),
    ("GET", r"/posts", post_actions.latest),
    ("GET", rf"/posts/{_ID}", post_actions.show),
    ("GET", r"/posts/by_number/(?P<topic>\d+)/(?P<post_number>\d+)", post_actions.by_number),
    ("GET", rf"/posts/{_ID}/replies", post_actions.replies),
    ("GET", rf"/posts/{_ID}/revisions/(?P<version>\d+|latest)", post_actions.revision),
    ("PUT", rf"/posts/{_ID}", post_actions.update),
    ("PUT", rf"/posts/{_ID}/recover", post_actions.recover),
    ("DELETE", rf"/posts/{_ID}", post_actions.destroy),
    ("GET", r"/tags", list_actions.tags),
    ("GET", r"/tag/(?P<name>[^/]+)", list_actions.list_tag),
    ("GET", r"/topics/private-messages(?P<sent>-sent)?/(?P<username>[^/]+)", list_actions.list_private),
    ("GET", r"/site", list_actions.site),
    ("GET", r"/site/settings", list_actions.settings),
    ("GET", r"/site/basic-info", list_actions.basic_info),
    ("GET", r"/session/current", list_actions.current),
    ("GET", r"/(?:u|users)/(?P<username>[^/]+)", list_actions.user),
]
_ROUTES = [(method, re.compile(pattern), action) for method, pattern, action in _TABLE]


def dispatch(call: Call) -> Answer:
    """Answer a request. Raises Refused; 404 for a path that the fake does not have."""
    for method, pattern, action in _ROUTES:
        found = pattern.fullmatch(call.asked.path)
        if found and method == call.asked.method:
            return action(call, **{name: value for name, value in found.groupdict().items() if value is not None})
    raise not_found()
