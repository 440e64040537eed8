"""Discussion topics: list, create, show, update, delete.

Source: canvas-lms, app/controllers/discussion_topics_controller.rb (``process_discussion_topic``) and
app/models/discussion_topic.rb. Parameters are not nested. A topic has no ``updated_at`` in the API.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from course_sync_plugin.testing.canvas import blueprint, contents, dates, refusals
from course_sync_plugin.testing.canvas.call import Call, Json, Listing, find
from course_sync_plugin.testing.canvas.objects import DELETED, Course, Topic, living
from course_sync_plugin.testing.canvas.parameters import to_boolean
from course_sync_plugin.testing.canvas.topic_json import event_body, topic_json

_TYPES = {"side_comment", "not_threaded", "threaded", "flat"}


def index(call: Call, course: Course) -> Listing:
    """List the topics, the newest first. ``search_term`` selects by title."""
    term = str(call.parameters.get("search_term", "")).lower()
    topics = [topic for topic in living(course.topics.values()) if term in topic.title.lower()]
    if not call.manages(course):
        topics = [topic for topic in topics if topic.published]
    return Listing(topics[::-1], lambda topic: topic_json(call, course, topic))


def create(call: Call, course: Course) -> Json:
    """Create a topic. It is a draft unless ``published`` says otherwise."""
    topic = Topic(id=call.site.new_id(), created_at=call.now(), title="No Title", user=call.user)
    _save(call, course, topic)
    course.topics[topic.id] = topic
    topic.posted_at = call.now() if topic.published else None
    call.tell("discussion_topic_created", course, event_body(course, topic))
    return topic_json(call, course, topic)


def show(call: Call, course: Course, topic_id: str) -> Json:
    """Show a topic."""
    return topic_json(call, course, find(course.topics, topic_id))


def update(call: Call, course: Course, topic_id: str) -> Json:
    """Update a topic. A new ``lock_at`` or ``delayed_post_at`` publishes a draft, unless ``published`` is false."""
    topic = find(course.topics, topic_id)
    _save(call, course, topic)
    topic.posted_at = topic.posted_at or (call.now() if topic.published else None)
    contents.follow(call, course, topic)
    call.tell("discussion_topic_updated", course, event_body(course, topic))
    return topic_json(call, course, topic)


def destroy(call: Call, course: Course, topic_id: str) -> Json:
    """Delete a topic with all items that show it. The entries of students go out of sight with it."""
    topic = find(course.topics, topic_id)
    topic.state = DELETED
    contents.delete_items(call, course, topic)
    call.tell("discussion_topic_updated", course, event_body(course, topic))
    return {**topic_json(call, course, topic), "deleted_at": dates.written(call.now())}


def _save(call: Call, course: Course, topic: Topic) -> None:
    given = call.parameters
    values = _values(call, given)
    values["state"] = _state(call, course, topic, values)
    blueprint.check(topic, values)
    for name, value in values.items():
        setattr(topic, name, value)


def _values(call: Call, given: Json) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if "title" in given:
        values["title"] = str(given["title"] or "No Title")
    if "message" in given:
        values["message"] = call.stored_html(given["message"])
    if given.get("discussion_type") in _TYPES:
        values["discussion_type"] = given["discussion_type"]
    flags = {"pinned": "pinned", "locked": "is_locked", "require_initial_post": "require_initial_post"}
    values |= {flags[name]: to_boolean(given[name]) for name in flags if name in given}
    return values | _dates(call, given)


def _dates(call: Call, given: Json) -> dict[str, datetime | None]:
    """Return the dates. A date that cannot be read is no date (assumed: Rails casts it)."""
    zone = call.site.behaviour.time_zone
    values: dict[str, datetime | None] = {}
    for name in {"delayed_post_at", "lock_at"} & given.keys():
        try:
            values[name] = dates.read_date(given[name], zone)
        except ValueError:
            values[name] = None
    if "lock_at" in values:
        values["lock_at"] = dates.end_of_day(values["lock_at"], zone)
    return values


def _state(call: Call, course: Course, topic: Topic, values: dict[str, Any]) -> str:
    """Return the new state: dates decide first, then ``published`` (``process_future_date_parameters``).

    Raises Refusal 400 if a student has posted and the topic would be unpublished.
    """
    state = topic.state
    if any(values.get(name, old) != old for name, old in _current_dates(topic).items()):
        delayed = values.get("delayed_post_at", topic.delayed_post_at)
        state = "post_delayed" if delayed and delayed > call.now() else "active"
    if "published" in call.parameters:
        published = to_boolean(call.parameters["published"])
        state = (state if state == "post_delayed" else "active") if published else "unpublished"
    elif topic.id not in course.topics:
        state = "unpublished"
    if topic.published and state == "unpublished" and not contents.can_unpublish(course, topic):
        raise refusals.invalid({"published": "This topic can't be set to draft state because it contains posts"})
    return state


def _current_dates(topic: Topic) -> dict[str, datetime | None]:
    return {"delayed_post_at": topic.delayed_post_at, "lock_at": topic.lock_at}
