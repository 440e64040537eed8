"""Syncs one course: reads the published structure, compares it with the recorded one and records the difference."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum
from functools import partial

import attrs
from django.conf import settings
from django.db.models import F, Q
from django.utils.translation import gettext as _

from course_sync_plugin import toggles
from course_sync_plugin.data import Operation, Structure
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.exceptions import CourseNotFound, CourseSyncError, SourceError
from course_sync_plugin.journal.entities import baselined, stored_rows, stored_structure
from course_sync_plugin.keys import org_of
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import Course, DatabaseNow, Marker, Run, RunKind, digest_of, leases
from course_sync_plugin.sanitize.text import cleaned
from course_sync_plugin.structure.base import Source
from course_sync_plugin.structure.digest import digest, field_digests, structure_digest
from course_sync_plugin.structure.retain import retain_unreadable
from course_sync_plugin.structure.sources import get_source
from course_sync_plugin.sync.mass_deletion import hold, must_be_held
from course_sync_plugin.sync.record import Finding, delete_markers, postpone_markers, record, record_unchanged
from course_sync_plugin.sync.sync_log import Steps, write_failure, write_log

log = get_logger(__name__)

#: Seconds until the sync tries again to read a course that it could not read: doubled each time, at most an hour.
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 10, 3600


class Outcome(str, Enum):
    """How a sync ended."""

    UNCHANGED = "unchanged"
    RECORDED = "recorded"
    HELD = "held"
    BUSY = "busy"
    STOPPED = "stopped"
    EXCLUDED = "excluded"
    UNREADABLE = "unreadable"


@attrs.frozen
class SyncResult:
    """The result of one sync of one course. ``error``: why the course was unreadable, as a sentence for people."""

    course_key: str
    outcome: Outcome
    published_version: str = ""
    operations: tuple[Operation, ...] = ()
    incomplete: bool = False
    warnings: tuple[str, ...] = ()
    error: str = ""


def sync_course(
    course_key: str,
    source: Source | None = None,
    *,
    reread: bool = False,
    begun: Callable[[CourseSync], object] = lambda sync: None,
    recorded: Callable[[Run], object] = lambda run: None,
) -> SyncResult:
    """Record what changed in a course since the last sync.

    If nothing was published since then, the sync only compares two versions (three queries of ours, no lock). A course
    that cannot be read raises nothing: the sync stores the error and tries again later. ``reread``: read the course
    although its version is already recorded. A block that could not be read before may be readable now, for example
    because its XBlock was installed. Call this function outside a transaction: it commits the run before it deletes the
    markers that it has read. ``begun`` is called with the sync, so that a process that has to stop can give it up.
    ``recorded`` is called with the run, in the transaction that records it.
    """
    if toggles.is_stopped():
        return SyncResult(course_key, Outcome.STOPPED)
    if toggles.is_excluded(course_key):
        return SyncResult(course_key, Outcome.EXCLUDED)
    sync = CourseSync(course_key, source or get_source(), reread=reread, recorded=recorded)
    begun(sync)
    return sync.run()


@attrs.frozen
class Reading:
    """A structure that was read, with the digests that the sync compares.

    ``digests``: the digest of each entity's fields, by entity id. ``whole``: the digest of the whole structure.
    """

    structure: Structure
    digests: dict[str, str]
    whole: str

    @classmethod
    def of(cls, structure: Structure) -> Reading:
        """Return a reading of ``structure``, with its digests computed."""
        digests = field_digests(structure)
        return cls(structure, digests, structure_digest(structure, digests))


class CourseSync:
    """One sync of one course."""

    def __init__(
        self,
        course_key: str,
        source: Source,
        *,
        reread: bool = False,
        recorded: Callable[[Run], object] = lambda run: None,
    ):
        self.course_key = course_key
        self.recorded = recorded
        self.source = source
        self.reread = reread
        self.token = ""
        self.steps = Steps()
        self.began = self.steps.began
        self.version = ""
        self.course, self.marker_ids = self._load_course_and_markers()

    def run(self) -> SyncResult:
        """Sync the course, or find that nothing has changed. If the course cannot be read, postpone it."""
        result = self._run_or_postpone()
        self._log(result)
        return result

    def _run_or_postpone(self) -> SyncResult:
        try:
            with self.steps.step("compare versions"):
                version = self.version = self.source.published_version(self.course_key) or ""
            if self._is_recorded_or_held(version) and not self.reread:
                return self._finish_without_reading(version)
            return self._read_and_record()
        except leases.LeaseLost:
            log.warning(
                "course_sync: course %s: the lease was lost after %.0f s, so the sync discards what it has read. "
                "Possible causes: the read took longer than COURSE_SYNC_READ_SECONDS, the database did not answer, or "
                "this process was suspended",
                self.course_key,
                time.monotonic() - self.began,
            )
            return SyncResult(self.course_key, Outcome.BUSY)
        except CourseSyncError as error:
            return self._postpone(error.message, error)
        except Exception as error:  # one bad course must not stop the sync of the others
            log.exception("course_sync: course %s could not be synced", self.course_key)
            return self._postpone(cleaned(f"{type(error).__name__}: {error}"), error)

    def give_up(self) -> None:
        """Release the lease, because this process is about to end. Another process can then read the course at once.

        Another thread than that of the sync calls this method.
        """
        if self.token:
            Course.objects.filter(pk=self.course.pk, lease_token=self.token).update(lease_token="", lease_until=None)

    def plan(self) -> SyncResult:
        """Return what :meth:`run` would record now, without recording it. Raises CourseSyncError for every failure."""
        try:
            finding = self._compare(self._read())
        except CourseSyncError:
            raise
        except Exception as error:  # as in a sync, one bad course must not stop the rest
            log.exception("course_sync: course %s could not be planned", self.course_key)
            raise SourceError(f"{type(error).__name__}: {error}") from error
        outcome = Outcome.HELD if must_be_held(self.course, finding) else Outcome.RECORDED
        return self._result(outcome if finding.operations else Outcome.UNCHANGED, finding)

    def _load_course_and_markers(self) -> tuple[Course, list[int]]:
        """Return the course's row and the keys of its present markers, read in one query.

        A course that was never recorded may have no row. Then the returned row is not saved yet: nothing is written
        for a course that may not exist.
        """
        key_digest = digest_of(self.course_key)
        rows = Course.objects.filter(key_digest=key_digest).select_related("held").annotate(marker_id=F("markers__pk"))
        if rows:
            return rows[0], [row.marker_id for row in rows if row.marker_id]
        course = Course(key=self.course_key, key_digest=key_digest, org=org_of(self.course_key))
        return course, list(Marker.objects.filter(course_id=key_digest).values_list("pk", flat=True))

    def _ensure_row(self) -> None:
        """Save the course's row, unless another process has saved it meanwhile."""
        if self.course.pk is None:
            values = {"key": self.course.key, "org": self.course.org}
            self.course = Course.objects.get_or_create(key_digest=self.course.key_digest, defaults=values)[0]

    def _is_recorded_or_held(self, version: str) -> bool:
        """Tell whether this version is already recorded, or is held until an operator approves it."""
        if not self.course.structure_digest and self.course.published_version:
            return False  # 'check --repair' asks for a reading, because the recorded entities are not right
        held = getattr(self.course, "held", None)
        if held and held.published_version == version:
            return not held.approved
        return version == self.course.published_version and not held

    def _finish_without_reading(self, version: str) -> SyncResult:
        if self.course.last_error:  # the version that could not be read is not the published one any more
            Course.objects.filter(pk=self.course.pk).update(attempts=0, last_error="")
        delete_markers(self.marker_ids)
        held = version != self.course.published_version
        return SyncResult(self.course_key, Outcome.HELD if held else Outcome.UNCHANGED, version)

    def _read_and_record(self) -> SyncResult:
        self._ensure_row()
        seen = Course.objects.filter(pk=self.course.pk, structure_digest=self.course.structure_digest)
        self.token = leases.claim(seen) or ""
        if not self.token:
            return SyncResult(self.course_key, Outcome.BUSY)
        with (
            self.steps.step("read"),
            leases.renewed(self.course, self.token, settings.COURSE_SYNC_READ_SECONDS, self._postpone_overdue_read),
        ):
            reading = self._read()
        leases.replace_cut_connection()  # the server may have closed it during the read
        if reading.whole == self.course.structure_digest:
            version = reading.structure.published_version
            with self.steps.step("record"):
                record_unchanged(self.course, self.token, version, self.marker_ids)
            return SyncResult(self.course_key, Outcome.UNCHANGED, version, warnings=reading.structure.warnings)
        with self.steps.step("diff"):
            finding = self._compare(reading)
            is_held = must_be_held(self.course, finding)
        return self._hold(finding) if is_held else self._record(finding)

    def _hold(self, finding: Finding) -> SyncResult:
        with self.steps.step("hold"):
            keep = partial(self._keep, Outcome.HELD, finding)
            hold(self.course, self.token, finding, self.marker_ids, keep)
        return self._result(Outcome.HELD, finding)

    def _record(self, finding: Finding) -> SyncResult:
        def keep(run: Run) -> None:
            self._keep(Outcome.RECORDED, finding, run)
            self.recorded(run)

        with self.steps.step("record"):
            record(self.course, self.token, finding, self.marker_ids, self.steps.seconds, keep)
        return self._result(Outcome.RECORDED if finding.operations else Outcome.UNCHANGED, finding)

    def _keep(self, outcome: Outcome, finding: Finding, run: Run | None = None) -> None:
        """Write how the sync went, in the transaction that records or holds its finding."""
        new, run_id = finding.new, run.pk if run else None
        state = {"incomplete": bool(new.unreadable), "warnings": len(new.warnings), "markers": len(self.marker_ids)}
        write_log(self.course, self.steps, outcome.value, new.published_version, finding.operations, run_id, **state)

    def _keep_failure(self, error: str, exception: BaseException) -> None:
        """Write how the sync failed, with the state that is needed to understand it."""
        state = {
            "recorded_version": self.course.published_version,
            "attempts": self.course.attempts + 1,
            "markers": len(self.marker_ids),
            "lease": bool(self.token),
            "held": hasattr(self.course, "held"),
            "source": type(self.source).__name__,
            "reread": self.reread,
        }
        write_failure(self.course, self.steps, Outcome.UNREADABLE.value, self.version, error, exception, **state)

    def _read(self) -> Reading:
        """Return the published structure, or an empty one if the course does not exist any more."""
        try:
            return Reading.of(self.source.read(self.course_key))
        except CourseNotFound:
            return Reading.of(Structure.empty(self.course_key))

    def _compare(self, reading: Reading) -> Finding:
        """Compare the structure that was read with the recorded one."""
        new, digests = reading.structure, reading.digests
        rows = stored_rows(self.course, new, digests) if self.course.pk else {}
        old = stored_structure(self.course, rows)
        if new.unreadable:
            new = retain_unreadable(old, new)
            digests = {key: digests.get(key) or digest(one.fields) for key, one in new.entities.items()}
        operations = diff(baselined(old, new, self.course.field_set_version), new)
        return Finding(_run_kind(new, old), new, rows, digests, reading.whole, operations)

    def _postpone_overdue_read(self) -> None:
        """Postpone the course because its read hangs: a result comes too late. Another thread calls this method."""
        error = _("The course was not read within {seconds:g} s (COURSE_SYNC_READ_SECONDS).")
        self._log(self._postpone(error.format(seconds=settings.COURSE_SYNC_READ_SECONDS), TimeoutError()))

    def _postpone(self, error: str, exception: BaseException) -> SyncResult:
        """Store the error, release the lease and look at the markers that were read later. Nothing was recorded.

        A marker that was put since then is not postponed: it makes the course due as usual. ``lease_until`` keeps the
        time of the failure, for the order of a backfill: without a token the lease is free all the same.
        """
        leases.replace_cut_connection()
        self._ensure_row()
        wait = min(FIRST_RETRY_SECONDS * 2**self.course.attempts, LONGEST_RETRY_SECONDS)
        mine = Q(lease_token=self.token) if self.token else leases.free()
        rows = Course.objects.filter(mine, pk=self.course.pk)
        if rows.update(attempts=F("attempts") + 1, last_error=error, lease_token="", lease_until=DatabaseNow()):
            postpone_markers(self.marker_ids, wait)
        self._keep_failure(error, exception)
        return SyncResult(self.course_key, Outcome.UNREADABLE, error=error)

    def _result(self, outcome: Outcome, finding: Finding) -> SyncResult:
        new = finding.new
        operations, incomplete = tuple(finding.operations), bool(new.unreadable)
        return SyncResult(self.course_key, outcome, new.published_version, operations, incomplete, new.warnings)

    def _log(self, result: SyncResult) -> None:
        """Log one line for a sync that read the course; a warning if an operator should look at it."""
        has_read = bool(self.token)
        is_odd = result.incomplete or result.warnings or result.outcome is Outcome.HELD
        needs_attention = result.error or (has_read and is_odd)
        counts = Counter(operation.operation for operation in result.operations)
        log.log(
            logging.WARNING if needs_attention else logging.INFO if has_read else logging.DEBUG,
            "course_sync: course=%s outcome=%s version=%s create=%s move=%s update=%s delete=%s incomplete=%s"
            " warnings=%s error=%s seconds=%.2f",
            result.course_key,
            result.outcome.value,
            result.published_version or None,
            *(counts[name] for name in ("create", "move", "update", "delete")),
            result.incomplete,
            len(result.warnings),
            result.error or None,
            time.monotonic() - self.began,
        )


def _run_kind(new: Structure, old: Structure) -> RunKind:
    """Return the kind of a run.

    The first run of a course that was deleted and created again is a snapshot, even if a target kept the old course.
    """
    if not new.entities:
        return RunKind.DELETION
    return RunKind.CHANGES if old.entities else RunKind.INITIAL
