"""The views of the state as it is now, first version: from lanes, courses, targets and problems."""

from __future__ import annotations

from course_sync_plugin.migrations.views.dialects import Dialect

#: The states of problems (``models/lanes.py``).
_OPEN, _EXCLUDED = "('failed', 'parked', 'misplaced', 'retrying')", "('excluded', 'beside_excluded')"


def course_targets(dialect: Dialect) -> str:
    """Return a row for each lane. The state is that of ``upkeep/status/lanes.py``, without other sites."""
    lag = dialect.seconds_since("d.waiting_since")
    return f"""
        SELECT d.course_number, d.target_number, d.course, d.organisation, d.target, d.state,
            CASE WHEN d.state IN ('in step', 'waiting for link') AND d.last_error = '' AND d.last_warning = ''
                THEN 1 ELSE 0 END AS in_step,
            d.pending_operations, d.waiting_since,
            CASE WHEN {lag} > 0 THEN {lag} ELSE 0 END AS lag_seconds,
            d.open_problems, d.oldest_problem_since, d.excluded_operations,
            d.recorded_version,
            CASE WHEN d.state = 'in step' THEN d.recorded_version ELSE d.delivered_version END AS delivered_version,
            d.failed_attempts, d.error_class, d.retrying_since, d.next_attempt_at, d.made_at, d.reset_at
        FROM ({_with_states(dialect)}) d"""


def _with_states(dialect: Dialect) -> str:
    return f"""
        SELECT c.*,
            CASE WHEN c.disabled THEN 'disabled'
                WHEN c.paused THEN 'paused'
                WHEN c.failing OR c.error_class = 'ConfigurationError' THEN 'failing'
                WHEN c.waiting_for = 'a link' THEN 'waiting for link'
                WHEN c.waiting_for <> '' THEN 'waiting for context'
                WHEN c.breaker_opened_at IS NOT NULL AND (
                    c.no_baseline OR c.pending_operations > 0 OR c.closing OR c.failed_attempts > 0
                ) THEN 'unreachable'
                WHEN c.failed_attempts > 0 THEN 'retrying'
                WHEN c.open_problems > 0 THEN 'problems'
                WHEN c.no_baseline OR c.pending_operations > 0 OR c.closing THEN 'pending'
                ELSE 'in step' END AS state
        FROM ({_counted(dialect)}) c"""


def _counted(dialect: Dialect) -> str:
    ahead = """FROM course_sync_operation o {join}WHERE o.course_id = l.course_id AND o.position > l.`cursor`
                AND (o.lane_id IS NULL OR o.lane_id = l.id)"""
    problems = "FROM course_sync_problem p WHERE p.lane_id = l.id AND p.state IN"
    run = "JOIN course_sync_run r ON r.id = o.run_id "
    return f"""
        SELECT k.id AS course_number, t.id AS target_number,
            k.`key` AS course, k.org AS organisation, t.name AS target,
            t.disabled_reason <> '' AS disabled, (t.paused OR l.paused) AS paused, t.breaker_opened_at,
            l.`cursor` IS NULL AS no_baseline, l.failing, l.closing, l.waiting_for, l.last_error,
            COALESCE(l.last_warning, '') AS last_warning, COALESCE(l.error_class, '') AS error_class,
            k.published_version AS recorded_version, l.delivered_version,
            {dialect.whole("l.attempts")} AS failed_attempts,
            l.retrying_since, l.due_at AS next_attempt_at, l.created_at AS made_at, l.reset_at,
            CASE WHEN l.`cursor` IS NULL
                    THEN (SELECT COUNT(*) FROM course_sync_entity e WHERE e.course_id = l.course_id)
                WHEN l.`cursor` >= l.`end` THEN 0
                ELSE (SELECT COUNT(*) {ahead.format(join="")}) END AS pending_operations,
            CASE WHEN l.`cursor` IS NULL THEN COALESCE(l.reset_at, l.created_at, l.due_at)
                WHEN l.`cursor` >= l.`end` THEN NULL
                ELSE (SELECT CASE WHEN l.created_at > r.ended_at THEN l.created_at ELSE r.ended_at END
                    {ahead.format(join=run)} ORDER BY o.position LIMIT 1) END AS waiting_since,
            (SELECT COUNT(*) {problems} {_OPEN}) AS open_problems,
            (SELECT MIN(p.since) {problems} {_OPEN}) AS oldest_problem_since,
            (SELECT COUNT(*) {problems} {_EXCLUDED}) AS excluded_operations
        FROM course_sync_lane l
            JOIN course_sync_target t ON t.id = l.target_id
            JOIN course_sync_course k ON k.id = l.course_id"""


def courses(dialect: Dialect) -> str:
    """Return a row for each course that was recorded, or could not be read."""
    whole = dialect.whole
    return f"""
        SELECT k.id AS course_number, k.`key` AS course, k.org AS organisation,
            k.published_version AS recorded_version,
            (SELECT COUNT(*) FROM course_sync_entity e WHERE e.course_id = k.id) AS entities,
            CASE WHEN k.last_error <> '' THEN 1 ELSE 0 END AS unreadable,
            {whole("k.attempts")} AS failed_reads,
            (SELECT MIN(m.seen_at) FROM course_sync_marker m WHERE m.course_id = k.key_digest) AS publish_waits_since,
            h.since AS held_since, {whole("h.deletes")} AS held_deletions,
            COALESCE(n.targets, 0) AS targets, COALESCE(n.targets_in_step, 0) AS targets_in_step
        FROM course_sync_course k
            LEFT JOIN course_sync_heldrun h ON h.course_id = k.id
            LEFT JOIN (
                SELECT v.course_number, COUNT(*) AS targets, {whole("SUM(v.in_step)")} AS targets_in_step
                FROM course_sync_view_course_targets v GROUP BY v.course_number
            ) n ON n.course_number = k.id
        WHERE k.last_position <> 0 OR k.last_error <> ''"""


def targets(dialect: Dialect) -> str:
    """Return a row for each target, with the totals of its courses."""

    def total(number: str) -> str:
        return f"COALESCE({dialect.whole(f'SUM({number})')}, 0)"

    return f"""
        SELECT t.id AS target_number, t.name AS target, t.backend, t.created_at AS made_at,
            CASE WHEN t.paused THEN 1 ELSE 0 END AS paused,
            CASE WHEN t.disabled_reason <> '' THEN 1 ELSE 0 END AS disabled,
            t.breaker_opened_at,
            COUNT(v.course_number) AS courses, {total("v.in_step")} AS courses_in_step,
            {total("v.pending_operations")} AS pending_operations,
            COALESCE(MAX(v.lag_seconds), 0) AS lag_seconds,
            {total("v.open_problems")} AS open_problems,
            {total("v.excluded_operations")} AS excluded_operations
        FROM course_sync_target t LEFT JOIN course_sync_view_course_targets v ON v.target_number = t.id
        GROUP BY t.id, t.name, t.backend, t.created_at, t.paused, t.disabled_reason, t.breaker_opened_at"""


def problems(dialect: Dialect) -> str:
    """Return a row for each problem that is open, or that an exclusion causes; no text of a receiver."""
    return f"""
        SELECT p.id AS problem, k.id AS course_number, t.id AS target_number,
            k.`key` AS course, k.org AS organisation, t.name AS target,
            p.state, o.entity_type, o.entity_id AS entity, o.operation,
            p.error_class, {dialect.whole("p.status")} AS http_status, p.since
        FROM course_sync_problem p
            JOIN course_sync_lane l ON l.id = p.lane_id
            JOIN course_sync_target t ON t.id = l.target_id
            JOIN course_sync_course k ON k.id = l.course_id
            JOIN course_sync_operation o ON o.id = p.operation_id
        WHERE p.state IN {_OPEN} OR p.state IN {_EXCLUDED}"""
