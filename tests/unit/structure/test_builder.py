"""A value that cannot be stored is left out, with a warning that names block and field; the rest is complete."""

from __future__ import annotations

from typing import Any

import pytest

from course_sync_plugin.data import Structure
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.structure import builder
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.structure.values import LARGEST

COURSE = "course-v1:O+C+R"


def a_course(units: int = 1, **fields: Any) -> Structure:
    """Return a course whose only section has these fields, with units below it."""
    keys = tuple(f"unit {at}" for at in range(units))
    blocks = {
        COURSE: RawBlock(COURSE, "course", {}, ("section",)),
        "section": RawBlock("section", "chapter", fields, ("subsection",)),
        "subsection": RawBlock("subsection", "sequential", {}, keys),
        **{key: RawBlock(key, "vertical", {"display_name": key}) for key in keys},
    }
    return StructureBuilder(COURSE, "v1", blocks).build()


@pytest.mark.parametrize(
    ("name", "raw", "reason"),
    [
        ("display_name", "x" * LARGEST, f"has {LARGEST + 2} bytes, and a value may have {LARGEST}"),
        ("group_access", {"50": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}, "deeper than 26 levels"),
        ("due", "soon", "'soon' is not a date"),
    ],
)
def test_what_cannot_be_kept_is_named_and_left_out(name, raw, reason):
    structure = a_course(**{name: raw, "format": "Lab"})
    assert structure.entities["section"].fields == {"format": "Lab"}
    (warning,) = [warning for warning in structure.warnings if warning.startswith("section: ")]
    assert warning.startswith(f"section: {name} is left out: ")
    assert reason in warning
    assert len(warning) < 200
    assert diff(structure, a_course(**{name: raw, "format": "Lab"})) == []
    assert structure == a_course(**{name: raw, "format": "Lab"})


def test_an_unknown_time_zone_is_named_and_the_value_stays():
    for _ in range(2):
        structure = a_course(start="2013-01-21T10:00 EST")
        assert structure.entities["section"].fields == {"start": "2013-01-21T10:00:00Z"}
        own, inherited = structure.warnings
        assert own == "section: start counts as UTC: its time zone 'EST' is unknown"
        assert inherited.startswith("subsection: start ")


def test_what_blocks_inherit_is_read_once(monkeypatch):
    """Otherwise a value of some megabytes is read again for every block below the one that sets it."""
    seen = []
    read = builder.read
    monkeypatch.setattr(builder, "read", lambda kind, raw: seen.append((kind, raw)) or read(kind, raw))
    structure = a_course(20, group_access={"50": [1]})
    assert all(structure.entities[f"unit {at}"].fields["group_access"] == {"50": [1]} for at in range(20))
    assert [raw for kind, raw in seen if kind == "object"] == [{"50": [1]}]


def test_equal_numbers_of_two_kinds_are_read_as_their_own_kind():
    """The same object may mean a date in one field and another kind of value in another field."""
    number = 2**40
    structure = a_course(due=number, relative_weeks_due=number)
    fields = structure.entities["subsection"].fields
    assert (fields["due"], fields["relative_weeks_due"]) == ("2004-11-03T19:53:47Z", number)
