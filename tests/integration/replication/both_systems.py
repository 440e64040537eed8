"""A course whose discussions are mirrored between a fake Canvas and a fake forum."""

from __future__ import annotations

import html
import re
from typing import Any

import attrs

from course_sync_plugin import api
from course_sync_plugin.models import DatabaseNow, DiscussionMirror, Lane, MirroredPost, MirroredTopic, RateBudget
from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.canvas.objects import Course, living
from course_sync_plugin.testing.canvas.objects import Topic as CanvasTopic
from course_sync_plugin.testing.discourse import DiscourseServer
from course_sync_plugin.testing.discourse.forum.records import Topic as ForumTopic
from tests.integration.courses import COURSE


@attrs.frozen
class Both:
    """Both systems. Trees are ``[title or text, [trees of the replies]]``, without what says who wrote it."""

    canvas: CanvasFake
    course: Course
    forum: DiscourseServer
    category: int

    def mirror(self) -> api.MirrorRound:
        """Compare once, long after the last time."""
        long_after()
        (done,) = api.mirror_now()
        assert (done.error, done.busy) == ("", False)
        assert [*MirroredTopic.objects.values_list("note"), *MirroredPost.objects.values_list("note")] == [
            ("",) for _row in [*MirroredTopic.objects.all(), *MirroredPost.objects.all()]
        ]
        return done

    def in_canvas(self) -> list[Any]:
        """Return the topics in Canvas that entities of the course do not have."""
        return [self.canvas_tree(one) for one in self.canvas_topics()]

    def canvas_topics(self) -> list[CanvasTopic]:
        ours = {"talk"}
        return [one for one in living(self.course.topics.values()) if one.title not in ours]

    def canvas_tree(self, topic: CanvasTopic) -> list[Any]:
        def below(parent: int | None) -> list[Any]:
            found = [one for one in living(topic.entries.values()) if one.parent_id == parent]
            return [[words(one.message), below(one.id)] for one in found]

        return [topic.title, words(topic.message or ""), below(None)]

    def in_forum(self) -> list[Any]:
        return [self.forum_tree(one) for one in self.forum_topics()]

    def forum_topics(self) -> list[ForumTopic]:
        """Return the topics in the linked category that entities of the course do not have."""
        return [one for one in self.forum.forum.topics.values() if self._is_talk(one)]

    def forum_tree(self, topic: ForumTopic) -> list[Any]:
        posts = self.forum.forum.posts_of(topic, deleted=False)

        def below(parent: int | None) -> list[Any]:
            found = [one for one in posts if one.post_number > 1 and one.reply_to_post_number == parent]
            return [[words(one.raw), below(one.post_number)] for one in found]

        return [topic.title, words(posts[0].raw), below(None)]

    def _is_talk(self, topic: ForumTopic) -> bool:
        about = {one.topic_id for one in self.forum.forum.categories.values()}
        is_ours = topic.title.endswith("Course Run") or topic.id in about
        return topic.category_id == self.category and topic.deleted_at is None and not is_ours

    def canvas_says(self, title: str, message: str = "<p>What do you think?</p>", **values: Any) -> int:
        """Let the teacher begin a topic in Canvas."""
        path = f"/courses/{self.course.id}/discussion_topics"
        made = self.canvas.teacher.do("POST", path, title=title, message=message, **{"published": True, **values})
        return int(made["id"])

    def canvas_replies(self, topic: int, message: str, to: int | None = None) -> int:
        student = self.canvas.student
        made = student.reply(self.course.id, topic, to, message) if to else student.post(self.course.id, topic, message)
        return int(made["id"])

    def writes(self) -> list[str]:
        """Return the requests that changed something, and forget all requests."""
        made = [one for one in (*self.canvas.requests, *self.forum.requests) if one.method != "GET"]
        self.canvas.requests.clear()
        self.forum.requests.clear()
        return [f"{one.method} {one.path}" for one in made]

    def canvas_entry(self, method: str, topic: int, entry: int, **values: Any) -> None:
        path = f"/courses/{self.course.id}/discussion_topics/{topic}/entries/{entry}"
        self.canvas.student.do(method, path, **values)


def words(text: str) -> str:
    """Return the words of a text, without its form and without the line that says who wrote it."""
    without = re.sub("<p><em>[^<]* wrote in [^<]*</em></p>", "", text)
    return html.unescape(re.sub("<[^>]*>", "", without)).strip()


def long_after() -> None:
    """Let enough time pass for late reads and for the budget. Release what a dead process holds."""
    Lane.objects.update(lease_token="", lease_until=None)
    RateBudget.objects.update(counted_at=DatabaseNow(-600))
    for model in (MirroredTopic, MirroredPost):
        model.objects.exclude(began_at=None).update(began_at=DatabaseNow(-60))
    DiscussionMirror.objects.update(due_at=DatabaseNow(-1))


def link_both(canvas: CanvasFake, course: Course, forum: DiscourseServer, category: str, *options: str) -> None:
    """Link the course to both. The option ``topics`` is one of the forum alone."""
    mirrored = ("discussions=mirror", *options)
    shared = [one for one in mirrored if not one.startswith("topics=")]
    api.add_target("lms2", backend="canvas", url=canvas.url, token=canvas.token, options=shared)
    api.add_target("crm", backend="discourse", url=forum.url, token=forum.key, options=mirrored)
    for name, remote in (("lms2", str(course.id)), ("crm", category)):
        plan = api.link_plan(COURSE, name, remote, "openedx")
        assert api.link_shown(COURSE, name, remote, "openedx", plan.token).error == ""
