"""What differs between two values: the parts are those of both, and hostile texts take no time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_sync_plugin.sanitize.text import cleaned
from course_sync_plugin.upkeep.reports.differences import SHOWN, as_text, differences


@given(st.text(max_size=80), st.text(max_size=80))
@settings(deadline=None)
def test_the_parts_are_those_of_both_texts(before, after):
    parts = differences(before, after)
    assert "".join(text for kind, text in parts if kind != "ins") == cleaned(before)
    assert "".join(text for kind, text in parts if kind != "del") == cleaned(after)
    assert {kind for kind, _text in parts} <= {"same", "ins", "del"}


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        (None, None, []),
        (None, "Bees", [("ins", "Bees")]),
        ("Bees", None, [("del", "Bees")]),
        ("Bees", "Bees", [("same", "Bees")]),
        (True, False, [("del", "true"), ("ins", "false")]),
        ({"b": 1, "a": 2}, {"a": 2, "b": 1}, [("same", '{"a": 2, "b": 1}')]),
        ("two bees", "two wasps", [("same", "two "), ("del", "bees"), ("ins", "wasps")]),
    ],
)
def test_values(before, after, parts):
    assert differences(before, after) == parts


@pytest.mark.parametrize("word", ["a b ", "ab.", "…", "\u202e"])
def test_long_texts_are_cut_and_take_no_time(word):
    began = time.monotonic()
    differences(word * 10**5, word[::-1] * 10**5)
    assert time.monotonic() - began < 2
    assert len(as_text(word * 10**5)) == SHOWN + 1
