"""Opens an OLX export, a ``.tar.gz`` (or ``.tar``) from Studio or a folder, as a read-only mapping of its files.

An export comes from outside and may be hostile. Nothing of it is written to disk. An archive is read once, as a stream,
and refused when it reaches a limit, before the rest of it is in memory.
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
from typing import Any, BinaryIO

from course_sync_plugin.exceptions import InvalidCourse

#: Largest number of members of an archive. The largest public courses have about ten thousand.
MAX_MEMBERS = 200_000
#: Largest number of bytes of one file that is read; the largest problem of the public courses has 0.2 MB.
MAX_FILE_BYTES = 32 * 2**20
#: Largest number of bytes of all files that are read; they are kept in memory.
MAX_READ_BYTES = 512 * 2**20
#: Largest number of bytes of a whole archive, unpacked; ``static/`` (videos) counts, though it is not read.
MAX_UNPACKED_BYTES = 16 * 2**30
#: Largest ratio of unpacked to packed bytes: many small OLX files pack to a hundredth at best, a bomb to a thousandth.
MAX_RATIO = 250
#: The ratio is not checked below this number of unpacked bytes.
RATIO_FREE_BYTES = 64 * 2**20
#: Largest number of bytes of the headers of one member. tarfile reads headers whole. It reads in chunks, so up to one
#: chunk of the data after the headers counts too.
MAX_HEADER_BYTES = 2**20
#: Largest mean number of bytes of the headers per member; with a long name and a filled-up block it is about 2000.
MEAN_HEADER_BYTES = 4 * 2**10

#: The suffixes of the files that a course is read from; other files, such as pictures, are skipped.
READ_SUFFIXES = frozenset({".xml", ".html", ".json"})

_COURSE, _LIBRARY = "course.xml", "library.xml"
_CHUNK_BYTES = 2**18
_GZIP_MAGIC = b"\x1f\x8b"
_DAMAGED = (EOFError, OSError, zlib.error, tarfile.TarError, ValueError, OverflowError, RecursionError)


@contextmanager
def open_export(path: str | os.PathLike[str]) -> Iterator[Mapping[str, bytes]]:
    """Open an export; yield its files by their path relative to the folder that has ``course.xml``.

    Raises InvalidCourse with the file and the reason: it does not exist, is not an archive, is cut off, is hostile, is
    too large or has no course.
    """
    path = Path(path)
    if os.path.isdir(path):  # also false for a name that is too long
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
        if isinstance(error, OSError) and error.strerror:  # an error of the system, not of gzip
            raise InvalidCourse(f"{path} cannot be read: {error.strerror}.") from error
        raise InvalidCourse(f"{path} is cut off or is not a .tar.gz archive: {error}.") from error
    top = _course_folder(path, files)
    return MappingProxyType({name[len(top) :]: data for name, data in files.items() if name.startswith(top)})


def _course_folder(path: Path, names: Iterable[str]) -> str:
    """Return the folder of ``course.xml``: empty for the root, or a folder directly below it, with a slash at the end.

    Raises InvalidCourse if there is no course, or more than one.
    """
    near = {name for name in names if name.count("/") < 2}
    courses = sorted(name for name in near if PurePosixPath(name).name == _COURSE)
    if _COURSE in courses:
        return ""
    if len(courses) > 1:
        raise InvalidCourse(f"{path} has more than one course: {', '.join(courses)}. Pack each one separately.")
    if courses:
        return courses[0].removesuffix(_COURSE)
    if any(PurePosixPath(name).name == _LIBRARY for name in near):
        raise InvalidCourse(f"{path}: a content library is not a course; only courses are synced.")
    raise InvalidCourse(f"{path} has no course.xml at its root or in its top folder: it is not an OLX export.")


class _Unpacking:
    """Reads an archive once. It is also the file object that tarfile reads from, and counts the unpacked bytes."""

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
            raise self._refused("its headers or the next ones are larger than those of any course; pack it again")
        return data

    def _unpack(self, size: int) -> bytes:
        data = self.stream.read(size)
        self.unpacked += len(data)
        self._require_within_limit(self.unpacked)
        return data

    def _require_within_limit(self, unpacked: int) -> None:
        if unpacked > self.limit:
            raise self._refused(f"the archive unpacks to more than {self.limit} bytes, which is more than the limit")

    def files(self) -> dict[str, bytes]:
        """Return the contents of the files to read, by their path in the archive."""
        files = {}
        stream: Any = self  # tarfile calls nothing but ``read`` of a stream; its type asks for a whole file
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_CHUNK_BYTES) as tar:
            for count, member in enumerate(tar, start=1):
                self._start_member(tar, member, count)
                if count > MAX_MEMBERS:
                    raise self._refused(f"the archive has more than {MAX_MEMBERS} members")
                if self._is_file(member):
                    path = PurePosixPath(member.name)
                    data = self._data(tar, member, keep=_is_read(path))
                    if data is not None:
                        files[str(path)] = data
            self._require_end(tar.offset)
        return files

    def _start_member(self, tar: tarfile.TarFile, member: tarfile.TarInfo, count: int) -> None:
        """Begin with a member, and set the limit for the headers of the next one."""
        # Otherwise tarfile keeps all headers, and copies the global ones for each member.
        tar.members = []  # type: ignore[attr-defined]  # not documented, so typeshed omits it
        tar.pax_headers = {}
        self.member = member.name
        self.headers = MAX_HEADER_BYTES + min(self.unpacked - self.declared, MEAN_HEADER_BYTES * count)

    def _is_file(self, member: tarfile.TarInfo) -> bool:
        """Tell whether a member is a file; False for a folder.

        Raises InvalidCourse for every other kind of member, and for a path that leads out of the archive.
        """
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
        while content and (chunk := content.read(_CHUNK_BYTES)):
            length += len(chunk)
            if keep:
                chunks.append(chunk)
        if length != member.size:
            raise EOFError(f"{member.name} ends early")
        return b"".join(chunks) if keep else None

    def _require_end(self, offset: int) -> None:
        """Read to the end, so that gzip compares its checksum. A plain tar must end with a block of zeros."""
        while self._unpack(_CHUNK_BYTES):
            pass
        if self.stream is self.packed:
            self.packed.seek(offset)
            if self.packed.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise EOFError(f"it ends after {self.member}")

    def _refused(self, reason: str) -> InvalidCourse:
        return InvalidCourse(f"{self.path}: '{self.member}' is refused: {reason}.")


def _is_read(path: PurePosixPath) -> bool:
    return path.suffix.lower() in READ_SUFFIXES and "static" not in path.parts[:2]


def _folder(root: Path) -> Mapping[str, bytes]:
    found = (path.relative_to(root).as_posix() for glob in ("*.xml", "*/*.xml") for path in root.glob(glob))
    top = _course_folder(root, found)
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
    """The files of a folder. Each file is read on access."""

    def __init__(self, root: Path):
        self._root = root

    def __getitem__(self, name: str) -> bytes:
        path = PurePosixPath(name)
        file = self._root / path
        if path.is_absolute() or ".." in path.parts or not os.path.isfile(file):  # also false for a name too long
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
