"""A hostile or broken export is refused, with the name of the bad member and the reason."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from course_sync_plugin.exceptions import InvalidCourse
from course_sync_plugin.structure.olx import archive as limits
from course_sync_plugin.structure.olx.archive import open_export
from tests.unit.structure.olx.files import COURSE_XML, STUDIO, archive, folder


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, size
    return info


def hostile(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        good = member("course/course.xml", size=len(COURSE_XML))
        tar.addfile(good, io.BytesIO(COURSE_XML.encode()))
        for info in members:
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    return path


def packed(path: Path, names: list[str], **form) -> Path:
    """Pack empty files after a course; ``form`` sets the form of the headers."""
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w", **form) as tar:
        tar.addfile(member("course/course.xml", size=len(COURSE_XML)), io.BytesIO(COURSE_XML.encode()))
        for name in names:
            tar.addfile(member(name))
    return path


def measured(act: Callable[[], Any]) -> tuple[Any, int]:
    """Return what a call returns, and the most bytes that it held at once.

    Threads of other tests are measured too, so the smallest of three measurements counts.
    """
    peaks = []
    for _ in range(3):
        tracemalloc.start()
        result = act()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return result, min(peaks)


def refusal(path: Path) -> str:
    with pytest.raises(InvalidCourse) as error:
        read_all(path)
    return error.value.message


def read_all(path: Path) -> dict[str, bytes]:
    with open_export(path) as files:
        return dict(files)


@pytest.mark.parametrize("name", ["course.tar.gz", "course.tgz", "course.tar"])
@pytest.mark.parametrize("top", ["", "course/", "./course/", "./", "Année 2026/"])
def test_an_archive_with_one_top_folder_or_none(tmp_path: Path, name: str, top: str):
    with open_export(archive(tmp_path / name, {**STUDIO, "static/a.png": b"\x89"}, top)) as files:
        assert dict(files) == {path: content.encode() for path, content in STUDIO.items()}
        with pytest.raises(TypeError):
            files["course.xml"] = b""


@pytest.mark.parametrize("top", ["", "export/"])
def test_a_folder_with_one_top_folder_or_none(tmp_path: Path, top: str):
    folder(tmp_path, {top + path: content for path, content in STUDIO.items()})
    with open_export(tmp_path) as files:
        assert {path: files[path].decode() for path in files} == STUDIO
        assert len(files) == len(STUDIO)
        assert "chapter/nothing.xml" not in files


def test_folders_and_macs_leftovers_are_passed_over(tmp_path: Path):
    path = hostile(tmp_path / "a.tar.gz", member("course/chapter", tarfile.DIRTYPE), member("course/._course.xml"))
    with open_export(path) as files:
        assert set(files) == {"course.xml", "._course.xml"}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (member("/etc/passwd"), "leads out"),
        (member("course/../../evil.xml"), "leads out"),
        (member("..\\evil.xml"), "leads out"),
        (member("course/link.xml", tarfile.SYMTYPE, "/etc/passwd"), "link"),
        (member("course/static/link", tarfile.SYMTYPE, "course.xml"), "link"),
        (member("course/hard.xml", tarfile.LNKTYPE, "course/course.xml"), "link"),
        (member("course/device", tarfile.CHRTYPE), "neither a file nor a folder"),
        (member("course/disk", tarfile.BLKTYPE), "neither a file nor a folder"),
        (member("course/pipe", tarfile.FIFOTYPE), "neither a file nor a folder"),
    ],
)
def test_a_hostile_member_is_refused_by_name(tmp_path: Path, bad: tarfile.TarInfo, reason: str):
    message = refusal(hostile(tmp_path / "evil.tar.gz", bad))
    assert f"'{bad.name}' is refused" in message
    assert reason in message


@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [
        ("MAX_MEMBERS", 3, "more than 3 members"),
        ("MAX_FILE_BYTES", 999, "larger than 999 bytes"),
        ("MAX_READ_BYTES", 2500, "larger than 2500 bytes"),
        ("MAX_UNPACKED_BYTES", 6000, "more than 6000 bytes"),
    ],
)
def test_limits_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, reason: str):
    path = hostile(tmp_path / "much.tar.gz", *(member(f"course/html/{at}.html", size=1000) for at in range(6)))
    with open_export(path) as files:
        assert len(files) == 7
    monkeypatch.setattr(limits, limit, value)
    monkeypatch.setattr(limits, "_CHUNK_BYTES", 512)
    message = refusal(path)
    assert "course/html/" in message
    assert reason in message


def test_static_files_are_not_kept_but_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = hostile(tmp_path / "static.tar.gz", member("course/static/page.html", size=5000))
    monkeypatch.setattr(limits, "MAX_FILE_BYTES", 1000)
    with open_export(path) as files:
        assert set(files) == {"course.xml"}
    monkeypatch.setattr(limits, "MAX_UNPACKED_BYTES", 4000)
    monkeypatch.setattr(limits, "_CHUNK_BYTES", 512)
    assert "static/page.html" in refusal(path)


@pytest.mark.parametrize("name", ["course/bomb.xml", "course/static/bomb.mp4"])
def test_a_bomb_goes_off_nowhere(tmp_path: Path, name: str):
    """A gigabyte that is packed into a few kilobytes is refused because of the size in its header."""
    path = tmp_path / "bomb.tar.gz"
    with gzip.open(path, "wb") as out:
        out.write(member(name, size=2**30).tobuf())
        out.write(bytes(2**20))
    message, peak = measured(lambda: refusal(path))
    assert f"'{name}' is refused" in message
    assert peak < 8 * 2**20


def test_a_bomb_in_a_header_is_refused(tmp_path: Path):
    """An extended header is refused after a part was read, although tarfile reads it whole."""
    path = tmp_path / "bomb.tar.gz"
    with gzip.open(path, "wb", compresslevel=6) as out:
        out.write(member("pax", tarfile.XHDTYPE, size=2**30).tobuf())
        for _ in range(100):
            out.write(bytes(2**20))
    assert "its first header" in refusal(path)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE])
@pytest.mark.parametrize("members", [0, 300])
def test_a_header_too_large_for_memory_is_refused(tmp_path: Path, kind: bytes, members: int):
    """Also after many small members, and if the archive unpacks to less than RATIO_FREE_BYTES."""
    path = tmp_path / "long.tar.gz"
    with gzip.open(path, "wb") as out:
        out.write(b"".join(member(f"course/{at}").tobuf() for at in range(members)))
        out.write(member("long", kind, size=32 * 2**20).tobuf())
        for _ in range(32):
            out.write(bytes(2**20))
    message, peak = measured(lambda: refusal(path))
    assert (f"'course/{members - 1}'" if members else "its first header") in message
    assert "larger than those of any course" in message
    assert peak < 8 * 2**20


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_headers_that_are_large_each_time_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: int):
    path = packed(tmp_path / "long.tar", [f"course/html/{at}{'x' * 6000}.txt" for at in range(40)], format=form)
    assert list(read_all(path)) == ["course.xml"]
    monkeypatch.setattr(limits, "MAX_HEADER_BYTES", 30_000)
    monkeypatch.setattr(limits, "_CHUNK_BYTES", 512)
    assert "larger than those of any course" in refusal(path)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_headers_of_a_course_with_long_names(tmp_path: Path, form: int):
    names = [f"course/html/{at}{'é' * 110}.html" for at in range(3000)]
    path = packed(tmp_path / "course.tar.gz", names, format=form)
    assert len(read_all(path)) == 3001


def test_global_headers_are_not_copied_for_every_member(tmp_path: Path):
    """An archive made by git has a global header with a comment; a hostile one has thousands."""
    told = {f"comment{at}": "" for at in range(5000)}
    path = packed(tmp_path / "g.tar.gz", [f"course/{at}.txt" for at in range(500)], pax_headers=told)
    found, peak = measured(lambda: list(read_all(path)))
    assert found == ["course.xml"]
    assert peak < 16 * 2**20


def test_a_chain_of_headers_without_a_member_is_refused(tmp_path: Path):
    path = tmp_path / "chain.tar.gz"
    with gzip.open(path, "wb") as out:
        for _ in range(1500):
            out.write(
                member("long", tarfile.GNUTYPE_LONGNAME, size=2).tobuf(tarfile.GNU_FORMAT) + b"a".ljust(512, b"\0")
            )
    assert str(path) in refusal(path)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95, 0.999])
@pytest.mark.parametrize("name", ["course.tar.gz", "course.tar"])
def test_an_archive_that_is_cut_off(tmp_path: Path, name: str, share: float):
    files = {**STUDIO, "html/noise.html": os.urandom(40_000), "static/noise.png": os.urandom(40_000)}
    path = archive(tmp_path / name, files)
    data = path.read_bytes().rstrip(b"\0") if name.endswith(".tar") else path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert "cut off" in refusal(path)


def test_an_archive_with_a_damaged_checksum(tmp_path: Path):
    path = archive(tmp_path / "course.tar.gz", STUDIO)
    data = bytearray(path.read_bytes())
    data[-6] ^= 0xFF
    path.write_bytes(data)
    assert "cut off" in refusal(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04 a zip", b"<course/>", gzip.compress(b"no tar", mtime=0), bytes(range(256)) * 8],
    ids=["empty", "zip", "xml", "gzip", "noise"],
)
def test_what_is_no_archive(tmp_path: Path, content: bytes):
    path = tmp_path / "course.tar.gz"
    path.write_bytes(content)
    assert str(path) in refusal(path)


def test_what_is_not_there(tmp_path: Path):
    assert "no such file or folder" in refusal(tmp_path / "nothing.tar.gz")


@pytest.mark.parametrize("pack", [archive, lambda path, files, top="course/": folder(path, files)])
def test_no_course(tmp_path: Path, pack):
    path = pack(tmp_path / "course.tar.gz", {"chapter/c.xml": "<chapter/>"})
    assert "has no course.xml" in refusal(path)


@pytest.mark.parametrize("top", ["", "library/"])
def test_a_library_is_not_a_course(tmp_path: Path, top: str):
    path = archive(tmp_path / "library.tar.gz", {"library.xml": '<library org="O" library="L"/>'}, top)
    assert "a content library is not a course" in refusal(path)


def test_two_courses_are_one_too_many(tmp_path: Path):
    path = archive(tmp_path / "two.tar.gz", {"a/course.xml": COURSE_XML, "b/course.xml": COURSE_XML}, top="")
    assert "a/course.xml, b/course.xml" in refusal(path)


@pytest.mark.parametrize("inside", ["chapter/evil.xml", "static/evil.png", "evil"])
def test_a_link_that_leaves_a_folder_is_refused(tmp_path: Path, inside: str):
    course = folder(tmp_path / "course", {**STUDIO, "static/a.png": ""})
    (course / inside).symlink_to(tmp_path)
    message = refusal(course)
    assert inside in message
    assert "link" in message


def test_a_folder_without_a_course_is_said_to_be_one_whatever_its_links(tmp_path: Path):
    """A home folder has many links. The message is that it has no course, not that a link is refused."""
    home = folder(tmp_path / "home", {"notes.txt": ""})
    (home / "elsewhere").symlink_to(tmp_path)
    assert "has no course.xml" in refusal(home)


def test_a_link_within_a_folder_is_followed(tmp_path: Path):
    course = folder(tmp_path / "course", STUDIO)
    (course / "chapter" / "same.xml").symlink_to(course / "chapter" / "c.xml")
    with open_export(course) as files:
        assert files["chapter/same.xml"] == files["chapter/c.xml"]


@pytest.mark.parametrize("name", ["../secret.xml", "chapter/../../secret.xml", "/etc/hostname", f"chapter/{'x' * 300}"])
def test_no_path_leads_out_of_a_folder(tmp_path: Path, name: str):
    folder(tmp_path, {"secret.xml": "<secret/>"})
    with open_export(folder(tmp_path / "course", STUDIO)) as files, pytest.raises(KeyError):
        files[name]


def test_a_file_of_a_folder_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    course = folder(tmp_path / "course", {**STUDIO, "html/big.html": b"x" * 2000})
    monkeypatch.setattr(limits, "MAX_FILE_BYTES", 1000)
    assert "html/big.html" in refusal(course)
