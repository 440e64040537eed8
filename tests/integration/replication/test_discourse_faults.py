"""A forum that throttles, is updated, refuses, loses answers, or is edited at the wrong moment: nothing is doubled."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from types import SimpleNamespace

import attrs
import pytest

from course_sync_plugin import api
from course_sync_plugin.models import Conflict, Intent, LedgerReplica, RateBudget
from course_sync_plugin.replication.outbound import create
from course_sync_plugin.targets.discourse import categories, lists
from course_sync_plugin.targets.discourse.site import DiscourseSite
from course_sync_plugin.targets.two_way import freshness
from course_sync_plugin.targets.two_way.site import Rate
from course_sync_plugin.testing.discourse.faults import Drop, Fault, Refuse, maintenance_page, throttle
from course_sync_plugin.testing.discourse.limits import address_throttle
from course_sync_plugin.testing.discourse.requests import Answer
from tests.integration.one_lane import let_time_pass, publish, the_lane
from tests.integration.replication.forums import a_category, calls, deliver, ids_of, title

pytestmark = pytest.mark.django_db

FIRST = {
    "section-0": [title("subsection-0", "section-0")],
    "section-1": [title("subsection-1", "section-1")],
}


@attrs.define(kw_only=True)
class Meanwhile(Fault):
    """Somebody acts before the request is processed."""

    act: Callable[[], object]
    processed: bool = True

    def concerns(self, asked) -> bool:
        if not super().concerns(asked):
            return False
        self.act()
        return True


def reasons() -> list[str]:
    return [problem.reason for problem in api.problems()]


@pytest.mark.parametrize("answer", [throttle(3), address_throttle(3), address_throttle(3, html=True)])
@pytest.mark.parametrize("path", ["/categories", "/posts"])
@pytest.mark.story(21)
def test_throttled(begun, forum, answer, path):
    seen = begun()
    forum.faults.append(Refuse(method="POST", path=path, instead=answer))
    api.deliver_until_empty()
    lane = the_lane()
    assert (lane.attempts, lane.due_at is not None) == (0, True)
    assert seen.tree() != FIRST
    deliver()
    assert seen.tree() == FIRST


@pytest.mark.parametrize(
    "fault",
    [
        Drop(method="POST", path="/posts"),
        Drop(method="POST", path="/posts", processed=True),
        Drop(method="POST", path="/categories", processed=True),
        Refuse(method="POST", path="/posts", instead=maintenance_page()),
        Refuse(method="POST", path="/posts", instead=maintenance_page(200), processed=True),
        Refuse(method="POST", path="/categories", instead=maintenance_page(502), processed=True),
    ],
)
@pytest.mark.story(34)
def test_no_answer(begun, forum, fault):
    seen = begun()
    forum.faults.append(attrs.evolve(fault))
    api.deliver_until_empty()
    deliver()
    assert seen.tree() == FIRST
    assert not Intent.objects.exists()


@pytest.mark.story(43)
def test_read_only(begun, forum):
    seen = begun()
    forum.read_only = True
    api.deliver_until_empty()
    assert seen.tree() == {}
    forum.read_only = False
    deliver()
    assert seen.tree() == FIRST


@pytest.mark.story(42)
def test_a_key_that_is_revoked_on_the_way(begun, forum):
    seen = begun()
    forum.faults.append(Meanwhile(path="/posts", act=lambda: forum.revoke(forum.key)))
    api.deliver_until_empty()
    assert api.status()["targets"][0]["state"] != "in step"
    (cause,) = api.list_causes(api.Filters())["causes"]
    assert ("set-token" in cause["action"], "secret" in cause["action"]) == (True, False)
    (attempt, *_others) = api.target_details("crm").attempts
    assert "set-token" in str(attempt.advice.action)
    key = forum.new_key()
    api.set_token("crm", key)
    deliver()
    assert seen.tree() == FIRST


def test_the_budget_is_kept(begun, forum, monkeypatch):
    monkeypatch.setattr(DiscourseSite, "rate", Rate(full=4, per_second=0.001, floor=1))
    begun()
    RateBudget.objects.all().delete()
    forum.requests.clear()
    api.deliver_until_empty()
    assert len(forum.requests) == 3
    assert the_lane().attempts == 0


class TestTitles:
    def test_a_title_that_the_forum_refuses_is_a_problem_with_its_words(self, begun, forum):
        seen = begun(titles={"subsection-0": "x" * 40})
        api.deliver_until_empty()
        (reason,) = reasons()
        assert "words is very long" in reason
        assert f"The title sent was 'X{'x' * 39} · section-0 · Course Run'." in reason
        assert reason.endswith("Change the name in Studio, or the rule in the settings of the forum; then use 'retry'.")
        assert seen.tree() == {"section-0": [], "section-1": FIRST["section-1"]}

    def test_a_title_that_a_topic_of_others_has(self, begun, forum, shelf):
        seen = begun()
        there = forum.person("admin").create_topic(FIRST["section-0"][0], "This is about something else.")
        deliver()
        assert seen.topic("Subsection-0").title.startswith(f"{there.title} · ")
        publish(shelf, "2", titles={"subsection-0": "Wasps"})
        deliver()
        assert seen.topic("Wasps").title == title("wasps", "section-0")
        assert not Conflict.objects.exists()

    def test_all_titles_are_taken(self, begun, forum):
        seen = begun()
        forum.person("admin").create_topic(FIRST["section-0"][0], "This is about something else.")
        forum.faults.append(
            Refuse(method="POST", instead=Answer.json({"errors": ["Title has already been used"]}, 422), path="/posts")
        )
        forum.faults.append(attrs.evolve(forum.faults[0]))
        api.deliver_until_empty()
        assert ["already been used" in one for one in reasons()] == [True]
        assert [f"sent was '{FIRST['section-0'][0]}'" in one for one in reasons()] == [True]
        assert seen.tree()["section-0"] == []

    def test_a_new_title_that_is_taken(self, begun, forum, shelf):
        seen = begun()
        deliver()
        forum.person("admin").create_topic(title("wasps", "section-0"), "This is about something else.")
        publish(shelf, "2", titles={"subsection-0": "Wasps"})
        deliver()
        assert seen.topic("Wasps").title.startswith(title("wasps", "section-0"))
        forum.requests.clear()
        api.reset("crm")
        deliver()
        assert calls(forum) == []

    def test_a_new_title_that_the_forum_refuses(self, begun, forum, shelf):
        begun()
        deliver()
        publish(shelf, "2", titles={"subsection-0": "x" * 40})
        api.deliver_until_empty()
        assert [f"The title sent was 'X{'x' * 39} · " in one for one in reasons()] == [True]

    def test_a_name_of_a_category_that_the_forum_refuses(self, begun, forum):
        begun()
        words = Answer.json({"errors": ["Category Name is too short"]}, 422)
        forum.faults.append(Refuse(method="POST", instead=words, path="/categories"))
        api.deliver_until_empty()
        assert "The name of the category sent was 'section-0'." in reasons()[0]

    def test_a_title_that_the_forum_does_not_take_over(self, begun, forum, shelf):
        begun()
        deliver()
        number, old = int(ids_of("subsection-0")["topic"]), FIRST["section-0"][0]
        answer = {"basic_topic": {"id": number, "title": old}}
        forum.faults.append(Refuse(method="PUT", instead=Answer.json(answer)))
        publish(shelf, "2", titles={"subsection-0": "Wasps"})
        api.deliver_until_empty()
        assert ["did not take over" in one for one in reasons()] == [True]

    def test_a_person_edits_the_title_at_the_same_moment(self, begun, forum, shelf):
        seen = begun()
        deliver()
        topic = seen.topic("Subsection-0")
        publish(shelf, "2", titles={"subsection-0": "Wasps"})
        edit = Meanwhile(
            method="PUT", act=lambda: forum.person("admin").edit_topic(topic.id, title="Hornets of a person")
        )
        forum.faults.append(edit)
        api.deliver_until_empty()
        assert topic.title == "Hornets of a person"
        deliver()
        assert topic.title == title("wasps", "section-0")
        assert Conflict.objects.get().remote == "Hornets of a person"


class TestExternalIds:
    def test_a_creation_that_was_carried_out_and_refused(self, begun, forum):
        """A server between may send a request twice, and pass on the second answer."""
        seen = begun()
        again = Answer.json({"errors": ["Title has already been used", "External has already been taken"]}, 422)
        forum.faults.append(Refuse(method="POST", path="/posts", processed=True, instead=again))
        deliver()
        assert seen.tree() == FIRST

    def test_one_that_another_topic_of_ours_has(self, begun, monkeypatch):
        seen = begun()
        monkeypatch.setattr(create, "uuid", SimpleNamespace(uuid4=lambda: uuid.UUID(int=1)))
        api.deliver_until_empty()
        assert ["External has already been taken" in one for one in reasons()] == [True]
        assert len(seen.topics()) == 1


class TestEditedBeforeTheDeletion:
    """Open edX has deleted the entity. A person writes a title some time after we have read the list of topics."""

    @pytest.fixture(autouse=True)
    def slow(self, monkeypatch):
        monkeypatch.setattr(freshness, "FRESH_SECONDS", -1)

    @pytest.fixture
    def topic(self, request, begun, forum, shelf, monkeypatch):
        strategy = getattr(request, "param", "merge_prefer_openedx")
        seen = begun(f"conflict_strategy={strategy}")
        deliver()
        topic, admin, read = seen.topic("Subsection-1"), forum.person("admin"), lists.topics

        def read_and_edit(*given):
            rows = [*read(*given)]
            if topic.title != "Bees are insects" and topic.deleted_at is None:
                admin.edit_topic(topic.id, title="Bees are insects")
            return rows

        monkeypatch.setattr(lists, "topics", read_and_edit)
        publish(shelf, "2", sections=1)
        return topic

    def test_it_is_kept_as_a_conflict(self, topic):
        deliver()
        kept = Conflict.objects.get()
        assert (kept.field, kept.remote, kept.openedx, kept.taken) == ("display_name", topic.title, None, "openedx")
        assert topic.title == "Bees are insects"
        assert topic.deleted_at is not None

    @pytest.mark.parametrize("topic", ["manual", "prefer_discourse"], indirect=True)
    def test_it_is_not_deleted_if_the_strategy_says_so(self, topic):
        deliver()
        assert (Conflict.objects.get().remote, topic.deleted_at) == (topic.title, None)
        assert "changed it there" in LedgerReplica.objects.get(entity_id__endswith="subsection-1").note

    def test_it_needs_one_request_more(self, topic, forum):
        forum.requests.clear()
        deliver()
        shown = [one for one in forum.requests if one.method == "GET" and one.path.startswith("/t/")]
        assert len(shown) == 1

    def test_a_list_that_was_just_read_is_enough(self, begun, forum, shelf, monkeypatch):
        monkeypatch.undo()
        seen = begun()
        deliver()
        topic = seen.topic("Subsection-1")
        publish(shelf, "2", sections=1)
        forum.requests.clear()
        deliver()
        assert topic.deleted_at is not None
        assert not any(one.method == "GET" and one.path.startswith("/t/") for one in forum.requests)


def test_a_title_that_is_written_between_two_attempts_to_delete(begun, forum, shelf):
    seen = begun()
    deliver()
    topic = seen.topic("Subsection-1")
    forum.faults.append(Refuse(method="DELETE", path="/t/", instead=maintenance_page()))
    publish(shelf, "2", sections=1)
    api.deliver_until_empty()
    assert topic.deleted_at is None
    forum.person("admin").edit_topic(topic.id, title="Bees are insects")
    deliver()
    assert [one.remote for one in Conflict.objects.all()] == ["Bees are insects"]
    assert topic.deleted_at is not None


def test_a_name_of_a_category_that_is_written_just_before_its_deletion(begun, forum, shelf, monkeypatch):
    monkeypatch.setattr(freshness, "FRESH_SECONDS", -1)
    seen = begun()
    deliver()
    section, admin, read = seen.section("section-1"), forum.person("admin"), categories.children

    def read_and_edit(*given):
        rows = read(*given)
        if section.id in forum.forum.categories and section.name != "Bees":
            admin.edit_category(section.id, name="Bees")
        return rows

    monkeypatch.setattr(categories, "children", read_and_edit)
    publish(shelf, "2", sections=1)
    deliver()
    assert [one.remote for one in Conflict.objects.all()] == ["Bees"]


class TestLeft:
    def test_a_topic_with_likes_is_not_deleted(self, begun, forum, shelf, monkeypatch):
        seen = begun()
        deliver()
        topic = seen.topic("Subsection-1")
        row = lists._row
        monkeypatch.setattr(lists, "_row", lambda shown: attrs.evolve(row(shown), likes=1))
        publish(shelf, "2", sections=1)
        deliver()
        assert (topic.deleted_at, topic.visible, topic.closed) == (None, False, True)

    def test_a_topic_that_was_only_closed_by_people_is_deleted(self, begun, forum, shelf):
        seen = begun()
        deliver()
        topic = seen.topic("Subsection-1")
        forum.person("admin").set_status(topic.id, "closed")
        publish(shelf, "2", sections=1)
        deliver()
        assert topic.deleted_at is not None
        assert list(seen.tree()) == ["section-0"]

    @pytest.mark.story(33)
    def test_what_is_gone_already_counts_as_deleted(self, begun, forum, shelf):
        seen = begun()
        deliver()
        admin = forum.person("admin")
        admin.delete_topic(seen.topic("Subsection-1").id)
        admin.delete_category(seen.section("section-1").id)
        publish(shelf, "2", sections=1)
        deliver()
        assert LedgerReplica.objects.count() == 2

    def test_a_section_that_somebody_deleted(self, begun, forum, shelf):
        seen = begun("on_remote_delete=recreate")
        deliver()
        admin = forum.person("admin")
        admin.delete_topic(seen.topic("Subsection-1").id)
        admin.delete_category(seen.section("section-1").id)
        publish(shelf, "2", titles={"section-1": "Wasps", "subsection-1": "Hornets"})
        deliver()
        assert seen.tree()["Wasps"] == ["Hornets · Wasps · Course Run"]

    def test_a_category_with_sub_categories_is_left(self, begun, forum, shelf):
        forum.forum.settings.max_category_nesting = 3
        seen = begun()
        deliver()
        a_category(forum, "Their own", seen.section("section-1").id)
        publish(shelf, "2", sections=1)
        deliver()
        assert seen.section("section-1")
        assert "was left" in LedgerReplica.objects.get(entity_id__endswith="block@section-1").note

    def test_what_was_left_and_comes_back_is_created_again(self, begun, forum, shelf):
        seen = begun()
        deliver()
        old = seen.topic("Subsection-1")
        forum.person("student").reply(old.id, "I have a question about this part.")
        publish(shelf, "2", sections=1)
        deliver()
        publish(shelf, "3")
        let_time_pass()
        deliver()
        assert sum(one.visible for one in seen.topics()) == 2
