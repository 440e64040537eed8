"""The subcommands of ``manage.py course_sync``, by what they are about."""

from course_sync_plugin.management.subcommands.catalog import DRIFT
from course_sync_plugin.management.subcommands.mending import RETRY, SKIP
from course_sync_plugin.management.subcommands.running import DELIVER, RUN, SWEEP
from course_sync_plugin.management.subcommands.standing import STATUS
from course_sync_plugin.management.subcommands.syncing import APPROVE, BACKFILL, SYNC
from course_sync_plugin.management.subcommands.targets import (
    ADD_TARGET,
    PAUSE,
    REMOVE_TARGET,
    RESUME,
    ROTATE_SECRET,
    SET_CONTEXT,
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
    ADD_TARGET,
    TARGETS,
    TEST,
    SET_URL,
    SET_CONTEXT,
    PAUSE,
    RESUME,
    RETRY,
    SKIP,
    ROTATE_SECRET,
    REMOVE_TARGET,
    DRIFT,
)
