"""``check --remote`` against the fakes of Canvas and Discourse: differences are found, and mended without doubles."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.models import Attempt, DatabaseNow, Lane, LedgerReplica, Proposal, Target
from tests.integration.courses import block
from tests.integration.one_lane import publish
from tests.integration.replication import canvas_course, forums
from tests.integration.replication.canvas_course import check_equal, objects_of, requests_since
from tests.integration.replication.forums import calls, ids_of, title

pytestmark = pytest.mark.django_db

REQUEST = api.CheckRequest(remote="crm")


def found() -> list[tuple[str, str]]:
    """Return the kind and the last part of the entity's id of each finding, sorted."""
    report = api.check(REQUEST)
    assert [note for note in report.notes if "not ours" not in note] == []
    return sorted((one.kind.removeprefix("remote-"), one.entity_id.rpartition("@")[2]) for one in report.findings)


def plan_repair() -> None:
    results = api.repair_shown(REQUEST, api.check(REQUEST).tokens)
    assert [(one.error, one.of - one.repaired) for one in results] == [("", 0)] * len(results)


def lose_rows(*entity_ids: str) -> None:
    assert LedgerReplica.objects.filter(entity_id__in=entity_ids).delete()[0] == len(entity_ids)


def lose_the_delivery() -> None:
    """Let the lane be at the end of its journal, as if all was carried out."""
    Lane.objects.update(cursor=Lane.objects.get().end, due_at=None)


def long_after() -> None:
    """Let enough time pass for late reads."""
    canvas_course.long_after()
    Attempt.objects.update(began_at=DatabaseNow(-60))


class TestCanvas:
    @pytest.fixture
    def in_step(self, canvas, there, author, filled):
        long_after()
        return filled

    def repair(self) -> None:
        plan_repair()
        long_after()
        canvas_course.deliver()
        long_after()

    def test_a_course_in_step_takes_the_requests_of_a_look(self, canvas, in_step):
        begin = len(canvas.requests)
        assert found() == []
        assert requests_since(canvas, begin) == ["GET modules", "GET assignments"]

    def test_foreign_objects_are_counted(self, canvas, there, in_step):
        canvas.teacher.add_module(there.id, "Welcome")
        module = objects_of("s0", "chapter")["module"]
        canvas.teacher.add_item(there.id, module, type="SubHeader", title="Foreign", position=4)
        report = api.check(REQUEST)
        assert report.findings == []
        assert "2 objects there are not ours" in report.notes[0]

    @pytest.mark.parametrize("name", ["s0", "s0.a", "s0.b", "s0.a1", "talk"])
    def test_what_lost_its_row_is_taken_over(self, canvas, there, in_step, name):
        kind = {"talk": "discussion", "s0": "chapter", "s0.a1": "vertical"}.get(name, "sequential")
        before = objects_of(name, kind)
        lose_rows(block(kind, name))
        assert found() == [("unlinked", name)]
        begin = len(canvas.requests)
        self.repair()
        assert objects_of(name, kind) == before
        assert [one for one in requests_since(canvas, begin) if not one.startswith("GET")] == []
        check_equal(there, in_step)
        assert found() == []

    def test_all_rows_are_lost(self, canvas, there, in_step):
        LedgerReplica.objects.all().delete()
        assert {kind for kind, _name in found()} == {"unlinked"}
        begin = len(canvas.requests)
        self.repair()
        assert [one for one in requests_since(canvas, begin) if not one.startswith("GET")] == []
        check_equal(there, in_step)
        assert found() == []

    def test_what_people_did_is_told_from_what_was_lost(self, canvas, there, author, in_step):
        teacher = canvas.teacher
        teacher.rename_module(there.id, objects_of("s0", "chapter")["module"], "Renamed there")
        unit = objects_of("s1.a1", "vertical")
        teacher.delete_item(there.id, there.items[unit["item"]].module_id, unit["item"])
        teacher.move_module(there.id, objects_of("s1", "chapter")["module"], 1)
        author.set("s1.b", display_name="Wasps")
        author.remove("s1.b2")
        author.children["s0.a"].append("new")
        author.publish()
        lose_the_delivery()
        expected = [
            ("deleted", "s1.a1"),
            ("edited", "s0"),
            ("missing", "new"),
            ("moved", "s1"),
            ("not-removed", "s1.b2"),
            ("not-written", "s1.b"),
        ]
        kinds = found()
        assert [one for one in kinds if one[0] != "moved"] == [one for one in expected if one[0] != "moved"]
        assert [name for kind, name in kinds if kind == "moved"] in (["s0"], ["s1"])
        self.repair()
        assert found() == [("deleted-noted", "s1.a1")]
        assert sorted(Proposal.objects.values_list("field", flat=True)) == ["display_name", "place"]
        assert there.modules[objects_of("s0", "chapter")["module"]].name == "Renamed there"
        assert there.items[objects_of("s1.b", "sequential")["header"]].title == "Wasps"
        assert [one.title for one in there.pages.values()].count("new") == 1

    @pytest.mark.parametrize("policy", ["manual", "recreate"])
    def test_a_module_that_was_deleted(self, canvas, there, in_step, policy):
        Target.objects.update(options={"on_remote_delete": policy})
        canvas.teacher.delete_module(there.id, objects_of("s0", "chapter")["module"])
        kind = "not-recreated" if policy == "recreate" else "deleted"
        assert {one for one, _name in found()} == {kind}
        self.repair()
        if policy == "recreate":
            assert found() == []
            check_equal(there, in_step)
        else:
            assert {one for one, _name in found()} == {"deleted-noted"}

    def test_what_was_just_delivered_is_not_compared(self, filled):
        report = api.check(REQUEST)
        assert report.findings == []
        assert "reads there may be late" in report.notes[0]

    def test_what_learners_must_not_see_is_no_finding(self, there, author, in_step):
        author.set("s0.a", visible_to_staff_only=True)
        author.publish()
        canvas_course.deliver()
        long_after()
        assert found() == []


class TestDiscourse:
    def repair(self, forum) -> None:
        plan_repair()
        forum.requests.clear()
        forums.deliver()

    def test_a_category_in_step_takes_the_requests_of_a_look(self, seen, forum):
        assert found() == []
        assert calls(forum) == []
        assert len(forum.requests) <= 4

    def test_foreign_topics_are_counted(self, seen, forum):
        forum.person("teacher").create_topic(
            "Foreign words about the course", "They are long enough.", seen.category_id
        )
        report = api.check(REQUEST)
        assert report.findings == []
        assert "1 object there is not ours" in report.notes[0]

    def test_what_lost_its_row_is_taken_over(self, seen, forum):
        before = seen.tree(), ids_of("section-0", "chapter"), ids_of("subsection-0")
        lose_rows(block("chapter", "section-0"), block("sequential", "subsection-0"))
        assert found() == [("unlinked", "section-0"), ("unlinked", "subsection-0")]
        self.repair(forum)
        assert (seen.tree(), ids_of("section-0", "chapter"), ids_of("subsection-0")) == before
        assert calls(forum) == []
        assert found() == []

    def test_what_people_did_is_told_from_what_was_lost(self, seen, forum, shelf):
        admin = forum.person("admin")
        admin.edit_topic(seen.topic("Subsection-0").id, title=title("renamed there", "section-0"))
        admin.delete_topic(seen.topic("Subsection-1").id)
        publish(shelf, "2", sections=3, titles={"section-1": "Wasps"})
        lose_the_delivery()
        assert found() == [
            ("deleted", "subsection-1"),
            ("edited", "subsection-0"),
            ("missing", "section-2"),
            ("missing", "subsection-2"),
            ("not-written", "section-1"),
        ]
        self.repair(forum)
        assert found() == [("deleted-noted", "subsection-1")]
        assert seen.tree() == {
            "section-0": [title("renamed there", "section-0")],
            "Wasps": [],
            "section-2": [title("subsection-2", "section-2")],
        }
        assert Proposal.objects.get().value == "Renamed there"
