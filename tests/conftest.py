"""Fixtures and settings of all tests: the real courses beside the repository, and hypothesis without a deadline."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db.models import JSONField
from django.test import TransactionTestCase
from hypothesis import Phase, settings

from tests.json_keys import from_db_value
from tests.tables import empty_tables

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "sandbox" / "sample"
_SHARED_DATA = ROOT.parent / "shared" / "data"

# the machine may be busy: a slow example is not a failure
settings.register_profile("course_sync", deadline=None)
# make mutation: the same few examples for every fault, and no search for a smaller one
settings.register_profile(
    "mutation", deadline=None, max_examples=30, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
)
# CI: the same examples for the same code. A new example that fails belongs to the one who looks for it, not to a run
# that checks a change.
settings.register_profile("course_sync_ci", deadline=None, derandomize=True, database=None)
settings.load_profile("course_sync_ci" if os.environ.get("CI") == "true" else "course_sync")


@pytest.fixture(autouse=True, scope="session")
def _tables_are_emptied_fast() -> Iterator[None]:
    """After a test that commits (``transaction=True``), delete the rows, because ``flush`` takes too long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda test: empty_tables())
        yield


@pytest.fixture(autouse=True, scope="session")
def _json_keys_as_in_mysql() -> Iterator[None]:
    """Let no test rely on the order of keys in a JSON column."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONField, "from_db_value", from_db_value)
        yield


def shared_data() -> Path:
    """Return the folder of real courses and specifications.

    A test that needs it is skipped if the folder is absent; in CI it fails.
    """
    if not _SHARED_DATA.is_dir():
        reason = f"the real courses are not there: {_SHARED_DATA}"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return _SHARED_DATA


def shared_names(pattern: str) -> list[str]:
    """Return the names of the files that match, for parametrize; one placeholder if the folder is absent."""
    names = sorted(path.name for path in _SHARED_DATA.glob(pattern)) if _SHARED_DATA.is_dir() else []
    return names or ["absent"]
