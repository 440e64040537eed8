"""Users in the answers of the fake forum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from course_sync_plugin.testing.discourse.forum.records import User


def basic_user(user: User) -> dict[str, Any]:
    """Return a user as in lists (discourse, ``BasicUserSerializer``; API documentation, ``users``)."""
    return {"id": user.id, "username": user.username, "name": user.name, "avatar_template": avatar(user)}


def basic_users(users: Iterable[User]) -> list[dict[str, Any]]:
    """Return each of the users once."""
    return [basic_user(user) for user in sorted(set(users), key=lambda user: user.id)]


def avatar(user: User) -> str:
    """Return the path of a user's picture."""
    return f"/letter_avatar_proxy/v4/letter/{user.username[:1].lower()}/3be4f8/{{size}}.png"
