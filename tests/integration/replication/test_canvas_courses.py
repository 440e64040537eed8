"""Real courses, revision after revision, on their way to Canvas: the tree there is the course, with few calls."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from course_sync_plugin import api
from course_sync_plugin.data import Structure
from course_sync_plugin.journal.entities import stored_structure
from course_sync_plugin.structure.olx.reader import read_olx
from course_sync_plugin.targets.two_way import freshness
from tests.conftest import shared_data
from tests.integration.courses import COURSE, Shelf, recorded
from tests.integration.replication.canvas_course import deliver
from tests.integration.replication.canvas_tree import as_lines, expected, objects_in, renumbered, tree_of
from tests.integration.replication.conftest import link_to_canvas

pytestmark = pytest.mark.django_db

#: The revisions of each series, in their order.
SERIES = {
    "demox": "2014a 2014b maple nutmeg quince redwood teak verawood new0 new1",
    "test101": "r1 r2 r3 r4 r5",
    "dnd": "r1 r2",
    "problembuilder": "r1 r2",
    "edxplatform": (
        "aside conditional_and_poll course_before_rename course_after_rename graded import_draft_order "
        "manual-testing-complete scoreable simple simple_with_draft split_test_block split_test_block_draft "
        "test_about_blob_end_date test_import_course test_import_course_2 test_unicode toy xml_dag"
    ),
}


def publish(shelf: Shelf, path: Path) -> Structure:
    """Publish a revision. Return it as recorded: what could not be read there stays as it was."""
    shelf.publish(read_olx(path, COURSE))
    api.sync_course(COURSE)
    return stored_structure(recorded(COURSE))


def objects_there(there) -> dict[tuple[str, int], tuple]:
    """Return what each object is, without its position."""
    found = {}
    for table in ("modules", "items", "pages", "assignments", "topics"):
        for row in getattr(there, table).values():
            title = getattr(row, "title", None) or getattr(row, "name", "")
            dates = [getattr(row, name, None) for name in ("unlock_at", "due_at", "module_id")]
            found[table, row.id] = (title, row.deleted, *dates)
    return found


def moved_in(requests) -> set[str]:
    """Return the paths of the objects that requests gave another position."""
    values = ("module", "module_item")
    return {
        one.path
        for one in requests
        if one.method == "PUT" and any("position" in one.parameters.get(name, {}) for name in values)
    }


def check(there, structure: Structure) -> None:
    wanted = expected(structure)
    assert as_lines(renumbered(tree_of(there), wanted)) == as_lines(wanted)


@pytest.mark.parametrize("series", SERIES)
def test_a_series_becomes_the_course_in_canvas(canvas, there, shelf, settings, series, monkeypatch):
    settings.COURSE_SYNC_MASS_DELETE_COUNT = 10**6
    monkeypatch.setattr(freshness, "FRESH_SECONDS", 10**6)  # in a slow turn each deletion takes a request more
    first, *others = [shared_data() / "courses" / f"{series}__{one}.tar.gz" for one in SERIES[series].split()]
    structure = publish(shelf, first)
    link_to_canvas(canvas, there)
    deliver()
    check(there, structure)
    assert len(canvas.requests) <= 1.15 * objects_in(structure) + 1
    for path in others:
        before, begin = objects_there(there), len(canvas.requests)
        structure = publish(shelf, path)
        deliver()
        check(there, structure)
        after, made = objects_there(there), canvas.requests[begin:]
        changed = sum(before.get(key) != value for key, value in after.items()) + len(before.keys() - after.keys())
        changed += len(moved_in(made))
        lists = sum(one.method == "GET" and bool(re.search(r"/(modules|items|assignments)$", one.path)) for one in made)
        assert len(made) - lists <= 1.2 * changed + 1  # a small one: whether an assignment has submissions is asked
        begin = len(canvas.requests)
        api.reset("crm")
        deliver()
        assert [one for one in canvas.requests[begin:] if one.method != "GET"] == []
