"""The files of an OLX export: a ``.tar.gz`` (or ``.tar``) from Studio, or a folder, as a read-only mapping.

An export comes from outside and may be hostile. Nothing of it is written to disk; an archive is read once, as a
stream, and refused where it reaches a limit, before what lies behind the limit is in memory.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import BinaryIO

from course_sync_plugin.exceptions import InvalidCourse

#: Members of an archive. The largest public courses hold some ten thousand.
MAX_MEMBERS = 200_000
#: Bytes of one file that is read; the largest problem of the public courses has 0.2 MB.
MAX_FILE_BYTES = 32 * 2**20
#: Bytes of all files that are read; they are kept in memory.
MAX_READ_BYTES = 512 * 2**20
#: Bytes of a whole archive, unpacked; ``static/`` (videos) counts, though it is not read.
MAX_UNPACKED_BYTES = 16 * 2**30
#: Unpacked bytes for each packed one: many small files of OLX pack to a hundredth at best, a bomb to a thousandth.
MAX_RATIO = 250
#: Unpacked bytes that are below suspicion, whatever their ratio.
RATIO_FREE_BYTES = 64 * 2**20
#: Bytes of the headers of one member. tarfile reads them whole, and what follows up to a chunk counts with them.
MAX_HEADER_BYTES = 2**20
#: Bytes of the headers of a member on average; with a long name and what fills up a block it has some 2000.
MEAN_HEADER_BYTES = 4 * 2**10

#: What a course is read from; pictures and the like are passed over.
READ_SUFFIXES = frozenset({".xml", ".html", ".json"})

_COURSE, _LIBRARY = "course.xml", "library.xml"
_CHUNK_BYTES = 2**18
_GZIP_MAGIC = b"\x1f\x8b"
_DAMAGED = (EOFError, OSError, zlib.error, tarfile.TarError, ValueError, OverflowError, RecursionError)


@contextmanager
def open_export(path: str | os.PathLike[str]) -> Iterator[Mapping[str, bytes]]:
    """Open an export; give its files by their path relative to the folder that holds ``course.xml``.

    Raises InvalidCourse, which names the file and the reason: not there, not an archive, cut off, hostile, too
    large, without a course.
    """
    path = Path(path)
    if os.path.isdir(path):  # false for an overlong name too
        yield _folder(path)
    else:
        yield _archive(path)


def _archive(path: Path) -> Mapping[str, bytes]:
    try:
        with path.open("rb") as packed:
            files = _Unpacking(path, packed).files()
    except InvalidCourse:
        raise
    except FileNotFoundError:
        raise InvalidCourse(f"{path}: there is no such file or folder.") from None
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.strerror:  # of the system, not of gzip
            raise InvalidCourse(f"{path} cannot be read: {error.strerror}.") from error
        raise InvalidCourse(f"{path} is cut off or no .tar.gz archive: {error}.") from error
    top = _top(path, files)
    return MappingProxyType({name[len(top) :]: data for name, data in files.items() if name.startswith(top)})


def _top(path: Path, names: Iterable[str]) -> str:
    """Return the folder of ``course.xml`` with its slash, or nothing: the root itself or one folder in it."""
    near = {name for name in names if name.count("/") < 2}
    courses = sorted(name for name in near if PurePosixPath(name).name == _COURSE)
    if _COURSE in courses:
        return ""
    if len(courses) > 1:
        raise InvalidCourse(f"{path} holds more than one course: {', '.join(courses)}. Pack each one by itself.")
    if courses:
        return courses[0].removesuffix(_COURSE)
    if any(PurePosixPath(name).name == _LIBRARY for name in near):
        raise InvalidCourse(f"{path}: a content library is not a course; there is nothing to sync in it.")
    raise InvalidCourse(f"{path} has no course.xml, neither at its root nor in its top folder: it is no OLX export.")


class _Unpacking:
    """One pass through an archive; a file object for tarfile that counts what it hands out."""

    def __init__(self, path: Path, packed: BinaryIO):
        self.path = path
        self.member = "its first header"
        self.unpacked = self.declared = self.kept = 0
        self.headers = MAX_HEADER_BYTES
        self.packed = packed
        self.limit = min(MAX_UNPACKED_BYTES, max(RATIO_FREE_BYTES, MAX_RATIO * path.stat().st_size))
        compressed = packed.read(2) == _GZIP_MAGIC
        packed.seek(0)
        self.stream = gzip.GzipFile(fileobj=packed) if compressed else packed

    def read(self, size: int) -> bytes:
        data = self._unpack(size)
        if self.unpacked - self.declared > self.headers:
            raise self._refused("its headers, or the next ones, are larger than those of any course; pack it again")
        return data

    def _unpack(self, size: int) -> bytes:
        data = self.stream.read(size)
        self.unpacked += len(data)
        self._require_within_limit(self.unpacked)
        return data

    def _require_within_limit(self, unpacked: int) -> None:
        if unpacked > self.limit:
            raise self._refused(f"the archive unpacks to more than {self.limit} bytes, as no course does")

    def files(self) -> dict[str, bytes]:
        """Return the files to read, by their path in the archive."""
        files = {}
        with tarfile.open(fileobj=self, mode="r|", bufsize=_CHUNK_BYTES) as tar:
            for count, member in enumerate(tar, start=1):
                self._begin(tar, member, count)
                if count > MAX_MEMBERS:
                    raise self._refused(f"the archive has more than {MAX_MEMBERS} members")
                if self._is_file(member):
                    path = PurePosixPath(member.name)
                    data = self._data(tar, member, keep=_is_read(path))
                    if data is not None:
                        files[str(path)] = data
            self._require_end(tar.offset)
        return files

    def _begin(self, tar: tarfile.TarFile, member: tarfile.TarInfo, count: int) -> None:
        """Take up a member, and bound the headers of the next one."""
        # tarfile would keep all headers, and copy the global ones for each member.
        tar.members = []
        tar.pax_headers = {}
        self.member = member.name
        self.headers = MAX_HEADER_BYTES + min(self.unpacked - self.declared, MEAN_HEADER_BYTES * count)

    def _is_file(self, member: tarfile.TarInfo) -> bool:
        """Tell files from folders; refuse everything else, and names that lead out."""
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in member.name.replace("\\", "/").split("/"):
            raise self._refused("its path leads out of the archive")
        if member.issym() or member.islnk():
            raise self._refused("it is a link")
        if member.issparse() or not (member.isfile() or member.isdir()):
            raise self._refused("it is neither a file nor a folder")
        return member.isfile()

    def _data(self, tar: tarfile.TarFile, member: tarfile.TarInfo, keep: bool) -> bytes | None:
        self.declared += member.size
        self._require_within_limit(self.declared)
        if keep and member.size > MAX_FILE_BYTES:
            raise self._refused(f"it is larger than {MAX_FILE_BYTES} bytes")
        self.kept += member.size if keep else 0
        if self.kept > MAX_READ_BYTES:
            raise self._refused(f"the course is larger than {MAX_READ_BYTES} bytes")
        chunks, length, content = [], 0, tar.extractfile(member)
        while chunk := content.read(_CHUNK_BYTES):
            length += len(chunk)
            if keep:
                chunks.append(chunk)
        if length != member.size:
            raise EOFError(f"{member.name} ends early")
        return b"".join(chunks) if keep else None

    def _require_end(self, offset: int) -> None:
        """Read to the end, so that gzip compares its checksum; a plain tar must end with a block of zeros."""
        while self._unpack(_CHUNK_BYTES):
            pass
        if self.stream is self.packed:
            self.packed.seek(offset)
            if self.packed.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise EOFError(f"it ends behind {self.member}")

    def _refused(self, reason: str) -> InvalidCourse:
        return InvalidCourse(f"{self.path}: '{self.member}' is refused: {reason}.")


def _is_read(path: PurePosixPath) -> bool:
    return path.suffix.lower() in READ_SUFFIXES and "static" not in path.parts[:2]


def _folder(root: Path) -> Mapping[str, bytes]:
    top = _top(root, (found.relative_to(root).as_posix() for glob in ("*.xml", "*/*.xml") for found in root.glob(glob)))
    _require_inside(root)
    return _Folder(root / top)


def _require_inside(root: Path) -> None:
    """Refuse a symbolic link that leads out of the folder."""
    inside = root.resolve()
    for folder, folders, files in os.walk(root):
        for entry in (Path(folder, name) for name in (*folders, *files)):
            if entry.is_symlink() and not entry.resolve().is_relative_to(inside):
                raise InvalidCourse(f"{root}: '{entry.relative_to(root)}' is refused: it is a link that leads out.")


class _Folder(Mapping[str, bytes]):
    """The files of a folder, each read when it is asked for."""

    def __init__(self, root: Path):
        self._root = root

    def __getitem__(self, name: str) -> bytes:
        path = PurePosixPath(name)
        file = self._root / path
        if path.is_absolute() or ".." in path.parts or not os.path.isfile(file):  # false for an overlong name too
            raise KeyError(name)
        try:
            if file.stat().st_size > MAX_FILE_BYTES:
                raise InvalidCourse(f"{self._root}: '{name}' is refused: it is larger than {MAX_FILE_BYTES} bytes.")
            return file.read_bytes()
        except OSError as error:
            raise InvalidCourse(f"{self._root}: '{name}' cannot be read: {error.strerror}.") from error

    def __iter__(self) -> Iterator[str]:
        files = (Path(folder, name) for folder, _, names in os.walk(self._root) for name in names)
        return (file.relative_to(self._root).as_posix() for file in files)

    def __len__(self) -> int:
        return sum(1 for _ in self)
