"""A migration that alters a table under the SQL views drops them first (``course_sync_plugin/migrations/views``)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from course_sync_plugin.migrations.views import UNDER_VIEWS, DropViews, MakeViews, around

#: The operations that no database refuses while a view reads the table. SQLite makes a table anew for many others, and
#: PostgreSQL alters no column that a view reads.
HARMLESS = (
    migrations.AddIndex,
    migrations.RemoveIndex,
    migrations.RenameIndex,
    migrations.AlterModelOptions,
    migrations.AlterModelManagers,
)

FLAG = migrations.AlterField("lane", "closing", models.BooleanField(null=True))


def refused(operations: list[Operation]) -> Iterator[Operation]:
    """Yield the operations that alter a table under the views while these are there."""
    there = True
    for operation in operations:
        if isinstance(operation, MakeViews | DropViews):
            there = isinstance(operation, MakeViews)
        elif there and model_of(operation) in UNDER_VIEWS and not is_harmless(operation):
            yield operation
    if not there:
        yield operations[-1]


def is_harmless(operation: Operation) -> bool:
    """Tell whether an operation leaves the views alone: a new column must allow NULL and have no default."""
    if isinstance(operation, migrations.AddField):
        field = operation.field
        return field.null and not field.unique and not field.has_default()
    return isinstance(operation, HARMLESS)


def model_of(operation: Operation) -> str:
    """Return the model of an operation: operations on a field name it in ``model_name``. Empty: it has none."""
    names = (getattr(operation, name, "") for name in ("model_name", "name", "old_name"))
    return next(filter(None, names), "").lower()


def later() -> list[migrations.Migration]:
    """Return the migrations since the first one that makes the views."""
    loader = MigrationLoader(None)
    found = sorted((name, one) for (app, name), one in loader.disk_migrations.items() if app == "course_sync_plugin")
    return [one for name, one in found if name >= "0020"]


@pytest.mark.parametrize("migration", later(), ids=str)
def test_later_migrations_drop_the_views_before_they_alter_a_table(migration):
    assert list(refused(migration.operations)) == []


def test_the_views_are_made():
    assert any(isinstance(one, MakeViews) for migration in later() for one in migration.operations)


@pytest.mark.parametrize(
    ("operations", "wrong"),
    [
        ([FLAG], 1),
        ([migrations.RemoveField("Lane", "closing")], 1),
        ([migrations.RenameModel("Run", "Sync")], 1),
        ([DropViews("first"), FLAG], 1),
        ([MakeViews("first"), FLAG], 1),
        (around(FLAG), 0),
        ([migrations.AddField("lane", "note", models.TextField(null=True))], 0),
        ([migrations.AddField("lane", "note", models.TextField(default=""))], 1),
        ([migrations.AddField("lane", "note", models.TextField(null=True, unique=True))], 1),
        ([migrations.RemoveConstraint("lane", "course_sync_lane_once")], 1),
        ([migrations.AddIndex("run", models.Index(fields=["kind"], name="kinds"))], 0),
        ([migrations.RemoveField("notice", "text")], 0),
        ([migrations.RunPython(migrations.RunPython.noop)], 0),
    ],
)
def test_what_is_found(operations, wrong):
    assert len(list(refused(operations))) == wrong


def test_migrations_can_be_written_and_described():
    made, dropped = MakeViews("first"), DropViews("first")
    assert made.deconstruct() == ("MakeViews", ("first",), {})
    assert (made.describe(), dropped.describe()) == (
        "Make the SQL views, version first",
        "Drop the SQL views, version first",
    )
