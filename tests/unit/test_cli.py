"""``course-sync diff``: its output and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from course_sync_plugin import __version__
from course_sync_plugin.cli import main
from course_sync_plugin.data import Operation
from course_sync_plugin.diff.apply import apply
from course_sync_plugin.structure.olx.reader import read_olx
from tests.conftest import SAMPLE
from tests.unit.structure.olx.files import STUDIO, archive, folder

OLD, NEW = str(SAMPLE / "old"), str(SAMPLE / "new")


def test_the_sample_course_as_a_table(capsys: pytest.CaptureFixture[str]):
    assert main(["diff", OLD, NEW]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].split() == ["operation", "type", "title", "what"]
    assert lines[1].split(maxsplit=2)[:2] == ["move", "unit"]
    assert "from “Swarming” to “Opening the hive” at 3" in printed.out
    assert "display_name: Smoker and veil → Smoker, veil and gloves" in printed.out
    assert "due: 2026-05-03T22:00:00Z → 2026-05-10T22:00:00Z" in printed.out
    assert lines[-1] == "3 create, 2 move, 4 update, 2 delete"
    assert printed.err == ""


def test_the_sample_course_as_json(capsys: pytest.CaptureFixture[str]):
    assert main(["diff", "--format", "json", OLD, NEW]) == 0
    operations = [Operation.from_dict(values) for values in json.loads(capsys.readouterr().out)]
    new = read_olx(NEW)
    assert apply(operations, read_olx(OLD, new.course_id)).same_course_as(new)


def test_what_the_sample_course_shows():
    """It shows a rename, a reorder, a move out of a deleted subsection, a new unit, a deletion and a changed date."""
    old, new = read_olx(OLD), read_olx(NEW)
    types = [entity.entity_type for entity in old.entities.values()]
    counts = [types.count(name) for name in ("section", "subsection", "unit", "component")]
    assert counts == [3, 5, 8, 16]
    assert old.warnings == new.warnings == ()
    gone = old.entities.keys() - new.entities.keys()
    assert any("sequential" in entity for entity in gone)
    assert any(entity.parent_id in gone for entity in old.entities.values() if entity.entity_id in new.entities)


@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_changed(capsys: pytest.CaptureFixture[str], form: str):
    assert main(["diff", "--format", form, OLD, OLD]) == 0
    assert capsys.readouterr().out.strip() == {"text": "No change.", "json": "[]"}[form]


def test_both_are_revisions_of_the_new_ones_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    other_run = {**STUDIO, "course.xml": '<course url_name="R2" org="O2" course="C2"/>'}
    other_run["course/R2.xml"] = other_run.pop("course/R.xml")
    old, new = archive(tmp_path / "old.tar.gz", other_run), folder(tmp_path / "new", STUDIO)
    assert main(["diff", str(old), str(new)]) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == "No change."
    assert printed.err == (f"{old} is course-v1:O2+C2+R2, {new} is course-v1:O+C+R: they are compared as one course.\n")


def test_an_old_export_that_names_no_course_is_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    nameless = folder(tmp_path / "old", {**STUDIO, "course.xml": '<course url_name="R"/>'})
    assert main(["diff", str(nameless), str(folder(tmp_path / "new", STUDIO))]) == 0
    assert capsys.readouterr().err == ""


def test_a_new_course_and_a_gone_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    empty = folder(tmp_path / "empty", {**STUDIO, "course/R.xml": '<course display_name="Course"/>'})
    full = folder(tmp_path / "full", STUDIO)
    assert main(["diff", str(empty), str(full)]) == 0
    assert main(["diff", str(full), str(empty)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith(("create", "delete"))] == ["create"] * 5 + [
        "delete"
    ] * 5


def test_what_may_be_hidden_is_not_deleted(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    broken = {**STUDIO, "chapter/c.xml": '<chapter display_name="Section"><error/></chapter>'}
    old, new = folder(tmp_path / "old", STUDIO), folder(tmp_path / "new", broken)
    assert main(["diff", str(old), str(new)]) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == "No change."
    assert "chapter/c.xml, line 1: <error> is left out" in printed.err


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "has no course.xml"),
        ({"library.xml": "<library/>"}, "a content library is not a course"),
        ({**STUDIO, "vertical/v.xml": "<vertical>\n&</vertical>"}, "vertical/v.xml, line 2"),
    ],
)
def test_what_could_not_be_done_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], files: dict[str, str], reason: str
):
    bad = folder(tmp_path / "bad", files)
    bad.mkdir(exist_ok=True)
    for arguments in ([OLD, str(bad)], [str(bad), NEW]):
        assert main(["diff", *arguments]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("course-sync: ")
        assert reason in printed.err


@pytest.mark.parametrize("arguments", [[], ["diff"], ["diff", OLD], ["diff", OLD, NEW, "--format", "xml"], ["nothing"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: course-sync" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["diff", "--help"]])
def test_help_has_an_example(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 0
    assert "course-sync diff course.2024.tar.gz course.2025.tar.gz" in capsys.readouterr().out


def test_its_version(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"course-sync {__version__}\n"


def test_it_needs_no_django():
    code = (
        "import sys, course_sync_plugin.cli as cli; status = cli.main(sys.argv[1:]); assert 'django' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, "diff", OLD, NEW], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_console_script():
    (script,) = entry_points(group="console_scripts", name="course-sync")
    assert script.load() is main


@pytest.mark.parametrize(
    "name",
    ["a\udcffb", "a\x00b", "x" * 300, "x" * 5000, "\U0001f41d", "\x9b", "", "a/b"],
    ids=["not UTF-8", "NUL", "too long", "far too long", "four bytes", "a control character", "empty", "a folder"],
)
def test_a_path_that_leads_nowhere(capsys: pytest.CaptureFixture[str], name: str):
    for paths in ([name, NEW], [OLD, name], [f"{name}/{name}", NEW]):
        assert main(["diff", *paths]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("course-sync: ")
        assert printed.err.rstrip("\n").isprintable()


@pytest.mark.parametrize("gone", ["chapter/c.xml", "vertical/v.xml"])
def test_an_export_that_cannot_be_read(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, gone: str):
    """The disk, the network share or the file permissions prevent the read."""
    path = folder(tmp_path / "new", STUDIO)
    read = Path.read_bytes

    def fail(file: Path) -> bytes:
        if file == path / gone:
            raise PermissionError(13, "Permission denied")
        return read(file)

    monkeypatch.setattr(Path, "read_bytes", fail)
    assert main(["diff", OLD, str(path)]) == 1
    printed = capsys.readouterr().err
    assert gone in printed
    assert "Permission denied" in printed
