"""One round over the topics of a course at both systems."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from django.db.models import F

from course_sync_plugin.models import LedgerReplica, MirroredTopic
from course_sync_plugin.replication.discussions.half import (
    GONE_TEXT,
    GONE_TITLE,
    Counts,
    Half,
    Round,
    begin,
    digest,
    new_token,
    noted,
    others_replied,
    store,
)
from course_sync_plugin.replication.discussions.posts import Place, Posts
from course_sync_plugin.replication.store.former import former_objects
from course_sync_plugin.targets.two_way.discussions import ListedTopic, Thread
from course_sync_plugin.targets.two_way.post_html import dressed

#: The part of an entity that is a topic, in the ledger of both systems.
TOPIC = "topic"

#: The most topics with news that a round reads, and how many others: edits and deletions show in no list.
MOST_CHANGED, OTHERS = 50, 5

Listed = Mapping[int, Mapping[str, ListedTopic]]


def mirror_round(around: Round) -> Counts:
    """Compare the topics of both halves, and carry across what is new. Raises the errors of ``Target.send``."""
    counts = Counts()
    listed = {half.link.pk: half.side.topics() for half in (around.canvas, around.discourse)}
    ours = {half.link.pk: _of_entities(half) for half in (around.canvas, around.discourse)}
    _find_begun(around)
    _note_topics_of_entities(around, ours)
    for here, there in around.directions:
        _note_new(here, there, listed[here.link.pk], ours[here.link.pk])
    for row in _due(around, listed, counts):
        counts.read += 1
        _Topic(around, row, counts, _summary(row, listed)).bring()
    return counts


@attrs.frozen
class _Topic:
    """One topic in one round. ``summary``: the digest of what the lists show of it."""

    around: Round
    row: MirroredTopic
    counts: Counts
    summary: str

    def bring(self) -> None:
        """Carry everything across. What waits, or fails for a while, is taken up in the next round."""
        waiting = self.counts.waiting
        with noted(self.row):
            self._bring()
        done = self.counts.waiting == waiting
        store(self.row, read_at=self.around.began, summary=self.summary if done else "")

    def _bring(self) -> None:
        home, away = self.around.halves_of(self.row)
        thread = home.side.thread(self.row.original_id)
        if thread is not None and thread.opening.token and not self.row.is_entity:
            return  # a copy, or the topic of an entity, of an earlier link
        if thread is not None and not self.row.is_entity:
            self._bring_opening(thread, home, away)
        other = away.side.thread(self.row.copy_id) if self.row.copy_id else None
        posts = Posts(self.around, self.row, self.counts)
        if thread is None:
            self._remove(posts, home, away, other)
        elif other is not None:
            one = Place.of(home, self.row.original_id, thread)
            posts.carry(one, Place.of(away, self.row.copy_id, other))

    def _bring_opening(self, thread: Thread, home: Half, away: Half) -> None:
        """Create the copy of a topic, or carry an edit of its title or text."""
        text = home.text_for(thread.opening, self.row)
        wanted = digest(thread.title, text)
        if wanted in (self.row.refused, self.row.copy_id and self.row.sent):
            return
        if not (self.row.copy_id or self.around.may_begin(self.row, away.side)):
            self.counts.waiting += 1
            return
        with noted(self.row, wanted):
            self._write(away, thread.title, text)
            values = {"is_blanked": False, "note": "", "refused": "", "author": home.name_of(thread.opening, self.row)}
            store(self.row, sent=wanted, **values)
            self.counts.written += 1

    def _write(self, away: Half, title: str, text: str) -> None:
        if self.row.copy_id:
            away.side.change_topic(self.row.copy_id, title, text)
            return
        begin(self.row, sent=digest(title, text))
        store(self.row, copy_id=away.side.create_topic(title, text, self.row.token))

    def _remove(self, posts: Posts, home: Half, away: Half, other: Thread | None) -> None:
        """Remove the copy of a topic that is gone, or hidden, at home. Where others have replied, its texts go."""
        if self.row.is_entity or self.row.is_blanked:
            return
        if other is None:
            if self.row.copy_id or self.around.may_begin(self.row, away.side):
                self.row.delete()
        elif others_replied(other.posts, None, posts.copies(away)):
            posts.remove_all(home, Place.of(away, self.row.copy_id, other))
            away.side.change_topic(self.row.copy_id, GONE_TITLE, dressed(self.row.token, GONE_TEXT, ""))
            store(self.row, is_blanked=True, author="", sent="")
            self.counts.removed += 1
        else:
            away.side.remove_topic(self.row.copy_id)
            self.row.delete()
            self.counts.removed += 1


def _find_begun(around: Round) -> None:
    """Look for the copies whose creation was begun, and whose answers may be lost.

    The list of Discourse does not show whose topic it is, so this comes before new topics are noted.
    """
    for here, there in around.directions:
        for row in MirroredTopic.objects.filter(home=here.link, copy_id="").exclude(began_at=None):
            store(row, copy_id=there.side.find_topic(row.token) or "")


def _of_entities(half: Half) -> dict[str, str]:
    """Return the topics that entities of the course have at a half: the entity by the id of the topic."""
    rows = LedgerReplica.objects.filter(link=half.link).values_list("entity_id", "objects_there")
    return {objects[TOPIC]: entity_id for entity_id, objects in rows if TOPIC in objects}


def _note_topics_of_entities(around: Round, ours: Mapping[int, Mapping[str, str]]) -> None:
    """Note the topics of entities that have one at both halves: people's posts in them are mirrored."""
    here, there = around.canvas, around.discourse
    there_by_entity = {entity_id: topic_id for topic_id, entity_id in ours[there.link.pk].items()}
    known = set(MirroredTopic.objects.filter(home=here.link, is_entity=True).values_list("original_id", "copy_id"))
    for topic_id, entity_id in ours[here.link.pk].items():
        copy_id = there_by_entity.get(entity_id, "")
        if copy_id and (topic_id, copy_id) not in known:
            values = {"away": there.link, "copy_id": copy_id, "token": new_token(), "is_entity": True}
            MirroredTopic.objects.update_or_create(home=here.link, original_id=topic_id, defaults=values)


def _note_new(here: Half, there: Half, listed: Mapping[str, ListedTopic], ours: Mapping[str, str]) -> None:
    """Note the topics that people have begun. What entities had there on an earlier link is ours too."""
    originals = MirroredTopic.objects.filter(home=here.link).values_list("original_id", flat=True)
    copies = MirroredTopic.objects.filter(away=here.link).values_list("copy_id", flat=True)
    known = {*originals, *copies, *ours, *former_objects(here.link, TOPIC)}
    for topic in listed.values():
        if topic.is_public and not topic.token and topic.id not in known:
            values = {"home": here.link, "away": there.link, "token": new_token()}
            MirroredTopic.objects.create(original_id=topic.id, **values)


def _due(around: Round, listed: Listed, counts: Counts) -> list[MirroredTopic]:
    """Return the topics to read: those with news, and those whose last reading is longest ago."""
    links = [around.canvas.link, around.discourse.link]
    rows = MirroredTopic.objects.filter(home__in=links, away__in=links).select_related("home__course")
    ordered = list(rows.order_by(F("read_at").asc(nulls_first=True), "pk"))
    changed = [row for row in ordered if row.summary != _summary(row, listed)]
    others = [row for row in ordered if row.summary == _summary(row, listed)]
    counts.more = len(changed) > MOST_CHANGED
    return [*changed[:MOST_CHANGED], *others[:OTHERS]]


def _summary(row: MirroredTopic, listed: Listed) -> str:
    topics = (listed[row.home_id].get(row.original_id), listed[row.away_id].get(row.copy_id))
    return digest(*(f"{topic.is_public} {topic.summary}" if topic else "" for topic in topics))
