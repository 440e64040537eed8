"""One base error. Who must act decides the class; each has a message for people and context for logs.

``context`` may hold target, course, entity, operation, attempt and status. Never a secret, never a payload.
Messages are clean (:mod:`course_sync_plugin.cleaning`): they repeat what others wrote, and are printed and stored.
"""

from __future__ import annotations

from typing import Any

from course_sync_plugin.cleaning import cleaned


class CourseSyncError(Exception):
    """Something course_sync_plugin could not do."""

    def __init__(self, message: str = "", **context: Any):
        super().__init__(cleaned(message or self.__doc__ or ""))
        self.context = context

    @property
    def message(self) -> str:
        """Return the sentence for people."""
        return str(self.args[0])


class TransientError(CourseSyncError):
    """No answer this time; nobody has to act, it is tried again."""


class RateLimited(TransientError):
    """The other side asked us to wait; no attempt is burnt."""

    def __init__(self, message: str = "", *, retry_after: float, **context: Any):
        super().__init__(message, **context)
        #: Seconds to wait, as told.
        self.retry_after = retry_after


class ConfigurationError(CourseSyncError):
    """The operator must act: a setting, a secret or an address is wrong."""


class PermanentError(CourseSyncError):
    """Someone must look at this entity: it was refused for good."""


class TargetGone(CourseSyncError):
    """The receiver says that it is gone for good (HTTP 410): the target is disabled."""


class SourceError(CourseSyncError):
    """A course could not be read; nothing was synced and nothing is lost."""


class CourseNotFound(SourceError):
    """There is no such published course in the source."""


class InvalidCourse(SourceError):
    """A course holds something that cannot be read; the message names the file and the line, or the block."""


class UnknownName(ConfigurationError):
    """A name is not registered; the message says what was probably meant."""
