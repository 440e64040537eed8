"""One module per table family: courses and entities, journal, targets, lanes, catalog."""

from course_sync_plugin.models.catalog import (
    CatalogProgress,
    CatalogRecord,
    CatalogRun,
    CatalogSyncConfiguration,
)
from course_sync_plugin.models.clock import DatabaseNow
from course_sync_plugin.models.courses import Course, Entity, HeldRun, Marker, digest_of
from course_sync_plugin.models.journal import JournalOperation, Run, RunKind
from course_sync_plugin.models.lanes import OPEN_STATES, Envelope, Lane, Problem, ProblemState
from course_sync_plugin.models.targets import CourseContext, Subscription, Target

__all__ = [
    "OPEN_STATES",
    "CatalogProgress",
    "CatalogRecord",
    "CatalogRun",
    "CatalogSyncConfiguration",
    "Course",
    "CourseContext",
    "DatabaseNow",
    "Entity",
    "Envelope",
    "HeldRun",
    "JournalOperation",
    "Lane",
    "Marker",
    "Problem",
    "ProblemState",
    "Run",
    "RunKind",
    "Subscription",
    "Target",
    "digest_of",
]
