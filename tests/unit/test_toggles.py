"""The switches: everything stopped, one course left out."""

from __future__ import annotations

import sys
import threading
from types import ModuleType

import pytest
from django.core.cache import cache
from django.db import connections
from edx_django_utils.cache import RequestCache
from opaque_keys.edx.keys import CourseKey
from waffle.models import Switch

from course_sync_plugin import toggles

COURSE = "course-v1:Org+Course+Run"


@pytest.fixture(autouse=True)
def _nothing_remembered():
    toggles._excluded_flag.cache_clear()
    cache.clear()
    RequestCache.clear_all_namespaces()
    yield
    toggles._excluded_flag.cache_clear()


def turn(on: bool) -> None:
    """What an operator does in the admin; waffle forgets what it knew once that is committed."""
    Switch.objects.update_or_create(name="course_sync.stopped", defaults={"active": on})


@pytest.mark.django_db(transaction=True)
class TestStopped:
    def test_off_unless_somebody_turned_it_on(self):
        assert toggles.is_stopped() is False

    def test_a_process_that_lives_long_sees_it_turned(self):
        """``course_sync run`` has no requests at the end of which the switches would be forgotten."""
        for on in (False, True, False, True):
            turn(on)
            assert toggles.is_stopped() is on


@pytest.mark.django_db(transaction=True)
def test_every_thread_sees_it_turned():
    seen, asked, answered = [], threading.Semaphore(0), threading.Semaphore(0)

    def worker():
        for _ in range(2):
            asked.acquire(timeout=10)
            seen.append(toggles.is_stopped())
            answered.release()
        connections.close_all()

    thread = threading.Thread(target=worker)
    thread.start()
    for on in (False, True):
        turn(on)
        asked.release()
        answered.acquire(timeout=10)
    thread.join(10)
    assert seen == [False, True]


class TestExcluded:
    def test_nobody_without_edx_platform(self):
        assert toggles.is_excluded(COURSE) is False

    def test_inside_the_host_its_course_flags_decide(self, monkeypatch):
        excluded = {COURSE}

        class CourseWaffleFlag:
            def __init__(self, name, module):
                assert name == "course_sync.excluded"

            def is_enabled(self, course_key):
                assert isinstance(course_key, CourseKey)
                return str(course_key) in excluded

        module = ModuleType("openedx.core.djangoapps.waffle_utils")
        module.CourseWaffleFlag = CourseWaffleFlag
        for name in ("openedx", "openedx.core", "openedx.core.djangoapps"):
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        assert toggles.is_excluded(COURSE) is True
        assert toggles.is_excluded("course-v1:Org+Other+Run") is False
        excluded.clear()
        assert toggles.is_excluded(COURSE) is False
