"""The page about the architecture names the rooms, the files and the functions that are there."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "course_sync_plugin"
PAGE = (ROOT / "docs" / "architecture.rst").read_text("utf-8")
PICTURE = (ROOT / "docs" / "images" / "architecture.dot").read_text("utf-8")
CONTRACTS = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
}

#: Names of edx-platform in capital letters.
FOREIGN = {"CourseOverview", "COURSE_PUBLISHED"}


def rooms() -> set[str]:
    """Return every folder that holds Python modules, as ``catalog/client/``."""
    folders = {path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")}
    return {f"{folder.as_posix()}/" for folder in folders if folder != Path()}


def table() -> str:
    return PAGE.split("\nThe rooms\n*", 1)[1]


def rows() -> list[tuple[int, str, str]]:
    """Return layer, room and permission of each row of the table of rooms."""
    found = re.findall(r"^(\d+) +``([\w./]+)`` .*?  +((?:\d[\d to]*|nothing)(?:, no Django)?)$", table(), re.MULTILINE)
    return [(int(layer), room, permission) for layer, room, permission in found]


def module_of(room: str) -> str:
    return room.removesuffix("/").removesuffix(".py")


def test_the_table_has_every_folder():
    """Both ways, with the folders inside folders."""
    assert set(re.findall(r"``((?:\w+/)+)``", table())) == rooms()


def test_the_picture_has_folders_and_files_that_are_there():
    text = re.sub(r"^ *//.*$", "", PICTURE, flags=re.MULTILINE)
    labels = re.findall(r"label=<(.*)>\]", text)
    named = {
        name
        for label in labels
        for name in re.findall(r"\b((?:\w+/)*\w+\.py|\w+/)", re.sub("</?[A-Z].*?>", " ", label))
    }
    assert {name for name in named if not (PACKAGE / name).exists()} == set()
    shown = {name for name in named if name.endswith("/")}
    top = {room for room in rooms() if room.count("/") == 1}
    assert shown == top - {"testing/"}, "testing/ is for those who write targets; the table alone has it"


def test_the_table_is_the_contract_of_imports():
    layers = CONTRACTS["layers"]["layers"]
    expected = {(at, name) for at, layer in enumerate(layers, 1) for name in re.split(r"\W+", layer)}
    assert {(layer, module_of(room)) for layer, room, _ in rows()} == expected
    for layer, room, permission in rows():
        assert (PACKAGE / room).exists(), room
        below = range(layer + 1, len(layers) + 1)
        numbers = [int(number) for number in re.findall(r"\d+", permission)]
        assert numbers == ([*below][:1] if len(below) == 1 else [below[0], below[-1]] if below else []), room


def test_the_table_says_what_knows_no_django():
    pure = {module.split(".", 1)[1] for module in CONTRACTS["pure-rooms"]["source_modules"]}
    written = {module_of(room) for _, room, permission in rows() if permission.endswith("no Django")}
    assert written == {module for module in pure if "." not in module}


@cache
def names_in(path: Path) -> tuple[set[str], set[str]]:
    """Return the functions of a file (also as ``Class.method``), and its classes and constants."""
    functions: set[str] = set()
    others: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            functions.add(node.name)
        elif isinstance(node, ast.ClassDef):
            others.add(node.name)
            methods = {inner.name for inner in node.body if isinstance(inner, ast.FunctionDef)}
            functions |= methods | {f"{node.name}.{method}" for method in methods}
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.ImportFrom):
            others |= {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
            others |= {alias.name for alias in getattr(node, "names", ())}
    return functions, others


def test_each_function_is_in_the_file_that_is_named_before_it():
    """Names of classes and constants too."""
    wrong, checked = [], 0
    path = None
    for file, function, name in re.findall(r"``(?:([\w/]+\.py)|([\w.]+)\(\)|(_?[A-Z]\w+))``", PAGE):
        if file:
            path = next((base / file for base in (PACKAGE, ROOT) if (base / file).is_file()), None)
            assert path, f"{file} is not there"
        elif not name.startswith("COURSE_SYNC_") and name not in FOREIGN:
            functions, others = names_in(path)
            checked += 1
            if not (function in functions if function else name in others):
                wrong.append((path.relative_to(ROOT).as_posix(), function or name))
    assert wrong == []
    assert checked > 50
