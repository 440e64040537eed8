"""The platform's course overviews: the only place that touches its model.

Only named columns are written, each only where it still has the value that was compared, and never a whole row: a
publish that runs at the same time loses nothing (docs/decisions, "Catalog writes").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import CharField, Expression, ExpressionWrapper, F, QuerySet, TextField

from course_sync_plugin.catalog.fields import COLUMNS
from course_sync_plugin.catalog.values import as_moment

#: Overviews read by one statement, and written by one: the database tries every key for every row.
CHUNK, WRITTEN = 500, 100

Columns = Mapping[str, Any]


def model() -> Any:
    """Return the platform's ``CourseOverview``."""
    return apps.get_model("course_overviews", "CourseOverview")


def find(key: Any) -> Any | None:
    """Return an overview as the platform's model has it; None where there is none."""
    return model().objects.filter(id=key).first()


def read(keys: Iterable[str]) -> dict[str, Columns]:
    """Return the columns of the overviews that exist, by key as it is stored.

    MySQL and SQLite find keys that differ in case alone too: compare before you take one for the other. Dates are
    texts as the catalog's (:func:`~course_sync_plugin.catalog.values.as_moment`). One query for each 500 keys.
    """
    return {key: columns for part in chunks(list(keys)) for key, columns in _rows(_by_text().filter(text__in=part))}


def write(old: Mapping[str, Columns], new: Mapping[str, Columns]) -> None:
    """Set ``new`` columns where they still have their ``old`` value. One query for each 100 overviews."""
    for part in chunks(list(new), WRITTEN):
        columns = sorted({column for key in part for column in new[key]})
        changes = {
            column: ByKey(column, [(key, old[key][column], new[key][column]) for key in part if column in new[key]])
            for column in columns
        }
        _by_text().filter(text__in=part).update(**changes)


class ByKey(Expression):
    """The new value of a column by key, where it still has its old value; else what it has.

    Django's own ``Case`` says the same and takes five times as long to say it of hundreds of rows.
    """

    def __init__(self, column: str, changes: Sequence[tuple[str, Any, Any]]):
        super().__init__(output_field=model()._meta.get_field(column))
        self.column = column
        self.changes = changes

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Return ``CASE WHEN id = … AND column = … THEN … ELSE column END``."""
        fields = model()._meta
        key, column = (connection.ops.quote_name(fields.get_field(name).column) for name in ("id", self.column))
        # MariaDB and MySQL compare texts without regard to case: a URL that changed in case alone would be overwritten.
        is_exact = connection.vendor != "mysql" or not isinstance(self.output_field, (CharField, TextField))
        is_old = f"{column} = %s" if is_exact else f"CAST({column} AS BINARY) = CAST(%s AS BINARY)"
        whens, parameters = [], []
        for at, old, new in self.changes:
            whens.append(f"WHEN {key} = %s AND {f'{column} IS NULL' if old is None else is_old} THEN %s")
            parameters += [at, new] if old is None else [at, old, new]
        return f"CASE {' '.join(whens)} ELSE {column} END", parameters


def ccx_after(key: str = "") -> dict[str, Columns]:
    """Return the next overviews of CCX courses in the order of their keys, at most 500: memory stays flat."""
    # By how they begin and not by what they sort between: that differs from one collation to the next.
    ccx = _by_text().filter(text__gt=key, text__startswith="ccx-v1:")
    return dict(_rows(ccx.order_by("id")[:CHUNK]))


def chunks(items: Sequence[Any], size: int | None = None) -> Iterator[Sequence[Any]]:
    """Cut a list into parts that one statement can take."""
    length = size or CHUNK
    return (items[start : start + length] for start in range(0, len(items), length))


def _by_text() -> QuerySet[Any]:
    """Overviews with their keys as text: the field itself parses each key, and takes no beginning of one."""
    return model().objects.annotate(text=ExpressionWrapper(F("id"), output_field=CharField()))


def _rows(rows: QuerySet[Any]) -> Iterator[tuple[str, Columns]]:
    for key, *values in rows.values_list("text", *COLUMNS):
        yield key, dict(zip(COLUMNS, map(_plain, values)))


def _plain(value: Any) -> Any:
    return as_moment(value) if isinstance(value, datetime) else value
