"""Carries the posts of one topic across, in both directions: new ones, edits and deletions."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.models import MirroredPost, MirroredTopic
from course_sync_plugin.replication.discussions.half import (
    GONE_TEXT,
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
from course_sync_plugin.targets.two_way.discussions import Post, Thread
from course_sync_plugin.targets.two_way.post_html import dressed


@attrs.define
class Place:
    """A topic at one half: its id and its posts there. ``seen``: the ids of the posts that can be replied to."""

    half: Half
    topic_id: str
    posts: dict[str, Post]
    seen: set[str]

    @classmethod
    def of(cls, half: Half, topic_id: str, thread: Thread) -> Place:
        posts = {post.id: post for post in thread.posts}
        return cls(half, topic_id, posts, {post.id for post in thread.posts if post.is_public})

    def with_token(self, token: str) -> str:
        """Return the post that was created with this token; empty if there is none."""
        return next((post.id for post in self.posts.values() if post.token == token), "")


class Posts:
    """The posts of one topic in one round."""

    def __init__(self, around: Round, topic: MirroredTopic, counts: Counts):
        self._round, self._topic, self._counts = around, topic, counts
        self._rows = {(row.home_id, row.original_id): row for row in topic.posts.all()}

    def carry(self, one: Place, other: Place) -> None:
        """Carry everything across. Raises the errors of ``Target.send`` but PermanentError."""
        for here, there in ((one, other), (other, one)):
            for post in self._originals(here):
                row = self._row(post, here, there)
                self._bring(row, post, here, there)
        for here, there in ((one, other), (other, one)):
            for row in [row for row in self._rows.values() if row.home_id == here.half.link.pk]:
                if row.original_id not in here.seen:
                    with noted(row):
                        self.remove(row, here, there)

    def remove(self, row: MirroredPost, here: Place, there: Place) -> None:
        """Remove the copy of a post that is gone, or hidden, at home. A copy to which others replied gets no text."""
        if row.is_blanked or here.half.side.has_post(here.topic_id, row.original_id):
            return
        self.remove_copy(row, there)

    def remove_copy(self, row: MirroredPost, there: Place) -> None:
        """Remove a copy without a look at the original."""
        copy_id = row.copy_id or there.with_token(row.token)
        if not copy_id:
            if self._round.may_begin(row, there.half.side):
                self._forget(row)
        elif others_replied(there.posts.values(), copy_id, self.copies(there.half)):
            there.half.side.change_post(there.topic_id, copy_id, dressed(row.token, GONE_TEXT, ""))
            store(row, copy_id=copy_id, is_blanked=True, author="", sent="")
            self._counts.removed += 1
        else:
            self._delete(row, copy_id, there)

    def remove_all(self, home: Half, there: Place) -> None:
        """Remove the copies of all posts that were written at the home of a topic that is gone."""
        for row in [row for row in self._rows.values() if row.home_id == home.link.pk and not row.is_blanked]:
            with noted(row):
                self.remove_copy(row, there)

    def copies(self, half: Half) -> set[str]:
        """Return the ids of our copies at a half."""
        return {row.copy_id for row in self._rows.values() if row.away_id == half.link.pk and row.copy_id}

    def _delete(self, row: MirroredPost, copy_id: str, there: Place) -> None:
        try:
            there.half.side.remove_post(there.topic_id, copy_id)
        except PermanentError:
            if there.half.side.has_post(there.topic_id, copy_id):
                raise
        there.seen.discard(copy_id)
        self._counts.removed += 1
        self._forget(row)

    def _forget(self, row: MirroredPost) -> None:
        del self._rows[row.home_id, row.original_id]
        row.delete()

    def _originals(self, here: Place) -> Iterator[Post]:
        """Yield the posts that people wrote here, the oldest first."""
        copies = self.copies(here.half)
        yield from (one for one in here.posts.values() if one.is_public and not one.token and one.id not in copies)

    def _row(self, post: Post, here: Place, there: Place) -> MirroredPost:
        key = (here.half.link.pk, post.id)
        if key not in self._rows:
            links = {"home": here.half.link, "away": there.half.link}
            made = MirroredPost.objects.create(topic=self._topic, original_id=post.id, token=new_token(), **links)
            self._rows[key] = made
        return self._rows[key]

    def _bring(self, row: MirroredPost, post: Post, here: Place, there: Place) -> None:
        text = here.half.text_for(post, row)
        wanted = digest(text)
        if not row.copy_id:
            found = there.with_token(row.token)
            if found:
                store(row, copy_id=found)
        if wanted in (row.refused, row.copy_id and row.sent):
            return
        if not (row.copy_id or self._round.may_begin(row, there.half.side)):
            self._counts.waiting += 1
            return
        with noted(row, wanted):
            self._write(row, text, self._parent(post, here, there), there)
            values = {"is_blanked": False, "note": "", "refused": "", "author": here.half.name_of(post, row)}
            store(row, sent=wanted, **values)
            self._counts.written += 1

    def _write(self, row: MirroredPost, text: str, parent_id: str | None, there: Place) -> None:
        side = there.half.side
        if row.copy_id:
            side.change_post(there.topic_id, row.copy_id, text)
            return
        begin(row, sent=digest(text))
        store(row, copy_id=side.create_post(there.topic_id, text, parent_id))
        there.seen.add(row.copy_id)

    def _parent(self, post: Post, here: Place, there: Place) -> str | None:
        """Return the post to reply to there: the counterpart of the nearest post above that has one."""
        parent: Post | None = here.posts.get(post.parent_id or "")
        while parent:
            counterpart = self._counterpart(parent.id, here.half)
            if counterpart in there.seen:
                return counterpart
            parent = here.posts.get(parent.parent_id or "")
        return None

    def _counterpart(self, post_id: str, here: Half) -> str:
        row = self._rows.get((here.link.pk, post_id))
        if row:
            return row.copy_id
        ours = (one for one in self._rows.values() if (one.away_id, one.copy_id) == (here.link.pk, post_id))
        return next((one.original_id for one in ours), "")
