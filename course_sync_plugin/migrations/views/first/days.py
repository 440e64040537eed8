"""The views of days, first version: from the daily summaries and from the attempts."""

from __future__ import annotations

from course_sync_plugin.migrations.views.dialects import Dialect

#: The buckets of the histograms in the table of summaries (``upkeep/summaries/durations.py``).
_BUCKETS = " UNION ALL ".join(
    f"SELECT {at} AS bucket, {0.001 * 2 ** ((at + 0.5) / 4):.17e} AS seconds" for at in range(106)
)

#: The classes of errors that mean that the target gave no answer (``upkeep/summaries/count.py``).
_UNANSWERED = "('TransientError', 'RateLimited')"


def daily(dialect: Dialect) -> str:
    """Return a row for each target and finished day: its requests, and the operations that were recorded for it."""
    whole, real = dialect.whole, dialect.real

    def requests(number: str) -> str:
        return whole(f"SUM(CASE WHEN s.entity_type = '' THEN {number} ELSE 0 END)")

    return f"""
        SELECT s.day, s.target_name AS target,
            {requests("s.attempts")} AS requests,
            {requests("s.answered")} AS answered_requests,
            {requests("s.refused")} AS refused_requests,
            {requests("s.unanswered")} AS unanswered_requests,
            {real(requests("s.answered"))} / NULLIF({requests("s.attempts")}, 0) AS success_ratio,
            {whole("SUM(CASE WHEN s.entity_type = '' THEN 0 ELSE s.operations END)")} AS recorded_operations,
            {requests(f"{whole('s.operations')} - {whole('s.failed')}")} AS carried_out_operations,
            {requests("s.failed")} AS refused_operations,
            MAX(q.half) AS p50_seconds,
            MAX(q.most) AS p95_seconds,
            MAX(q.longest) AS longest_seconds
        FROM course_sync_summary s LEFT JOIN ({_quantiles(dialect)}) q ON q.summary_id = s.id
        GROUP BY s.day, s.target_name"""


def _quantiles(dialect: Dialect) -> str:
    """Return a row for each summary with requests: the middle of the bucket that holds the quantile."""
    return f"""
        SELECT r.summary_id,
            MIN(CASE WHEN r.reached * 100 >= r.total * 50 THEN r.seconds END) AS half,
            MIN(CASE WHEN r.reached * 100 >= r.total * 95 THEN r.seconds END) AS most,
            MAX(r.seconds) AS longest
        FROM (
            SELECT n.summary_id, {dialect.real("k.seconds")} AS seconds,
                SUM(n.number) OVER (PARTITION BY n.summary_id ORDER BY n.bucket) AS reached,
                SUM(n.number) OVER (PARTITION BY n.summary_id) AS total
            FROM ({dialect.histogram.format(buckets=_BUCKETS)}) n JOIN ({_BUCKETS}) k ON k.bucket = n.bucket
        ) r GROUP BY r.summary_id"""


def operations(dialect: Dialect) -> str:
    """Return a row for each target, finished day and entity type: the operations by kind.

    The join changes nothing, but PostgreSQL would write through a view of one table.
    """
    kinds = ("create", "update", "move", "delete")
    columns = ", ".join(f"COALESCE({dialect.member('s.kinds', kind, 0)}, 0) AS {kind}_operations" for kind in kinds)
    return f"""
        SELECT s.day, s.target_name AS target, s.entity_type,
            {dialect.whole("s.operations")} AS recorded_operations, {columns},
            {dialect.whole("s.failed")} AS refused_operations
        FROM course_sync_summary s CROSS JOIN (SELECT 1 AS one) read_only
        WHERE s.entity_type <> ''"""


def answers(dialect: Dialect) -> str:
    """Return a row for each target, day and kind of answer, from the attempts that are not pruned."""
    day, whole = dialect.day("a.began_at"), dialect.whole
    return f"""
        SELECT {day} AS day, t.name AS target,
            CASE WHEN a.error_class = '' THEN 'answered' WHEN a.error_class IN {_UNANSWERED} THEN 'unanswered'
                ELSE 'refused' END AS outcome,
            a.error_class, a.status AS http_status,
            COUNT(*) AS requests,
            {whole("SUM(CASE WHEN a.status = 429 THEN 1 ELSE 0 END)")} AS throttled_requests,
            {whole("SUM(a.operations)")} AS sent_operations,
            {whole("SUM(a.failed)")} AS refused_operations,
            {dialect.real("AVG(a.seconds)")} AS mean_seconds,
            MAX(a.seconds) AS longest_seconds
        FROM course_sync_attempt a JOIN course_sync_target t ON t.id = a.target_id
        GROUP BY {day}, t.name, a.error_class, a.status"""
