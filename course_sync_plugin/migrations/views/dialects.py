"""What databases write differently in the SQL of the views. No function reads a database."""

from __future__ import annotations

from collections.abc import Callable

import attrs


def _standard(statement: str) -> str:
    return statement.replace("`", '"')


@attrs.frozen
class Dialect:
    """The SQL of one kind of database. Each function gets SQL expressions and returns one.

    ``quoted``: a statement, whose names are between backquotes. ``day``: the day (UTC) of a moment. ``seconds_since``:
    the seconds from a moment until now. ``whole``: a whole number with a sign. ``real``: a number with decimals.
    ``member``: a whole number in a JSON column, by key and place. ``histogram``: a table of ``summary_id``, ``bucket``
    and ``number``, which are the histograms of the table of summaries.
    """

    create: str
    quoted: Callable[[str], str]
    day: Callable[[str], str]
    seconds_since: Callable[[str], str]
    whole: Callable[[str], str]
    real: Callable[[str], str]
    member: Callable[[str, str, int], str]
    histogram: str


SQLITE = Dialect(
    create="CREATE VIEW",
    quoted=_standard,
    day=lambda moment: f"DATE({moment})",
    seconds_since=lambda moment: f"ROUND((JULIANDAY('now') - JULIANDAY({moment})) * 86400.0, 3)",
    whole=lambda number: f"CAST({number} AS INTEGER)",
    real=lambda number: f"CAST({number} AS REAL)",
    member=lambda column, key, place: f"CAST(JSON_EXTRACT({column}, '$.{key}[{place}]') AS INTEGER)",
    histogram="""
        SELECT s.id AS summary_id, CAST(h.`key` AS INTEGER) AS bucket, h.`value` AS number
        FROM course_sync_summary s, JSON_EACH(s.durations) h""",
)

#: MariaDB and MySQL. A view that is made as a temporary table takes no UPDATE. Each bucket is looked for in the
#: histograms, since older MariaDB cannot list the keys of an object.
MYSQL = Dialect(
    create="CREATE ALGORITHM = TEMPTABLE VIEW",
    quoted=lambda statement: statement,
    day=lambda moment: f"DATE({moment})",
    seconds_since=lambda moment: f"TIMESTAMPDIFF(MICROSECOND, {moment}, UTC_TIMESTAMP(6)) / 1e6",
    whole=lambda number: f"CAST({number} AS SIGNED)",
    real=lambda number: f"({number} + 0e0)",
    member=lambda column, key, place: f"CAST(JSON_EXTRACT({column}, '$.{key}[{place}]') AS SIGNED)",
    histogram="""
        SELECT s.id AS summary_id, b.bucket,
            CAST(JSON_EXTRACT(s.durations, CONCAT('$."', b.bucket, '"')) AS SIGNED) AS number
        FROM course_sync_summary s CROSS JOIN ({buckets}) b
        WHERE s.entity_type = '' AND JSON_EXTRACT(s.durations, CONCAT('$."', b.bucket, '"')) IS NOT NULL""",
)

POSTGRESQL = Dialect(
    create="CREATE VIEW",
    quoted=_standard,
    day=lambda moment: f"CAST({moment} AT TIME ZONE 'UTC' AS DATE)",
    seconds_since=lambda moment: f"CAST(EXTRACT(EPOCH FROM (CLOCK_TIMESTAMP() - {moment})) AS DOUBLE PRECISION)",
    whole=lambda number: f"CAST({number} AS BIGINT)",
    real=lambda number: f"CAST({number} AS DOUBLE PRECISION)",
    member=lambda column, key, place: f"CAST({column} -> '{key}' ->> {place} AS BIGINT)",
    histogram="""
        SELECT s.id AS summary_id, CAST(h.`key` AS INTEGER) AS bucket, CAST(h.`value` AS BIGINT) AS number
        FROM course_sync_summary s CROSS JOIN LATERAL JSONB_EACH_TEXT(s.durations) AS h(`key`, `value`)""",
)

DIALECTS = {"sqlite": SQLITE, "mysql": MYSQL, "postgresql": POSTGRESQL}
