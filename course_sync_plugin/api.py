"""The public Python API (OEP-49). Tasks, commands and REST views do all their work through it."""

from __future__ import annotations

from course_sync_plugin.catalog.about_link import about_page_url
from course_sync_plugin.catalog.check import check_catalog
from course_sync_plugin.catalog.drift import drift, notify_of_drift
from course_sync_plugin.catalog.merge_records import Change as CatalogChange
from course_sync_plugin.catalog.options import OFF as CATALOG_OFF
from course_sync_plugin.catalog.options import Options as CatalogOptions
from course_sync_plugin.catalog.options import Result as CatalogResult
from course_sync_plugin.catalog.restore import note_created as note_overview_created
from course_sync_plugin.catalog.restore import restore as restore_catalog_columns
from course_sync_plugin.catalog.restore import restore_due as restore_due_catalog_columns
from course_sync_plugin.catalog.sync import update_catalog_data
from course_sync_plugin.lanes.claim import due_lane_ids, lane_ids_to_begin
from course_sync_plugin.lanes.deliver import Delivered, LaneTurn, deliver_lane
from course_sync_plugin.replication.notices.store import store_inbound
from course_sync_plugin.sync.course import Outcome, SyncResult, sync_course
from course_sync_plugin.sync.due import marked_courses, sync_marked
from course_sync_plugin.sync.sweep import sweep
from course_sync_plugin.targets.inbound.contract import NotVerified, Received
from course_sync_plugin.targets.local.read import LocalCourseInfo, LocalNode, local_course, local_courses, local_outline
from course_sync_plugin.toggles import is_stopped
from course_sync_plugin.upkeep.actions import Action, actions
from course_sync_plugin.upkeep.advice import Advice, advice_for
from course_sync_plugin.upkeep.approval import Approved, DeletedEntity, HeldPlan, approve, held_plans
from course_sync_plugin.upkeep.audit import acting
from course_sync_plugin.upkeep.backfill import (
    BackfillPlan,
    Filled,
    FillOutcome,
    backfill,
    courses_to_fill,
    plan_backfill,
)
from course_sync_plugin.upkeep.bulk_retry import RetriedBatch, lanes_in, retry_in_batches
from course_sync_plugin.upkeep.causes import list_causes
from course_sync_plugin.upkeep.check.finding import Finding
from course_sync_plugin.upkeep.check.plan import (
    CheckReport,
    CheckRequest,
    Repaired,
    RepairPlan,
    check,
    repair_shown,
)
from course_sync_plugin.upkeep.courses import known_course
from course_sync_plugin.upkeep.decision_effects import Effects
from course_sync_plugin.upkeep.decisions import (
    Decided,
    Decision,
    accept,
    conflicts,
    proposal_plan,
    proposals,
    reject,
    resolution_plan,
    resolve,
)
from course_sync_plugin.upkeep.discussions import MirrorRound, mirror_due, mirror_now
from course_sync_plugin.upkeep.error_notes import NOTED_STATES, Noted
from course_sync_plugin.upkeep.error_steps import NotedCause, StepPlan, carry_out_step, find_noted_cause, step_plan
from course_sync_plugin.upkeep.exclusions import (
    ExclusionChanged,
    ExclusionPlan,
    InclusionPlan,
    exclude,
    exclude_shown,
    exclusion_plan,
    include,
    include_shown,
    inclusion_plan,
)
from course_sync_plugin.upkeep.filters import KINDS, Filters, ago, check_lane
from course_sync_plugin.upkeep.forget_person import ForgetPlan, Forgotten, forget_plan, forget_shown
from course_sync_plugin.upkeep.health import Health, health
from course_sync_plugin.upkeep.jobs.items import gap_token, link_token
from course_sync_plugin.upkeep.jobs.listing import all_jobs, going_jobs, job_as_dict, jobs_within
from course_sync_plugin.upkeep.jobs.start import AT_ONCE, MOST_ITEMS, StopPlan, start_job, stop_job, stop_plan
from course_sync_plugin.upkeep.jobs.turn import due_jobs, run_due_jobs, run_job
from course_sync_plugin.upkeep.links import (
    LinkChanged,
    ShownLinkPlan,
    UnlinkPlan,
    link_plan,
    link_shown,
    links,
    unlink_plan,
    unlink_shown,
)
from course_sync_plugin.upkeep.metrics import CONTENT_TYPE as METRICS_CONTENT_TYPE
from course_sync_plugin.upkeep.metrics import metrics
from course_sync_plugin.upkeep.moments import read_moment
from course_sync_plugin.upkeep.notifications.address import seal_address
from course_sync_plugin.upkeep.notifications.evaluate import evaluate as send_notifications
from course_sync_plugin.upkeep.notifications.overview import ChannelTest, notifications, try_channels
from course_sync_plugin.upkeep.notifications.rules import check_rule
from course_sync_plugin.upkeep.notifications.transfer import RulesPlan, exported_rules, import_rules, plan_rules
from course_sync_plugin.upkeep.one_problem import show_problems
from course_sync_plugin.upkeep.pause_plans import (
    PausePlan,
    carry_out_pause,
    carry_out_resume,
    pause_plans,
    resume_plans,
)
from course_sync_plugin.upkeep.plan_tokens import by_token, no_longer_valid, token_of
from course_sync_plugin.upkeep.polls import Polled, poll_due, poll_now
from course_sync_plugin.upkeep.problems import OpenProblem, problems
from course_sync_plugin.upkeep.prune.journal import Kept
from course_sync_plugin.upkeep.prune.optimize import Optimized, optimize_tables
from course_sync_plugin.upkeep.prune.rounds import Prune, Pruned, prune, prune_nightly, record_prune
from course_sync_plugin.upkeep.raise_course import RaisedLane, raise_course
from course_sync_plugin.upkeep.reports.catalog_runs import last_catalog_run
from course_sync_plugin.upkeep.reports.course import CourseReport, course_report
from course_sync_plugin.upkeep.reports.course_tree import (
    CourseTree,
    course_at,
    lanes_of_course,
    target_tree,
)
from course_sync_plugin.upkeep.reports.courses import COURSE_STATES, CourseFilters, CoursePage, list_courses
from course_sync_plugin.upkeep.reports.decisions import (
    Chosen,
    Decisions,
    carry_out_decisions,
    find_conflicts,
    find_proposals,
    of_target,
    plan_decisions,
)
from course_sync_plugin.upkeep.reports.differences import as_text, differences
from course_sync_plugin.upkeep.reports.errors import Errors, Members, errors
from course_sync_plugin.upkeep.reports.for_staff import StaffReport, staff_report
from course_sync_plugin.upkeep.reports.history.events import Event, HistoryFilters, Place
from course_sync_plugin.upkeep.reports.history.merged import EXPORTED, HistoryPage, exported_history, history
from course_sync_plugin.upkeep.reports.history.picture import Bar, Picture, picture
from course_sync_plugin.upkeep.reports.performance import Performance, performance
from course_sync_plugin.upkeep.reports.target import TargetDetails, target_details
from course_sync_plugin.upkeep.reports.targets import TargetReport, target_reports
from course_sync_plugin.upkeep.reset import Reset, ResetPlan, reset, reset_plan, reset_shown
from course_sync_plugin.upkeep.retry import Retried, retry
from course_sync_plugin.upkeep.retry_plans import RetryPlan, carry_out_retry, retry_plans
from course_sync_plugin.upkeep.run.delivery import Stuck, deliver_due, deliver_until_empty, stuck_lanes
from course_sync_plugin.upkeep.run.pools import JobPool, LanePool, SyncPool
from course_sync_plugin.upkeep.run.threads import Workers
from course_sync_plugin.upkeep.site_copy.document import (
    Imported,
    ImportPlan,
    export_site,
    import_plan,
    import_shown,
)
from course_sync_plugin.upkeep.skip import Skipped, SkipPlan, skip, skip_plans, skip_shown
from course_sync_plugin.upkeep.status.activity import note_run
from course_sync_plugin.upkeep.status.attention import WAYS_OUT, Attention, attention
from course_sync_plugin.upkeep.status.report import overview as status_overview
from course_sync_plugin.upkeep.status.report import status
from course_sync_plugin.upkeep.status.traffic import WINDOW_SECONDS as TRAFFIC_SECONDS
from course_sync_plugin.upkeep.summaries.durations import Durations
from course_sync_plugin.upkeep.summaries.store import Summary, summaries
from course_sync_plugin.upkeep.sync_now import sync_now
from course_sync_plugin.upkeep.sync_plan import SyncPlan, plan_sync
from course_sync_plugin.upkeep.targets.change import (
    AddedTarget,
    Paused,
    Resumed,
    add_target,
    pause,
    resume,
    set_token,
    set_url,
    test_target,
)
from course_sync_plugin.upkeep.targets.context import get_context, set_context
from course_sync_plugin.upkeep.targets.listing import listed_targets
from course_sync_plugin.upkeep.targets.removal import (
    RemovalPlan,
    Removed,
    removal_plan,
    remove_shown,
    remove_target,
)
from course_sync_plugin.upkeep.targets.rotate_secret import (
    RotationPlan,
    rotate_secret,
    rotate_shown,
    rotation_plan,
    set_secret_shown,
)
from course_sync_plugin.upkeep.targets.site import Confirmed, SitePlan, confirm_site, site_plans
from course_sync_plugin.upkeep.targets.token import TokenPlan, token_plan
from course_sync_plugin.upkeep.words import in_words, local_day, local_time

__all__ = [
    "AT_ONCE",
    "CATALOG_OFF",
    "COURSE_STATES",
    "EXPORTED",
    "KINDS",
    "METRICS_CONTENT_TYPE",
    "MOST_ITEMS",
    "NOTED_STATES",
    "TRAFFIC_SECONDS",
    "WAYS_OUT",
    "Action",
    "AddedTarget",
    "Advice",
    "Approved",
    "Attention",
    "BackfillPlan",
    "Bar",
    "CatalogChange",
    "CatalogOptions",
    "CatalogResult",
    "ChannelTest",
    "CheckReport",
    "CheckRequest",
    "Chosen",
    "Confirmed",
    "CourseFilters",
    "CoursePage",
    "CourseReport",
    "CourseTree",
    "Decided",
    "Decision",
    "Decisions",
    "DeletedEntity",
    "Delivered",
    "Durations",
    "Effects",
    "Errors",
    "Event",
    "ExclusionChanged",
    "ExclusionPlan",
    "FillOutcome",
    "Filled",
    "Filters",
    "Finding",
    "ForgetPlan",
    "Forgotten",
    "Health",
    "HeldPlan",
    "HistoryFilters",
    "HistoryPage",
    "ImportPlan",
    "Imported",
    "InclusionPlan",
    "JobPool",
    "Kept",
    "LanePool",
    "LaneTurn",
    "LinkChanged",
    "LocalCourseInfo",
    "LocalNode",
    "Members",
    "MirrorRound",
    "NotVerified",
    "Noted",
    "NotedCause",
    "OpenProblem",
    "Optimized",
    "Outcome",
    "PausePlan",
    "Paused",
    "Performance",
    "Picture",
    "Place",
    "Polled",
    "Prune",
    "Pruned",
    "RaisedLane",
    "Received",
    "RemovalPlan",
    "Removed",
    "RepairPlan",
    "Repaired",
    "Reset",
    "ResetPlan",
    "Resumed",
    "Retried",
    "RetriedBatch",
    "RetryPlan",
    "RotationPlan",
    "RulesPlan",
    "ShownLinkPlan",
    "SitePlan",
    "SkipPlan",
    "Skipped",
    "StaffReport",
    "StepPlan",
    "StopPlan",
    "Stuck",
    "Summary",
    "SyncPlan",
    "SyncPool",
    "SyncResult",
    "TargetDetails",
    "TargetReport",
    "TokenPlan",
    "UnlinkPlan",
    "Workers",
    "about_page_url",
    "accept",
    "acting",
    "actions",
    "add_target",
    "advice_for",
    "ago",
    "all_jobs",
    "approve",
    "as_text",
    "attention",
    "backfill",
    "by_token",
    "carry_out_decisions",
    "carry_out_pause",
    "carry_out_resume",
    "carry_out_retry",
    "carry_out_step",
    "check",
    "check_catalog",
    "check_lane",
    "check_rule",
    "confirm_site",
    "conflicts",
    "course_at",
    "course_report",
    "courses_to_fill",
    "deliver_due",
    "deliver_lane",
    "deliver_until_empty",
    "differences",
    "drift",
    "due_jobs",
    "due_lane_ids",
    "errors",
    "exclude",
    "exclude_shown",
    "exclusion_plan",
    "export_site",
    "exported_history",
    "exported_rules",
    "find_conflicts",
    "find_noted_cause",
    "find_proposals",
    "forget_plan",
    "forget_shown",
    "gap_token",
    "get_context",
    "going_jobs",
    "health",
    "held_plans",
    "history",
    "import_plan",
    "import_rules",
    "import_shown",
    "in_words",
    "include",
    "include_shown",
    "inclusion_plan",
    "is_stopped",
    "job_as_dict",
    "jobs_within",
    "known_course",
    "lane_ids_to_begin",
    "lanes_in",
    "lanes_of_course",
    "last_catalog_run",
    "link_plan",
    "link_shown",
    "link_token",
    "links",
    "list_causes",
    "list_courses",
    "listed_targets",
    "local_course",
    "local_courses",
    "local_day",
    "local_outline",
    "local_time",
    "marked_courses",
    "metrics",
    "mirror_due",
    "mirror_now",
    "no_longer_valid",
    "note_overview_created",
    "note_run",
    "notifications",
    "notify_of_drift",
    "of_target",
    "optimize_tables",
    "pause",
    "pause_plans",
    "performance",
    "picture",
    "plan_backfill",
    "plan_decisions",
    "plan_rules",
    "plan_sync",
    "poll_due",
    "poll_now",
    "problems",
    "proposal_plan",
    "proposals",
    "prune",
    "prune_nightly",
    "raise_course",
    "read_moment",
    "record_prune",
    "reject",
    "removal_plan",
    "remove_shown",
    "remove_target",
    "repair_shown",
    "reset",
    "reset_plan",
    "reset_shown",
    "resolution_plan",
    "resolve",
    "restore_catalog_columns",
    "restore_due_catalog_columns",
    "resume",
    "resume_plans",
    "retry",
    "retry_in_batches",
    "retry_plans",
    "rotate_secret",
    "rotate_shown",
    "rotation_plan",
    "run_due_jobs",
    "run_job",
    "seal_address",
    "send_notifications",
    "set_context",
    "set_secret_shown",
    "set_token",
    "set_url",
    "show_problems",
    "site_plans",
    "skip",
    "skip_plans",
    "skip_shown",
    "staff_report",
    "start_job",
    "status",
    "status_overview",
    "step_plan",
    "stop_job",
    "stop_plan",
    "store_inbound",
    "stuck_lanes",
    "summaries",
    "sweep",
    "sync_course",
    "sync_marked",
    "sync_now",
    "target_details",
    "target_reports",
    "target_tree",
    "test_target",
    "token_of",
    "token_plan",
    "try_channels",
    "unlink_plan",
    "unlink_shown",
    "update_catalog_data",
]
