"""What the fake forum answers at ``/posts``.

Source: discourse, app/controllers/posts_controller.rb.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from course_sync_plugin.testing.discourse.actions.calls import Call
from course_sync_plugin.testing.discourse.forum.creation import create_post
from course_sync_plugin.testing.discourse.forum.deletion import delete_post, recover_post
from course_sync_plugin.testing.discourse.forum.errors import (
    EDIT_CONFLICT,
    TOO_LATE,
    Refused,
    invalid,
    missing_parameter,
    not_found,
)
from course_sync_plugin.testing.discourse.forum.guardian import Guardian, ensure
from course_sync_plugin.testing.discourse.forum.records import Pending
from course_sync_plugin.testing.discourse.forum.revisions import revise
from course_sync_plugin.testing.discourse.forum.topics import check_move
from course_sync_plugin.testing.discourse.requests import Answer
from course_sync_plugin.testing.discourse.views.categories import basic_category
from course_sync_plugin.testing.discourse.views.posts import post_pending, single_post

#: Seconds for which the answer to a new post is remembered.
MEMORY = 120

#: Parameters that are no part of the signature of a new post (``create_params`` does not permit them).
_NOT_SIGNED = ("nested_post",)


class PostMemory:
    """The answers to new posts by user and parameters (``DistributedMemoizer``, ``signature_for``).

    The same request again within 120 seconds gets the same answer, whether it is a post or a 422. Refusals before the
    post is made (403, 400) are not remembered. Address and user agent of the sender are part of the signature.
    """

    def __init__(self) -> None:
        self._answers: dict[str, tuple[datetime, Answer]] = {}

    def answer(self, call: Call) -> Answer:
        """Return the remembered answer, or make the post and remember its answer."""
        user = call.signed_in()
        signed = {name: value for name, value in call.parameters.items() if name not in _NOT_SIGNED}
        text = json.dumps([user.id, call.asked.headers.get("user-agent"), sorted(signed.items())], default=str)
        signature = hashlib.sha256(text.encode()).hexdigest()
        until, known = self._answers.get(signature, (None, None))
        if known is not None and until is not None and until > call.forum.clock.now():
            return known
        made = _make(call)
        self._answers[signature] = (call.forum.clock.now() + timedelta(seconds=MEMORY), made)
        return made


def _make(call: Call) -> Answer:
    """Make a post. With ``nested_post`` the answer is ``{"action", "success", "post"}``, else the post itself."""
    try:
        made = create_post(call.forum, call.signed_in(), call.parameters)
    except Refused as refused:
        if refused.extra.get("action") == "create_post":
            return Answer.json({"action": "create_post", "errors": refused.errors}, refused.status)
        raise
    if isinstance(made, Pending):
        return Answer.json(post_pending(call.guardian, made))
    post = single_post(call.guardian, made, draft=True)
    if call.parameters.get("nested_post"):
        return Answer.json({"action": "create_post", "post": post, "success": True})
    return Answer.json(post)


def latest(call: Call) -> Answer:
    """List the 50 newest posts of public topics, older than ``before`` if that is given."""
    text = str(call.parameters.get("before") or "")
    before = int(text) if text.isdecimal() and int(text) else None
    guardian, forum = call.guardian, call.forum
    public = [post for post in forum.posts.values() if not forum.topics[post.topic_id].private and not post.deleted_at]
    seen = [post for post in public if guardian.sees_post(post) and (before is None or post.id < before)]
    newest = sorted(seen, key=lambda post: post.id, reverse=True)[:50]
    return Answer.json({"latest_posts": [single_post(guardian, post) for post in newest]})


def show(call: Call, number: str) -> Answer:
    """Show a post with its text."""
    return Answer.json(single_post(call.guardian, call.post(number)))


def by_number(call: Call, topic: str, post_number: str) -> Answer:
    """Show the post of a topic that has this number."""
    found = [
        one for one in call.forum.posts.values() if (one.topic_id, one.post_number) == (int(topic), int(post_number))
    ]
    if not found:
        raise not_found()
    return show(call, str(found[0].id))


def replies(call: Call, number: str) -> Answer:
    """List the replies to a post."""
    post = call.post(number)
    topic = call.forum.topics[post.topic_id]
    answers = [one for one in call.forum.posts_of(topic, deleted=False) if one.reply_to_post_number == post.post_number]
    return Answer.json([single_post(call.guardian, one) for one in answers[:20]])


def update(call: Call, number: str) -> Answer:
    """Edit a post. The text is in ``post[raw]``; the title of the topic is beside ``post``, its category inside.

    Without ``post[raw]`` the text counts as empty. Raises Refused: 400 without ``post``, 404, 403, 409 if
    ``post[original_text]`` is not the text as it is now, 422 (also for a person's own post that is too old)
    """
    user = call.signed_in()
    sent = call.required("post")
    if not isinstance(sent, dict):
        raise missing_parameter("post")
    post = call.forum.posts.get(int(number))
    if post is None or (post.deleted_at and not user.staff):
        raise not_found()
    guardian = Guardian(call.forum, user)
    if not guardian.edits_post(post) and guardian.owns(post) and guardian.too_late(post):
        raise invalid(TOO_LATE)
    ensure(guardian.edits_post(post))
    original = sent.get("original_text") or sent.get("raw_old")
    if original and original != post.raw:
        raise Refused(409, [EDIT_CONFLICT])
    topic = call.forum.topics[post.topic_id]
    fields: dict[str, Any] = {"raw": sent.get("raw"), "edit_reason": sent.get("edit_reason")}
    before = topic.category_id
    if post.post_number == 1:
        fields |= _topic_fields(call, sent)
        check_move(call.forum, user, topic, fields.get("category_id"))
    bypass = call.truth(call.parameters.get("bypass_bump", sent.get("bypass_bump")))
    revise(call.forum, post, user, fields, bypass_bump=bypass and (user.staff or user.trust_level == 4))
    answer: dict[str, Any] = {"post": single_post(call.guardian, post, draft=True)}
    if topic.category_id != before:
        answer["category"] = basic_category(call.guardian, call.forum.categories[topic.category_id or 0])
    return Answer.json(answer)


def _topic_fields(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    title = {"title": call.parameters["title"]} if call.parameters.get("title") else {}
    return title | ({"category_id": sent["category_id"]} if sent.get("category_id") else {})


def destroy(call: Call, number: str) -> Answer:
    """Delete a reply."""
    delete_post(call.forum, call.signed_in(), call.post(number))
    return Answer.empty()


def recover(call: Call, number: str) -> Answer:
    """Bring a deleted reply back."""
    user, post = call.signed_in(), call.post(number)
    recover_post(call.forum, user, post)
    return Answer.json(single_post(call.guardian, post))


def revision(call: Call, number: str, version: str) -> Answer:
    """Show what a version changed: ``latest`` or a number from 2 on."""
    post = call.post(number)
    wanted = post.version if version == "latest" else int(version)
    found = next((one for one in post.revisions if one.number == wanted), None)
    if found is None:
        raise not_found()
    user = call.forum.users[found.user_id]
    raw = found.modifications.get("raw")
    return Answer.json({
        "post_id": post.id, "current_revision": found.number, "current_version": found.number,
        "version_count": post.version, "username": user.username, "edit_reason": post.edit_reason,
        "body_changes": {"side_by_side_markdown": raw} if raw else None,
        "title_changes": found.modifications.get("title"),
        "category_id_changes": found.modifications.get("category_id"),
    })  # fmt: skip
