"""The effect of single operations on a replica. An operation that does not fit is refused and changes nothing."""

from __future__ import annotations

import attrs
import pytest

from course_sync_plugin.data import Entity, Operation, Structure
from course_sync_plugin.diff.apply import Tree, apply
from course_sync_plugin.exceptions import PermanentError

COURSE = "course-v1:O+C+R"


def tree() -> Tree:
    """Return a course with a and b, with c below a and d below c."""
    parents = {COURSE: None, "a": COURSE, "b": COURSE, "c": "a", "d": "c"}
    entities = {key: Entity(key, "unit", "vertical", parent, {"display_name": key}) for key, parent in parents.items()}
    return Tree(Structure(COURSE, "1", entities, {COURSE: ("a", "b"), "a": ("c",), "c": ("d",)}))


def outline(one: Tree) -> str:
    """Return every entity with its children."""

    def below(key: str) -> str:
        kids = " ".join(below(child) for child in one.children.get(key, ()))
        return f"{key}({kids})" if kids else key

    return " ".join(below(child) for child in one.children.get(COURSE, ()))


def operation(kind: str, entity: str, *place, **values) -> Operation:
    return Operation(kind, "unit", entity, "vertical", *place, **values)


@pytest.mark.parametrize(
    ("one", "then"),
    [
        (operation("create", "x", COURSE, 0, None), "x a(c(d)) b"),
        (operation("create", "x", COURSE, 1, "a"), "a(c(d)) x b"),
        (operation("create", "x", COURSE, 2, "b"), "a(c(d)) b x"),
        (operation("create", "x", COURSE, 1, "not there"), "a(c(d)) x b"),
        (operation("create", "x", COURSE, 9, "not there"), "a(c(d)) b x"),
        (operation("create", "x", "d", 0, None), "a(c(d(x))) b"),
        (operation("create", "x", "b", 3, "not there"), "a(c(d)) b(x)"),
        (operation("create", "x", COURSE, None, "a"), "a(c(d)) x b"),
        (operation("create", "x", "d", None, None), "a(c(d(x))) b"),
        (operation("move", "b", COURSE, 0, None), "b a(c(d))"),
        (operation("move", "a", COURSE, 1, "b"), "b a(c(d))"),
        (operation("move", "c", COURSE, 1, "a"), "a c(d) b"),
        (operation("move", "d", "a", 0, None), "a(d c) b"),
        (operation("move", "d", "a", 0, "not there"), "a(d c) b"),
        (operation("move", "b", "d", 0, None), "a(c(d(b)))"),
        (operation("delete", "b"), "a(c(d))"),
        (operation("delete", "d"), "a(c) b"),
        (operation("delete", "a"), "b"),
        (operation("delete", "not there"), "a(c(d)) b"),
        (operation("update", "b", fields={"display_name": "x"}), "a(c(d)) b"),
    ],
)
def test_where_everything_is_then(one: Operation, then: str):
    replica = tree()
    replica.apply(one)
    assert outline(replica) == then
    assert replica.entities.keys() - {COURSE} == set(then.replace("(", " ").replace(")", " ").split())
    for parent, children in replica.children.items():
        assert {replica.entities[child].parent_id for child in children} <= {parent}
    assert replica.children.keys() <= replica.entities.keys()


@pytest.mark.parametrize(("entity", "then"), [("x", "a(c(d)) x b"), ("c", "a c(d) b"), ("b", "a(c(d)) b")])
def test_an_upsert_makes_or_replaces_an_entity_and_puts_it_in_its_place(entity, then):
    replica = tree()
    place, fields = (COURSE, 1, "a"), {"due": "today"}
    replica.upsert(Operation("create", "section", entity, "chapter", *place, fields))
    assert outline(replica) == then
    assert replica.entities[entity] == Entity(entity, "section", "chapter", COURSE, fields)


def test_an_upsert_of_the_course_itself():
    replica, course = Tree(), Operation("create", "course", COURSE, "course", None)
    for fields in ({"language": "de"}, {"start": "now"}):
        replica.upsert(attrs.evolve(course, fields=fields))
        assert replica.structure(COURSE).entities == {COURSE: Entity(COURSE, "course", "course", None, fields)}


def test_an_upsert_without_its_parent_is_refused():
    replica = tree()
    with pytest.raises(PermanentError, match="not there is not here"):
        replica.upsert(operation("create", "c", "not there", 0, None, fields={"due": "today"}))
    assert (outline(replica), replica.entities) == ("a(c(d)) b", tree().entities)


def test_what_is_deleted_and_comes_again_has_nothing_below_it():
    replica = tree()
    for one in (operation("delete", "a"), operation("create", "a", COURSE, 0, None)):
        replica.apply(one)
    assert outline(replica) == "a b"


def test_an_update_sets_adds_and_takes_away_fields():
    replica = tree()
    replica.apply(operation("update", "a", fields={"due": "today", "start": "now"}))
    replica.apply(operation("update", "a", fields={"display_name": None, "due": "tomorrow"}))
    assert replica.entities["a"] == Entity("a", "unit", "vertical", COURSE, {"due": "tomorrow", "start": "now"})


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (operation("create", "a", COURSE, 0, None), "a exists already"),
        (operation("create", "x", "not there", 0, None), "not there is not here"),
        (operation("move", "x", COURSE, 0, None), "x is not here"),
        (operation("move", "a", "not there", 0, None), "not there is not here"),
        (operation("move", "a", "a", 0, None), "a cannot go below itself"),
        (operation("move", "a", "c", 0, None), "a cannot go below itself"),
        (operation("move", "a", "d", 0, None), "a cannot go below itself"),
        (operation("move", "a", None, 0, None), "a cannot move: a move leads from one parent to another"),
        (operation("move", COURSE, "a", 0, None), f"{COURSE} cannot move: a move leads from one parent to another"),
        (operation("create", "x", "a", None, "not there"), "x has no index, and not there is not there"),
        (operation("move", "c", COURSE, None, "not there"), "c has no index, and not there is not there"),
        (operation("update", "x", fields={"display_name": "x"}), "x is not here"),
    ],
)
def test_what_does_not_fit_is_refused(one: Operation, reason: str):
    replica = tree()
    with pytest.raises(PermanentError) as refused:
        replica.apply(one)
    assert refused.value.message == reason
    assert (outline(replica), replica.entities) == ("a(c(d)) b", tree().entities)


def test_the_structure_it_was_made_from_stays_as_it_is():
    old = tree().structure(COURSE, "7")
    new = apply([operation("delete", "a"), operation("update", "b", fields={"due": "x"})], old)
    assert (new.course_id, new.published_version, list(new.entities)) == (COURSE, "7", [COURSE, "b"])
    assert list(old.entities) == [COURSE, "a", "c", "d", "b"]
    assert old.children == {COURSE: ("a", "b"), "a": ("c",), "c": ("d",)}
    assert new.children == {COURSE: ("b",)}


def test_a_version_is_none_until_it_is_said():
    assert tree().structure(COURSE).published_version == ""
