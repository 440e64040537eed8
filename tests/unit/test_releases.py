"""The requirements fit what releases of edx-platform pin, and docs/references/releases.rst says what was compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "references" / "releases.rst").read_text("utf-8")
FILES = sorted((ROOT / "tests" / "data" / "releases").glob("*.txt"))


def pins(path: Path) -> dict[str, Version]:
    """Return what a release pins: the versions by the names of the packages."""
    lines = (line for line in path.read_text("utf-8").splitlines() if not line.startswith("#"))
    return {canonicalize_name(name): Version(version) for name, version in (line.split("==") for line in lines)}


def python_of(path: Path) -> str:
    return re.search(r"^# Python: (\S+)$", path.read_text("utf-8"), re.MULTILINE)[1]


def requirements() -> list[Requirement]:
    """Return the requirements of the wheel, from the file that ``setup.py`` reads."""
    lines = (ROOT / "requirements" / "base.in").read_text("utf-8").splitlines()
    return [Requirement(bare) for line in lines if (bare := line.split("#")[0].strip())]


def added() -> set[str]:
    """Return the packages that the page calls added."""
    return set(re.findall(r"^``([\w-]+)``  ", PAGE.split("\nadded package", 1)[1], re.MULTILINE))


def refused(wanted: list[Requirement], pinned: dict[str, Version], python: str) -> Iterator[str]:
    """Yield the requirements that refuse what a release pins."""
    for one in wanted:
        applies = one.marker is None or one.marker.evaluate({"python_version": python, "extra": ""})
        version = pinned.get(canonicalize_name(one.name))
        if applies and version and not one.specifier.contains(version):
            yield f"{one} refuses {version}"


def test_there_are_pins():
    assert len(FILES) >= 4
    assert all(len(pins(path)) > 60 for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_plugin_accepts_what_is_pinned(path):
    assert list(refused(requirements(), pins(path), python_of(path))) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_not_pinned_is_added(path):
    missing = {canonicalize_name(one.name) for one in requirements()} - pins(path).keys()
    assert missing == added()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", sorted(added()))
def test_what_is_added_accepts_what_is_pinned(path, name):
    """In the version that is installed here. It brings nothing that neither the plugin nor the platform knows."""
    own = [Requirement(text) for text in requires(name) or ()]
    needed = [one for one in own if one.marker is None or one.marker.evaluate({"extra": ""})]
    assert list(refused(needed, pins(path), python_of(path))) == []
    known = pins(path).keys() | added() | {"tzdata"}
    assert {canonicalize_name(one.name) for one in needed} - known == set()


def test_a_refusal_is_found():
    pinned = {"celery": Version("5.3.6"), "django": Version("6.0")}
    assert list(refused(requirements(), pinned, "3.11")) == [
        "Django<6.0,>=4.2 refuses 6.0",
        "celery>=5.4 refuses 5.3.6",
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_table_has_a_row_for_each_file(path):
    row = next(row for row in PAGE.split("\n   * - ") if f"``{path.stem}``" in row)
    django = pins(path)["django"]
    assert re.findall(r"^     - (\d\.\d+)$", row, re.MULTILINE) == [python_of(path), f"{django.major}.{django.minor}"]
    assert "# Source: github.com/" in path.read_text("utf-8")


def test_the_table_names_no_other_file():
    assert set(re.findall(r"``(\d{4}-\d\d)``", PAGE)) == {path.stem for path in FILES}
