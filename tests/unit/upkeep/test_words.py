"""Words and times in the language of the reader."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from django.utils import translation

from course_sync_plugin import api
from course_sync_plugin.diff.handlers import entity_types
from course_sync_plugin.models import ConflictState, ProblemState, ProposalState, RunKind
from course_sync_plugin.upkeep.status.attention import WAYS_OUT
from course_sync_plugin.upkeep.status.courses import TROUBLES
from course_sync_plugin.upkeep.words import WORDS

#: A state that pages show with the label of its row, not as a word.
LABELLED = {"beside_excluded"}

STORED = {
    *TROUBLES,
    *WAYS_OUT,
    *api.KINDS,
    *entity_types.names(),
    *RunKind.values,
    *ConflictState.values,
    *ProposalState.values,
    *ProblemState.values,
    *(outcome.value for outcome in api.Outcome),
    *("open", "half-open", "closed", "all"),
}


def test_every_word_that_pages_show_is_known():
    assert STORED - WORDS.keys() == LABELLED


def test_in_english_a_word_is_what_is_stored():
    """The commands and the guides use these words; a reader must find them again on a page."""
    with translation.override("en"):
        others = {name for name in WORDS if api.in_words(name) != name}
    assert others == {"retried", "skipped"}  # they say more than the label that the row has in the admin


def test_a_word_is_translated_and_an_unknown_word_stays():
    with translation.override("de"):
        assert (api.in_words("in step"), api.in_words("assessment")) == ("synchron", "assessment")


TEN = datetime(2026, 11, 29, 10, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "shown"),
    [("en", "2026-11-29 10:00:05"), ("de", "29.11.2026 10:00:05"), ("ar", "29/11/2026 10:00:05")],
)
def test_a_time_has_the_form_of_the_language(language, shown):
    with translation.override(language):
        assert api.local_time(TEN) == shown
        assert api.local_time(TEN.astimezone(timezone(timedelta(hours=5)))) == shown


@pytest.mark.parametrize(
    ("language", "shown"),
    [("en", "2026-11-29T10:00:05Z"), (None, "2026-11-29T10:00:05Z"), ("de", "29.11.2026 10:00:05")],
)
def test_a_time_of_a_program_stays_in_english(language, shown):
    with translation.override(language):
        assert api.local_time("2026-11-29T10:00:05Z") == shown


@pytest.mark.parametrize(("language", "shown"), [("en", "2026-11-29"), ("de", "29.11.2026"), ("ar", "29/11/2026")])
def test_a_day_has_the_form_of_the_language(language, shown):
    with translation.override(language):
        assert api.local_day(date(2026, 11, 29)) == shown
