"""What an error of the database says: its number, and whether a migration has not run yet."""

from __future__ import annotations

from django.db import Error, ProgrammingError

#: A table or a column is not there, on MariaDB and MySQL, and on PostgreSQL. SQLite reports an OperationalError.
#: Sources: the error reference of MariaDB, the appendix "PostgreSQL Error Codes".
_NOT_THERE = frozenset({1146, 1054, "42P01", "42703"})


def is_unmigrated(error: Exception) -> bool:
    """Return whether a table or a column is missing, as in a deploy whose code runs before its migrations."""
    return isinstance(error, ProgrammingError) and _number_of(error) in _NOT_THERE


def name_of(error: Error) -> str:
    """Return the class of an error and its number, if it has one. Its text may hold course content."""
    number = _number_of(error)
    return type(error).__name__ + (f" {number}" if number is not None else "")


def _number_of(error: Error) -> int | str | None:
    cause = error.__cause__ or error
    number = getattr(cause, "sqlstate", None) or next(iter(cause.args), None)
    known = isinstance(number, int) or (isinstance(number, str) and number.isalnum() and len(number) == 5)
    return number if known else None
