"""A course on its way to a forum: what becomes of it there, what is never touched, and how many requests it takes."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.models import Conflict, Intent, LedgerReplica
from tests.integration.one_lane import publish
from tests.integration.replication.forums import (
    a_category,
    a_tree,
    calls,
    deliver,
    dies,
    publish_tree,
    reads,
    run_and_die,
    title,
)

pytestmark = pytest.mark.django_db


FIRST = {
    "section-0": [title("subsection-0", "section-0")],
    "section-1": [title("subsection-1", "section-1")],
}


class TestFirstFill:
    def test_sections_are_categories_and_subsections_are_topics(self, seen):
        assert seen.tree() == FIRST

    def test_the_first_post_says_what_it_is_about(self, seen, forum):
        raw = forum.forum.first_post(seen.topic("Subsection-0")).raw
        assert "**course › section\\-0 › subsection\\-0**" in raw
        assert raw.endswith("(https://lms.example.org/courses/course-v1:Org+Course+Run/jump_to/"
                            "block-v1:Org+Course+Run+type@sequential+block@subsection-0)")  # fmt: skip

    def test_each_object_takes_one_request(self, begun, forum):
        begun("envelope_operations=20", sections=20, units=3)
        forum.requests.clear()
        deliver()
        assert sorted(calls(forum)) == ["POST /categories"] * 20 + ["POST /posts"] * 20
        assert len(forum.requests) <= 1.15 * 40

    @pytest.mark.parametrize("kind", ["unit", "discussion"])
    def test_other_entities_can_be_topics(self, begun, kind):
        seen = begun(f"topics={kind}")
        deliver()
        units = {f"section-{n}": [title(f"unit-{n}-{m}", f"subsection-{n}") for m in range(3)] for n in range(2)}
        assert seen.tree() == (units if kind == "unit" else {"section-0": [], "section-1": []})

    def test_an_envelope_that_comes_again_changes_nothing(self, seen, forum):
        api.reset("crm")
        deliver()
        assert calls(forum) == []
        assert len(forum.requests) == 4  # the category and its sub-categories; the address of the topics, their page

    def test_names_that_the_forum_would_change_or_cut(self, begun, shelf, forum):
        names = {
            "section-0": "A section whose name has more than the fifty characters of a category",
            "subsection-0": "WHAT?!!  IS   THIS...",
            "section-1": "x",
            "subsection-1": "word " * 80,
        }
        seen = begun(titles=names)
        deliver()
        assert {len(one.name) for one in forum.forum.categories.values() if one.parent_id == seen.category_id} == {
            50,
            1,
        }
        assert {len(one.title) <= 255 for one in seen.topics()} == {True}
        publish(shelf, "2", titles={**names, "unit-0-0": "Nothing that matters here"})
        api.reset("crm")
        forum.requests.clear()
        deliver()
        assert calls(forum) == []
        assert not Conflict.objects.exists()

    @pytest.mark.story(38)
    def test_a_section_whose_slug_the_forum_would_refuse(self, begun):
        seen = begun(titles={"section-0": "7. Category theory"})
        deliver()
        assert seen.section("7. Category theory").slug == "course-7-category-theory"

    def test_what_has_the_same_name(self, begun):
        seen = begun(titles={"section-0": "Week", "section-1": "week", "subsection-0": "Quiz", "subsection-1": "quiz"})
        deliver()
        assert [name[:7] for name in seen.tree()] == ["Week", "week · "]
        assert sorted(one.title[:24] for one in seen.topics()) == [
            "Quiz · Week · Course Run",
            "Quiz · week · Course Run",
        ]
        assert len({one.title.lower() for one in seen.topics()}) == 2


class TestChanges:
    def test_a_new_title_is_one_request_besides_the_list(self, seen, forum, shelf):
        publish(shelf, "2", titles={"subsection-0": "Wasps"})
        deliver()
        assert calls(forum) == [f"PUT /t/-/{seen.topic('Wasps').id}"]
        assert seen.topic("Wasps").title == "Wasps · section-0 · Course Run"
        assert reads(forum) == 3

    def test_a_new_name_of_a_section(self, seen, forum, shelf):
        publish(shelf, "2", titles={"section-0": "Wasps"})
        deliver()
        assert calls(forum) == [f"PUT /categories/{seen.section('Wasps').id}"]
        assert seen.topic("Subsection-0").title == title("subsection-0", "section-0")  # it is not written for this
        publish(shelf, "3", titles={"section-0": "Wasps", "subsection-0": "Hornets"})
        deliver()
        assert seen.tree()["Wasps"] == ["Hornets · Wasps · Course Run"]
        assert not Conflict.objects.exists()

    def test_what_is_added_and_deleted(self, seen, forum, shelf):
        publish(shelf, "2", sections=3)
        deliver()
        assert list(seen.tree()) == ["section-0", "section-1", "section-2"]
        publish(shelf, "3", sections=1)
        forum.requests.clear()
        deliver()
        assert seen.tree() == {"section-0": FIRST["section-0"]}
        assert len(calls(forum)) == 4
        assert LedgerReplica.objects.count() == 2

    @pytest.mark.story(35)
    def test_an_edit_of_the_site_is_not_overwritten(self, seen, forum, shelf):
        forum.person("teacher").user.trust_level = 4
        forum.person("admin").edit_topic(seen.topic("Subsection-0").id, title="Renamed there by a person")
        forum.person("admin").edit_category(seen.section("section-0").id, name="Renamed there")
        publish(shelf, "2", titles={"subsection-1": "Wasps"})
        api.reset("crm")
        deliver()
        assert seen.tree() == {
            "Renamed there": ["Renamed there by a person"],
            "section-1": ["Wasps · section-1 · Course Run"],
        }
        assert not Conflict.objects.exists()

    def test_both_sides_edit_a_title(self, seen, forum, shelf):
        forum.person("admin").edit_topic(seen.topic("Subsection-0").id, title="Wasps · section-0 · Course Run")
        publish(shelf, "2", titles={"subsection-0": "Hornets"})
        deliver()
        kept = Conflict.objects.get()
        assert (kept.base, kept.openedx, kept.remote) == ("subsection-0", "Hornets", "Wasps")
        assert seen.topic("Hornets")

    def test_a_first_post_that_a_person_edited(self, seen, forum, shelf):
        post = forum.forum.first_post(seen.topic("Subsection-0"))
        forum.person("admin").edit_post(post.id, "A person has written this text instead.")
        publish(shelf, "2", titles={"subsection-0": "Wasps"})
        deliver()
        assert post.raw == "A person has written this text instead."


class TestPolled:
    def test_edits_of_people_become_proposals(self, seen, forum):
        admin = forum.person("admin")
        admin.edit_topic(seen.topic("Subsection-0").id, title="Wasps · section-0 · Course Run")
        admin.edit_category(seen.section("section-1").id, name="Ants")
        (polled,) = api.poll_now("crm")
        assert (polled.seen, polled.edited, polled.error) == (4, 2, "")
        assert len(forum.requests) == 4
        assert {(one["entity_type"], one["base"], one["value"]) for one in api.proposals()} == {
            ("section", "section-1", "Ants"),
            ("subsection", "subsection-0", "Wasps"),
        }

    def test_what_we_wrote_is_no_edit(self, seen, shelf):
        publish(shelf, "2", titles={"section-0": "Wasps", "subsection-0": "HORNETS?!!"})
        deliver()
        (polled,) = api.poll_now("crm")
        assert (polled.edited, api.proposals()) == (0, [])

    def test_what_we_moved_is_no_edit(self, begun, shelf):
        """The title of a topic says in which section it is, so a move changes it."""
        seen = begun(structure=a_tree("1", {"Bees": {"Wings": {}}, "Ants": {"Legs": {}}}))
        deliver()
        publish_tree(shelf, a_tree("2", {"Bees": {}, "Ants": {"Wings": {}, "Legs": {}}}))
        deliver()
        assert seen.topic("Wings").title == "Wings · Ants · Course Run"
        (polled,) = api.poll_now("crm")
        assert (polled.edited, api.proposals()) == (0, [])


class TestForeign:
    @pytest.mark.story(37)
    def test_nothing_of_others_is_changed(self, seen, forum, shelf):
        section = seen.section("section-1").id
        theirs = [
            forum.person("admin").create_topic(f"A question about number {number}", "What is it about, please?", where)
            for number, where in enumerate((seen.category_id, section))
        ]
        a_category(forum, "Their own", seen.category_id)
        publish(shelf, "2", sections=1)
        deliver()
        assert list(seen.tree()) == ["", "section-0", "section-1", "Their own"]
        assert [one.deleted_at for one in theirs] == [None, None]
        assert "has topics" in LedgerReplica.objects.get(entity_id__endswith="block@section-1").note

    def test_a_topic_with_replies_is_unlisted_and_closed(self, seen, forum, shelf):
        topic = seen.topic("Subsection-1")
        forum.person("student").reply(topic.id, "I have a question about this part.")
        publish(shelf, "2", sections=1)
        deliver()
        assert (topic.deleted_at, topic.visible, topic.closed) == (None, False, True)
        assert "replies" in LedgerReplica.objects.get(entity_id__endswith="block@subsection-1").note
        assert seen.section("section-1")

    @pytest.mark.story(36)
    def test_a_topic_that_people_moved_stays_there(self, seen, forum, shelf):
        other = a_category(forum, "Elsewhere")
        topic = seen.topic("Subsection-0")
        forum.person("admin").edit_topic(topic.id, category_id=other)
        publish(shelf, "2", titles={"subsection-0": "Wasps"})
        deliver()
        assert (str(topic.category_id), topic.title) == (other, "Wasps · section-0 · Course Run")
        assert len(seen.topics()) == 1

    def test_what_people_did_with_a_topic_stays(self, seen, forum, shelf):
        admin, topic = forum.person("admin"), seen.topic("Subsection-0")
        admin.edit_topic(topic.id, tags=["important"])
        for status, enabled in (("closed", True), ("pinned", True), ("visible", False), ("archived", True)):
            admin.set_status(topic.id, status, enabled)
        publish(shelf, "2", titles={"subsection-0": "Wasps"})
        deliver()
        assert topic.title == "Wasps · section-0 · Course Run"
        assert (topic.closed, topic.visible, topic.archived, topic.tags) == (True, False, True, ["important"])
        assert topic.pinned_at is not None

    @pytest.mark.parametrize("policy", ["manual", "recreate"])
    def test_what_somebody_deleted_there(self, begun, forum, shelf, policy):
        seen = begun(f"on_remote_delete={policy}")
        deliver()
        forum.person("admin").delete_topic(seen.topic("Subsection-0").id)
        publish(shelf, "2", titles={"subsection-0": "Wasps"})
        deliver()
        assert seen.tree()["section-0"] == (["Wasps · section-0 · Course Run"] if policy == "recreate" else [])
        publish(shelf, "3", titles={"subsection-0": "Hornets"})
        deliver()
        assert seen.tree()["section-0"] == (["Hornets · section-0 · Course Run"] if policy == "recreate" else [])


SOME_TITLES = {"section-0": "Wasps", "subsection-1": "Hornets"}
CHANGED = {"Wasps": [title("subsection-0", "section-0")], "section-1": ["Hornets · section-1 · Course Run"]}


class TestKilled:
    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("number", range(1, 6))
    def test_at_each_request_of_the_first_fill(self, begun, monkeypatch, number, after):
        seen = begun()
        with dies(monkeypatch, number, after=after) as made:
            died = run_and_die()
        assert (died, len(made)) == (True, number)
        deliver()
        assert seen.tree() == FIRST
        assert not Intent.objects.exists()

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("number", range(1, 13))
    def test_at_each_request_of_a_change(self, begun, monkeypatch, shelf, number, after):
        seen = begun(sections=3)
        deliver()
        publish(shelf, "2", titles=SOME_TITLES)
        with dies(monkeypatch, number, after=after) as made:
            died = run_and_die()
        assert died == (len(made) == number)
        assert died or len(made) > 5
        deliver()
        assert seen.tree() == CHANGED
        assert not Conflict.objects.exists()
