"""Lets the database tidy the tables of the plugin, and says what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import attrs
from django.apps import apps
from django.db import Error, connection

from course_sync_plugin.models import Marker
from course_sync_plugin.upkeep.prune.tables import TABLES

#: The longest wait for a table in seconds. Statements of others wait behind this one meanwhile.
LONGEST_WAIT = 2


@attrs.frozen
class Optimized:
    """What was done to one table. ``error``: why it was not done; empty if it was."""

    table: str
    statement: str
    error: str = ""


def optimize_tables() -> list[Optimized]:
    """Let the database tidy the tables of the plugin, and renew its statistics. Raises RuntimeError in a transaction.

    On MariaDB and MySQL the table of markers is left alone: an author's publish writes it, and must not wait.
    """
    if connection.in_atomic_block:
        raise RuntimeError("tables cannot be tidied inside a transaction")
    return list(_BY_VENDOR[connection.vendor]())


def _tables() -> list[str]:
    return sorted(model._meta.db_table for model in apps.get_app_config("course_sync_plugin").get_models())


def _mysql() -> Iterator[Optimized]:
    """``OPTIMIZE`` for the tables that are pruned, which writes them anew and frees the space; else ``ANALYZE``."""
    pruned = {table.model._meta.db_table for table in TABLES}
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@SESSION.lock_wait_timeout")
        before = cursor.fetchone()[0]
        cursor.execute("SET SESSION lock_wait_timeout = %s", [LONGEST_WAIT])
    try:
        for table in _tables():
            if table != Marker._meta.db_table:
                yield _done(f"{'OPTIMIZE' if table in pruned else 'ANALYZE'} TABLE", table)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION lock_wait_timeout = %s", [before])


def _postgresql() -> Iterator[Optimized]:
    """``VACUUM (ANALYZE)``: it blocks neither readers nor writers."""
    return (_done("VACUUM (ANALYZE)", table) for table in _tables())


def _sqlite() -> Iterator[Optimized]:
    """``ANALYZE``. Not ``VACUUM``: it would write the whole file anew, and lock it for so long."""
    return (_done("ANALYZE", table) for table in _tables())


def _done(statement: str, table: str) -> Optimized:
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"{statement} {connection.ops.quote_name(table)}")
            rows = cursor.fetchall() if cursor.description else []
    except Error as error:
        return Optimized(table, statement, type(error).__name__)
    errors = [str(row[3]) for row in rows if len(row) > 3 and str(row[2]).lower() == "error"]
    return Optimized(table, statement, "; ".join(errors))


_BY_VENDOR: Mapping[str, Callable[[], Iterator[Optimized]]] = {
    "mysql": _mysql,
    "postgresql": _postgresql,
    "sqlite": _sqlite,
}
