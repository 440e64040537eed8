"""The table of checks. To add one, write a function that finds it and one that mends it, and add a row here."""

from __future__ import annotations

from course_sync_plugin.upkeep.check.courses import COURSE_CHECKS
from course_sync_plugin.upkeep.check.cursors import CURSOR_CHECKS
from course_sync_plugin.upkeep.check.entities import DEEP_CHECKS
from course_sync_plugin.upkeep.check.envelopes import ENVELOPE_CHECKS
from course_sync_plugin.upkeep.check.finding import Check
from course_sync_plugin.upkeep.check.journal import JOURNAL_CHECKS
from course_sync_plugin.upkeep.check.lanes import LANE_CHECKS
from course_sync_plugin.upkeep.check.problems import PROBLEM_CHECKS

#: The checks that only look at the tables, in the order in which their repairs are made: what later ones build on
#: comes first.
CHECKS: tuple[Check, ...] = (
    *JOURNAL_CHECKS,
    *COURSE_CHECKS,
    *LANE_CHECKS[:3],  # an orphan, a missing lane, a lease
    *CURSOR_CHECKS,
    *ENVELOPE_CHECKS,
    *PROBLEM_CHECKS,
    *LANE_CHECKS[3:],  # a lane that is not due: the repairs above make lanes due
)

#: The checks that read every field of the recorded entities, or the published courses.
DEEP: tuple[Check, ...] = DEEP_CHECKS
