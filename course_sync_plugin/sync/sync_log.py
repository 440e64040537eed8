"""Keeps how each sync went that recorded, held or failed: its steps, its counts, and why it failed."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from django.db import Error, transaction
from edx_django_utils.monitoring import function_trace

from course_sync_plugin.data import Operation
from course_sync_plugin.exceptions import CourseSyncError, class_name
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import Course, DatabaseNow, SyncLog

log = get_logger(__name__)

#: The most characters of a stack and of an error that are stored.
STACK_CHARACTERS, ERROR_CHARACTERS = 8000, 2000

#: The most characters of the message of one exception in a stack, and the parts of a path that name a module.
_MESSAGE_CHARACTERS, _PATH_PARTS = 300, 3


@attrs.define
class Steps:
    """The steps of one sync with their seconds, in their order. A step that fails is the last one."""

    began: float = attrs.field(factory=time.monotonic)
    _steps: list[tuple[str, float, float | None]] = attrs.field(factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a step. The monitoring of the host shows it as a span."""
        began = time.monotonic()
        self._steps.append((name, began, None))
        at = len(self._steps) - 1
        try:
            with function_trace(f"course_sync.sync.{name.replace(' ', '_')}"):
                yield
        finally:
            self._steps[at] = (name, began, time.monotonic())

    @property
    def seconds(self) -> float:
        """Return the seconds since the sync began."""
        return time.monotonic() - self.began

    def as_list(self) -> list[dict[str, Any]]:
        """Return the steps as they are stored. A step that is not over has the seconds until now."""
        now = time.monotonic()
        return [{"step": name, "seconds": round((ended or now) - began, 4)} for name, began, ended in self._steps]


def write_log(
    course: Course,
    steps: Steps,
    outcome: str,
    published_version: str,
    operations: Sequence[Operation],
    run_id: int | None = None,
    **state: Any,
) -> None:
    """Insert the row of a sync, in the caller's transaction. ``state``: what else is needed to understand it."""
    _row(course, steps, outcome, published_version, state, run_id=run_id, counts=_counts(operations)).save()


def write_failure(
    course: Course,
    steps: Steps,
    outcome: str,
    published_version: str,
    error: str,
    exception: BaseException,
    **state: Any,
) -> None:
    """Insert the row of a sync that failed, in a transaction of its own: the failed one is rolled back already.

    An error of the database is logged and not raised: the failure itself is already stored with the course.
    """
    failure = {"error_class": class_of(exception)[:64], "error": error[:ERROR_CHARACTERS], "stack": stack_of(exception)}
    row = _row(course, steps, outcome, published_version, state, **failure)
    try:
        with transaction.atomic():
            row.save()
    except Error as failed:
        log.warning("course_sync: course %s: its failure was not kept (%s)", course, type(failed).__name__)


def class_of(exception: BaseException) -> str:
    """Return the name of an exception's class; for an error of this package the class that says who must act."""
    return class_name(exception) if isinstance(exception, CourseSyncError) else type(exception).__name__


def stack_of(exception: BaseException) -> str:
    """Return the stack of an exception and of its causes, on one line, without local variables and source lines.

    Each part is ``module.py:12 in function``. The deepest calls come last. If it is too long, its middle is left out.
    """
    stack = " | ".join(_parts(exception))
    half = STACK_CHARACTERS // 2 - 3
    return stack if len(stack) <= STACK_CHARACTERS else f"{stack[:half]} … {stack[-half:]}"


def _parts(exception: BaseException) -> Iterator[str]:
    whole = traceback.TracebackException.from_exception(exception, capture_locals=False, lookup_lines=False)
    chain = [whole]
    while cause := chain[-1].__cause__ or (None if chain[-1].__suppress_context__ else chain[-1].__context__):
        chain.append(cause)
    for one in reversed(chain):
        for frame in one.stack:
            yield f"{'/'.join(Path(frame.filename).parts[-_PATH_PARTS:])}:{frame.lineno} in {frame.name}"
        yield "".join(one.format_exception_only()).strip()[:_MESSAGE_CHARACTERS]


def _row(course: Course, steps: Steps, outcome: str, version: str, state: dict[str, Any], **values: Any) -> SyncLog:
    return SyncLog(
        course_id=course.pk,
        course_key=course.key,
        began_at=DatabaseNow(-steps.seconds),
        seconds=steps.seconds,
        outcome=outcome,
        published_version=version,
        steps=steps.as_list(),
        state=state,
        **values,
    )


def _counts(operations: Sequence[Operation]) -> dict[str, int]:
    return dict(Counter(operation.operation for operation in operations))
