"""Limits the number of blocks and bytes that are read from an export.

The files of an export name each other, so a few hundred bytes can describe an endless course: a file that contains
itself, or a chain of files in which each contains the next one twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import attrs
from lxml import etree

from course_sync_plugin.exceptions import InvalidCourse
from course_sync_plugin.structure.olx.archive import MAX_READ_BYTES

#: Largest number of elements that are blocks. The largest public courses have about ten thousand.
MAX_BLOCKS = 100_000


@attrs.define
class Bounds:
    """Counts the blocks of one export, and keeps the set of the files that are being read."""

    _blocks: int = attrs.field(default=0, init=False)
    _open: set[str] = attrs.field(factory=set, init=False)

    def counted(self, blocks: Iterable[etree._Element], path: str) -> Iterator[etree._Element]:
        """Yield the blocks found in the file ``path``. Raises InvalidCourse if there are too many in the course."""
        for block in blocks:
            self._blocks += 1
            if self._blocks > MAX_BLOCKS:
                raise InvalidCourse(
                    f"{path}, line {block.sourceline}: the course has more than {MAX_BLOCKS} blocks. A block counts "
                    "once for each time that it is read. Nothing was synced."
                )
            yield block

    def enter(self, file: str, element: etree._Element, path: str) -> None:
        """Begin a file that ``element`` in the file ``path`` names. Raises InvalidCourse if it contains itself."""
        if file in self._open:
            raise InvalidCourse(
                f"{path}, line {element.sourceline}: <{element.tag}> is read from {file}, so that file contains "
                "itself. Name another file. Nothing was synced."
            )
        self._open.add(file)

    def leave(self, file: str) -> None:
        """End a file after its last element was read."""
        self._open.remove(file)


class BoundedFiles(Mapping[str, bytes]):
    """The files of an export, with a limit on the bytes read. A file counts once for each time that it is read."""

    def __init__(self, files: Mapping[str, bytes]):
        self._files = files
        self._read = 0

    def __getitem__(self, name: str) -> bytes:
        data = self._files[name]
        self._read += len(data)
        if self._read > MAX_READ_BYTES:
            raise InvalidCourse(
                f"{name} is refused: the course is larger than {MAX_READ_BYTES} bytes. A file counts once for each "
                "time that it is read. Nothing was synced."
            )
        return data

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)
