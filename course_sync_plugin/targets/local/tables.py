"""The strategies that ship: one table for each built-in entity type, written in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db import models

from course_sync_plugin.data import Entity
from course_sync_plugin.models import (
    LocalComponent,
    LocalCourse,
    LocalSection,
    LocalSubsection,
    LocalTable,
    LocalUnit,
    bulk,
)
from course_sync_plugin.targets.local.moments import moment
from course_sync_plugin.targets.local.strategy import Change, Strategy

#: The columns whose names differ from those of their fields.
_FIELD_OF = {"title": "display_name"}


class TableStrategy(Strategy):
    """Writes each entity of a type to one row of ``model``. A change of 500 entities costs one statement."""

    model: ClassVar[type[LocalTable]]

    def create(self, change: Change) -> None:
        self.apply("create", [change])

    def delete(self, change: Change) -> None:
        self.apply("delete", [change])

    def apply(self, operation: str, changes: Sequence[Change]) -> None:
        if operation == "delete":
            for keys in bulk.chunks([change.digest for change in changes]):
                self.model._default_manager.filter(pk__in=keys).delete()
        elif operation != "move":
            self._write(changes)

    def _write(self, changes: Sequence[Change]) -> None:
        columns = [field for field in self.model._meta.concrete_fields if not field.primary_key]
        rows = (
            self.model(entity_id=change.digest, **{column.name: _value(column, change.entity) for column in columns})
            for change in changes
        )
        bulk.upsert(rows, [column.name for column in columns], ["entity"])


def _value(column: models.Field[Any, Any], entity: Entity) -> str | bool | datetime | None:
    """Return the value of a field for its column; None if it is not set, or if the column cannot hold it."""
    value = entity.fields.get(_FIELD_OF.get(column.name, column.name))
    if isinstance(column, models.DateTimeField):
        return moment(value)
    kind = bool if isinstance(column, models.BooleanField) else str
    return value if isinstance(value, kind) else None


def _table(row_model: type[LocalTable]) -> type[TableStrategy]:
    """Return the strategy that writes to this model."""

    class Table(TableStrategy):
        model = row_model
        tables = (row_model._meta.db_table,)

    return Table


CourseTable = _table(LocalCourse)
SectionTable = _table(LocalSection)
SubsectionTable = _table(LocalSubsection)
UnitTable = _table(LocalUnit)
ComponentTable = _table(LocalComponent)
