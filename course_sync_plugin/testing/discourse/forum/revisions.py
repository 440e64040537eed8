"""Edits of posts and of the fields of their topics, and which of them make a new version.

Source: discourse, lib/post_revisor.rb (an older version was read; the parts that a newer excerpt shows are the same).
An edit makes a new version if another person edits, if the grace period is over, if it is large, or if it has a new
reason. Other edits change the post and keep ``version``. An edit back to the text before a version removes the version.

An edit moves no topic up (``should_bump?``, since discourse#34945 of October 2025), but the text of a wiki does that is
the first post of its topic (discourse#35137). Older forums moved a topic up if a new version of its last post was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

from course_sync_plugin.testing.discourse.forum.definitions import take_description
from course_sync_plugin.testing.discourse.forum.errors import invalid
from course_sync_plugin.testing.discourse.forum.guardian import Guardian
from course_sync_plugin.testing.discourse.forum.records import Post, Revision, Topic, User
from course_sync_plugin.testing.discourse.forum.state import Forum
from course_sync_plugin.testing.discourse.forum.tags import names_in, register, tags_for_saving
from course_sync_plugin.testing.discourse.forum.texts import clean_body, clean_title
from course_sync_plugin.testing.discourse.forum.validity import post_faults, topic_faults

#: The fields of a topic that an edit of its first post may change (``tracked_topic_fields``).
TOPIC_FIELDS = ("title", "category_id", "tags")


def revise(
    forum: Forum,
    post: Post,
    editor: User,
    fields: Mapping[str, Any],
    *,
    bypass_bump: bool = False,
    check_body: bool = True,
    silent: bool = False,
) -> bool:
    """Edit a post. Returns False if nothing differs: then there is no new version, no event and no bump.

    ``fields``: ``raw``, ``edit_reason`` and those of the topic. A topic field that is sent counts as a difference, even
    with an equal value. ``silent``: nobody is notified of a new category. Raises Refused 422 and changes nothing if the
    result is not valid.
    """
    topic = forum.topics[post.topic_id]
    fields = {name: value for name, value in fields.items() if name != "edit_reason" or value}
    if "raw" in fields:
        fields["raw"] = clean_body(str(fields["raw"] or ""))
    topic_changes = any(name in fields for name in TOPIC_FIELDS)
    if not (topic_changes or _differs(post, fields)):
        return False
    values = _topic_values(forum, topic, editor, fields) if topic_changes else {}
    _refuse_invalid(forum, post, topic, fields, values, check_body)
    _notify(forum, topic, values, silent)
    if _apply(forum, post, topic, editor, fields, values) and post.wiki and post.post_number == 1 and not bypass_bump:
        topic.bumped_at = forum.clock.now()
    definition = forum.defines(topic)
    if definition and post.post_number == 1:
        take_description(forum, definition)
    if topic.deleted_at is None:
        topic_event = topic_changes and post.post_number == 1
        forum.tell(*(("topic_edited", "topic", topic) if topic_event else ("post_edited", "post", post)))
    return True


def _differs(post: Post, fields: Mapping[str, Any]) -> bool:
    return any(name in fields and fields[name] != getattr(post, name) for name in ("raw", "edit_reason"))


def _topic_values(forum: Forum, topic: Topic, editor: User, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that the topic gets. The title is cleaned."""
    values: dict[str, Any] = {}
    guardian = Guardian(forum, editor)
    if "title" in fields:
        values["title"] = clean_title(str(fields["title"] or ""), forum.settings)
    if "category_id" in fields:
        text = str(fields["category_id"] or 0)
        category = forum.categories.get(int(text)) if text.isdecimal() and int(text) else forum.uncategorized
        if category and guardian.moves_topic_to(category):
            values["category_id"] = category.id
    if "tags" in fields:
        values["tags"] = tags_for_saving(names_in(fields["tags"], forum), guardian)
    return values


def _refuse_invalid(
    forum: Forum, post: Post, topic: Topic, fields: Mapping[str, Any], values: Mapping[str, Any], check_body: bool
) -> None:
    if check_body:
        faults = post_faults(forum, topic, str(fields.get("raw", post.raw)), post.post_number == 1)
        if faults:
            raise invalid(*faults)
    if values:
        faults = topic_faults(forum, topic, values.get("title", topic.title), forum.users[topic.user_id])
        if faults:
            raise invalid(*faults)


def _apply(
    forum: Forum,
    post: Post,
    topic: Topic,
    editor: User,
    fields: Mapping[str, Any],
    values: Mapping[str, Any],
) -> bool:
    """Carry an edit out, and tell whether it is a new version of the post itself, not only of fields of its topic."""
    now, reason = forum.clock.now(), post.edit_reason
    new_version = _makes_version(forum, post, editor, fields)
    modifications = _modifications(post, topic, fields, values)
    if new_version:
        if "raw" in modifications and post.grace_raw is not None:
            modifications["raw"][0] = post.grace_raw
        post.version += 1
        post.last_version_at, post.edit_reason, post.grace_raw = now, fields.get("edit_reason"), None
        post.revisions.append(Revision(post.version, editor.id, now, modifications))
    else:
        post.grace_raw = post.raw if post.grace_raw is None else post.grace_raw
        _merge(post, editor, modifications)
    post.raw, post.last_editor_id, post.updated_at = str(fields.get("raw", post.raw)), editor.id, now
    for name, value in values.items():
        setattr(topic, name, value)
    register(topic.tags, forum)
    return new_version and ("raw" in modifications or post.edit_reason != reason)


def _notify(forum: Forum, topic: Topic, values: Mapping[str, Any], silent: bool) -> None:
    """Note that people are notified of a new category or new tags of a topic that they watch.

    Sources: app/models/topic.rb (``changed_to_category``), app/jobs/regular/notify_category_change.rb,
    lib/post_revisor.rb (``track_topic_field(:tags)``). Nobody is notified of a new title.
    """
    settings = forum.settings
    quiet = {
        "category_id": silent or not topic.visible or settings.disable_category_edit_notifications,
        "tags": settings.disable_tags_edit_notifications,
    }
    before = {"category_id": topic.category_id, "tags": set(topic.tags)}
    after = {**values, **({"tags": set(values["tags"])} if "tags" in values else {})}
    for name, is_quiet in quiet.items():
        if after.get(name, before[name]) != before[name] and not is_quiet:
            forum.notifications.append((name, topic.id))


def _makes_version(forum: Forum, post: Post, editor: User, fields: Mapping[str, Any]) -> bool:
    reason = fields.get("edit_reason")
    if post.last_editor_id != editor.id or (reason and reason != post.edit_reason):
        return True
    settings = forum.settings
    if (forum.clock.now() - post.last_version_at).total_seconds() > settings.editing_grace_period:
        return True
    trusted = editor.staff or editor.trust_level > 1
    most = settings.editing_grace_period_max_diff_high_trust if trusted else settings.editing_grace_period_max_diff
    before = post.raw if post.grace_raw is None else post.grace_raw
    return "raw" in fields and _difference(before, fields["raw"]) > most


def _difference(before: str, after: str) -> int:
    """Return the number of characters that were added or removed."""
    codes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return sum(i2 - i1 + j2 - j1 for code, i1, i2, j1, j2 in codes if code != "equal")


def _modifications(
    post: Post, topic: Topic, fields: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, list[Any]]:
    found = {"raw": [post.raw, fields["raw"]]} if "raw" in fields and fields["raw"] != post.raw else {}
    # compared before the title is cleaned, so an unclean title is a change each time that it is sent
    sent = {**values, **({"title": fields["title"]} if "title" in fields else {})}
    found |= {name: [getattr(topic, name), value] for name, value in sent.items() if value != getattr(topic, name)}
    return found


def _merge(post: Post, editor: User, modifications: Mapping[str, list[Any]]) -> None:
    """Put an edit within the grace period into the last version, and remove the version if nothing is left of it."""
    revision = next((one for one in post.revisions if one.number == post.version), None)
    if revision is None:
        return
    revision.user_id = editor.id
    for name, (before, after) in modifications.items():
        first = revision.modifications.get(name, [before])[0]
        revision.modifications[name] = [first, after]
        if first == after:
            del revision.modifications[name]
    if not revision.modifications:
        post.revisions.remove(revision)
        post.version -= 1
