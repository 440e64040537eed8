"""The subcommands of ``manage.py course_sync``, in the order in which its help lists them."""

from course_sync_plugin.management.subcommands.actions import ACTIONS
from course_sync_plugin.management.subcommands.backfill import BACKFILL
from course_sync_plugin.management.subcommands.check import CHECK
from course_sync_plugin.management.subcommands.confirm_site import CONFIRM_SITE
from course_sync_plugin.management.subcommands.decisions import ACCEPT, CONFLICTS, POLL, PROPOSALS, REJECT, RESOLVE
from course_sync_plugin.management.subcommands.discussions import FORGET_PERSON, MIRROR
from course_sync_plugin.management.subcommands.drift import DRIFT
from course_sync_plugin.management.subcommands.errors import ERRORS
from course_sync_plugin.management.subcommands.exclude_include import EXCLUDE, INCLUDE
from course_sync_plugin.management.subcommands.export_import import EXPORT, IMPORT
from course_sync_plugin.management.subcommands.jobs import JOBS, STOP_JOB
from course_sync_plugin.management.subcommands.links import LINK, LINKS, UNLINK
from course_sync_plugin.management.subcommands.notify import NOTIFY
from course_sync_plugin.management.subcommands.pause_resume import PAUSE, RESUME
from course_sync_plugin.management.subcommands.problems import PROBLEMS
from course_sync_plugin.management.subcommands.prune import PRUNE
from course_sync_plugin.management.subcommands.raise_course import RAISE
from course_sync_plugin.management.subcommands.remove_target import REMOVE_TARGET
from course_sync_plugin.management.subcommands.reset import RESET
from course_sync_plugin.management.subcommands.retry_skip import RETRY, SKIP
from course_sync_plugin.management.subcommands.run import DELIVER, RUN, SWEEP
from course_sync_plugin.management.subcommands.status import STATUS
from course_sync_plugin.management.subcommands.sync import APPROVE, SYNC
from course_sync_plugin.management.subcommands.targets import (
    ADD_TARGET,
    ROTATE_SECRET,
    SET_CONTEXT,
    SET_TOKEN,
    SET_URL,
    TARGETS,
    TEST,
)

SUBCOMMANDS = (
    RUN,
    SYNC,
    BACKFILL,
    APPROVE,
    DELIVER,
    SWEEP,
    STATUS,
    PROBLEMS,
    ERRORS,
    ADD_TARGET,
    TARGETS,
    TEST,
    SET_URL,
    SET_TOKEN,
    SET_CONTEXT,
    LINK,
    UNLINK,
    LINKS,
    POLL,
    CONFLICTS,
    RESOLVE,
    PROPOSALS,
    ACCEPT,
    REJECT,
    MIRROR,
    FORGET_PERSON,
    PAUSE,
    RESUME,
    RAISE,
    RETRY,
    SKIP,
    RESET,
    CHECK,
    EXCLUDE,
    INCLUDE,
    ROTATE_SECRET,
    CONFIRM_SITE,
    REMOVE_TARGET,
    ACTIONS,
    JOBS,
    STOP_JOB,
    EXPORT,
    IMPORT,
    PRUNE,
    DRIFT,
    NOTIFY,
)
