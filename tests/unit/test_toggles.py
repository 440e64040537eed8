"""The toggles: the switch that stops everything, and the flag that excludes a course."""

from __future__ import annotations

import sys
import threading
from types import ModuleType, SimpleNamespace

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
    """Turn a switch as an operator does in the admin. Waffle empties its cache after the commit."""
    Switch.objects.update_or_create(name="course_sync.stopped", defaults={"active": on})


@pytest.mark.django_db(transaction=True)
class TestStopped:
    def test_off_unless_somebody_turned_it_on(self):
        assert toggles.is_stopped() is False

    def test_a_process_that_lives_long_sees_it_turned(self):
        """Waffle empties its cache at the end of a request, but ``course_sync run`` has no requests."""
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


class Host:
    """The course flags of a host, with overrides. None is an override that is not enabled any more."""

    def __init__(self):
        self.courses: dict[str, bool | None] = {}
        self.orgs: dict[str, bool | None] = {}
        self.everywhere = False
        self.asked = 0

    def is_enabled(self, course_key: CourseKey | None = None) -> bool:
        assert course_key is None or isinstance(course_key, CourseKey)
        self.asked += 1
        own = self.courses.get(str(course_key))
        of_org = self.orgs.get(course_key.org) if course_key else None
        return next((one for one in (own, of_org) if one is not None), self.everywhere)


class Overrides:
    """Stands for the manager of a model of overrides, and returns its rows."""

    def __init__(self, keys):
        self.keys = keys

    def filter(self, waffle_flag: str) -> Overrides:
        assert waffle_flag == "course_sync.excluded"
        return self

    def values_list(self, _column: str, flat: bool) -> list[str]:
        return list(self.keys)


@pytest.fixture
def host(monkeypatch) -> Host:
    """Return a host that has course flags."""
    host = Host()

    def flag(name: str, _module: str) -> Host:
        assert name == "course_sync.excluded"
        return host

    package = ModuleType("openedx.core.djangoapps.waffle_utils")
    package.CourseWaffleFlag = flag
    models = ModuleType(f"{package.__name__}.models")
    models.WaffleFlagCourseOverrideModel = SimpleNamespace(objects=Overrides(host.courses))
    models.WaffleFlagOrgOverrideModel = SimpleNamespace(objects=Overrides(host.orgs))
    for name in ("openedx", "openedx.core", "openedx.core.djangoapps"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    for module in (package, models):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return host


class TestExcluded:
    def test_nobody_without_edx_platform(self):
        assert toggles.is_excluded(COURSE) is False

    def test_none_of_many_without_edx_platform(self):
        assert toggles.excluded_among([COURSE]) == set()

    def test_inside_the_host_its_course_flags_decide(self, host):
        host.courses[COURSE] = True
        assert toggles.is_excluded(COURSE) is True
        assert toggles.is_excluded("course-v1:Org+Other+Run") is False
        host.courses.clear()
        assert toggles.is_excluded(COURSE) is False

    @pytest.mark.parametrize("everywhere", [False, True])
    def test_of_many_courses_each_is_told_as_by_itself(self, host, everywhere):
        """A course's own override wins over that of its organisation, which wins over the flag."""
        host.everywhere = everywhere
        host.courses.update({"course-v1:On+Course+Off": False, "course-v1:Off+Course+On": True, COURSE: None})
        host.orgs.update({"On": True, "Off": False, "Unset": None})
        orgs, names = ("On", "Off", "Unset", "Org", "ORG"), ("Run", "On", "Off", "Other")
        keys = [f"course-v1:{org}+Course+{name}" for org in orgs for name in names]
        assert toggles.excluded_among(keys) == {key for key in keys if toggles.is_excluded(key)}

    def test_of_many_courses_the_flag_is_asked_once(self, host):
        host.courses["course-v1:Org+Course+Run1"] = True
        host.orgs["Out"] = True
        keys = [f"course-v1:{org}+Course+Run{at}" for org in ("Org", "Other", "Out") for at in range(50)]
        excluded = toggles.excluded_among(keys)
        assert excluded == {"course-v1:Org+Course+Run1", *(key for key in keys if ":Out+" in key)}
        assert host.asked == 3

    def test_an_override_in_another_case(self, host, monkeypatch):
        """MySQL treats it as an override of this course, so the flag itself must be asked."""
        host.courses["course-v1:ORG+COURSE+RUN"] = True
        monkeypatch.setattr(host, "is_enabled", lambda course_key=None: str(course_key) == COURSE)
        assert toggles.excluded_among([COURSE]) == {COURSE}
