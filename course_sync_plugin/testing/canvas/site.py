"""The state of the fake: users, tokens, courses, and who is told of a change."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import attrs

from course_sync_plugin.testing.canvas.behaviour import Behaviour
from course_sync_plugin.testing.canvas.clock import Clock
from course_sync_plugin.testing.canvas.objects import Course, User

#: The greatest whole number that a program with floating point numbers keeps exactly.
EXACT = 2**53

TokenState = Literal["valid", "expired", "revoked"]


@attrs.define
class Token:
    """An access token of a user."""

    user: User
    state: TokenState = "valid"


@attrs.frozen
class Change:
    """Something that happened. ``name``: that of the Live Event. ``by_api``: not in the web interface."""

    name: str
    user: User
    by_api: bool
    course: Course
    body: dict[str, Any]
    at: datetime


class Site:
    """The users, tokens and courses of a Canvas installation. ``root``: its URL, without a slash at the end.

    ``first_id``: the id of the first object; each object gets the next one. Ids are unique in the whole fake, so a
    client that mixes up two kinds of ids finds nothing.
    """

    def __init__(self, root: str, first_id: int = 1):
        self.root = root
        self.behaviour = Behaviour()
        self.clock = Clock()
        self.users: dict[int, User] = {}
        self.tokens: dict[str, Token] = {}
        self.courses: dict[int, Course] = {}
        self.listeners: list[Callable[[Change], None]] = []
        self._next_id = first_id

    def new_id(self) -> int:
        """Return an id that no object has."""
        self._next_id += 1
        return self._next_id - 1

    def add_user(self, name: str, *, sis: bool = False) -> User:
        """Add a user who has no course yet."""
        user = User(id=self.new_id(), name=name, sis=sis)
        self.users[user.id] = user
        return user

    def add_token(self, user: User) -> str:
        """Return a new access token of a user."""
        token = f"{user.id}~{secrets.token_hex(32)}"
        self.tokens[token] = Token(user)
        return token

    def add_course(self, name: str, code: str) -> Course:
        """Add a published course without users."""
        now = self.clock.now()
        course = Course(
            id=self.new_id(), name=name, course_code=code, uuid=secrets.token_hex(20), created_at=now, updated_at=now
        )
        self.courses[course.id] = course
        return course

    def tell(self, change: Change) -> None:
        """Tell every listener of a change."""
        for listener in self.listeners:
            listener(change)
