"""Reads and writes the platform's course overviews. No other module reads or writes that model.

It writes single columns, never a whole row. It writes a column only if the column still has the value that was
compared. So a publish that runs at the same time loses nothing (docs/decisions, "Catalog writes").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import CharField, Expression, ExpressionWrapper, F, QuerySet, TextField

from course_sync_plugin.catalog.records.fields import COLUMNS
from course_sync_plugin.catalog.records.values import as_moment

#: The most overviews that one statement reads, and writes. An update is slower: the database compares every key with
#: every row.
CHUNK, WRITE_CHUNK = 500, 100

Columns = Mapping[str, Any]


def model() -> Any:
    """Return the platform's ``CourseOverview``."""
    return apps.get_model("course_overviews", "CourseOverview")


def find(key: Any) -> Any | None:
    """Return the overview of a course key as an object of the platform's model; None if there is none."""
    return model().objects.filter(id=key).first()


def read(keys: Iterable[str]) -> dict[str, Columns]:
    """Return the columns of the overviews that exist, by their stored key.

    MySQL and SQLite also find keys that differ from the given ones only in case: compare the keys before you use a row.
    Dates are text, as in the catalog (:func:`~course_sync_plugin.catalog.records.values.as_moment`). One query for each
    500 keys.
    """
    return {key: columns for part in chunks(list(keys)) for key, columns in _rows(_by_text().filter(text__in=part))}


def write(old: Mapping[str, Columns], new: Mapping[str, Columns]) -> None:
    """Set the ``new`` columns that still have their ``old`` value. One query for each 100 overviews."""
    for part in chunks(list(new), WRITE_CHUNK):
        columns = sorted({column for key in part for column in new[key]})
        changes = {
            column: ValueByKey(
                column, [(key, old[key][column], new[key][column]) for key in part if column in new[key]]
            )
            for column in columns
        }
        _by_text().filter(text__in=part).update(**changes)


class ValueByKey(Expression):
    """SQL for the new value of a column by key: the new value if the column has its old one, else its present value.

    Django's own ``Case`` gives the same SQL, and takes five times as long to build it for hundreds of rows.
    """

    def __init__(self, column: str, changes: Sequence[tuple[str, Any, Any]]):
        super().__init__(output_field=model()._meta.get_field(column))
        self.column = column
        self.changes = changes

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Return ``CASE WHEN id = … AND column = … THEN … ELSE column END``."""
        fields = model()._meta
        key, column = (connection.ops.quote_name(fields.get_field(name).column) for name in ("id", self.column))
        # MariaDB and MySQL ignore case in text: without BINARY, a URL that changed only in case would be overwritten.
        is_exact = connection.vendor != "mysql" or not isinstance(self.output_field, (CharField, TextField))
        is_old = f"{column} = %s" if is_exact else f"CAST({column} AS BINARY) = CAST(%s AS BINARY)"
        whens, parameters = [], []
        for at, old, new in self.changes:
            whens.append(f"WHEN {key} = %s AND {f'{column} IS NULL' if old is None else is_old} THEN %s")
            parameters += [at, new] if old is None else [at, old, new]
        return f"CASE {' '.join(whens)} ELSE {column} END", parameters


def ccx_after(key: str = "") -> dict[str, Columns]:
    """Return the overviews of the CCX courses that follow ``key`` in key order, at most 500: memory stays flat."""
    # By prefix, not by a range of keys: each collation sorts in its own way.
    ccx = _by_text().filter(text__gt=key, text__startswith="ccx-v1:")
    return dict(_rows(ccx.order_by("id")[:CHUNK]))


def chunks(items: Sequence[Any], size: int | None = None) -> Iterator[Sequence[Any]]:
    """Cut a list into parts that are small enough for one statement."""
    length = size or CHUNK
    return (items[start : start + length] for start in range(0, len(items), length))


def _by_text() -> QuerySet[Any]:
    """Return overviews with the key as text: the key field parses each key, and cannot be filtered by a prefix."""
    overviews: QuerySet[Any] = model().objects.annotate(text=ExpressionWrapper(F("id"), output_field=CharField()))
    return overviews


def _rows(rows: QuerySet[Any]) -> Iterator[tuple[str, Columns]]:
    for key, *values in rows.values_list("text", *COLUMNS):
        yield key, dict(zip(COLUMNS, map(_plain, values)))


def _plain(value: Any) -> Any:
    return as_moment(value) if isinstance(value, datetime) else value
