"""What keeps the reading of an export finite.

The files of an export name each other, so a few hundred bytes can stand for a course without end: a file that holds
itself, or files of which each holds the next one twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import attrs
from lxml import etree

from course_sync_plugin.exceptions import InvalidCourse
from course_sync_plugin.structure.archive import MAX_READ_BYTES

#: Elements that stand for blocks. The largest public courses hold some ten thousand.
MAX_BLOCKS = 100_000


@attrs.define
class Bounds:
    """Counts the blocks of one export, and knows which of its files are being read."""

    _blocks: int = attrs.field(default=0, init=False)
    _open: set[str] = attrs.field(factory=set, init=False)

    def counted(self, blocks: Iterable[etree._Element], path: str) -> Iterator[etree._Element]:
        """Yield the blocks found in the file ``path``. Raises InvalidCourse where it is one too many."""
        for block in blocks:
            self._blocks += 1
            if self._blocks > MAX_BLOCKS:
                raise InvalidCourse(
                    f"{path}, line {block.sourceline}: the course holds more than {MAX_BLOCKS} blocks, what is read "
                    "again counted again. Nothing was synced."
                )
            yield block

    def enter(self, file: str, element: etree._Element, path: str) -> None:
        """Begin a file, which ``element`` in the file ``path`` names. Raises InvalidCourse where it holds itself."""
        if file in self._open:
            raise InvalidCourse(
                f"{path}, line {element.sourceline}: <{element.tag}> is read from {file}, which thereby holds itself. "
                "Name another file. Nothing was synced."
            )
        self._open.add(file)

    def leave(self, file: str) -> None:
        """End a file: all that it holds was read."""
        self._open.remove(file)


class BoundedFiles(Mapping[str, bytes]):
    """The files of an export; one that is read again counts again."""

    def __init__(self, files: Mapping[str, bytes]):
        self._files = files
        self._read = 0

    def __getitem__(self, name: str) -> bytes:
        data = self._files[name]
        self._read += len(data)
        if self._read > MAX_READ_BYTES:
            raise InvalidCourse(
                f"{name} is refused: the course is larger than {MAX_READ_BYTES} bytes, what is read again counted "
                "again. Nothing was synced."
            )
        return data

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)
