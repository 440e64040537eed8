"""Moves topics to another category without notifying anybody.

Sources: discourse, app/controllers/topics_controller.rb (``bulk``), lib/topics_bulk_action.rb (``change_category``).
``PUT /t/-/{id}.json`` with ``category_id`` notifies those who watch the category, and offers no way to prevent it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from course_sync_plugin.targets.discourse.client import DiscourseClient
from course_sync_plugin.targets.discourse.errors import Refused
from course_sync_plugin.targets.discourse.fields import Fields, checked_id
from course_sync_plugin.targets.discourse.listing import Listing

#: How many topics one request moves. The forum revises each of them before it answers.
MOST = 20


@attrs.frozen
class Moved:
    """The answers to a move. ``ids``: the topics that were moved. ``words``: why others were not, if the forum says."""

    ids: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()

    def __or__(self, other: Moved) -> Moved:
        return Moved(self.ids | other.ids, self.words + other.words)


def move(client: DiscourseClient, topic_ids: Sequence[str], category_id: str) -> Moved:
    """Move topics to a category, 20 with each request. Nobody is notified, and no topic moves up in the lists.

    The forum answers 200, and leaves out a topic that is in this category already, that is deleted or not there, or
    that the user may not move. It answers 500 if the category is not there. A forum older than July 2025 does not know
    ``silent`` and ignores it (discourse#33490): then those who watch the category are notified.
    """
    operation = {"type": "change_category", "category_id": checked_id(category_id), "silent": True}
    moved = Moved()
    for begin in range(0, len(topic_ids), MOST):
        ids = [checked_id(one) for one in topic_ids[begin : begin + MOST]]
        moved |= client.put("/topics/bulk.json", {"topic_ids": ids, "operation": operation}, _moved)
    return moved


def bring(
    client: DiscourseClient, listing: Listing, topic_ids: Sequence[str], others: Sequence[str], category_id: str
) -> None:
    """Move topics, and others with the same requests; note where they are now.

    Raises Refused if one of ``topic_ids`` stays that is not deleted. Nothing is said of the others.
    """
    if not listing.has_category(category_id):
        raise Refused(f"The forum has no category {category_id} any more, so no topic can be moved there.")
    moved = move(client, list(dict.fromkeys([*topic_ids, *others])), category_id)
    for topic_id in topic_ids:
        if topic_id not in moved.ids:
            _check_place(listing, topic_id, category_id, moved.words)
    for topic_id in {*topic_ids, *moved.ids}:
        listing.note_topic(topic_id, category_id=category_id)


def _check_place(listing: Listing, topic_id: str, category_id: str, words: tuple[str, ...]) -> None:
    """Raise Refused if a topic that was not moved is not there already, and not deleted."""
    row = listing.shown(topic_id)
    if row is not None and row.category_id != category_id:
        listing.forget()
        reason = "; ".join(words) or "it gives no reason."
        raise Refused(f"The forum did not move topic {topic_id} to category {category_id}: {reason}", words=words)


def _moved(answer: Fields) -> Moved:
    ids, errors = answer.values.get("topic_ids"), answer.values.get("errors")
    words = tuple(map(str, errors)) if isinstance(errors, Mapping) else ()
    return Moved(frozenset(map(str, ids)) if isinstance(ids, list) else frozenset(), words)
