"""What the tests of lanes begin with."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from tests.integration.one_lane import publish


@pytest.fixture
def course(shelf, receiver):
    """Publish and deliver a course. Return its structure."""
    structure = publish(shelf, "1")
    api.deliver_until_empty()
    receiver.requests.clear()
    return structure
