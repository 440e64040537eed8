"""The errors of this package. The class of an error says who must act.

Each error has a message for people and a context for logs. ``context`` may hold target, course, entity, operation,
attempt and status, but never a secret or a payload. Messages are cleaned (:mod:`course_sync_plugin.sanitize.text`),
because they repeat text of other systems and are printed and stored.
"""

from __future__ import annotations

from typing import Any

from course_sync_plugin.data import Exchange
from course_sync_plugin.sanitize.text import cleaned


class CourseSyncError(Exception):
    """Something course_sync_plugin could not do."""

    def __init__(self, message: str = "", **context: Any):
        super().__init__(cleaned(message or self.__doc__ or ""))
        self.context = context
        #: What is stored of the other system's answer, if there was one. It decides nothing.
        self.exchange: Exchange | None = None

    @property
    def message(self) -> str:
        """Return the sentence for people."""
        return str(self.args[0])


class TransientError(CourseSyncError):
    """There was no answer this time. No action is needed: it is tried again."""


class RateLimited(TransientError):
    """The other system asked us to wait. This does not count as an attempt."""

    def __init__(self, message: str = "", *, retry_after: float, **context: Any):
        super().__init__(message, **context)
        #: Seconds to wait, as the other system said.
        self.retry_after = retry_after


class Interrupted(TransientError):
    """We stop by ourselves: the process is ending, or we wait for something. It is no failure of the other system.

    What is left is sent in a later turn, after ``retry_after`` seconds. No attempt is used up.
    """

    def __init__(self, message: str = "", *, retry_after: float = 0, **context: Any):
        super().__init__(message, **context)
        self.retry_after = retry_after


class ConfigurationError(CourseSyncError):
    """The operator must act: a setting, a secret or an address is wrong."""


class PermanentError(CourseSyncError):
    """The operator must look at this entity: it was refused permanently."""


class TargetGone(CourseSyncError):
    """The receiver says that it is gone permanently (HTTP 410): the target is disabled."""


class SourceError(CourseSyncError):
    """A course could not be read; nothing was synced and nothing is lost."""


class CourseNotFound(SourceError):
    """The source has no such published course."""


class InvalidCourse(SourceError):
    """A course holds something that cannot be read; the message names the file and the line, or the block."""


class UnknownName(ConfigurationError):
    """A name is not known; the message suggests a similar name, or lists the known ones."""


def class_name(error: CourseSyncError) -> str:
    """Return the name of the error's class. For a class of another package it is the nearest class of this module."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == __name__)
