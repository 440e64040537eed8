"""Finds the writer of this host, and the user who is recorded as the author of what is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.sanitize.text import short_repr
from course_sync_plugin.structure.dotted_path import class_named
from course_sync_plugin.structure.writer import CourseWriter


def get_writer() -> CourseWriter:
    """Return the writer that COURSE_SYNC_WRITER names. Raises ConfigurationError if there is none by that name."""
    return writer_class(settings.COURSE_SYNC_WRITER)()


def writer_class(path: Any) -> Callable[[], CourseWriter]:
    """Return the class of a writer by its dotted path. Raises ConfigurationError as :func:`class_named` does."""
    found: Callable[[], CourseWriter] = class_named("COURSE_SYNC_WRITER", path)
    return found


def author_id(user: str) -> int:
    """Return the id of the user with this name.

    Raises ConfigurationError if the name is empty or there is no such user. The database may ignore case when it
    compares; user names do not, so the name is compared again.
    """
    if not user:
        raise ConfigurationError(
            "Nothing is written back into Open edX: no user is configured. Set COURSE_SYNC_WRITE_BACK_USER to the name "
            "of the user who shall be the author of the changes."
        )
    users = get_user_model()._default_manager.filter(username=user if user.isprintable() else "")
    found = next((key for name, key in users.values_list("username", "pk") if name == user), None)
    if found is None:
        raise ConfigurationError(
            f"There is no user {short_repr(user)} to write changes back with. Create the user, or set "
            "COURSE_SYNC_WRITE_BACK_USER to the name of one that exists."
        )
    return int(found)
