"""Each failure of others has its test, or a reason why it needs none (docs/concepts/testing.rst)."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Collection

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "concepts" / "testing.rst"

FAILURES, TWO_WAY = range(1, 33), range(33, 48)
STORIES = range(1, 48)
TITLES = {"Failures of others": FAILURES, "Canvas and Discourse over the years": TWO_WAY}


def marked() -> dict[int, set[str]]:
    """Return the names of the tests that carry the marker ``story``, by its number. No test is imported."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for number in _numbers(node):
                for name in _tests(node):
                    found[number].add(name)
    return found


def _numbers(node: ast.AST) -> list[int]:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
    calls = [one for one in decorators if ast.unparse(one).startswith("pytest.mark.story(")]
    return [ast.literal_eval(call.args[0]) for call in calls if isinstance(call, ast.Call)]


def _tests(node: ast.AST) -> list[str]:
    functions = node.body if isinstance(node, ast.ClassDef) else [node]
    return [one.name for one in functions if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")]


def table() -> dict[int, tuple[str, str]]:
    """Return what the tables say of each story, by its number: what happened, and the last column."""
    return {number: row for title, numbers in TITLES.items() for number, row in _table(title, numbers).items()}


def _table(title: str, numbers: Collection[int]) -> dict[int, tuple[str, str]]:
    section = PAGE.read_text("utf-8").split(f"\n{title}\n{'*' * len(title)}\n", 1)[1].split("\n****", 1)[0]
    rows = re.split(r"^   \* - ", section, flags=re.MULTILINE)[2:]
    cells = [[" ".join(cell.split()) for cell in re.split(r"^     - ", row, flags=re.MULTILINE)] for row in rows]
    found = {int(number): (story, here) for number, story, here in cells}
    assert len(found) == len(cells), "a number stands in two rows"
    assert set(found) <= set(numbers), title
    return found


def test_every_story_is_in_the_table_in_its_order():
    assert list(table()) == list(STORIES)


def test_the_table_names_the_tests_that_carry_the_marker():
    tests = marked()
    written = {number: set(re.findall(r"``(test_\w+)``", here)) for number, (_story, here) in table().items()}
    assert written == {number: tests[number] for number in STORIES}
    assert set(tests) <= set(STORIES)


def test_a_story_without_a_test_has_a_reason():
    for number, (_story, here) in table().items():
        assert "``test_" in here or re.match(r"\*(not yet|not us)\*: \w.{20,}\.$", here), number


def test_every_failure_says_where_it_happened():
    for number, (story, _here) in _table("Failures of others", FAILURES).items():
        assert re.search(r"`[^`]+ <https://\S+>`__", story), number


def test_a_test_that_is_named_after_a_story_carries_its_marker():
    tests = marked()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for number, name in re.findall(r"def (?=test_story_(\d\d)_)(\w+)", path.read_text("utf-8")):
            assert name in tests[int(number)], f"{path.name}: {name}"
