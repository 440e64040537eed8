"""Fixtures of tests inside a real edx-platform. Elsewhere these tests are skipped.

docs/how-tos/run_the_platform_tests.rst says how to run them.

The working directory must be the checkout: the platform's own test settings use relative paths.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.append(str(HERE))

import host_start  # noqa: E402

INSIDE = host_start.is_inside()
REASON = "runs inside an edx-platform checkout only (docs/how-tos/run_the_platform_tests.rst)"


class NotHere(pytest.Module):
    """A test module that is skipped without an import."""

    def collect(self):
        pytest.skip(REASON, allow_module_level=True)


def pytest_pycollect_makemodule(module_path, parent):
    """Skip every module of this folder outside edx-platform."""
    return None if INSIDE else NotHere.from_parent(parent, path=module_path)


def pytest_configure(config):
    """Start edx-platform before any of its modules is imported."""
    if INSIDE:
        host_start.start()


@pytest.fixture
def store(db):
    """The modulestore of an empty site."""
    from host_courses import fresh_store

    return fresh_store()


@pytest.fixture
def author(django_user_model):
    """A user who may edit courses."""
    return django_user_model.objects.create(username="author", email="author@example.com", is_staff=True)
