"""Writes rows to an archive before they are deleted: JSON lines, one row a line.

A line is ``{"table": NAME, "row": {COLUMN: VALUE, …}}``. Times are in UTC. The tables have no secrets.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import attrs
from django.db.models import F
from django.utils.translation import gettext as _

from course_sync_plugin.data import utc_text
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.upkeep.prune.tables import Table


@attrs.frozen
class Archive:
    """An archive that is open for writing. If the name ends with ``.gz``, each batch is a gzip member of its own."""

    path: Path
    _file: BinaryIO

    def write(self, table: Table, keys: Sequence[int]) -> None:
        """Write the rows with these keys. They are on the disk when this returns.

        Raises ConfigurationError if they cannot be written; then they must not be deleted.
        """
        data = "".join(_lines(table, keys)).encode()
        try:
            self._file.write(gzip.compress(data) if self.path.suffix == ".gz" else data)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _not_writable(self.path, error) from error


@contextmanager
def opened_archive(name: str) -> Iterator[Archive]:
    """Create an archive, a file of this name or a new file in the folder of this name. Only its owner may read it.

    Raises ConfigurationError if the file exists already or cannot be made: a file of an earlier prune that was killed
    may end with half a line.
    """
    path = Path(name)
    if os.path.isdir(name):  # unlike Path.is_dir, it refuses no name
        path /= f"course-sync-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.jsonl.gz"
    with _new_file(path) as file:
        yield Archive(path, file)


def _new_file(path: Path) -> BinaryIO:
    try:
        file = os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
        _sync_folder(path.parent)
    except FileExistsError:
        text = _("The archive {path} exists already. Name a new file, or a folder.")
        raise ConfigurationError(text.format(path=path)) from None
    except (OSError, ValueError) as error:
        raise _not_writable(path, error) from error
    return file


def _sync_folder(folder: Path) -> None:
    """Make sure that the name of a new file is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lines(table: Table, keys: Sequence[int]) -> Iterator[str]:
    columns = [field.attname for field in table.model._meta.concrete_fields]
    context = {name: F(path) for name, path in table.context}
    rows = table.model._default_manager.filter(pk__in=keys).order_by("pk")
    for row in rows.values(*columns, **context):
        yield json.dumps({"table": table.name, "row": row}, default=_text, ensure_ascii=False) + "\n"


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return utc_text(value, "microseconds")
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)


def _not_writable(path: Path, error: OSError | ValueError) -> ConfigurationError:
    text = _("The archive {path} cannot be written: {reason}.")
    reason = getattr(error, "strerror", None) or type(error).__name__
    return ConfigurationError(text.format(path=path, reason=reason))
