"""The database's clock, in UTC: leases and due times of many machines are compared by one clock.

Django's ``Now()`` will not do: on MySQL it follows the session's time zone, which need not be UTC, and it takes no
offset that works alike on all four databases.
"""

from __future__ import annotations

from typing import Any

from django.db.models import DateTimeField, Func

from course_sync_plugin.limits import MOMENT


class DatabaseNow(Func):
    """The database's time now plus ``seconds`` (a float, may be negative), a year away at most.

    Beyond the year 9999 MariaDB and SQLite make NULL of a moment, and Python cannot read what PostgreSQL makes of it.
    """

    output_field = DateTimeField()

    def __init__(self, seconds: float = 0, **extra: Any):
        super().__init__(**extra)
        self.microseconds = round(MOMENT.cut(seconds) * 1_000_000)

    def get_group_by_cols(self) -> list[Any]:
        """Group by no moment: PostgreSQL's clock goes on while a statement runs, and every row would be a group."""
        return []

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:
        """Refuse a database that none of the methods below knows."""
        raise NotImplementedError(f"course_sync_plugin does not run on {connection.vendor}")

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:
        """SQLite keeps times as text in UTC."""
        return "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW', %s)", [f"{self.microseconds / 1_000_000:+f} seconds"]

    def as_mysql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:
        """MySQL and MariaDB: Django stores naive UTC there."""
        return "DATE_ADD(UTC_TIMESTAMP(6), INTERVAL %s MICROSECOND)", [self.microseconds]

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:
        """PostgreSQL: the clock on the wall, not the beginning of the transaction."""
        return "(CLOCK_TIMESTAMP() + %s * INTERVAL '1 microsecond')", [self.microseconds]
