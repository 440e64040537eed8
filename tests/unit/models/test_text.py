"""The column for text of other systems stores text that every database can hold."""

from __future__ import annotations

import pytest

from course_sync_plugin.models.text import ForeignText


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("no \U0001f600", "no \ufffd"),
        ("no \x00", "no \ufffd"),
        ("no \ud83d", "no \ufffd"),
        ("Überblick\n\x9b31m", "Überblick \ufffd31m"),
        ("", ""),
        (None, None),
    ],
)
def test_what_not_every_database_can_hold_is_replaced(text, stored):
    assert ForeignText().get_prep_value(text) == stored
