"""The database's clock, in UTC. All machines use it for leases and due times, so they compare times of one clock.

Django's ``Now()`` will not do: on MySQL it follows the session's time zone, which need not be UTC, and no way to add
an offset to it works on all four databases.
"""

from __future__ import annotations

from typing import Any, NoReturn

from django.db.models import DateTimeField, Func

from course_sync_plugin.sanitize.limits import MOMENT


class DatabaseNow(Func):
    """The database's time now plus ``seconds`` (a float, may be negative), a year away at most.

    For a moment after the year 9999, MariaDB and SQLite return NULL, and PostgreSQL a value that Python cannot read.
    """

    output_field = DateTimeField()

    def __init__(self, seconds: float = 0, **extra: Any):
        super().__init__(**extra)
        self.microseconds = round(MOMENT.cut(seconds) * 1_000_000)

    def get_group_by_cols(self) -> list[Any]:
        """Keep the moment out of GROUP BY. PostgreSQL's clock runs on in a statement, so each row would be a group."""
        return []

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> NoReturn:
        """Raise NotImplementedError for a database for which there is no method below."""
        raise NotImplementedError(f"course_sync_plugin does not run on {connection.vendor}")

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:
        """SQLite: times are text in UTC."""
        return "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW', %s)", [f"{self.microseconds / 1_000_000:+f} seconds"]

    def as_mysql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:
        """MySQL and MariaDB: Django stores naive UTC there."""
        return "DATE_ADD(UTC_TIMESTAMP(6), INTERVAL %s MICROSECOND)", [self.microseconds]

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:
        """PostgreSQL: the present time, not the time at which the transaction began."""
        return "(CLOCK_TIMESTAMP() + %s * INTERVAL '1 microsecond')", [self.microseconds]
