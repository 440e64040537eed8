"""Real courses, revision after revision, through the sandbox: published, synced, delivered over HTTP, compared."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.journal.entities import stored_structure
from course_sync_plugin.models import JournalOperation, Run
from course_sync_plugin.structure.olx.reader import read_olx
from course_sync_plugin.sync.course import Outcome
from course_sync_plugin.testing.receiver import Receiver
from sandbox.published.publishing import publish
from sandbox.published.source import PublishedSource
from tests.conftest import shared_data
from tests.integration.courses import differences, recorded, replayed

pytestmark = pytest.mark.django_db

#: The revisions of each series in their order, and those that delete so much that an operator must approve them.
SERIES = {
    "demox": ("2014a 2014b maple nutmeg quince new0 new1 redwood teak verawood", {"new0"}),
    "test101": ("r1 r2 r3 r4 r5", set()),
    "dnd": ("r1 r2", set()),
    "problembuilder": ("r1 r2", set()),
}
PAIRS = {
    "edxplatform": ("course_before_rename", "course_after_rename"),
    "edxplatform-import": ("test_import_course", "test_import_course_2"),
}


class Way:
    """Publishes the revisions of one course run under one key and delivers them; held runs are approved."""

    def __init__(self, receiver: Receiver, course_id: str):
        self.receiver, self.course_id = receiver, course_id

    def publish(self, path) -> Outcome:
        """Publish and deliver a revision, and check it; return the first outcome of the sync."""
        call_command("publish_olx", str(path), "--course-key", self.course_id)
        outcome = Outcome.HELD if api.status()["held"] else Outcome.RECORDED
        if outcome is Outcome.HELD:
            (plan,) = api.held_plans(self.course_id)
            call_command("course_sync", "approve", "--course", self.course_id, "--yes", "--token", plan.token)
        call_command("course_sync", "deliver", "--until-empty")
        self.check(path)
        return outcome

    def check(self, path) -> None:
        """Check that the replica, the recorded entities, the replayed journal and the export are the same course."""
        published = PublishedSource().read(self.course_id)
        assert published.same_course_as(read_olx(path, self.course_id))
        expected = self.with_what_could_not_be_read(published)
        assert self.receiver.difference(expected) == []
        assert self.receiver.violations == []
        replica = self.receiver.replica(self.course_id)
        assert (replica.complete, tree_of(replica.structure())) == (True, tree_of(expected))
        assert differences(self.course_id, expected, replayed(self.course_id)) == []
        (course,) = api.status()["courses"]
        assert course["published_version"] == course["recorded_version"] == published.published_version
        assert course["lanes"][0]["state"] == "in step"

    def with_what_could_not_be_read(self, published):
        """Return the expected course: readable entities as published, and the known ones below unreadable places."""
        if not published.unreadable:
            return published
        stored = stored_structure(recorded(self.course_id))
        assert {key: stored.entities.get(key) for key in published.entities} == published.entities
        return stored


def tree_of(structure) -> dict[str, tuple]:
    """Return ids, titles and children, as an author sees them."""
    return {
        key: (entity.fields.get("display_name"), structure.children.get(key, ()))
        for key, entity in structure.entities.items()
    }


@pytest.mark.parametrize("series", SERIES)
def test_a_series_arrives_revision_by_revision(receiver, series, capsys):
    revisions, held = SERIES[series]
    way = Way(receiver, f"course-v1:Series+{series}+Run")
    outcomes = {
        revision: way.publish(shared_data() / "courses" / f"{series}__{revision}.tar.gz")
        for revision in revisions.split()
    }
    assert {revision for revision, outcome in outcomes.items() if outcome is Outcome.HELD} == held
    assert receiver.counters["failed"] == receiver.counters["duplicates"] == 0


@pytest.mark.parametrize("series", PAIRS)
def test_before_and_after(receiver, series, capsys):
    way = Way(receiver, "course-v1:edX+Pair+Run")
    for name in PAIRS[series]:
        way.publish(shared_data() / "courses" / f"edxplatform__{name}.tar.gz")


def test_every_fixture_of_the_platform_arrives_and_goes_back_again(receiver, settings, capsys):
    """All are revisions of one course run: each replaces nearly all of the one before."""
    settings.COURSE_SYNC_MASS_DELETE_COUNT = 10**6
    way = Way(receiver, "course-v1:edX+Fixtures+Run")
    paths = sorted((shared_data() / "courses").glob("edxplatform__*.tar.gz"))
    assert len(paths) == 18
    for path in [*paths, *reversed(paths)]:
        way.publish(path)


def test_pure_moves_move_and_nothing_else(receiver, capsys):
    """test101 r1→r2: a moved entity is not deleted and created again."""
    truth = json.loads((shared_data() / "courses" / "truth" / "test101__r1__to__r2.json").read_text())
    way = Way(receiver, "course-v1:Series+test101+Run")
    way.publish(shared_data() / "courses" / "test101__r1.tar.gz")
    before = JournalOperation.objects.latest("position").position
    way.publish(shared_data() / "courses" / "test101__r2.tar.gz")
    counts = Counter(JournalOperation.objects.filter(position__gt=before).values_list("operation", flat=True))
    expected = {name: sum(types.values()) for name, types in truth["counts"].items() if name in ("added", "removed")}
    assert (counts["create"], counts["delete"]) == (expected["added"], expected["removed"])
    assert counts["move"] >= sum(truth["counts"]["moved"].values()) == 27


def test_a_revision_without_a_structural_change(receiver, capsys):
    """test101 r4→r5: no create, move or delete; changed content gives an update or nothing."""
    truth = json.loads((shared_data() / "courses" / "truth" / "test101__r4__to__r5.json").read_text())
    way = Way(receiver, "course-v1:Series+test101+Run")
    way.publish(shared_data() / "courses" / "test101__r4.tar.gz")
    runs, position = Run.objects.count(), JournalOperation.objects.latest("position").position
    way.publish(shared_data() / "courses" / "test101__r5.tar.gz")
    new = list(JournalOperation.objects.filter(position__gt=position))
    assert {row.operation for row in new} <= {"update"}
    assert {row.block_type for row in new} <= {*truth["counts"]["content"], *truth["counts"]["settings"]}
    assert bool(new) == (Run.objects.count() > runs)


def test_the_same_revision_again_sends_nothing(receiver, capsys):
    way = Way(receiver, "course-v1:Series+test101+Run")
    path = shared_data() / "courses" / "test101__r3.tar.gz"
    way.publish(path)
    requests = len(receiver.requests)
    for _ in range(3):
        publish(path, way.course_id)
        assert api.sync_course(way.course_id).outcome is Outcome.UNCHANGED
        assert api.deliver_until_empty().envelopes == 0
    assert len(receiver.requests) == requests
    assert Run.objects.count() == 1
    assert api.status()["courses"][0]["lanes"][0]["state"] == "in step"
