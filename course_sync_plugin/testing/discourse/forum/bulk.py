"""Moving several topics of the fake forum at once.

Source: discourse, lib/topics_bulk_action.rb (``change_category``). Other operations are not imitated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from course_sync_plugin.testing.discourse.forum.errors import Refused
from course_sync_plugin.testing.discourse.forum.guardian import Guardian
from course_sync_plugin.testing.discourse.forum.records import Category, User
from course_sync_plugin.testing.discourse.forum.revisions import revise
from course_sync_plugin.testing.discourse.forum.state import Forum


def change_category(
    forum: Forum, user: User, numbers: Iterable[int], category: Category, *, silent: bool
) -> tuple[list[int], Counter[str]]:
    """Move topics. Return the ids of those that were moved, and how often each reason kept one where it was.

    A topic is left out without a word if it is deleted, not there or in this category already, or if the user may not
    edit it or begin topics there (since discourse#42784; before, it was counted as moved). ``silent``: nobody is told.
    """
    guardian, moved, errors = Guardian(forum, user), [], Counter[str]()
    for number in sorted(set(numbers) & forum.topics.keys()):
        topic = forum.topics[number]
        if topic.deleted_at or topic.category_id == category.id:
            continue
        if not (guardian.edits_topic(topic) and guardian.moves_topic_to(category)):
            continue
        fields = {"category_id": category.id}
        try:
            revise(forum, forum.first_post(topic), user, fields, check_body=False, silent=silent)
        except Refused as refused:
            errors.update(refused.errors)
        else:
            moved.append(number)
    return moved, errors
