"""Syncs one course because an operator wants it, and records who wanted it with the run."""

from __future__ import annotations

from course_sync_plugin.models import Run
from course_sync_plugin.sync.course import SyncResult, sync_course
from course_sync_plugin.upkeep.audit import record


def sync_now(course_key: str, action: str, *, reread: bool = False) -> SyncResult:
    """Sync a course, and record the operator's ``action`` in the transaction of the run. Without a run nothing is.

    ``reread``: read the course although its version is already recorded.
    """

    def note(run: Run) -> None:
        changed = {"operations": run.operations_count, "published_version": run.published_version}
        record(action, course=course_key, changed=changed)

    return sync_course(course_key, reread=reread, recorded=note)
