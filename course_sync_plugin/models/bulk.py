"""Writes many rows in few statements, each bounded by rows and by bytes.

A database refuses a statement that is too long. MariaDB and MySQL take at most ``max_allowed_packet`` bytes, by default
16 MiB and 64 MiB.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model

#: The most rows of one statement, and the most keys of one condition.
ROWS = 500

#: The most bytes of the values in one statement, as :func:`_bytes_of` counts them. SQL doubles quotes and backslashes.
BYTES = 4 * 2**20

#: The most bytes of a number, a date or an expression.
_SMALL = 32

Key = TypeVar("Key")


def insert(rows: Iterable[Model], **options: Any) -> None:
    """Insert rows of one model, in parts of one statement each. ``options`` are those of ``bulk_create``."""
    for part in _parts(rows):
        type(part[0])._default_manager.bulk_create(part, **options)


def upsert(rows: Iterable[Model], columns: Sequence[str], unique: Sequence[str]) -> None:
    """Insert rows of one model, or update these columns of the rows that have the same ``unique`` columns."""
    # On MySQL a conflict in any unique key counts, and the statement cannot name one.
    names_key = connection.features.supports_update_conflicts_with_target
    insert(rows, update_conflicts=True, update_fields=columns, unique_fields=unique if names_key else None)


def update(rows: Iterable[Model], columns: Sequence[str]) -> None:
    """Update these columns of rows of one model, in parts of one statement each."""
    for part in _parts(rows):
        type(part[0])._default_manager.bulk_update(part, columns)


def chunks(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    """Split keys into parts that fit into one condition."""
    return (keys[start : start + ROWS] for start in range(0, len(keys), ROWS))


def _parts(rows: Iterable[Model]) -> Iterator[list[Model]]:
    """Split rows into parts that fit into one statement. A row that is too large is a part of its own."""
    part: list[Model] = []
    size = 0
    for row in rows:
        more = sum(_bytes_of(getattr(row, field.attname)) for field in row._meta.concrete_fields)
        if part and (len(part) == ROWS or size + more > BYTES):
            yield part
            part, size = [], 0
        part.append(row)
        size += more
    if part:
        yield part


def _bytes_of(value: Any) -> int:
    if isinstance(value, (dict, list)):
        return len(json.dumps(value))  # as the database gets it: a non-ASCII character has six bytes
    if isinstance(value, str):
        return len(value.encode(errors="surrogatepass"))
    return max(len(value), _SMALL) if isinstance(value, bytes) else _SMALL
