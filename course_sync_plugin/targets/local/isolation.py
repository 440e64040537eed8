"""Sets the isolation level of the transaction of an envelope."""

from __future__ import annotations

from django.db import connection

from course_sync_plugin.exceptions import ConfigurationError

READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE = LEVELS = ("read committed", "repeatable read", "serializable")

#: The levels that each database offers. A transaction of SQLite is always serializable.
OFFERED = {"sqlite": (SERIALIZABLE,), "mysql": LEVELS, "postgresql": LEVELS}


def check_isolation(level: str | None) -> None:
    """Check that this site's database offers an isolation level. Raises ConfigurationError if it does not."""
    offered = OFFERED.get(connection.vendor, ())
    if level and level not in offered:
        raise ConfigurationError(
            f"{connection.display_name} does not offer the isolation level '{level}'. "
            f"It offers: {', '.join(offered)}. Change the option 'isolation', or leave it out."
        )


def set_isolation(level: str | None) -> None:
    """Set the level of the transaction that has just begun, before its first statement. It ends with the transaction.

    On MariaDB and MySQL ``SET TRANSACTION`` changes the next transaction. In an atomic block Django has switched
    autocommit off, and the transaction begins with the first statement after this one.

    Raises ConfigurationError if the database does not offer the level.
    """
    check_isolation(level)
    if level and connection.vendor != "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {level.upper()}")  # one of LEVELS: nothing to quote
