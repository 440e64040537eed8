"""Read, diff, record: the publish path in one place."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum

import attrs
from django.conf import settings
from django.db.models import F, Q
from django.utils.translation import gettext as _

from course_sync_plugin import leases, toggles
from course_sync_plugin.cleaning import cleaned
from course_sync_plugin.data import Operation, Structure
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.exceptions import CourseNotFound, CourseSyncError, SourceError
from course_sync_plugin.held import hold, must_be_held
from course_sync_plugin.keys import org_of
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import Course, Marker, RunKind, digest_of
from course_sync_plugin.record import Finding, forget, move_on, put_markers_off, record
from course_sync_plugin.sources import get_source
from course_sync_plugin.stored import baselined, stored_rows, stored_structure
from course_sync_plugin.structure.digest import digest, field_digests, structure_digest
from course_sync_plugin.structure.retain import retain_unreadable
from course_sync_plugin.structure.source import Source

log = get_logger(__name__)

#: Seconds before a course that could not be read is tried again: doubled each time, at most an hour.
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
    """What one sync of one course came to. ``error`` is the sentence for people where it was unreadable."""

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
) -> SyncResult:
    """Bring what is recorded of a course in line with what is published now.

    One version comparison where nothing was published since (three queries of ours and no lock). Never raises for a
    course that cannot be read: that is written down and tried again later. ``reread``: read it although its version is
    the one recorded; what could not be read then may be readable now, an XBlock installed since for example.
    Call it outside a transaction: it commits what it records before it deletes the markers that it has read.
    ``begun`` is told of the sync, for a process that must give it up.
    """
    if toggles.is_stopped():
        return SyncResult(course_key, Outcome.STOPPED)
    if toggles.is_excluded(course_key):
        return SyncResult(course_key, Outcome.EXCLUDED)
    sync = CourseSync(course_key, source or get_source(), reread=reread)
    begun(sync)
    return sync.run()


@attrs.frozen
class Reading:
    """What was read of a course, with the digests by which it is compared: of each entity's fields, and of it all."""

    structure: Structure
    digests: dict[str, str]
    whole: str

    @classmethod
    def of(cls, structure: Structure) -> Reading:
        """Return a structure with its digests."""
        digests = field_digests(structure)
        return cls(structure, digests, structure_digest(structure, digests))


class CourseSync:
    """One sync of one course."""

    def __init__(self, course_key: str, source: Source, *, reread: bool = False):
        self.course_key = course_key
        self.source = source
        self.reread = reread
        self.token = ""
        self.began = time.monotonic()
        self.course, self.marker_ids = self._look()

    def run(self) -> SyncResult:
        """Sync, or find that there is nothing to do. A course that cannot be read is put off, whatever the reason."""
        result = self._run_or_put_off()
        self._log(result)
        return result

    def _run_or_put_off(self) -> SyncResult:
        try:
            version = self.source.published_version(self.course_key) or ""
            if self._is_known(version) and not self.reread:
                return self._end_unread(version)
            return self._read_and_record()
        except leases.LeaseLost:
            log.warning(
                "course_sync: course %s: the lease was lost after %.0f s, so what was read is thrown away. The read "
                "took longer than COURSE_SYNC_READ_SECONDS, or the database was away, or this process stood still",
                self.course_key,
                time.monotonic() - self.began,
            )
            return SyncResult(self.course_key, Outcome.BUSY)
        except CourseSyncError as error:
            return self._put_off(error.message)
        except Exception as error:  # one bad course must not stop the rest
            log.exception("course_sync: course %s could not be synced", self.course_key)
            return self._put_off(cleaned(f"{type(error).__name__}: {error}"))

    def give_up(self) -> None:
        """Let go of the course, in another thread: this process is to end, and the next one may read it at once."""
        if self.token:
            Course.objects.filter(pk=self.course.pk, lease_token=self.token).update(lease_token="", lease_until=None)

    def plan(self) -> SyncResult:
        """Return what :meth:`run` would record now, and record nothing. Raises CourseSyncError, whatever the reason."""
        try:
            finding = self._find(self._read())
        except CourseSyncError:
            raise
        except Exception as error:  # as in a sync, one bad course must not stop the rest
            log.exception("course_sync: course %s could not be planned", self.course_key)
            raise SourceError(f"{type(error).__name__}: {error}") from error
        outcome = Outcome.HELD if must_be_held(self.course, finding) else Outcome.RECORDED
        return self._result(outcome if finding.operations else Outcome.UNCHANGED, finding)

    def _look(self) -> tuple[Course, list[int]]:
        """The course's row and the markers that are there now, in one query.

        Of a course that was never recorded there may be no row: nothing is written for one that does not exist.
        """
        key_digest = digest_of(self.course_key)
        rows = Course.objects.filter(key_digest=key_digest).select_related("held").annotate(marker_id=F("markers__pk"))
        if rows:
            return rows[0], [row.marker_id for row in rows if row.marker_id]
        course = Course(key=self.course_key, key_digest=key_digest, org=org_of(self.course_key))
        return course, list(Marker.objects.filter(course=key_digest).values_list("pk", flat=True))

    def _make_row(self) -> None:
        """Write the course's row down, if nobody did it meanwhile."""
        if self.course.pk is None:
            values = {"key": self.course.key, "org": self.course.org}
            self.course = Course.objects.get_or_create(key_digest=self.course.key_digest, defaults=values)[0]

    def _is_known(self, version: str) -> bool:
        """Tell whether this version is the one recorded, or the one that waits for an operator's word."""
        held = getattr(self.course, "held", None)
        if held and held.published_version == version:
            return not held.approved
        return version == self.course.published_version and not held

    def _end_unread(self, version: str) -> SyncResult:
        if self.course.last_error:  # what could not be read is not published any more
            Course.objects.filter(pk=self.course.pk).update(attempts=0, last_error="")
        forget(self.marker_ids)
        held = version != self.course.published_version
        return SyncResult(self.course_key, Outcome.HELD if held else Outcome.UNCHANGED, version)

    def _read_and_record(self) -> SyncResult:
        self._make_row()
        seen = Course.objects.filter(pk=self.course.pk, structure_digest=self.course.structure_digest)
        self.token = leases.claim(seen) or ""
        if not self.token:
            return SyncResult(self.course_key, Outcome.BUSY)
        with leases.kept(self.course, self.token, settings.COURSE_SYNC_READ_SECONDS, self._put_off_overdue):
            reading = self._read()
        leases.replace_cut_connection()  # it may have been cut while the source was read
        if reading.whole == self.course.structure_digest:
            version = reading.structure.published_version
            move_on(self.course, self.token, version, self.marker_ids)
            return SyncResult(self.course_key, Outcome.UNCHANGED, version, warnings=reading.structure.warnings)
        finding = self._find(reading)
        if must_be_held(self.course, finding):
            hold(self.course, self.token, finding, self.marker_ids)
            return self._result(Outcome.HELD, finding)
        record(self.course, self.token, finding, self.marker_ids, time.monotonic() - self.began)
        return self._result(Outcome.RECORDED if finding.operations else Outcome.UNCHANGED, finding)

    def _read(self) -> Reading:
        """The published structure; empty where the course is gone."""
        try:
            return Reading.of(self.source.read(self.course_key))
        except CourseNotFound:
            return Reading.of(Structure.empty(self.course_key))

    def _find(self, reading: Reading) -> Finding:
        """Compare what was read with what is recorded."""
        new, digests = reading.structure, reading.digests
        rows = stored_rows(self.course, new, digests) if self.course.pk else {}
        old = stored_structure(self.course, rows)
        if new.unreadable:
            new = retain_unreadable(old, new)
            digests = {key: digests.get(key) or digest(one.fields) for key, one in new.entities.items()}
        operations = diff(baselined(old, new, self.course.field_set_version), new)
        return Finding(_kind(new, old), new, rows, digests, reading.whole, operations)

    def _put_off_overdue(self) -> None:
        """In another thread: the read hangs, and whatever it brings comes too late."""
        error = _("It was not read within {seconds:g} s (COURSE_SYNC_READ_SECONDS).")
        self._log(self._put_off(error.format(seconds=settings.COURSE_SYNC_READ_SECONDS)))

    def _put_off(self, error: str) -> SyncResult:
        """Nothing was recorded. The markers that were read stay and are looked at later; a new one is not held back."""
        leases.replace_cut_connection()
        self._make_row()
        wait = min(FIRST_RETRY_SECONDS * 2**self.course.attempts, LONGEST_RETRY_SECONDS)
        mine = Q(lease_token=self.token) if self.token else leases.free()
        rows = Course.objects.filter(mine, pk=self.course.pk)
        if rows.update(attempts=F("attempts") + 1, last_error=error, lease_token="", lease_until=None):
            put_markers_off(self.marker_ids, wait)
        return SyncResult(self.course_key, Outcome.UNREADABLE, error=error)

    def _result(self, outcome: Outcome, finding: Finding) -> SyncResult:
        new = finding.new
        operations, incomplete = tuple(finding.operations), bool(new.unreadable)
        return SyncResult(self.course_key, outcome, new.published_version, operations, incomplete, new.warnings)

    def _log(self, result: SyncResult) -> None:
        """One line per sync that had something to read; a warning where somebody should look."""
        has_read = bool(self.token)
        is_odd = result.incomplete or result.warnings or result.outcome is Outcome.HELD
        somebody = result.error or (has_read and is_odd)
        counts = Counter(operation.operation for operation in result.operations)
        log.log(
            logging.WARNING if somebody else logging.INFO if has_read else logging.DEBUG,
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


def _kind(new: Structure, old: Structure) -> RunKind:
    """A course that was deleted and made again begins anew: its run is a snapshot, whatever a target kept of it."""
    if not new.entities:
        return RunKind.DELETION
    return RunKind.CHANGES if old.entities else RunKind.INITIAL
