"""Many rows in few statements, each bounded by rows and by bytes: a database refuses a statement that is too long.

MariaDB and MySQL take ``max_allowed_packet`` bytes at once: by default 16 MiB and 64 MiB.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from django.db.models import Model

#: Rows of one statement, and keys of one condition.
ROWS = 500

#: Bytes of the values in one statement, as :func:`_bytes_of` counts them. Quotes and backslashes take twice as many.
BYTES = 4 * 2**20

#: What a number, a date or an expression may take.
_SMALL = 32

Key = TypeVar("Key")


def insert(rows: Iterable[Model], **options: Any) -> None:
    """Insert rows of one model; ``options`` are those of ``bulk_create``. Each part is a statement of its own."""
    for part in _parts(rows):
        type(part[0])._default_manager.bulk_create(part, **options)


def update(rows: Iterable[Model], columns: Sequence[str]) -> None:
    """Write these columns of rows of one model, each by its key. Each part is a statement of its own."""
    for part in _parts(rows):
        type(part[0])._default_manager.bulk_update(part, columns)


def chunks(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    """Cut keys into parts that one condition can take."""
    return (keys[start : start + ROWS] for start in range(0, len(keys), ROWS))


def _parts(rows: Iterable[Model]) -> Iterator[list[Model]]:
    """Cut rows into parts that one statement can take. A row that is too large for any is a part of its own."""
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
        return len(json.dumps(value))  # as the database gets it: a character beyond ASCII has six bytes
    if isinstance(value, str):
        return len(value.encode(errors="surrogatepass"))
    return max(len(value), _SMALL) if isinstance(value, bytes) else _SMALL
