"""The models, one module per group of tables (courses, journal, targets, lanes, attempts, catalog, …), and leases."""

from course_sync_plugin.models.activity import Activity
from course_sync_plugin.models.attempts import Attempt
from course_sync_plugin.models.catalog import (
    CatalogProgress,
    CatalogRecord,
    CatalogRun,
    CatalogSyncConfiguration,
)
from course_sync_plugin.models.clock import DatabaseNow
from course_sync_plugin.models.control import Exclusion, OperatorAction
from course_sync_plugin.models.courses import Course, Entity, HeldRun, Marker, digest_of
from course_sync_plugin.models.discussions import DiscussionMirror, Mirrored, MirroredPost, MirroredTopic
from course_sync_plugin.models.error_notes import ErrorCause, ErrorCauseState, ErrorStep
from course_sync_plugin.models.inbound import InboundEvent, InboundKeys
from course_sync_plugin.models.jobs import GOING, Job, JobState
from course_sync_plugin.models.journal import JournalOperation, Run, RunKind
from course_sync_plugin.models.lanes import (
    EXCLUDED_STATES,
    LINK,
    MISPLACED_STATES,
    NO_ATTEMPTS,
    OPEN_STATES,
    UNDONE_STATES,
    Envelope,
    Lane,
    Problem,
    ProblemState,
)
from course_sync_plugin.models.ledger import (
    Conflict,
    ConflictState,
    FormerReplica,
    Intent,
    LedgerEntity,
    LedgerReplica,
    LedgerTree,
    Link,
    Proposal,
    ProposalState,
    RateBudget,
    Seed,
)
from course_sync_plugin.models.local import (
    LocalComponent,
    LocalCourse,
    LocalEntity,
    LocalReplica,
    LocalSection,
    LocalSubsection,
    LocalTable,
    LocalUnit,
    entity_digest,
)
from course_sync_plugin.models.notifications import (
    ChannelKind,
    Notice,
    NotificationChannel,
    NotificationEvent,
    NotificationRule,
)
from course_sync_plugin.models.summaries import DailySummary
from course_sync_plugin.models.sync_log import SyncLog
from course_sync_plugin.models.targets import CourseContext, Subscription, Target

__all__ = [
    "EXCLUDED_STATES",
    "GOING",
    "LINK",
    "MISPLACED_STATES",
    "NO_ATTEMPTS",
    "OPEN_STATES",
    "UNDONE_STATES",
    "Activity",
    "Attempt",
    "CatalogProgress",
    "CatalogRecord",
    "CatalogRun",
    "CatalogSyncConfiguration",
    "ChannelKind",
    "Conflict",
    "ConflictState",
    "Course",
    "CourseContext",
    "DailySummary",
    "DatabaseNow",
    "DiscussionMirror",
    "Entity",
    "Envelope",
    "ErrorCause",
    "ErrorCauseState",
    "ErrorStep",
    "Exclusion",
    "FormerReplica",
    "HeldRun",
    "InboundEvent",
    "InboundKeys",
    "Intent",
    "Job",
    "JobState",
    "JournalOperation",
    "Lane",
    "LedgerEntity",
    "LedgerReplica",
    "LedgerTree",
    "Link",
    "LocalComponent",
    "LocalCourse",
    "LocalEntity",
    "LocalReplica",
    "LocalSection",
    "LocalSubsection",
    "LocalTable",
    "LocalUnit",
    "Marker",
    "Mirrored",
    "MirroredPost",
    "MirroredTopic",
    "Notice",
    "NotificationChannel",
    "NotificationEvent",
    "NotificationRule",
    "OperatorAction",
    "Problem",
    "ProblemState",
    "Proposal",
    "ProposalState",
    "RateBudget",
    "Run",
    "RunKind",
    "Seed",
    "Subscription",
    "SyncLog",
    "Target",
    "digest_of",
    "entity_digest",
]
