"""A request to the fake forum together with the forum and the user who asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from course_sync_plugin.testing.discourse.forum.errors import NOT_LOGGED_IN, Refused, missing_parameter, not_found
from course_sync_plugin.testing.discourse.forum.guardian import Guardian, ensure
from course_sync_plugin.testing.discourse.forum.records import Category, Post, Topic, User
from course_sync_plugin.testing.discourse.forum.state import Forum
from course_sync_plugin.testing.discourse.requests import Answer, Asked

#: ActiveModel::Type::Boolean: everything else is true.
_FALSE = (False, 0, "0", "f", "F", "false", "FALSE", "off", "OFF")


@attrs.frozen
class Call:
    """A request with everything that answers it. ``root``: the address of the forum, for redirects."""

    forum: Forum
    asked: Asked
    user: User | None
    root: str

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.asked.parameters

    @property
    def guardian(self) -> Guardian:
        return Guardian(self.forum, self.user)

    def signed_in(self) -> User:
        """Return the user. Raises Refused 403 ``not_logged_in`` without an API key (``requires_login``)."""
        if self.user is None:
            raise Refused(403, [NOT_LOGGED_IN], "not_logged_in")
        return self.user

    def required(self, name: str) -> Any:
        """Return a parameter. Raises Refused 400 if it is missing or empty."""
        value = self.parameters.get(name)
        if value in (None, "", [], {}):
            raise missing_parameter(name)
        return value

    def truth(self, value: Any) -> bool:
        """Return a parameter as a truth value, as Rails casts it."""
        return value not in _FALSE and value not in (None, "")

    def topic(self, number: str) -> Topic | None:
        return self.forum.topics.get(int(number))

    def post(self, number: str) -> Post:
        """Return a post that the user may see. Raises Refused: 404 if it is not there or deleted, 403."""
        post = self.forum.posts.get(int(number))
        if post is None:
            raise not_found()
        gone = post.deleted_at or self.forum.topics[post.topic_id].deleted_at
        if gone and not self.guardian.staff:
            raise not_found()
        ensure(self.guardian.sees_post(post))
        return post

    def category(self, text: str) -> Category:
        """Return a category by its slug or id. Raises Refused 404."""
        number = int(text) if text.isdecimal() else 0
        by_slug = (one for one in self.forum.categories.values() if one.slug == text)
        category = next(by_slug, self.forum.categories.get(number))
        if category is None:
            raise not_found()
        return category

    def redirect(self, path: str) -> Answer:
        """Return 301 to a path of the forum. The body is HTML although JSON was asked for (Rails ``redirect_to``)."""
        url = self.root + path
        text = f'<html><body>You are being <a href="{url}">redirected</a>.</body></html>'
        return Answer.html(text, 301, {"Location": url})
