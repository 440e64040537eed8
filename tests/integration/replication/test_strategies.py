"""Which strategy decides a conflict: the option of the target, the entity type, the site, or one of another package."""

from __future__ import annotations

from pathlib import Path

import pytest

from course_sync_plugin import api
from course_sync_plugin.checks import check_settings
from course_sync_plugin.models import Conflict, DatabaseNow, Lane, Link
from course_sync_plugin.replication.inbound.poll import due_links
from course_sync_plugin.replication.strategies.registry import conflict_strategies
from tests.integration.one_lane import let_time_pass, probe_time_comes, publish
from tests.integration.replication.forums import deliver

pytestmark = pytest.mark.django_db

GROUP = "course_sync_plugin.conflict_strategy"
CODE = '''
from course_sync_plugin.replication.strategies.base import Choice, Strategy


class Longest(Strategy):
    """Takes the longer text."""

    def choose(self, conflict):
        return Choice.THEIRS if len(conflict.theirs.value) > len(conflict.ours.value) else Choice.OURS


class Broken(Strategy):
    def choose(self, conflict):
        raise LookupError("no idea")


longest, broken = Longest(), Broken()
'''
POINTS = (
    f"[{GROUP}]\nlongest = longest_strategy:longest\nbroken = longest_strategy:broken\nlost = longest_strategy:none\n"
)


@pytest.fixture
def package(tmp_path: Path, monkeypatch):
    """Install a package of another author that has strategies, for the time of a test."""
    info = tmp_path / "longest-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: longest\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    (tmp_path / "longest_strategy.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(conflict_strategies, "_loaded", {})
    monkeypatch.delitem(conflict_strategies.__dict__, "_entry_points", raising=False)
    yield
    conflict_strategies.__dict__.pop("_entry_points", None)


def both_rename(far, shelf, ours: str, theirs: str) -> None:
    deliver()
    next(one for one in far.things.values() if one.title == "section-0").title = theirs
    publish(shelf, "2", titles={"section-0": ours})


@pytest.mark.parametrize(("theirs", "taken"), [("Longer than ours", "remote"), ("Short", "openedx")])
def test_one_of_another_package_decides(package, linked, far, shelf, settings, theirs, taken):
    settings.COURSE_SYNC_CONFLICT_STRATEGY = "longest"
    assert [one.id for one in check_settings(None) if one.id == "course_sync.E012"] == []
    both_rename(far, shelf, "Our title", theirs)
    deliver()
    kept = Conflict.objects.get()
    assert (kept.base, kept.openedx, kept.remote) == ("section-0", "Our title", theirs)
    assert (kept.strategy, kept.taken, kept.state) == ("longest", taken, "decided")
    assert far.titles("module")[0] == (theirs if taken == "remote" else "Our title")


@pytest.mark.parametrize("name", ["broken", "lost", "uninstalled"])
def test_one_that_does_not_work_holds_up_its_lane_and_loses_nothing(package, linked, far, shelf, settings, name):
    """It raises an error, cannot be loaded, or its package is not installed any more."""
    both_rename(far, shelf, "Our title", "Theirs")
    settings.COURSE_SYNC_CONFLICT_STRATEGY = name
    let_time_pass()
    api.deliver_until_empty()
    let_time_pass()
    (polled,) = api.poll_now()
    assert polled.error
    Link.objects.update(poll_at=DatabaseNow(-1))
    assert (api.poll_due(), due_links()) == (0, [])  # else it would hold up the looks at all other links
    assert Lane.objects.get().last_error
    assert api.status()["targets"][0]["state"] != "in step"
    assert far.titles("module")[0] == "Theirs"
    settings.COURSE_SYNC_CONFLICT_STRATEGY = "merge_prefer_openedx"
    api.resume("crm")
    probe_time_comes()
    deliver()
    assert far.titles("module")[0] == "Our title"
    assert Conflict.objects.get().remote == "Theirs"


@pytest.mark.parametrize(
    ("option", "by_type", "strategy"),
    [
        (None, {}, "merge_prefer_openedx"),
        (None, {"section": "prefer_canvas"}, "prefer_canvas"),
        (None, {"subsection": "prefer_canvas", "place": "manual"}, "merge_prefer_openedx"),
        ("prefer_most_recent", {"section": "prefer_canvas"}, "prefer_most_recent"),
    ],
)
def test_the_first_one_that_is_set_holds(linked, far, shelf, settings, option, by_type, strategy):
    settings.COURSE_SYNC_CONFLICT_STRATEGIES = by_type
    linked.target.options = {"conflict_strategy": option} if option else {}
    linked.target.save()
    both_rename(far, shelf, "Our title", "Theirs")
    deliver()
    assert Conflict.objects.get().strategy == strategy
