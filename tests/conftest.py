"""What all tests share: the real courses beside the repository, and hypothesis without a clock."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import Phase, settings

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "sandbox" / "sample"
_SHARED_DATA = ROOT.parent / "shared" / "data"

# the machine is shared: a slow example is no failure
settings.register_profile("course_sync", deadline=None)
# make mutation: the same few examples for every fault, and no time spent on finding a smaller one
settings.register_profile(
    "mutation", deadline=None, max_examples=30, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile("course_sync")


def shared_data() -> Path:
    """Return the folder of real courses and specifications.

    A test that needs it skips where it is absent; in CI it fails.
    """
    if not _SHARED_DATA.is_dir():
        reason = f"the real courses are not there: {_SHARED_DATA}"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return _SHARED_DATA


def shared_names(pattern: str) -> list[str]:
    """Return the names of the files that match, for parametrize; one name for all where the folder is absent."""
    names = sorted(path.name for path in _SHARED_DATA.glob(pattern)) if _SHARED_DATA.is_dir() else []
    return names or ["absent"]
