"""New topics, replies and private messages of the fake forum.

Sources: discourse, app/controllers/posts_controller.rb (``create_params``), lib/topic_creator.rb, lib/post_creator.rb
and lib/new_post_manager.rb (the last one was not read again). A topic is judged before its post.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from course_sync_plugin.testing.discourse.forum.errors import TOPIC_NOT_FOUND, Refused, invalid_parameters
from course_sync_plugin.testing.discourse.forum.guardian import Guardian, ensure
from course_sync_plugin.testing.discourse.forum.records import Category, Pending, Post, Topic, User
from course_sync_plugin.testing.discourse.forum.state import Forum
from course_sync_plugin.testing.discourse.forum.tags import names_in, refuse_too_many, register, tags_for_saving
from course_sync_plugin.testing.discourse.forum.texts import clean_body, clean_title
from course_sync_plugin.testing.discourse.forum.validity import external_id_faults, post_faults, repeated, topic_faults


def create_post(forum: Forum, user: User, parameters: Mapping[str, Any]) -> Post | Pending:
    """Make a topic with its first post, a reply (``topic_id``) or a private message (``archetype``).

    Returns a Pending if a moderator must approve it. Raises Refused: 422 with ``action`` for what is not valid, 403
    for a category in which the user may not begin a topic, 400 for a category that is not there.
    """
    refuse_too_many(parameters.get("tags"), forum)
    if parameters.get("topic_id"):
        return _reply(forum, user, parameters)
    return _new_topic(forum, user, parameters)


def approve(forum: Forum, pending: Pending) -> Post:
    """Publish a post that waits, as if its author had the right to."""
    del forum.pending[pending.id]
    made = create_post(forum, forum.users[pending.user_id], {**pending.parameters, "approved": True})
    assert isinstance(made, Post)  # noqa: S101  # for mypy
    return made


def _refuse(faults: list[str]) -> None:
    if faults:
        raise Refused(422, faults, extra={"action": "create_post"})


def _time(forum: Forum, parameters: Mapping[str, Any]) -> datetime:
    """Return when the post was made: ``created_at``, which every API key may send, or now."""
    text = str(parameters.get("created_at") or "")
    if not text:
        return forum.clock.now()
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(500, ["Internal Server Error"]) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _new_topic(forum: Forum, user: User, parameters: Mapping[str, Any]) -> Post | Pending:
    private = parameters.get("archetype") == "private_message"
    category = None if private else _category(forum, parameters)
    if not private:
        ensure(Guardian(forum, user).creates_topic_in(category or forum.uncategorized))
    topic = _topic(forum, user, parameters, category, private)
    unchecked = bool(parameters.get("skip_validations") in (True, "true"))
    raw = clean_body(str(parameters.get("raw") or ""))
    if not unchecked:
        faults = topic_faults(forum, topic, topic.title, user) + _home_faults(forum, user, topic, category)
        _refuse(faults + (external_id_faults(forum, topic.external_id) if topic.external_id else []))
        _refuse(_body_faults(forum, user, topic, raw, first=True))
    if category and category.require_topic_approval and not user.staff and "approved" not in parameters:
        return _wait(forum, user, parameters)
    return _save_topic(forum, user, topic, raw)


def _topic(forum: Forum, user: User, parameters: Mapping[str, Any], category: Category | None, private: bool) -> Topic:
    time = _time(forum, parameters)
    title = clean_title(str(parameters.get("title") or ""), forum.settings)
    home = None if private else (category or forum.uncategorized).id
    topic = Topic(0, title, user.id, home, time, time, time)
    topic.external_id = str(parameters["external_id"]) if parameters.get("external_id") else None
    topic.visible = str(parameters.get("visible", "true")) not in ("false", "False")
    topic.archetype = "private_message" if private else "regular"
    if private:
        topic.allowed_user_ids = {user.id, *_recipients(forum, parameters)}
    else:
        topic.tags = tags_for_saving(names_in(parameters.get("tags"), forum), Guardian(forum, user))
    return topic


def _home_faults(forum: Forum, user: User, topic: Topic, category: Category | None) -> list[str]:
    """Return the fault of a topic outside every category (app/models/topic.rb). Staff may begin such topics."""
    if topic.private or user.staff or forum.settings.allow_uncategorized_topics:
        return []
    reserved = ["Category is reserved"] if category is forum.uncategorized else []
    return ["Category can't be blank"] if category is None else reserved


def _save_topic(forum: Forum, user: User, topic: Topic, raw: str) -> Post:
    topic.id = forum.number("topic")
    forum.topics[topic.id] = topic
    register(topic.tags, forum)
    post = forum.new_post(topic, user, raw, topic.created_at)
    forum.tell("topic_created", "topic", topic)
    forum.tell("post_created", "post", post)
    return post


def _category(forum: Forum, parameters: Mapping[str, Any]) -> Category | None:
    """Return the category. The field is ``category`` here, and ``category_id`` where a topic is changed.

    ``category_id`` is accepted here, too: it is one of the fields of a topic that are tracked (create_params), but it
    does not choose the category (assumed from topic_creator.rb, which reads ``category`` only).
    """
    text = str(parameters.get("category") or "")
    if not text:
        return None
    category = forum.categories.get(int(text)) if text.isdecimal() else None
    if category is None:
        raise invalid_parameters("category")
    return category


def _recipients(forum: Forum, parameters: Mapping[str, Any]) -> set[int]:
    names = str(parameters.get("target_recipients") or parameters.get("target_usernames") or "")
    users = [forum.user_named(name.strip()) for name in names.split(",") if name.strip()]
    if not users:
        _refuse(["You must select a valid user."])
    if None in users:
        _refuse(["One of the users you are sending this message to could not be found."])
    return {user.id for user in users if user}


def _reply(forum: Forum, user: User, parameters: Mapping[str, Any]) -> Post | Pending:
    text = str(parameters["topic_id"])
    topic = forum.topics.get(int(text)) if text.isdecimal() else None
    if topic is None or not Guardian(forum, user).creates_post_in(topic):
        _refuse([TOPIC_NOT_FOUND])
    assert topic is not None  # noqa: S101  # for mypy
    raw = clean_body(str(parameters.get("raw") or ""))
    _refuse(_body_faults(forum, user, topic, raw, first=False))
    category = forum.category_of(topic)
    if category and category.require_reply_approval and not user.staff and "approved" not in parameters:
        return _wait(forum, user, parameters)
    number = str(parameters.get("reply_to_post_number") or "")
    time = _time(forum, parameters)
    post = forum.new_post(topic, user, raw, time, reply_to_post_number=int(number) if number.isdecimal() else None)
    topic.bumped_at = topic.last_posted_at = time
    forum.tell("post_created", "post", post)
    return post


def _body_faults(forum: Forum, user: User, topic: Topic, raw: str, *, first: bool) -> list[str]:
    faults = post_faults(forum, topic, raw, first)
    return faults + ["Body is too similar to what you recently posted"] * repeated(forum, user, raw)


def _wait(forum: Forum, user: User, parameters: Mapping[str, Any]) -> Pending:
    pending = Pending(forum.number("pending"), user.id, forum.clock.now(), dict(parameters))
    forum.pending[pending.id] = pending
    return pending
