"""The topics that stand for subsections, units or discussions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from course_sync_plugin.data import Entity
from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.targets.discourse import moves, topics
from course_sync_plugin.targets.discourse.client import DiscourseClient
from course_sync_plugin.targets.discourse.errors import EditConflict, Forbidden, NotThere, Refused
from course_sync_plugin.targets.discourse.listing import Listing
from course_sync_plugin.targets.discourse.lists import TopicRow
from course_sync_plugin.targets.discourse.mapping import TOPIC, CourseMapping
from course_sync_plugin.targets.two_way.site import Gone, KnownObjects, Remote

#: What ``UNLISTED`` refers to if somebody else has unlisted the topic before: then it is not listed by us later.
BY_OTHERS = "by others"


class EntityTopics:
    """Creates, finds, renames, moves, unlists and deletes them. The methods are those of a site.

    ``moving``: the entities that this envelope moves.
    """

    moving: Collection[str] = ()

    def __init__(self, client: DiscourseClient, listing: Listing, mapping: CourseMapping, known: KnownObjects):
        self._client, self._listing, self._mapping, self._known = client, listing, mapping, known

    def create(self, entity: Entity, token: str) -> Remote:
        """Create the topic. A refusal may mean that an earlier request has created it, so it is looked for."""
        refused: list[Refused] = []
        for title in self._mapping.titles(entity):
            try:
                return self._create(entity, title, token)
            except Forbidden as error:
                refused.append(error)
                break
            except Refused as error:
                refused.append(error.about("title", title))
        found = self.find(token)
        if found is None or self._known.owner(found.remote_id, TOPIC):
            raise refused[0]
        return found

    def find(self, token: str) -> Remote | None:
        """Return the topic that was created with this token; None if there is none."""
        number = topics.find(self._client, token)
        row = self._listing.shown(number) if number else None
        return _remote(row) if row else None

    def candidates(self, entity: Entity) -> Sequence[Remote]:
        """Return the foreign topics with the name of the entity in the place that it has."""
        section = self._mapping.section_of(entity)
        if section and not self._mapping.sections_are_tags and not self._known.of(section.entity_id):
            return []  # the section has no category yet
        home, titles = self._mapping.home_of(entity), self._mapping.titles(entity)
        wanted = {title.lower() for title in (self._mapping.name(entity), *titles)}
        return [_remote(row) for row in self._foreign() if row.category_id == home and row.title.lower() in wanted]

    def former(self, topic_id: str) -> Remote | None:
        """Return a topic by its id, in whatever category it is; None if it is deleted."""
        row = self._listing.topic(topic_id)
        return _remote(row) if row else None

    def title(self, entity: Entity) -> str:
        """Return the title at the forum. Raises Gone."""
        return self._found(entity).title

    def show(self, entity: Entity) -> None:
        """Read the topic by itself, if the list may be older than an edit. Raises Gone."""
        topic_id = self._known.of(entity.entity_id)[TOPIC]
        if not self._listing.has_fresh_topic(topic_id) and self._listing.show_topic(topic_id) is None:
            self._found(entity)

    def rename(self, entity: Entity) -> str:
        """Give the topic the title of the entity, and return what the forum made of it.

        Raises EditConflict if somebody has changed the title since it was read.
        """
        row = self._found(entity)
        wanted = list(self._mapping.titles(entity))
        if row.title in wanted:
            return row.title
        try:
            title = self._first_accepted(row, wanted)
        except EditConflict:
            self._listing.forget()
            raise
        if title == row.title:
            raise PermanentError(f"The forum did not take over the title of topic {row.id}, and gave no reason.")
        self._listing.note_topic(row.id, title=title)
        return title

    def place(self, entity: Entity) -> None:
        """Bring the topics of an entity, and of all below it, to the category or the tag of their section."""
        numbers = self._numbers(self._mapping.below(entity.entity_id))
        rows = [row for row in map(self._listing.topic, numbers) if row]
        if not self._mapping.sections_are_tags:
            self._move(rows, self._mapping.home_of(entity))
        own = self._known.of(entity.entity_id).get(TOPIC)
        for row in rows:
            self._change(row, self._new_tags(entity, row), self._new_title(entity, row) if row.id == own else {})

    def remove(self, topic_id: str) -> str:
        """Delete a topic. One with replies or likes is unlisted and closed instead."""
        row = self._listing.topic(topic_id, newest=True)
        if row is None:
            return ""
        if row.likes or (row.posts_count != 1 and self._has_replies(topic_id)):
            self._set_status(row, "visible", False)
            self._set_status(row, "closed", True)
            return f"The topic {topic_id} has replies or likes, so it was unlisted and closed."
        topics.delete(self._client, topic_id)
        self._listing.note_deleted(topic_id, "topic")
        return ""

    def unlist(self, entity: Entity) -> Remote:
        """Unlist the topic. Raises Gone."""
        row = self._found(entity)
        if not row.visible:
            return Remote(BY_OTHERS)
        self._set_status(row, "visible", False)
        return Remote(row.id)

    def unlisted(self, entity: Entity) -> Sequence[Remote]:
        """Return the topic of an entity if it is unlisted."""
        number = self._known.of(entity.entity_id).get(TOPIC)
        row = self._listing.topic(number) if number else None
        return [Remote(row.id)] if row and not row.visible else []

    def list_again(self, topic_id: str) -> None:
        """List a topic again that was unlisted by us."""
        row = self._listing.topic(topic_id) if topic_id != BY_OTHERS else None
        if row:
            self._set_status(row, "visible", True)

    def _create(self, entity: Entity, title: str, token: str) -> Remote:
        home, tag = self._mapping.home_of(entity), self._mapping.tag(entity)
        tags = (tag,) if tag else ()
        post = topics.create(
            self._client,
            title=title,
            raw=self._mapping.first_post(entity),
            category_id=home,
            external_id=token,
            tags=tags,
        )
        row = TopicRow(
            id=post.topic_id,
            title=title,
            category_id=home,
            tags=tags,
            bumped_at=post.created_at,
            posts_count=1,
            is_pinned=False,
            visible=True,
            closed=False,
            archived=False,
        )
        self._listing.note_new_topic(row)
        return _remote(row)

    def _first_accepted(self, row: TopicRow, titles: list[str]) -> str:
        """Change the title to the first one that the forum accepts."""
        refused: list[Refused] = []
        for title in titles:
            try:
                return topics.update(self._client, row.id, original_title=row.title, title=title).title
            except Forbidden as error:
                refused.append(error)
            except Refused as error:
                refused.append(error.about("title", title))
        raise refused[0]

    def _found(self, entity: Entity) -> TopicRow:
        number = self._known.of(entity.entity_id)[TOPIC]
        row = self._listing.topic(number)
        if row is None:
            raise Gone(f"Somebody deleted the topic {number} of {entity.entity_id}.", parts=self._parts(entity))
        return row

    def _parts(self, entity: Entity) -> Sequence[str]:
        return list(self._known.of(entity.entity_id))

    def _foreign(self) -> Iterator[TopicRow]:
        return (row for row in self._listing.topics() if not self._known.owner(row.id, TOPIC))

    def _numbers(self, entity_ids: Iterable[str]) -> list[str]:
        return [number for one in entity_ids if (number := self._known.of(one).get(TOPIC))]

    def _move(self, rows: Iterable[TopicRow], home: str) -> None:
        """Move topics to the category of their section, and with them the others that this envelope moves there."""
        ids = self._misplaced(rows, home)
        if ids:
            numbers = set(self._numbers(self._mapping.moving_to(home, self.moving)))
            others = [row for row in self._listing.topics() if row.id in numbers]
            moves.bring(self._client, self._listing, ids, self._misplaced(others, home), home)

    def _misplaced(self, rows: Iterable[TopicRow], home: str) -> list[str]:
        """Return the topics that are not in this category. Those that people have put elsewhere stay there."""
        ours = self._mapping.is_our_category
        return [row.id for row in rows if row.category_id != home and ours(row.category_id)]

    def _new_tags(self, entity: Entity, row: TopicRow) -> dict[str, Any]:
        """Return the tags that a topic should get. One from which people have removed the tag gets none again."""
        tag, of_sections = self._mapping.tag(entity), self._mapping.tags_of_sections()
        if not tag or tag in row.tags or not of_sections.intersection(row.tags):
            return {}
        return {"tags": (*(one for one in row.tags if one not in of_sections), tag)}

    def _new_title(self, entity: Entity, row: TopicRow) -> dict[str, Any]:
        """Return the title that says where the entity is now, unless somebody has changed the title."""
        titles = self._mapping.titles(entity)
        is_right = row.title in list(titles) or not titles.is_ours(row.title)
        return {} if is_right else {"title": next(iter(titles)), "original_title": row.title}

    def _change(self, row: TopicRow, tags: dict[str, Any], title: dict[str, Any]) -> None:
        """Change both with one request. A title that the forum refuses stays as it is."""
        if not (tags or title):
            return
        try:
            changed = topics.update(self._client, row.id, **tags, **title)
        except Refused:
            if not title:
                raise
            self._change(row, tags, {})
            return
        except EditConflict:
            self._listing.forget()
            raise
        self._listing.note_topic(row.id, **tags, title=changed.title)

    def _has_replies(self, topic_id: str) -> bool:
        """Tell whether a topic has other posts than the first and those that tell of a status."""
        try:
            topic = topics.show(self._client, topic_id)
        except NotThere:
            return False
        return len(topic.post_ids) > len(topic.posts) or any(
            post.number > 1 and not post.is_small_action for post in topic.posts
        )

    def _set_status(self, row: TopicRow, status: topics.Status, enabled: bool) -> None:
        if getattr(row, status) != enabled:
            topics.set_status(self._client, row.id, status, enabled)
            self._listing.note_topic(row.id, **{str(status): enabled})


def _remote(row: TopicRow) -> Remote:
    return Remote(row.id, {"display_name": row.title})
