"""How the API and the Live Events show a discussion topic.

Source: canvas-lms, lib/api/v1/discussion_topics.rb, ``discussion_topic_api_json`` and
``serialize_additional_topic_fields``; the data services documentation, ``discussion_topic_updated``.
"""

from __future__ import annotations

from course_sync_plugin.testing.canvas import contents, dates
from course_sync_plugin.testing.canvas.call import Call, Json, user_json
from course_sync_plugin.testing.canvas.objects import Course, Topic, living
from course_sync_plugin.testing.canvas.page_saving import CUT


def topic_json(call: Call, course: Course, topic: Topic) -> Json:
    """Return a topic as the API shows it."""
    url = call.link(f"/courses/{course.id}/discussion_topics/{topic.id}")
    entries = living(topic.entries.values())
    last = max((entry.created_at for entry in entries), default=topic.posted_at)
    value: Json = {
        "id": topic.id,
        "title": topic.title,
        "message": call.shown_html(topic.message),
        "html_url": url,
        "url": url,
        "created_at": dates.written(topic.created_at),
        "posted_at": dates.written(topic.posted_at),
        "last_reply_at": dates.written(last),
        "delayed_post_at": dates.written(topic.delayed_post_at),
        "lock_at": dates.written(topic.lock_at),
        "assignment_id": None,
        "root_topic_id": None,
        "position": topic.position,
        "discussion_type": topic.discussion_type,
        "discussion_subentry_count": len(entries),
        "published": topic.published,
        "can_unpublish": contents.can_unpublish(course, topic),
        "locked": topic.is_locked,
        "can_lock": True,
        "comments_disabled": False,
        "pinned": topic.pinned,
        "require_initial_post": topic.require_initial_post,
        "user_can_see_posts": True,
        "user_name": topic.user.name,
        "author": user_json(topic.user, call.site),
        "read_state": "read",
        "unread_count": 0,
        "subscribed": topic.user.id == call.user.id,
        "attachments": [],
        "podcast_url": None,
        "podcast_has_student_posts": False,
        "allow_rating": False,
        "only_graders_can_rate": False,
        "sort_by_rating": False,
        "group_category_id": None,
        "topic_children": [],
        "group_topic_children": [],
        "is_section_specific": False,
        "anonymous_state": None,
        "todo_date": None,
        "is_announcement": False,
        "locked_for_user": False,
        "permissions": dict.fromkeys(("attach", "update", "delete"), call.manages(course)) | {"reply": True},
    }
    return call.dress("topic", value)


def event_body(course: Course, topic: Topic) -> Json:
    """Return the body of an event about a topic, with global ids."""
    return {
        "assignment_id": None,
        "body": (topic.message or "")[:CUT],
        "context_id": course.id,
        "context_type": "Course",
        "discussion_topic_id": topic.id,
        "is_announcement": False,
        "lock_at": dates.written(topic.lock_at),
        "title": topic.title[:CUT],
        "workflow_state": topic.state,
    }
