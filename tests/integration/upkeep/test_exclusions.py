"""An entity that is excluded from a target stays as it is there; included again, the replica equals the course."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.lanes.blocked import Blocked
from course_sync_plugin.lanes.excluded import follow, recorded_tree
from course_sync_plugin.lanes.problems import park
from course_sync_plugin.models import Exclusion, JournalOperation, Problem, ProblemState
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.targets.webhook import WebhookTarget
from course_sync_plugin.testing.faults import Fail
from course_sync_plugin.testing.receiver import Receiver
from tests.integration.courses import COURSE, a_course, block, moved_into
from tests.integration.lanes.test_lane_state import with_units
from tests.integration.one_lane import publish, renamed, states, the_lane

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "course-v1:Org+Other+Run"
UNIT, SUBSECTION = block("vertical", "unit-0-1"), block("sequential", "subsection-0")


@pytest.fixture
def course(shelf, receiver):
    """A course that has been delivered."""
    structure = publish(shelf, "1")
    api.deliver_until_empty()
    receiver.requests.clear()
    return structure


def exclude(entity_id: str, name: str = "crm") -> None:
    plan = api.exclusion_plan(name, entity_id)
    assert api.exclude_shown(name, entity_id, plan.token).error == ""


def include(entity_id: str, name: str = "crm") -> None:
    plan = api.inclusion_plan(name, entity_id)
    assert api.include_shown(name, entity_id, plan.token).error == ""


def sent(receiver) -> list[str]:
    """Return the names of the entities of which operations were sent."""
    return [
        operation["entity_id"].rpartition("@")[2]
        for message in receiver.messages
        for operation in message["data"]["operations"]
    ]


def target_status() -> tuple[str, int, int]:
    (target,) = api.status(target="crm")["targets"]
    return target["state"], target["problems"], target["excluded"]


class TestDeletedMeanwhile:
    """The deletion of what is excluded is held back, until it is included again."""

    SECTION, SUBSECTION = block("chapter", "section-1"), block("sequential", "subsection-1")
    UNIT = block("vertical", "unit-1-1")

    @pytest.mark.parametrize("name", ["section-1", "subsection-1", "unit-1-1"])
    @pytest.mark.parametrize("one_by_one", [False, True])
    def test_it_comes_to_rest_and_is_deleted_when_it_is_included(
        self, shelf, receiver, course, settings, name, one_by_one
    ):
        """It ended in a loop that planned the same deletions again and again."""
        if one_by_one:
            settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 1
        entity_id = {"section-1": self.SECTION, "subsection-1": self.SUBSECTION, "unit-1-1": self.UNIT}[name]
        exclude(entity_id)
        new = shelf.publish(a_course("2", sections=1))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        rows = JournalOperation.objects.count()
        api.deliver_until_empty()
        assert JournalOperation.objects.count() == rows == len(course) + 5
        include(entity_id)
        api.deliver_until_empty()
        assert (receiver.difference(new), states(), target_status()[0]) == ([], [], "in step")

    def test_its_last_parents_are_known(self, shelf, receiver, course):
        exclude(self.SUBSECTION)
        shelf.publish(a_course("2", sections=1))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        tree = recorded_tree(the_lane(), {self.SUBSECTION}, the_lane().end)
        assert (tree.parents[self.UNIT], tree.parents[self.SUBSECTION]) == (self.SUBSECTION, self.SECTION)
        assert tree.covers(self.UNIT)

    def test_the_tree_has_no_entity_of_another_course(self, shelf, receiver, course):
        other = shelf.publish(a_course("1", course=OTHER))
        api.sync_course(OTHER)
        tree = recorded_tree(the_lane(), {self.SUBSECTION}, the_lane().end)
        assert not tree.parents.keys() & other.entities.keys()


class TestTheTreeOfThePast:
    """The tree at a position in the journal is the recorded one, with what came later taken back."""

    def test_what_came_later_in_another_course_changes_nothing(self, shelf, receiver, course):
        end = the_lane().end
        publish(shelf, "2", units=4)
        for version, units in (("1", 3), ("2", 2)):
            shelf.publish(a_course(version, course=OTHER, units=units))
            api.sync_course(OTHER)
        tree = recorded_tree(the_lane(), {SUBSECTION}, end)
        assert tree.has_course
        assert tree.parents.keys() == course.entities.keys()

    def test_what_one_lane_got_again_is_not_taken_back(self, shelf, receiver, course):
        end = the_lane().end
        api.reset("crm")
        api.deliver_until_empty()
        assert JournalOperation.objects.filter(lane=the_lane(), operation="create", position__gt=end).exists()
        tree = recorded_tree(the_lane(), {SUBSECTION}, end)
        assert tree.parents.keys() == course.entities.keys()

    def test_it_is_brought_to_a_later_position_and_back(self, shelf, receiver, course):
        unit = block("vertical", "unit-0-0")
        tree = recorded_tree(the_lane(), {SUBSECTION}, the_lane().end)
        publish(shelf, "2", units=4)
        position = the_lane().end
        shelf.publish(moved_into(course, "3", block("sequential", "subsection-1"), [unit]))
        api.sync_course(COURSE)
        for end, parent in (
            (position, "subsection-0"),
            (the_lane().end, "subsection-1"),
            (position, "subsection-0"),
        ):
            follow(tree, the_lane(), end)
            assert (tree.parents[unit], tree.position) == (block("sequential", parent), end)

    def test_what_moved_twice_is_where_it_was_before_both(self, shelf, receiver, course):
        unit, places = block("vertical", "unit"), ("first", "second", "third")
        ends = []
        for version, place in enumerate(places):
            shelf.publish(with_units(f"v{version}", {name: ["unit"] if name == place else [] for name in places}))
            api.sync_course(COURSE)
            ends.append(the_lane().end)
        trees = [recorded_tree(the_lane(), {unit}, end) for end in ends]
        assert [tree.parents[unit] for tree in trees] == [block("sequential", place) for place in places]


class TestExcluded:
    def test_operations_of_what_is_below_are_not_sent_either(self, shelf, receiver, course):
        exclude(SUBSECTION)
        publish(shelf, "2", titles=renamed("subsection-0", "unit-0-1", "unit-1-1"))
        api.deliver_until_empty()
        assert sent(receiver) == ["unit-1-1"]
        assert [message["data"]["end_of_run"] for message in receiver.messages] == [True]

    def test_it_counts_from_the_next_envelope_of_a_turn_on(self, shelf, receiver, course, settings, monkeypatch):
        settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 1
        publish(shelf, "2", titles=renamed("unit-0-0", "unit-0-1"))
        send = WebhookTarget.send

        def send_and_exclude(target, message):
            monkeypatch.undo()
            exclude(UNIT)
            return send(target, message)

        monkeypatch.setattr(WebhookTarget, "send", send_and_exclude)
        api.deliver_lane(the_lane().pk, seconds=600)
        assert sent(receiver) == ["unit-0-0"]
        assert target_status() == ("in step", 0, 1)

    def test_the_lane_counts_as_in_step(self, shelf, receiver, course):
        exclude(SUBSECTION)
        publish(shelf, "2", titles=renamed("subsection-0", "unit-0-1"))
        api.deliver_until_empty()
        assert target_status() == ("in step", 0, 2)
        assert (the_lane().delivered_version, states(), receiver.requests) == ("2", [], [])

    def test_retry_and_skip_leave_it_alone(self, shelf, receiver, course):
        exclude(UNIT)
        publish(shelf, "2", titles=renamed("unit-0-1"))
        api.deliver_until_empty()
        assert api.retry("crm").operations == 0
        assert api.skip_plans(api.Filters(target="crm")) == []
        api.deliver_until_empty()
        assert (receiver.requests, target_status()) == ([], ("in step", 0, 1))

    def test_what_failed_of_it_is_no_trouble_any_more(self, shelf, receiver, course):
        receiver.faults.append(Fail(entity_id=UNIT))
        publish(shelf, "2", titles=renamed("unit-0-1"))
        api.deliver_until_empty()
        assert target_status() == ("problems", 1, 0)
        assert api.exclusion_plan("crm", UNIT).problems == 1
        exclude(UNIT)
        api.deliver_until_empty()
        assert target_status() == ("in step", 0, 1)
        assert (receiver.replica(COURSE).complete, the_lane().delivered_version) == (True, "2")

    def test_a_deletion_is_held_back_and_sent_later(self, shelf, receiver, course):
        exclude(UNIT)
        new = publish(shelf, "2", units=1)
        api.deliver_until_empty()
        assert UNIT in receiver.replica(COURSE).structure().entities
        include(UNIT)
        api.deliver_until_empty()
        assert receiver.difference(new) == []

    def test_what_waits_behind_an_excluded_operation_counts_as_excluded(self, shelf, receiver, course):
        exclude(UNIT)
        publish(shelf, "2", titles=renamed("unit-0-1"))
        api.deliver_until_empty()
        holder, row = Problem.objects.get(), JournalOperation.objects.first()
        park(the_lane(), row.pk, row.as_operation(), holder, Blocked())
        assert Problem.objects.get(operation=row).state == ProblemState.EXCLUDED

    def test_a_sibling_after_one_that_the_receiver_lacks_is_placed_by_index(self, shelf, receiver):
        publish_units(shelf, "1", ["one"])
        api.deliver_until_empty()
        publish_units(shelf, "2", ["one", "two"])
        exclude(block("vertical", "two"))
        api.deliver_until_empty()
        new = publish_units(shelf, "3", ["one", "two", "three"])
        api.deliver_until_empty()
        assert target_status() == ("in step", 0, 2)
        assert Problem.objects.filter(state=ProblemState.BESIDE_EXCLUDED).count() == 1
        include(block("vertical", "two"))
        api.deliver_until_empty()
        assert (receiver.difference(new), target_status()) == ([], ("in step", 0, 0))

    def test_a_snapshot_leaves_it_out(self, shelf, receiver, course):
        with Receiver() as second:
            api.add_target("second", url=second.url, secret=second.secret)
            exclude(SUBSECTION, "second")
            api.deliver_until_empty()
            there = second.replica(COURSE).structure().entities
            assert not {SUBSECTION, UNIT} & there.keys()
            assert len(there) == len(course) - 4
            new = publish(shelf, "2", titles=renamed("unit-0-1"))
            api.deliver_until_empty()
            assert receiver.difference(new) == [], "it is excluded from the other target only"
            include(SUBSECTION, "second")
            api.deliver_until_empty()
            assert second.difference(new) == []

    def test_a_deleted_course_is_deleted_whole(self, shelf, receiver, course, settings):
        settings.COURSE_SYNC_MASS_DELETE_COUNT = 100
        exclude(UNIT)
        publish(shelf, "2", titles=renamed("unit-0-1"))
        api.deliver_until_empty()
        shelf.delete()
        for _held in [api.sync_course(COURSE)]:
            api.approve(plan.token for plan in api.held_plans(COURSE))
        api.deliver_until_empty()
        assert not receiver.replica(COURSE).structure().entities
        assert target_status() == ("in step", 0, 0)

    def test_nothing_is_sent_if_nothing_changed_meanwhile(self, shelf, receiver, course):
        exclude(UNIT)
        api.deliver_until_empty()
        include(UNIT)
        api.deliver_until_empty()
        assert receiver.requests == []


class TestMovedAway:
    """The course moves an entity out of what is excluded: it is sent, and only it."""

    @pytest.fixture
    def held(self, shelf, receiver):
        """Two excluded subsections get a unit each."""
        self.publish(shelf, "1", first=[], second=[], third=["x"])
        for name in ("first", "second"):
            exclude(block("sequential", name))
        self.publish(shelf, "2", first=["one"], second=["two"], third=["x"])
        assert self.states() == [("one", "excluded"), ("two", "excluded")]
        assert target_status() == ("in step", 0, 2)

    def publish(self, shelf, version: str, **sections: list[str]):
        structure = shelf.publish(with_units(version, sections))
        api.sync_course(COURSE)
        api.deliver_lane(the_lane().pk, seconds=600)
        return structure

    def states(self) -> list[tuple[str, str]]:
        rows = Problem.objects.order_by("pk").values_list("operation__entity_id", "state")
        return [(entity_id.rpartition("@")[2], state) for entity_id, state in rows]

    def test_it_is_created_where_it_is_now_and_the_other_stays_held_back(self, shelf, receiver, held):
        new = self.publish(shelf, "3", first=[], second=["two"], third=["x", "one"])
        there = receiver.replica(COURSE).structure()
        assert there.children[block("sequential", "third")] == new.children[block("sequential", "third")]
        assert self.states() == [("one", "retried"), ("two", "excluded"), ("one", "retried")]
        assert (the_lane().due_at, target_status()) == (None, ("in step", 0, 1))

    def test_it_is_planned_in_the_same_turn_as_what_is_sent_before(self, shelf, receiver, held):
        new = self.publish(shelf, "3", first=[], second=["two"], third=["y", "x", "one"])
        there = receiver.replica(COURSE).structure()
        assert there.children[block("sequential", "third")] == new.children[block("sequential", "third")]
        assert self.states() == [("one", "retried"), ("two", "excluded"), ("one", "retried")]
        assert (the_lane().due_at, target_status()) == (None, ("in step", 0, 1))

    def test_its_parent_may_be_of_a_type_that_the_target_does_not_want(self, shelf, settings, db):
        """No operation of the run is for the target. The tree is followed at the end of the journal all the same."""
        settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
        with Receiver(entity_types=["component"]) as receiver:
            api.add_target("crm", url=receiver.url, secret=receiver.secret, entity_types=["component"])
            publish_parts(shelf, "1", {"first": {"unit": []}, "second": {}})
            exclude(block("sequential", "first"))
            publish_parts(shelf, "2", {"first": {"unit": ["part"]}, "second": {}})
            publish_parts(shelf, "2, and more", {"first": {"unit": ["part"]}, "second": {}, "third": {}})
            assert self.states() == [("part", "excluded")]
            publish_parts(shelf, "3", {"first": {}, "second": {"unit": ["part"]}, "third": {}})
            assert (self.states(), sent(receiver)) == ([("part", "retried")], ["part"])


def publish_parts(shelf, version: str, sections: dict[str, dict[str, list[str]]]) -> None:
    """Publish and deliver a course of sections with one subsection each; its units have components."""
    blocks = {COURSE: RawBlock(COURSE, "course", {}, tuple(block("chapter", name) for name in sections))}

    def put(block_type: str, name: str, *children: str) -> None:
        blocks[block(block_type, name)] = RawBlock(block(block_type, name), block_type, {}, children)

    for name, units in sections.items():
        put("chapter", name, block("sequential", name))
        put("sequential", name, *(block("vertical", unit) for unit in units))
        for unit, parts in units.items():
            put("vertical", unit, *(block("html", part) for part in parts))
            for part in parts:
                put("html", part)
    shelf.publish(StructureBuilder(COURSE, version, blocks).build())
    api.sync_course(COURSE)
    api.deliver_lane(the_lane().pk, seconds=600)


def publish_units(shelf, version: str, units: list[str]):
    structure = shelf.publish(with_units(version, {"section": units}))
    api.sync_course(COURSE)
    return structure


class TestPlans:
    def test_a_plan_says_what_it_concerns(self, shelf, receiver, course):
        publish(shelf, "2", titles=renamed("unit-0-1", "unit-1-1"))
        plan = api.exclusion_plan("crm", SUBSECTION)
        said = (plan.course_key, plan.entity_type, plan.title, plan.below, plan.pending, plan.problems)
        assert said == (COURSE, "subsection", "subsection-0", 3, 1, 0)

    def test_only_what_was_shown_is_done(self, shelf, receiver, course):
        token = api.exclusion_plan("crm", SUBSECTION).token
        publish(shelf, "2", units=4)
        assert "no longer valid" in api.exclude_shown("crm", SUBSECTION, token).error
        assert not Exclusion.objects.exists()

    def test_an_exclusion_below_another_one_says_so(self, shelf, receiver, course):
        exclude(UNIT)
        exclude(SUBSECTION)
        assert api.inclusion_plan("crm", UNIT).still_excluded_by == SUBSECTION

    @pytest.mark.parametrize(
        ("name", "entity_id", "error", "text"),
        [
            ("crn", UNIT, UnknownName, "Did you mean 'crm'"),
            ("crm", UNIT + "0", UnknownName, "Did you mean block-v1"),
            ("crm", COURSE, ConfigurationError, "pause TARGET --course"),
            ("crm", "unit", ConfigurationError, "is not the usage key"),
            ("crm", UNIT.replace("Run", "Other"), UnknownName, "has no lane"),
        ],
    )
    def test_what_cannot_be_excluded(self, shelf, receiver, course, name, entity_id, error, text):
        with pytest.raises(error, match=text):
            api.exclusion_plan(name, entity_id)

    def test_twice(self, shelf, receiver, course):
        exclude(UNIT)
        with pytest.raises(ConfigurationError, match="already"):
            api.exclusion_plan("crm", UNIT)

    def test_what_is_not_excluded_cannot_be_included(self, shelf, receiver, course):
        with pytest.raises(UnknownName, match="is not excluded"):
            api.inclusion_plan("crm", UNIT)


def test_the_commands(shelf, receiver, course, call, capsys):
    shown = json.loads(call("exclude", "crm", UNIT, "--json"))
    assert (shown["title"], shown["below"], shown["pending"]) == ("unit-0-1", 0, 0)
    call("exclude", "crm", UNIT, "--yes", "--token", shown["token"])
    (listed,) = json.loads(call("targets", "--json"))
    assert listed["excluded"] == [UNIT]
    publish(shelf, "2", titles=renamed("unit-0-1"))
    api.deliver_until_empty()
    assert "crm: excluded: 1 operation is held back" in call("status", "--target", "crm")
    shown = json.loads(call("include", "crm", UNIT, "--json"))
    assert shown["operations"] == 1
    assert "1 operation will be planned anew" in call("include", "crm", UNIT, "--yes", "--token", shown["token"])
    assert "excluded" not in call("targets")


@pytest.fixture
def call(capsys):
    """Return a function that runs a subcommand and returns its output."""
    from django.core.management import call_command

    def run(*arguments: str) -> str:
        capsys.readouterr()
        call_command("course_sync", *arguments)
        return capsys.readouterr().out

    return run


def test_a_reset_says_how_many_entities_the_target_will_remove(shelf, receiver, course, capsys):
    """A snapshot names everything that the target is to have, so what is excluded goes there."""
    exclude(SUBSECTION)
    below = [entity for entity in course.entities if entity in (SUBSECTION, *course.children_of(SUBSECTION))]
    plan = api.reset_plan("crm")
    assert (plan.entities, plan.excluded) == (len(course) - len(below), len(below))
    call_command("course_sync", "reset", "crm")
    assert f"so the target removes them: {len(below)}" in capsys.readouterr().out
    assert api.reset_shown("crm", plan.token).entities == plan.entities
    api.deliver_until_empty()
    assert receiver.replica(COURSE).structure().entities.keys() == course.entities.keys() - set(below)
