"""Operations as a table for people, word for word."""

from __future__ import annotations

import pytest

from course_sync_plugin.data import Entity, Operation, Structure
from course_sync_plugin.diff.table import as_table

COURSE = "course-v1:O+C+R"
UNIT, SECTION, GONE, NEW = "block-v1:O+C+R+type@vertical+block@u", "S", "G", "N"
TITLED = {COURSE: "The course", UNIT: "Unit", SECTION: "Section"}


def structure(**titles: str | None) -> Structure:
    entities = {
        key: Entity(key, "unit", "vertical", None, {"display_name": title} if title else {})
        for key, title in {**TITLED, **titles}.items()
    }
    return Structure(COURSE, "1", entities, {})


OLD, NOW = structure(G="Gone", S="Section once"), structure(N="New")


def operation(kind: str, entity: str = UNIT, *place, **values) -> Operation:
    return Operation(kind, "unit", entity, "vertical", *place, **values)


def cells(one: Operation, old: Structure = OLD, new: Structure = NOW) -> list[str]:
    """Return the cells of the only row of a table, without the empty cells at its end."""
    row = as_table([one], old, new).splitlines()[1]
    return [cell.strip() for cell in row.split("  ") if cell.strip()]


def update(**fields) -> Operation:
    """Return an update of fields, each from the first value to the second."""
    before = {name: values[0] for name, values in fields.items()}
    return operation("update", fields={name: values[1] for name, values in fields.items()}, previous=before)


@pytest.mark.parametrize(
    ("one", "what"),
    [
        (operation("create", UNIT, SECTION, 0), "in “Section” at 1"),
        (operation("create", UNIT, GONE, 4), "in “Gone” at 5"),
        (operation("create", UNIT, GONE, None), "in “Gone” at –"),
        (operation("move", UNIT, SECTION, 0, previous={"parent_id": SECTION, "index": 3}), "in “Section” from 4 to 1"),
        (operation("move", UNIT, GONE, 2, previous={"parent_id": GONE, "index": 0}), "in “Gone” from 1 to 3"),
        (
            operation("move", UNIT, NEW, 1, previous={"parent_id": SECTION, "index": 0}),
            "from “Section once” to “New” at 2",
        ),
        (
            operation("move", UNIT, SECTION, 0, previous={"parent_id": NEW, "index": 0}),
            "from “New” to “Section” at 1",
        ),
        (update(due=("a", "b"), start=(None, 1)), "due: a → b; start: – → 1"),
        (update(content_digest=("a" * 32, "b" * 32)), "content"),
        (update(content_digest=("a", "b"), graded=(True, None)), "content; graded: True → –"),
        (operation("delete", previous={"parent_id": SECTION, "index": 1}), "from “Section once”"),
        (operation("delete", previous={"parent_id": NEW, "index": 1}), "from “New”"),
    ],
)
def test_what_happens(one: Operation, what: str):
    assert cells(one) == [one.operation, "unit", "Unit", what]


@pytest.mark.parametrize("one", [operation("create", COURSE), operation("delete", COURSE, previous={"end": "x"})])
def test_the_course_has_no_place(one: Operation):
    assert cells(one) == [one.operation, "unit", "The course"]


@pytest.mark.parametrize(
    ("entity", "title"),
    [
        (SECTION, "Section"),
        (GONE, "Gone"),
        (NEW, "New"),
        ("block-v1:O+C+R+type@vertical+block@unknown", "vertical+block@unknown"),
        ("block-v1:O+type@x+R+type@vertical+block@unknown", "vertical+block@unknown"),
        ("course-v1:O+C+Other", "course-v1:O+C+Other"),
    ],
)
def test_the_title_is_that_of_the_new_structure_then_of_the_old_then_the_key(entity: str, title: str):
    assert cells(operation("delete", entity))[2] == title


def test_one_without_a_title_is_named_by_its_key():
    untitled = structure(**{UNIT: None})
    assert cells(operation("delete"), untitled, untitled)[2] == "vertical+block@u"


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("x" * 47, "x" * 47),
        ("x" * 48, "x" * 48),
        ("x" * 49, "x" * 47 + "…"),
        ("two\n lines\tand a tab", "two lines and a tab"),
    ],
)
def test_titles_are_short_and_on_one_line(title: str, shown: str):
    titled = structure(**{UNIT: title})
    assert cells(operation("delete"), titled, titled)[2] == shown
    assert cells(update(display_name=(title, "new")))[3] == f"display_name: {shown} → new"


def test_columns_headings_and_counts():
    """A column is as wide as its widest cell; no line ends with a space."""
    operations = [
        operation("create", COURSE),
        operation("move", UNIT, SECTION, 0, previous={"parent_id": SECTION, "index": 1}),
        operation("delete", GONE, previous={"parent_id": SECTION, "index": 0}),
        operation("delete", GONE, previous={"parent_id": SECTION, "index": 0}),
    ]
    assert as_table(iter(operations), OLD, NOW).split("\n") == [
        "operation  type  title       what",
        "create     unit  The course",
        "move       unit  Unit        in “Section” from 2 to 1",
        "delete     unit  Gone        from “Section once”",
        "delete     unit  Gone        from “Section once”",
        "",
        "1 create, 1 move, 2 delete",
    ]


def test_nothing():
    assert as_table([], OLD, NOW) == "No change."
