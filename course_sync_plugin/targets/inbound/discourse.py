"""Webhooks of Discourse: their signature, and the topics, posts and categories that they name.

Source: discourse, app/jobs/regular/emit_web_hook_event.rb. The signature covers the body alone, so no header is
believed, and it has no time: the same request can be sent again.
"""

from __future__ import annotations

import hashlib
import hmac

from course_sync_plugin.targets.inbound.contract import Credentials, Notice, NotVerified, Received
from course_sync_plugin.targets.inbound.json_body import id_of, member, read_json

SIGNATURE_HEADER, NAME_HEADER, ID_HEADER = "X-Discourse-Event-Signature", "X-Discourse-Event", "X-Discourse-Event-Id"

_PREFIX = "sha256="


def verify(received: Received, credentials: Credentials) -> None:
    """Check the header ``X-Discourse-Event-Signature``: ``sha256=`` and HMAC-SHA256 of the raw body, in hexadecimal.

    The key is the secret as it is written in the webhook's form in Discourse. Every secret of the target is tried, so
    notices are accepted during a rotation. Raises NotVerified.
    """
    given = received.headers.get(SIGNATURE_HEADER, "").encode("utf-8", "replace")
    signed = [_signature(secret, received.body) for secret in credentials.secrets]
    if not any(hmac.compare_digest(given, one) for one in signed):
        raise NotVerified("The signature of the webhook is missing or wrong.")


def read(body: bytes, event: str) -> tuple[Notice, ...]:
    """Return the objects that a webhook names. For a post they are the post and its topic."""
    value = read_json(body)
    topic, post, category = (member(value, kind) for kind in ("topic", "post", "category"))
    found = (
        Notice("topic", id_of(topic.get("id")), id_of(topic.get("category_id")), event),
        Notice("post", id_of(post.get("id")), id_of(post.get("category_id")), event),
        Notice("topic", id_of(post.get("topic_id")), id_of(post.get("category_id")), event),
        Notice("category", id_of(category.get("id")), id_of(category.get("parent_category_id")), event),
    )
    return tuple(notice for notice in found if notice.remote_id)


def _signature(secret: str, body: bytes) -> bytes:
    return _PREFIX.encode() + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
