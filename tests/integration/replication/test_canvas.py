"""A course on its way to Canvas: the first fill, and each kind of change, with the number of requests."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.models import LedgerReplica
from tests.integration.replication.canvas_course import check_equal, deliver, objects_of, requests_since
from tests.integration.replication.canvas_tree import objects_in, titles_of

pytestmark = pytest.mark.django_db


def test_a_first_fill(canvas, there, author, canvas_link):
    structure = author.publish()
    deliver()
    check_equal(there, structure)
    assert titles_of(there)[0] == ["s0", "s0.a", "s0.a1", "talk", "s0.a2", "s0.b", "s0.b", "s0.b1", "s0.b2"]
    assert len(canvas.requests) <= 1.15 * objects_in(structure)
    assert not any(one.published for one in [*there.modules.values(), *there.items.values(), *there.pages.values()])


def change(canvas, author) -> int:
    """Publish and deliver. Return the number of requests that were made besides those of lists."""
    begin = len(canvas.requests)
    structure = author.publish()
    deliver()
    check_equal(next(iter(canvas.site.courses.values())), structure)
    return sum(one.method != "GET" for one in canvas.requests[begin:])


def test_what_did_not_change_costs_nothing(canvas, filled):
    begin = len(canvas.requests)
    api.reset("crm")
    deliver()
    assert requests_since(canvas, begin) == ["GET modules", "GET assignments"]


@pytest.mark.parametrize(
    ("name", "values", "writes"),
    [
        ("s0", {"display_name": "Bees"}, 1),
        ("s0", {"start": "2026-03-03T08:00:00Z"}, 1),
        ("s0", {"start": None}, 1),
        ("s1", {"display_name": "Bees", "start": "2026-03-03T08:00:00Z"}, 1),
        ("s0.a", {"display_name": "Bees"}, 1),
        ("s0.a", {"start": "2026-03-03T08:00:00Z"}, 0),
        ("s0.b", {"display_name": "Bees"}, 2),
        ("s0.b", {"due": "2026-03-03T08:00:00Z"}, 1),
        ("s0.b", {"due": None}, 1),
        ("s0.b", {"start": "2026-02-03T08:00:00Z", "due": "2026-03-03T00:00:00Z"}, 1),
        ("s0.a1", {"display_name": "Bees"}, 1),
        ("talk", {"display_name": "Bees"}, 1),
        ("s0.a1", {"display_name": "  Bees\tand \u202e wasps " + 300 * "x"}, 1),
        ("s0.a1", {"display_name": "?!"}, 0),
        ("s0.a1", {"display_name": "s0.a2"}, None),
    ],
)
def test_changed_fields(canvas, author, filled, name, values, writes):
    author.set(name, **values)
    author.fields[name] = {key: value for key, value in author.fields[name].items() if value is not None}
    if writes is None:  # Canvas numbers the title of a second page
        author.publish()
        deliver()
        page = objects_of("s0.a1", "vertical")["page"]
        assert next(iter(canvas.site.courses.values())).pages[page].title == "s0.a2-2"
    else:
        assert change(canvas, author) == writes
    begin = len(canvas.requests)
    api.reset("crm")
    deliver()
    assert [one for one in canvas.requests[begin:] if one.method != "GET"] == []


@pytest.mark.parametrize(
    ("name", "parent", "index", "writes"),
    [
        ("s1", "course", 0, 1),
        ("s0", "course", 1, 1),
        ("s0.a1", "s0.a", 1, 2),  # the page and the discussion
        ("s0.a2", "s0.a", 0, 1),
        ("s0.a1", "s1.b", 1, 2),
        ("s0.a2", "s0.b", 0, 1),
        ("s0.a2", "s0.b", 2, 1),
        ("s0.b", "s0", 0, 4),
        ("s0.a", "s1", 1, 4),
        ("s0.b", "s1", 0, 4),
        ("talk", "s1.a2", 0, 1),
        ("s0.a1", "s1.a", 0, 2),
    ],
)
def test_moved_entities(canvas, author, filled, name, parent, index, writes):
    author.move(name, parent, index)
    assert change(canvas, author) <= writes


def test_graded_and_moved_at_once(canvas, author, filled):
    author.set("s0.a", graded=True)
    author.move("s0.a", "s1", 1)
    change(canvas, author)


def test_graded_on_and_off(canvas, there, author, filled):
    author.set("s0.a", graded=True, due="2026-04-01T12:00:00Z")
    assert change(canvas, author) == 2
    author.set("s0.a", graded=False, due="2026-04-02T12:00:00Z")
    assert change(canvas, author) == 2
    author.set("s0.a", graded=True)
    assert change(canvas, author) == 2
    author.set("s0.a", display_name="Bees", due="2026-04-03T12:00:00Z")
    assert change(canvas, author) == 2


@pytest.mark.parametrize(("name", "writes"), [("s0", 15), ("s0.a", 7), ("s0.b", 7), ("s0.a1", 4), ("talk", 2)])
def test_deleted_entities(canvas, there, author, filled, name, writes):
    author.remove(name)
    begin, before = len(canvas.requests), LedgerReplica.objects.count()
    assert change(canvas, author) == writes
    assert LedgerReplica.objects.count() < before
    assert len(canvas.requests) - begin <= 1.5 * writes + 2


@pytest.mark.parametrize("is_reversed", [False, True])
def test_an_item_is_deleted_before_what_it_shows(canvas, there, author, filled, is_reversed):
    """Whatever order the database gives to the keys of a JSON column: MySQL and PostgreSQL have their own."""
    for row in LedgerReplica.objects.all():
        row.objects_there = dict(sorted(row.objects_there.items(), reverse=is_reversed))
        row.save()
    begin = len(canvas.requests)
    author.remove("s0.a1")
    assert change(canvas, author) == 4
    deleted = [one.path.split("/")[-2] for one in canvas.requests[begin:] if one.method == "DELETE"]
    assert deleted == ["items", "discussion_topics", "items", "pages"]


def test_everything_at_once(canvas, there, author, filled):
    author.move("s0.a", "s1", 0)
    author.move("s1.b", "s0", 0)
    author.move("s1", "course", 0)
    author.remove("s0.b1")
    author.children["s1.a"].insert(1, "new")
    author.children["new"] = ["chat"]
    author.set("s1.b", due="2026-05-05T00:00:00Z", display_name="Wasps")
    author.set("s1.a2", display_name="Ants")
    change(canvas, author)


def test_what_has_no_counterpart_is_not_sent(canvas, there, author, canvas_link):
    author.set("s0.a", visible_to_staff_only=True)
    author.children["s1.a1"] = ["chat"]
    structure = author.publish()
    deliver()
    check_equal(there, structure)
    assert "s0.a1" not in titles_of(there)[0]
