"""What a host says about the roles of a user."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import attrs


@attrs.frozen
class Role:
    """A role of a user in an organisation, or in a single course of it.

    ``course_key``: empty for all courses of the organisation. ``may_act``: False if the user may only see.
    """

    org: str
    course_key: str = ""
    may_act: bool = False


class Roles(Protocol):
    """Reads the roles of users in organisations and courses. COURSE_SYNC_ROLES names the class of the host."""

    def of(self, user: Any) -> Iterable[Role]:
        """Return the roles of a user who is signed in."""
