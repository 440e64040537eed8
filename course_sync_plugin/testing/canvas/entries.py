"""The entries of a discussion and the replies to them.

Source: canvas-lms, lib/api/v1/discussion_topics.rb, ``serialize_entry`` and ``discussion_entry_subentries``;
app/controllers/discussion_topics_api_controller.rb, ``save_entry``; discussion_entries_controller.rb, ``destroy``.
"""

from __future__ import annotations

from typing import Any

from course_sync_plugin.testing.canvas import dates, refusals
from course_sync_plugin.testing.canvas.call import Call, Created, Json, Listing, NoContent, find, user_json
from course_sync_plugin.testing.canvas.objects import DELETED, Course, Entry, Topic, living
from course_sync_plugin.testing.canvas.parameters import to_integer

#: How many replies are shown with an entry.
_RECENT = 10


def index(call: Call, course: Course, topic_id: str) -> Listing:
    """List the entries that are no replies, the newest first, each with its ten newest replies."""
    topic = find(course.topics, topic_id)
    entries = [entry for entry in topic.entries.values() if entry.parent_id is None and not _hidden(topic, entry)]
    return Listing(entries[::-1], lambda entry: _with_replies(call, topic, entry))


def replies(call: Call, course: Course, topic_id: str, entry_id: str) -> Listing:
    """List the replies to an entry, and the replies to those, the newest first."""
    topic = find(course.topics, topic_id)
    below = [entry for entry in _below(topic, find(topic.entries, entry_id)) if not entry.deleted]
    return Listing(below[::-1], lambda entry: entry_json(call, entry))


def entry_list(call: Call, course: Course, topic_id: str) -> Listing:
    """List the entries whose ids are given (``ids[]``)."""
    topic = find(course.topics, topic_id)
    wanted = {to_integer(one) for one in call.parameters.get("ids", ())}
    return Listing([entry for entry in topic.entries.values() if entry.id in wanted], lambda one: entry_json(call, one))


def create(call: Call, course: Course, topic_id: str, parent_id: str | None = None) -> Created:
    """Post an entry, or a reply. Raises Refusal 403 if the topic is locked."""
    topic = find(course.topics, topic_id)
    parent = find(topic.entries, parent_id) if parent_id else None
    if topic.is_locked and not call.manages(course):
        raise refusals.unauthorized(call.site.behaviour)
    entry = Entry(
        id=call.site.new_id(),
        created_at=call.now(),
        updated_at=call.now(),
        state="active",
        user=call.user,
        parent_id=parent and parent.id,
        message=call.stored_html(call.parameters.get("message")),
    )
    topic.entries[entry.id] = entry
    call.tell("discussion_entry_created", course, _event(topic, entry))
    return Created(entry_json(call, entry))


def update(call: Call, course: Course, topic_id: str, entry_id: str) -> Json:
    """Change the text of an entry. ``editor_id`` then says who did."""
    entry = _own(call, course, topic_id, entry_id)
    entry.message = call.stored_html(call.parameters.get("message"))
    entry.editor, entry.updated_at = call.user, call.now()
    return entry_json(call, entry)


def destroy(call: Call, course: Course, topic_id: str, entry_id: str) -> NoContent:
    """Delete an entry: status 204. Its replies stay; its text and its author are not shown. No event tells of it."""
    entry = _own(call, course, topic_id, entry_id)
    entry.state, entry.editor, entry.updated_at = DELETED, call.user, call.now()
    return NoContent()


def view(call: Call, course: Course, topic_id: str) -> Json:
    """Show the whole discussion as a tree."""
    topic = find(course.topics, topic_id)
    people = {entry.user.id: entry.user for entry in topic.entries.values()}
    return {
        "unread_entries": [],
        "forced_entries": [],
        "entry_ratings": {},
        "participants": [user_json(user, call.site) for user in people.values()],
        "view": _tree(call, topic, None),
        "new_entries": [],
    }


def entry_json(call: Call, entry: Entry) -> Json:
    """Return an entry as the API shows it; a deleted one without text and author."""
    value: Json = {
        "id": entry.id,
        "parent_id": entry.parent_id,
        "created_at": dates.written(entry.created_at),
        "updated_at": dates.written(entry.updated_at),
        "rating_count": None,
        "rating_sum": None,
        "read_state": "read",
        "forced_read_state": False,
    }
    if entry.deleted or entry.editor:
        value["editor_id"] = entry.editor and entry.editor.id
    if entry.deleted:
        value["deleted"] = True
    else:
        value |= {"user_id": entry.user.id, "user_name": entry.user.name, "message": call.shown_html(entry.message)}
        value["user"] = user_json(entry.user, call.site)
    return call.dress("entry", value)


def _own(call: Call, course: Course, topic_id: str, entry_id: str) -> Any:
    """Return an entry that the user may change: their own, or any for a teacher."""
    entry = find(find(course.topics, topic_id).entries, entry_id)
    if entry.user.id != call.user.id and not call.manages(course):
        raise refusals.unauthorized(call.site.behaviour)
    return entry


def _with_replies(call: Call, topic: Topic, entry: Entry) -> Json:
    below = living(_below(topic, entry))[::-1]
    if not below:
        return entry_json(call, entry)
    recent = [entry_json(call, reply) for reply in below[:_RECENT]]
    return {**entry_json(call, entry), "recent_replies": recent, "has_more_replies": len(below) > _RECENT}


def _children(topic: Topic, parent_id: int | None) -> list[Entry]:
    return [entry for entry in topic.entries.values() if entry.parent_id == parent_id]


def _below(topic: Topic, entry: Entry) -> list[Entry]:
    children = _children(topic, entry.id)
    below = [one for child in children for one in [child, *_below(topic, child)]]
    return sorted(below, key=lambda one: one.id)


def _hidden(topic: Topic, entry: Entry) -> bool:
    """Tell whether a deleted entry has no reply that would need it."""
    return entry.deleted and not living(_below(topic, entry))


def _tree(call: Call, topic: Topic, parent_id: int | None) -> list[Json]:
    rows = [entry for entry in _children(topic, parent_id) if not _hidden(topic, entry)]
    shown = [(entry_json(call, entry), _tree(call, topic, entry.id)) for entry in rows]
    return [{**value, "replies": below} if below else value for value, below in shown]


def _event(topic: Topic, entry: Entry) -> Json:
    return {
        "created_at": dates.written(entry.created_at),
        "discussion_entry_id": entry.id,
        "discussion_topic_id": topic.id,
        "parent_discussion_entry_id": entry.parent_id,
        "text": entry.message,
        "user_id": entry.user.id,
    }
