"""What the fake forum answers at ``/t``.

Source: discourse, app/controllers/topics_controller.rb.
"""

from __future__ import annotations

from course_sync_plugin.testing.discourse.actions.calls import Call
from course_sync_plugin.testing.discourse.forum.bulk import change_category
from course_sync_plugin.testing.discourse.forum.deletion import delete_topic, recover_topic
from course_sync_plugin.testing.discourse.forum.errors import (
    forbidden,
    invalid_parameters,
    missing_parameter,
    not_found,
)
from course_sync_plugin.testing.discourse.forum.guardian import ensure
from course_sync_plugin.testing.discourse.forum.records import Post, Topic
from course_sync_plugin.testing.discourse.forum.topics import change_status, update_topic
from course_sync_plugin.testing.discourse.requests import Answer
from course_sync_plugin.testing.discourse.views.posts import post_in_stream
from course_sync_plugin.testing.discourse.views.topics import CHUNK, basic_topic, tags_shown, topic_page, visible_posts


def show(call: Call, number: str, slug: str | None = None, post_number: str = "") -> Answer:
    """Show a topic with 20 of its posts: those of a ``page``, or those around a post.

    A wrong slug answers 301 to the right one; a page behind the last one answers 301 to the last one. A topic that is
    deleted or not open to the user is 404, the same as one that is not there.
    """
    topic = call.topic(number)
    if topic is None or not call.guardian.sees_topic(topic):
        raise _hidden(call, topic)
    if slug is not None and slug != call.forum.slug_of(topic):
        return redirect_to_topic(call, topic, post_number)
    posts = visible_posts(call.guardian, topic)
    text = str(call.parameters.get("page") or 0)
    page = int(text) if text.isdecimal() else 0
    if page > 1 and (page - 1) * CHUNK >= len(posts):
        last = (len(posts) - 1) // CHUNK + 1 if posts else 1
        return call.redirect(_path(call, topic) + _suffix(call) + (f"?page={last}" if last > 1 else ""))
    raw = "include_raw" in call.parameters
    return Answer.json(topic_page(call.guardian, topic, _chunk(posts, page, post_number), raw))


def show_by_external_id(call: Call, external_id: str) -> Answer:
    """Answer 301 to the topic with this ``external_id``; 404 if there is none or it is deleted, 403 without the right.

    In older versions the address ends in ``?page=`` (issue discourse#15825); in the version read it does not.
    """
    topics = (one for one in call.forum.topics.values() if one.external_id == external_id and one.deleted_at is None)
    topic = next(topics, None)
    if topic is None:
        raise not_found()
    ensure(call.guardian.sees_topic(topic))
    return redirect_to_topic(call, topic)


def redirect_to_topic(call: Call, topic: Topic, post_number: str = "") -> Answer:
    """Answer 301 to the address of a topic, with ``.json`` if JSON was asked for."""
    kept = {name: call.parameters[name] for name in ("page", "print", "include_raw") if call.parameters.get(name)}
    query = "&".join(f"{name}={value}" for name, value in kept.items())
    path = _path(call, topic) + (f"/{post_number}" if post_number else "") + _suffix(call)
    return call.redirect(path + (f"?{query}" if query else ""))


def posts(call: Call, number: str) -> Answer:
    """Show the posts of a topic with the ids in ``post_ids[]``; the first 20 without them."""
    topic = call.topic(number)
    if topic is None or not call.guardian.sees_topic(topic):
        raise _hidden(call, topic)
    wanted = call.parameters.get("post_ids")
    shown = visible_posts(call.guardian, topic)
    if wanted:
        listed = wanted if isinstance(wanted, list) else [wanted]
        numbers = {int(one) for one in listed if str(one).isdecimal()}
        shown = [post for post in shown if post.id in numbers]
    else:
        shown = shown[:CHUNK]
    raw = "include_raw" in call.parameters
    stream = {"posts": [post_in_stream(call.guardian, post, raw) for post in shown]}
    return Answer.json({"post_stream": stream, "id": topic.id})


def update(call: Call, number: str, slug: str | None = None) -> Answer:
    """Change a topic. The answer has the title as it was cleaned; tags (beside it, as objects) if tags were sent."""
    topic = update_topic(call.forum, call.signed_in(), call.topic(number), call.parameters)
    tags = {"tags": tags_shown(call.forum, topic)} if "tags" in call.parameters else {}
    return Answer.json({"basic_topic": basic_topic(call.forum, topic), **tags})


def bulk(call: Call) -> Answer:
    """Move topics to a category; ``silent``: nobody is notified. The status is 200 even if none was moved.

    The topics are changed outside the request (lib/hijack.rb), where an error is no refusal: 500 without a body for a
    category that is not there. 400 for other operations: the fake has none.
    """
    user, numbers, operation = call.signed_in(), call.required("topic_ids"), call.required("operation")
    if not isinstance(numbers, list) or not isinstance(operation, dict):
        raise invalid_parameters("topic_ids")
    if operation.get("type") != "change_category":
        raise invalid_parameters("operation")
    text = str(operation.get("category_id") or "")
    category = call.forum.categories.get(int(text)) if text.isdecimal() else None
    if category is None:
        return Answer(500, content_type="text/plain")
    ids = [int(one) for one in map(str, numbers) if one.isdecimal()]
    moved, errors = change_category(call.forum, user, ids, category, silent=call.truth(operation.get("silent")))
    return Answer.json({"topic_ids": moved, **({"errors": errors} if errors else {})})


def destroy(call: Call, number: str) -> Answer:
    """Delete a topic; 422 for each reason against it."""
    delete_topic(call.forum, call.signed_in(), call.topic(number))
    return Answer.empty()


def recover(call: Call, number: str) -> Answer:
    """Bring a deleted topic back."""
    recover_topic(call.forum, call.signed_in(), call.topic(number))
    return Answer.empty()


def status(call: Call, number: str) -> Answer:
    """Close, archive, list or pin a topic, or undo it."""
    user = call.signed_in()
    if call.parameters.get("enabled") in (None, ""):
        raise missing_parameter("enabled")
    until = str(call.parameters.get("until") or "") or None
    enabled = call.truth(call.parameters["enabled"])
    change_status(call.forum, user, call.topic(number), str(call.required("status")), enabled, until)
    return Answer.json({"success": "OK", "topic_status_update": None})


def reset_bump_date(call: Call, number: str) -> Answer:
    """Set the date by which lists are sorted back to that of the last post (app/models/topic.rb, assumed)."""
    user, topic = call.signed_in(), call.topic(number)
    if not (user.staff or user.trust_level == 4):
        raise forbidden()
    if topic is None or topic.deleted_at:
        raise not_found()
    topic.bumped_at = call.forum.posts_of(topic, deleted=False)[-1].created_at
    return Answer.empty()


def _hidden(call: Call, topic: Topic | None) -> Exception:
    """Return the refusal of a topic that the user cannot see. Its JSON carries a page of HTML, too."""
    refused = not_found()
    refused.extra = {"extras": {"title": "Page Not Found", "html": "<h1>Page Not Found</h1>", "group": None}}
    if topic is not None and call.forum.settings.detailed_404:
        if not topic.deleted_at:
            return forbidden()
        refused.status, refused.errors = 410, ["Oops! This topic has been deleted and is no longer available."]
    return refused


def _chunk(shown: list[Post], page: int, post_number: str) -> list[Post]:
    """Return 20 posts. Around a post, a quarter of them are before it (lib/topic_view.rb)."""
    if page > 1:
        return shown[(page - 1) * CHUNK : page * CHUNK]
    number = int(post_number or 1)
    at = min(range(len(shown)), key=lambda place: abs(shown[place].post_number - number), default=0)
    begin = max(min(at - CHUNK // 4, len(shown) - CHUNK), 0)
    return shown[begin : begin + CHUNK]


def _path(call: Call, topic: Topic) -> str:
    return f"/t/{call.forum.slug_of(topic)}/{topic.id}"


def _suffix(call: Call) -> str:
    return ".json" if call.asked.json else ""
