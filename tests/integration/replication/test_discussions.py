"""Discussions between Canvas and Discourse: both directions, replies, edits, deletions, and what stays where it is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from course_sync_plugin import api
from course_sync_plugin.models import (
    DatabaseNow,
    DiscussionMirror,
    FormerReplica,
    Link,
    MirroredPost,
    MirroredTopic,
    Target,
)
from course_sync_plugin.testing.canvas.objects import living
from course_sync_plugin.testing.discourse.forum.categories import create_category
from tests.integration.courses import COURSE, block
from tests.integration.replication.both_systems import words

pytestmark = pytest.mark.django_db

ASK = "What do you think?"
BEES, WASPS = "Why do bees dance at all?", "Why do wasps not dance?"
SEEN = "I have never seen one dance."


@pytest.fixture
def bees(both) -> int:
    """Return a topic in Canvas that has an entry with a reply, and is mirrored."""
    topic = both.canvas_says(BEES)
    first = both.canvas_replies(topic, "<p>They tell the way</p>")
    both.canvas_replies(topic, "<p>Really?</p>", to=first)
    both.mirror()
    both.writes()
    return topic


@pytest.fixture
def wasps(both) -> int:
    """Return a topic in Discourse that has two replies, and is mirrored."""
    teacher, student = both.forum.person("teacher"), both.forum.person("student")
    topic = teacher.create_topic(WASPS, SEEN, both.category)
    student.reply(topic.id, "They know the way already.")
    teacher.reply(topic.id, "Is that a known fact at all?", to=2)
    both.mirror()
    both.writes()
    return topic.id


def entries(both, topic: int) -> dict[str, int]:
    """Return the ids of the entries of a topic in Canvas by their words."""
    return {words(one.message): one.id for one in both.course.topics[topic].entries.values() if not one.deleted}


def copy_in_canvas(both) -> int:
    (topic,) = both.canvas_topics()
    return topic.id


class TestBothDirections:
    def test_from_canvas(self, both, bees):
        wanted = [[BEES, ASK, [["They tell the way", [["Really?", []]]]]]]
        assert both.in_forum() == both.in_canvas() == wanted
        raw = both.forum.forum.first_post(both.forum_topics()[0]).raw
        assert "<p><em>Tess Teacher wrote in Canvas:</em></p>" in raw

    def test_from_discourse(self, both, wasps):
        replies = [["They know the way already.", [["Is that a known fact at all?", []]]]]
        assert both.in_canvas() == both.in_forum() == [[WASPS, SEEN, replies]]
        messages = [one.message for one in both.canvas_topics()[0].entries.values()]
        assert ["Student wrote in Discourse:" in messages[0], "Teacher wrote" in messages[1]] == [True, True]

    def test_replies_to_a_copy_come_back_to_the_original(self, both, bees):
        (mirrored,) = both.forum_topics()
        both.forum.person("student").reply(mirrored.id, "I have seen it in the garden.", to=2)
        both.mirror()
        both.canvas_replies(bees, "<p>Where?</p>", to=entries(both, bees)["I have seen it in the garden."])
        both.mirror()
        below = [["Really?", []], ["I have seen it in the garden.", [["Where?", []]]]]
        assert both.in_canvas() == both.in_forum() == [[BEES, ASK, [["They tell the way", below]]]]

    def test_nothing_is_an_echo(self, both, bees, wasps):
        for _ in range(3):
            done = both.mirror()
            assert (done.written, done.removed) == (0, 0)
        assert both.writes() == []

    def test_many_posts(self, both):
        topic = both.canvas_says(BEES)
        first = both.canvas_replies(topic, "<p>first</p>")
        for number in range(25):
            both.canvas_replies(topic, f"<p>reply {number}</p>", to=first)
        both.mirror()
        assert both.in_forum() == both.in_canvas()
        both.forum.person("student").reply(both.forum_topics()[0].id, "The last one is from the forum.")
        both.mirror()
        assert both.in_forum() == both.in_canvas()
        both.writes()
        assert both.mirror().written == 0

    def test_titles_that_the_forum_refuses(self, both):
        both.forum.person("teacher").create_topic(WASPS, SEEN, both.category)
        both.canvas_says("bees")
        both.canvas_says(WASPS)
        both.mirror()
        titles = sorted(topic.title for topic in both.forum_topics())
        assert [title[: len("Bees · Canvas ")] for title in titles] == [
            "Bees · Canvas ",
            "Why do wasps n",
            "Why do wasps n",
        ]
        both.writes()
        assert both.mirror().written == 0

    def test_topics_of_the_course_have_their_replies_mirrored(self, link_both):
        both = link_both("topics=discussion")
        there, here = (_topic_of_talk(name) for name in ("lms2", "crm"))
        both.canvas.teacher.edit_topic(both.course.id, there, published=True)
        both.canvas_replies(there, "<p>From Canvas</p>")
        both.forum.person("student").reply(here, "This comes from the forum.")
        both.mirror()
        both.mirror()
        in_canvas, in_forum = (
            both.canvas_tree(both.course.topics[there]),
            both.forum_tree(both.forum.forum.topics[here]),
        )
        assert sorted(in_canvas[2]) == sorted(in_forum[2]) == [["From Canvas", []], ["This comes from the forum.", []]]
        assert both.in_canvas() == []
        both.writes()
        assert both.mirror().written == 0

    def test_topics_of_the_course_are_no_topics_of_people(self, both):
        both.mirror()
        assert MirroredTopic.objects.count() == 0
        assert both.writes() == []


def _topic_of_talk(target: str) -> int:
    link = Link.objects.get(target__name=target)
    found = [row for row in link.replicas.all() if row.entity_id == block("discussion", "talk")]
    return int(found[0].objects_there["topic"])


class TestEdits:
    def test_at_home_in_canvas(self, both, bees):
        both.canvas.teacher.edit_topic(both.course.id, bees, title="Do bees dance at night?", message="<p>Do they?</p>")
        both.canvas_entry("PUT", bees, entries(both, bees)["Really?"], message="<p>I doubt it</p>")
        both.mirror()
        assert both.in_forum() == [
            ["Do bees dance at night?", "Do they?", [["They tell the way", [["I doubt it", []]]]]]
        ]
        both.writes()
        assert both.mirror().written == 0

    def test_at_home_in_discourse(self, both, wasps):
        person = both.forum.person("teacher")
        person.edit_topic(wasps, title="Do wasps never dance?")
        first, reply, _other = both.forum.forum.posts_of(both.forum.forum.topics[wasps])
        person.edit_post(first.id, "I have seen one now, to be honest.")
        both.forum.person("student").edit_post(reply.id, "They have always known the way.")
        both.mirror()
        ((title, text, replies),) = both.in_canvas()
        assert (title, text) == ("Do wasps never dance?", "I have seen one now, to be honest.")
        assert replies[0][0] == "They have always known the way."
        assert both.mirror().written == 0

    def test_of_a_copy_stay_until_the_original_changes(self, both, bees):
        copy = both.forum.forum.posts_of(both.forum_topics()[0])[1]
        both.forum.person("moderator").edit_post(copy.id, "Edited by a moderator of the forum.")
        both.mirror()
        assert both.writes() == []
        assert both.in_canvas()[0][2][0][0] == "They tell the way"
        both.canvas_entry("PUT", bees, entries(both, bees)["They tell the way"], message="<p>They tell it</p>")
        both.mirror()
        assert both.in_forum()[0][2][0][0] == "They tell it"


class TestDeletions:
    def test_of_a_reply_in_canvas(self, both, bees):
        both.canvas_entry("DELETE", bees, entries(both, bees)["Really?"])
        assert both.mirror().removed == 1
        assert both.in_forum() == both.in_canvas() == [[BEES, ASK, [["They tell the way", []]]]]
        assert both.mirror().removed == 0

    def test_of_a_reply_in_discourse(self, both, wasps):
        both.forum.person("moderator").delete_post(both.forum.forum.posts_of(both.forum.forum.topics[wasps])[2].id)
        both.mirror()
        assert both.in_canvas() == [[WASPS, SEEN, [["They know the way already.", []]]]]

    def test_by_its_author(self, both, wasps):
        post = both.forum.forum.posts_of(both.forum.forum.topics[wasps])[1]
        both.forum.person("student").delete_post(post.id)
        both.mirror()
        assert "They know the way already." not in str(both.in_canvas())
        assert "deleted by author" not in str(both.in_canvas())

    def test_a_copy_with_replies_of_others_loses_its_text(self, both, bees):
        (mirrored,) = both.forum_topics()
        both.forum.person("student").reply(mirrored.id, "I have seen it in the garden.", to=2)
        both.mirror()
        both.canvas_entry("DELETE", bees, entries(both, bees)["They tell the way"])
        both.mirror()
        below = [["Really?", []], ["I have seen it in the garden.", []]]
        assert both.in_forum() == [[BEES, ASK, [["[deleted]", below]]]]
        assert "Sam" not in both.forum.forum.posts_of(mirrored)[1].raw
        assert set(MirroredPost.objects.filter(is_blanked=True).values_list("author", flat=True)) == {""}
        both.writes()
        both.mirror()
        assert both.writes() == []

    @pytest.mark.parametrize("hidden", [False, True])
    def test_of_a_topic_in_canvas(self, both, hidden):
        topic = both.canvas_says(BEES)
        both.mirror()
        if hidden:
            both.canvas.teacher.edit_topic(both.course.id, topic, published=False)
        else:
            both.canvas.teacher.delete_topic(both.course.id, topic)
        assert both.mirror().removed == 1
        assert both.in_forum() == []
        assert not MirroredTopic.objects.exists()
        if hidden:
            both.canvas.teacher.edit_topic(both.course.id, topic, published=True)
            both.mirror()
            assert both.in_forum() == [[BEES, ASK, []]]

    @pytest.mark.parametrize("hidden", [False, True])
    def test_of_a_topic_in_discourse(self, both, wasps, hidden):
        moderator = both.forum.person("moderator")
        if hidden:
            moderator.set_status(wasps, "visible", False)
        else:
            moderator.delete_topic(wasps)
        both.mirror()
        assert both.in_canvas() == []
        if hidden:
            moderator.set_status(wasps, "visible", True)
            both.mirror()
            assert both.in_canvas()[0][:2] == [WASPS, SEEN]

    def test_of_a_topic_in_which_others_have_written(self, both, wasps):
        both.canvas_replies(copy_in_canvas(both), "<p>In Canvas we have</p>")
        both.mirror()
        both.forum.person("moderator").delete_topic(wasps)
        both.mirror()
        assert both.in_canvas() == [["A deleted discussion", "[deleted]", [["In Canvas we have", []]]]]
        both.writes()
        both.mirror()
        assert both.writes() == []

    def test_a_copy_that_a_person_deleted_stays_deleted(self, both, bees, wasps):
        both.forum.person("moderator").delete_post(both.forum.forum.posts_of(both.forum_topics()[0])[1].id)
        both.canvas.teacher.delete_topic(both.course.id, copy_in_canvas_of(both, WASPS))
        both.mirror()
        both.mirror()
        assert both.writes() == []
        assert "They tell the way" not in str(both.in_forum())
        assert [one.title for one in both.canvas_topics()] == [BEES]


def copy_in_canvas_of(both, title: str) -> int:
    return next(one.id for one in both.canvas_topics() if one.title == title)


class TestWhatStays:
    @pytest.mark.parametrize(
        "values",
        [
            {"published": False},
            {"delayed_post_at": "2999-01-01T00:00:00Z"},
            {"require_initial_post": True},
        ],
    )
    def test_topics_in_canvas(self, both, values):
        both.canvas_says(BEES, **values)
        both.mirror()
        assert both.in_forum() == []

    def test_topics_in_discourse(self, both, forum):
        teacher, moderator, admin = (forum.person(name) for name in ("teacher", "moderator", "admin"))
        staff, open_to_all = (
            create_category(forum.forum, admin.user, {"parent_category_id": both.category, **values}).id
            for values in ({"name": "Staff", "permissions": {"staff": 1}}, {"name": "Open"})
        )
        other = create_category(forum.forum, admin.user, {"name": "Others"}).id
        unlisted = teacher.create_topic(WASPS, f"{SEEN} Unlisted", both.category)
        moderator.set_status(unlisted.id, "visible", False)
        teacher.create_topic("What is this all about?", f"{SEEN} In another category", other)
        moderator.create_topic("What do we do about ants?", f"{SEEN} For staff", staff)
        teacher.message("student", "A message to you alone", "Nobody else may read this text.")
        teacher.create_topic("What do we say about ants?", f"{SEEN} For all", open_to_all)
        both.mirror()
        assert [one.title for one in both.canvas_topics()] == ["What do we say about ants?"]

    def test_posts_in_discourse(self, both, wasps):
        student, moderator = both.forum.person("student"), both.forum.person("moderator")
        hidden = student.reply(wasps, "This is what flags have hidden.")
        both.forum.person("teacher").hide_post(hidden.id)
        moderator.set_status(wasps, "closed", True)
        whisper = moderator.reply(wasps, "Staff says this to staff alone.")
        whisper.post_type = 4
        before = both.in_canvas()
        both.mirror()
        assert both.in_canvas() == before

    def test_a_post_that_is_hidden_later(self, both, wasps):
        both.forum.person("teacher").hide_post(both.forum.forum.posts_of(both.forum.forum.topics[wasps])[2].id)
        both.mirror()
        assert both.in_canvas() == [[WASPS, SEEN, [["They know the way already.", []]]]]

    def test_posts_that_wait_for_approval(self, both, wasps):
        both.forum.forum.categories[both.category].require_reply_approval = True
        pending = both.forum.person("student").ask(topic_id=wasps, raw="May I say that ants dance?")
        before = both.in_canvas()
        both.mirror()
        assert both.in_canvas() == before
        both.forum.person("moderator").approve(pending)
        both.mirror()
        assert "May I say that ants dance?" in str(both.in_canvas())

    def test_mentions_and_uploads(self, both):
        image = '<p>@ann see <img src="/courses/1/files/7/preview?verifier=secret" alt="a bee" onerror="x()"></p>'
        both.canvas_says(BEES, image)
        both.mirror()
        raw = both.forum.forum.first_post(both.forum_topics()[0]).raw
        assert raw.endswith(
            f'<p>@\u2060ann see <a href="{both.canvas.url}/courses/1/files/7/preview">[image: a bee]</a></p></div>'
        )
        both.forum.person("teacher").create_topic(WASPS, "Ask @sam about it, as I said.", both.category)
        both.mirror()
        assert "Ask @\u2060sam about it" in both.course.topics[copy_in_canvas_of(both, WASPS)].message


class TestOptions:
    def test_no_attribution(self, link_both):
        both = link_both("attribution=none")
        both.canvas_replies(both.canvas_says(BEES), "<p>They tell the way</p>")
        both.mirror()
        raws = [one.raw for one in both.forum.forum.posts_of(both.forum_topics()[0])]
        assert not [raw for raw in raws if "wrote" in raw or "Sam" in raw or "Tess" in raw]
        names = [*MirroredTopic.objects.values_list("author"), *MirroredPost.objects.values_list("author")]
        assert set(names) == {("",)}

    def test_the_option_is_changed_later(self, both, bees):
        for target in Target.objects.all():
            target.options = {**target.options, "attribution": "none"}
            target.save()
        both.mirror()
        raws = [one.raw for one in both.forum.forum.posts_of(both.forum_topics()[0])]
        assert not [raw for raw in raws if "wrote" in raw]
        assert set(MirroredPost.objects.values_list("author", flat=True)) == {""}

    @pytest.mark.parametrize("name", ["crm", "lms2"])
    def test_both_must_say_it(self, both, name):
        Target.objects.filter(name=name).update(options={})
        both.canvas_says(BEES)
        assert api.mirror_now() == []
        assert api.mirror_due() == 0
        assert both.writes() == []


class TestWhenItIsDone:
    def test_a_round_is_planned(self, both):
        both.canvas_says(BEES)
        assert api.mirror_due() == 1
        assert both.in_forum() == [[BEES, ASK, []]]
        row = DiscussionMirror.objects.get()
        assert timedelta(seconds=290) < row.due_at - row.done_at < timedelta(seconds=340)
        assert api.mirror_due() == 0

    def test_not_while_another_worker_works_on_a_lane(self, both):
        lane = Link.objects.get(target__name="crm").target.lanes.get()
        lane.lease_token, lane.lease_until = "other", DatabaseNow(60)
        lane.save()
        both.canvas_says(BEES)
        (done,) = api.mirror_now(COURSE)
        assert done.busy
        assert both.in_forum() == []

    def test_a_system_that_does_not_answer(self, both):
        both.canvas_says(BEES)
        both.forum.read_only = True
        (done,) = api.mirror_now()
        assert "503" in done.error
        assert DiscussionMirror.objects.count() == 0
        api.mirror_due()
        assert "503" in DiscussionMirror.objects.get().error
        both.forum.read_only = False
        both.mirror()
        assert both.in_forum() == [[BEES, ASK, []]]
        assert DiscussionMirror.objects.get().error == ""

    def test_a_course_that_is_linked_again(self, both, bees, wasps):
        for name, remote in (("lms2", str(both.course.id)), ("crm", str(both.category))):
            plan = api.unlink_plan(COURSE, name)
            assert api.unlink_shown(COURSE, name, plan.token).error == ""
            again = api.link_plan(COURSE, name, remote, "match")
            assert api.link_shown(COURSE, name, remote, "match", again.token).error == ""
        assert not MirroredTopic.objects.exists()
        api.deliver_until_empty()
        both.mirror()
        both.mirror()
        titles = sorted(one.title for one in both.canvas_topics())
        assert titles == [BEES, WASPS, WASPS]  # the copy of the earlier link stays, and none is copied back
        both.writes()
        both.mirror()
        assert both.writes() == []

    @pytest.mark.parametrize("is_remembered", [True, False])
    def test_topics_that_were_ours_are_not_mirrored(self, both, forum, is_remembered):
        """They were ours until a link ended. Without the memory of that, their first posts say so."""
        before = sorted(topic.title for topic in living(both.course.topics.values()))
        ours = {topic.id for topic in forum.forum.topics.values() if topic.title.endswith("Course Run")}
        plan = api.unlink_plan(COURSE, "crm")
        assert api.unlink_shown(COURSE, "crm", plan.token).error == ""
        if is_remembered:
            forum.person("admin").edit_topic(min(ours), title="What bees do all day long")
            first = forum.forum.first_post(forum.forum.topics[min(ours)])
            forum.person("admin").edit_post(first.id, "A teacher has written another text here.")
        else:
            FormerReplica.objects.all().delete()
        again = api.link_plan(COURSE, "crm", str(both.category), "openedx")
        assert api.link_shown(COURSE, "crm", str(both.category), "openedx", again.token).error == ""
        api.deliver_until_empty()
        both.mirror()
        both.mirror()
        assert len(ours) == 4
        assert sorted(topic.title for topic in living(both.course.topics.values())) == before
