"""The scopes of API keys of the fake forum: a key with scopes may make only the requests that one of them names.

Source: discourse, app/models/api_key_scope.rb (``default_mappings``), app/models/api_key.rb (``request_allowed?``),
lib/auth/default_current_user_provider.rb (``lookup_api_user``). No scope creates, changes or deletes a category. The
limits of a scope to single topics or categories are not imitated.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

#: The requests of each scope, as a method and a pattern of the path. Only of scopes whose actions the fake has.
SCOPES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "global:read": (("GET", r".*"),),
    "topics:write": (("POST", r"/posts"),),
    "topics:update": (("PUT", r"/t/(?:[^/]+/)?\d+"), ("PUT", r"/t/\d+/status")),
    "topics:delete": (("DELETE", r"/t/\d+"),),
    "topics:recover": (("PUT", r"/t/\d+/recover"),),
    "topics:read": (("GET", r"/t/(?!external_id/).*"), ("GET", r"/t/external_id/[\w-]+")),
    "topics:read_lists": (("GET", r"/(?:latest|top)?"), ("GET", r"/c/(?!.*/(?:show|find_by_slug)\Z).+")),
    "topics:status": (("PUT", r"/t/\d+/status"),),
    "posts:edit": (("PUT", r"/posts/\d+"),),
    "posts:delete": (("DELETE", r"/posts/\d+"),),
    "posts:recover": (("PUT", r"/posts/\d+/recover"),),
    "posts:list": (("GET", r"/posts"),),
    "tags:list": (("GET", r"/tags"),),
    "categories:list": (("GET", r"/categories"),),
    "categories:show": (("GET", r"/c/[^/]+/show"),),
}


def permits(scopes: Collection[str], method: str, path: str) -> bool:
    """Tell whether a key with these scopes may make a request. No scopes: the key is global. Raises KeyError."""
    requests = (request for scope in scopes for request in SCOPES[scope])
    return not scopes or any(method == one and re.fullmatch(pattern, path) for one, pattern in requests)
