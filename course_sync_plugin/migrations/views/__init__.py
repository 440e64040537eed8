"""The operations of migrations that make and drop the SQL views (docs/references/sql_views.rst).

A migration that changes a table under a view must drop the views before and make them again afterwards, unless it only
adds an index, or a column that may be NULL. PostgreSQL alters no column that a view reads, and SQLite makes the table
anew for most changes, which it refuses while a view reads it. :func:`around` does both. A version of the views never
changes once it is released. Views with other columns are a new package beside ``first``, and a migration that drops the
old version and makes the new one.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.db.migrations.operations.base import Operation

from course_sync_plugin.migrations.views.dialects import DIALECTS, Dialect

#: The models whose tables are under a view. ``tests/unit/models/test_views.py`` looks at later migrations that alter
#: one of them.
UNDER_VIEWS = frozenset(
    "attempt course dailysummary entity heldrun journaloperation lane marker problem run target".split()
)


def statements(version: str, dialect: Dialect) -> dict[str, str]:
    """Return the SELECT of each view of a version by its name, in an order in which they can be made."""
    found: dict[str, str] = import_module(f"{__name__}.{version}").views(dialect)
    return found


class _Views(Operation):
    """Makes or drops all views of a version. It changes no model and no row."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, version: str) -> None:
        self.version = version

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change nothing: views are no models."""

    def _make(self, schema_editor: Any) -> None:
        dialect = DIALECTS[schema_editor.connection.vendor]
        for name, select in statements(self.version, dialect).items():
            schema_editor.execute(f"{dialect.create} {name} AS {dialect.quoted(select)}", params=None)

    def _drop(self, schema_editor: Any) -> None:
        dialect = DIALECTS[schema_editor.connection.vendor]
        for name in reversed(list(statements(self.version, dialect))):
            schema_editor.execute(f"DROP VIEW IF EXISTS {name}", params=None)


class MakeViews(_Views):
    """Makes the views of a version; drops them when the migration is undone.

    MariaDB and MySQL have no transaction for this: if it is cut off, some views are there when it runs again.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._drop(schema_editor)
        self._make(schema_editor)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._drop(schema_editor)

    def describe(self) -> str:
        return f"Make the SQL views, version {self.version}"


class DropViews(_Views):
    """Drops the views of a version; makes them again when the migration is undone."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._drop(schema_editor)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._make(schema_editor)

    def describe(self) -> str:
        return f"Drop the SQL views, version {self.version}"


def around(*operations: Operation, version: str = "first") -> list[Operation]:
    """Return operations that change tables under the views, with the views dropped meanwhile."""
    return [DropViews(version), *operations, MakeViews(version)]
