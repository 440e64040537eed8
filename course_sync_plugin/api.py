"""The public Python API (OEP-49). Tasks, commands and REST do through it whatever they do."""

from __future__ import annotations

from course_sync_plugin.catalog.about_link import about_page_url
from course_sync_plugin.catalog.absorb import Change as CatalogChange
from course_sync_plugin.catalog.check import check_catalog
from course_sync_plugin.catalog.drift import drift, notify_of_drift
from course_sync_plugin.catalog.options import OFF as CATALOG_OFF
from course_sync_plugin.catalog.options import Options as CatalogOptions
from course_sync_plugin.catalog.options import Result as CatalogResult
from course_sync_plugin.catalog.survival import note_created as note_overview_created
from course_sync_plugin.catalog.survival import restore as restore_catalog_columns
from course_sync_plugin.catalog.survival import restore_due as restore_due_catalog_columns
from course_sync_plugin.catalog.sync import update_catalog_data
from course_sync_plugin.due import marked_courses, sync_marked
from course_sync_plugin.lanes.claim import due_lane_ids
from course_sync_plugin.lanes.deliver import deliver_lane
from course_sync_plugin.sweep import sweep
from course_sync_plugin.sync import Outcome, SyncResult, sync_course
from course_sync_plugin.toggles import is_stopped
from course_sync_plugin.upkeep.backfill import backfill, courses_to_fill
from course_sync_plugin.upkeep.context import get_context, set_context
from course_sync_plugin.upkeep.delivery import Stuck, deliver_due, deliver_until_empty, stuck_lanes
from course_sync_plugin.upkeep.holding import Approved, HeldPlan, approve, held_plans
from course_sync_plugin.upkeep.known import known_course
from course_sync_plugin.upkeep.listing import listed_targets
from course_sync_plugin.upkeep.mending import retry
from course_sync_plugin.upkeep.planning import SyncPlan, plan_sync
from course_sync_plugin.upkeep.pools import LanePool, SyncPool
from course_sync_plugin.upkeep.problems import OpenProblem, problems
from course_sync_plugin.upkeep.rotation import rotate_secret
from course_sync_plugin.upkeep.skipping import Skipped, SkipPlan, skip, skip_plans, skip_shown
from course_sync_plugin.upkeep.status import status
from course_sync_plugin.upkeep.targets import (
    Resumed,
    add_target,
    pause,
    remove_target,
    resume,
    set_url,
    test_target,
)
from course_sync_plugin.upkeep.workers import Workers

__all__ = [
    "CATALOG_OFF",
    "Approved",
    "CatalogChange",
    "CatalogOptions",
    "CatalogResult",
    "HeldPlan",
    "LanePool",
    "OpenProblem",
    "Outcome",
    "Resumed",
    "SkipPlan",
    "Skipped",
    "Stuck",
    "SyncPlan",
    "SyncPool",
    "SyncResult",
    "Workers",
    "about_page_url",
    "add_target",
    "approve",
    "backfill",
    "check_catalog",
    "courses_to_fill",
    "deliver_due",
    "deliver_lane",
    "deliver_until_empty",
    "drift",
    "due_lane_ids",
    "get_context",
    "held_plans",
    "is_stopped",
    "known_course",
    "listed_targets",
    "marked_courses",
    "note_overview_created",
    "notify_of_drift",
    "pause",
    "plan_sync",
    "problems",
    "remove_target",
    "restore_catalog_columns",
    "restore_due_catalog_columns",
    "resume",
    "retry",
    "rotate_secret",
    "set_context",
    "set_url",
    "skip",
    "skip_plans",
    "skip_shown",
    "status",
    "stuck_lanes",
    "sweep",
    "sync_course",
    "sync_marked",
    "test_target",
    "update_catalog_data",
]
