"""The lists of the topics of a category.

Sources: discourse, app/controllers/list_controller.rb (``set_category``, ``category_default``), lib/topic_query.rb.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

import attrs

from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.targets.discourse.categories import Category
from course_sync_plugin.targets.discourse.client import DiscourseClient
from course_sync_plugin.targets.discourse.fields import Fields, checked_id
from course_sync_plugin.targets.discourse.tags import tag_names

#: The most pages of 30 topics that are read.
PAGES = 1000


@attrs.frozen
class TopicRow:
    """A topic as a list shows it. ``bumped_at``: the moment by which lists are sorted.

    ``posts_count``: without deleted posts. ``likes``: of all its posts; None if the answer does not say it.
    ``is_pinned``: it stands at the top of the list of its category.
    """

    id: str
    title: str
    category_id: str | None
    tags: tuple[str, ...]
    bumped_at: datetime | None
    posts_count: int | None
    is_pinned: bool
    visible: bool
    closed: bool
    archived: bool
    likes: int | None = None


@attrs.frozen
class _Page:
    rows: list[TopicRow]
    is_last: bool


def topics(client: DiscourseClient, category: Category) -> Iterator[TopicRow]:
    """Yield each topic of a category and of its sub-categories once, those with the newest activity first.

    The definition topics are left out; unlisted topics are there if the user is staff. A topic that is missing here may
    still exist: if another one goes while the pages are read, the first topic of the next page moves to a page that was
    read already. So show a topic before you take it for deleted.

    Each listing takes one request more than it has pages, because the address of the list has slugs, which change.
    Raises NotThere, and PermanentError if there are more than PAGES pages.
    """
    path = _list_path(client, category.id)
    seen = {category.definition_topic_id}
    for number in range(PAGES):
        # the order of its own that a category may have must not decide
        page = client.get(f"{path}.json", _page, {"page": str(number), "order": "activity"})
        new = [row for row in page.rows if row.id not in seen]
        seen.update(row.id for row in new)
        yield from new
        if page.is_last:
            return
    raise PermanentError(f"Category {category.id} of the forum has more than {PAGES} pages of topics.")


def changed_since(client: DiscourseClient, category: Category, since: datetime) -> Iterator[TopicRow]:
    """Yield the topics of :func:`topics` with activity at or after a moment; it reads only the pages that it needs.

    Activity is a new topic or a new post; in a forum older than October 2025 also a new version of the last post. No
    activity: a new title, category, tag or status, another edit, a deletion. Only a comparison of all topics finds
    these.
    """
    for row in topics(client, category):
        if row.bumped_at is None or row.bumped_at >= since:
            yield row
        elif not row.is_pinned:
            return


def _list_path(client: DiscourseClient, category_id: str) -> str:
    """Return the address of the list of a category, to which the address without slugs redirects.

    ``/l/latest``: without it, a category may be set to show only its top topics (``default_view``).
    """
    path = f"/c/{checked_id(category_id)}/l/latest"
    form = re.compile(rf"(/c/(?:[^/]+/)*{category_id}/l/latest)(?:\.json)?")
    return client.location(f"{path}.json", form) or path


def _page(answer: Fields) -> _Page:
    listed = answer.inside("topic_list")
    rows = [_row(one) for one in listed.each("topics")]
    return _Page(rows, is_last=not rows or not listed.optional_text("more_topics_url"))


def _row(shown: Fields) -> TopicRow:
    return TopicRow(
        id=shown.remote_id("id"),
        title=shown.text("title"),
        category_id=shown.optional_id("category_id"),
        tags=tag_names(shown),
        bumped_at=shown.optional_moment("bumped_at"),
        posts_count=shown.number("posts_count") if "posts_count" in shown.values else None,
        is_pinned=shown.flag("pinned"),
        visible=shown.flag("visible", absent=True),
        closed=shown.flag("closed"),
        archived=shown.flag("archived"),
        likes=shown.number("like_count") if "like_count" in shown.values else None,
    )
