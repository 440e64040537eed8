"""Tests courses that are too deep or too large for one database statement. On MariaDB and on PostgreSQL."""

from __future__ import annotations

import json
from typing import Any

import pytest

from course_sync_plugin import api
from course_sync_plugin.data import Structure
from course_sync_plugin.journal.entities import stored_structure
from course_sync_plugin.models import Course, JournalOperation, Lane
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.structure.values import DEEPEST, LARGEST
from course_sync_plugin.testing.receiver import Receiver
from tests.integration.courses import COURSE, SHELF, block

pytestmark = pytest.mark.parametrize("database_url", ["mariadb", "postgresql"], indirect=True)

SECTION = block("chapter", "one")


@pytest.fixture
def shelf(host):
    host.set(COURSE_SYNC_SOURCE="tests.integration.courses.the_shelf")
    SHELF.__init__()
    yield SHELF
    SHELF.__init__()


def a_section(version: str, *subsections: dict[str, Any], **fields: Any) -> Structure:
    """Return a course with one section with ``fields``, and one subsection for each dictionary of fields."""
    keys = [block("sequential", f"subsection-{at}") for at in range(len(subsections))]
    blocks = [
        RawBlock(COURSE, "course", {"display_name": "A course"}, (SECTION,)),
        RawBlock(SECTION, "chapter", fields, tuple(keys)),
        *(RawBlock(key, "sequential", values) for key, values in zip(keys, subsections)),
    ]
    return StructureBuilder(COURSE, version, {one.entity_id: one for one in blocks}).build()


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def check_is_carried(shelf, *structures: Structure) -> None:
    """Publish the structures one after the other; check that each is recorded and reaches a receiver."""
    with Receiver() as receiver:
        api.add_target("crm", url=receiver.url, secret=receiver.secret)
        for structure in structures:
            shelf.publish(structure)
            result = api.sync_course(COURSE)
            assert (result.outcome, result.error) == (api.Outcome.RECORDED, "")
            api.deliver_until_empty()
            assert stored_structure(Course.objects.get()).same_course_as(structure)
            assert receiver.difference(structure) == []
        assert receiver.violations == []
    assert not Lane.objects.get().last_error


@pytest.mark.parametrize("levels", [DEEPEST, DEEPEST + 1, 31, 300])
def test_a_value_that_is_nested_deep(shelf, levels):
    structure = a_section("v1", {}, group_access=nested(levels))
    assert bool(structure.warnings) == (levels > DEEPEST)
    check_is_carried(shelf, structure, a_section("v2", {}, {}, group_access=nested(levels)))
    told = JournalOperation.objects.filter(entity_id=SECTION)
    assert [row.operation for row in told] == ["create"], "what is left out is no change"


def test_many_large_titles(shelf):
    """20 MB in total: neither MariaDB nor MySQL would accept it in one statement."""
    titles = [{"display_name": f"{at:03} {'x' * 40_000}"} for at in range(499)]
    others = [{"display_name": f"{at:03} {'y' * 40_000}"} for at in range(499)]
    check_is_carried(shelf, a_section("v1", *titles), a_section("v2", *others))


@pytest.mark.parametrize("letter", ["x", "第", "\\"])
def test_the_largest_values(shelf, letter):
    """With every kind of escaping, and twice in one row of the journal: the old value and the new one."""
    text = letter * ((LARGEST - 20) // (len(json.dumps(letter, ensure_ascii=False).encode()) - 2))
    large = {"display_name": text, "format": text, "show_correctness": text, "group_access": {"50": [text]}}
    small = {"display_name": "small", "format": "small", "show_correctness": "always", "group_access": {"50": [1]}}
    check_is_carried(shelf, a_section("v1", *[large] * 20), a_section("v2", *[small] * 20))


def test_a_huge_title(shelf):
    """The title is left out with a warning; the rest of the course is recorded."""
    structure = a_section("v1", {"display_name": "x" * 20_000_000}, {"display_name": "small"})
    (warning,) = structure.warnings
    assert warning.startswith(f"{block('sequential', 'subsection-0')}: display_name is left out: ")
    assert len(warning) < 300
    check_is_carried(shelf, structure)
